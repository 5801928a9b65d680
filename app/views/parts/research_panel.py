"""The export for research on the page Privacy."""

from __future__ import annotations

from html import escape

import streamlit as st

from app import session
from app.gateway.downloads import research_url
from app.services.permissions import Actor, Permission, may
from app.services.research_export import PURPOSE_MAX, PURPOSE_MIN
from app.views.parts.words import language, tr
from reports.wording import task_title


def show(actor: Actor) -> None:
    """Draws the preview and the way to the download, for who may export."""
    if not may(actor, Permission.EXPORT_RESEARCH):
        return
    st.subheader(tr("Export for research"))
    st.caption(
        tr(
            "Silhouettes, labels, sex, age and shifted dates of patients who consented to training, under random "
            "codes; no names, numbers, videos or texts. A silhouette may still identify a person: the consent and the "
            "approval of the study must cover who receives it."
        )
    )
    found = session.services().research_exports.preview(actor)
    st.text(tr("Now: {people} people, {recordings} recordings", people=found.people, recordings=found.recordings))
    labelled = " · ".join(f"{task_title(task, language())}: {count}" for task, count in found.labelled.items())
    st.caption(
        tr(
            "With an outcome: {labels}. Left out for lack of consent: {count} people",
            labels=labelled,
            count=found.without_consent,
        )
    )
    if not found.recordings:
        st.info(tr("There is nothing to export: no patient with silhouettes consented to training."))
        return
    purpose = st.text_input(
        tr("Study and its approval"),
        key="research-purpose",
        max_chars=PURPOSE_MAX,
        placeholder=tr("Such as: study GAIT-2, approved by the ethics committee on 3 March 2026, no. 2026-114"),
    ).strip()
    covered = st.checkbox(tr("Consent and approval cover this export."), key="research-covered")
    if len(purpose) >= PURPOSE_MIN and covered:
        st.html(
            f'<a class="fg-link" href="{escape(research_url(purpose))}" download>'
            f"{escape(tr('Download the export (ZIP)'))}</a>"
        )
    else:
        st.caption(tr("The download appears once both are filled in. It is written into the audit log."))
