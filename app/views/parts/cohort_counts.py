"""Who would be in a cohort: counts, roles, and who is left out and why. Counts and codes only, never a patient."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

from app.services.cohorts import CohortPreview
from app.views.parts import look
from app.views.parts.words import language, later, tr
from clinic_data.outcomes import LABELS
from reports.wording import class_name

_LEADING_ZERO = re.compile(r"\b0(?=\d)")
_GROUPS = {
    "age": later("Age (years)"),
    "sex": later("Sex"),
    "view": later("View"),
    "device": later("Device"),
    "site": later("Site"),
}
_ROLES = {
    "development": later("Development: learn and calibrate"),
    "gate": later("Gate: judge, never learned from"),
}
_MEANING = (
    later(
        "Every person gets one role, once and for all retrainings: development or gate. A later cohort never "
        "changes it."
    ),
    later("Development people are learned from: network, calibration, threshold and prediction sets."),
    later(
        "Gate people are locked. No retraining ever learns from them; they judge each candidate against the version in "
        "production. New people get the role that is furthest behind its share, within each outcome and sex."
    ),
    later(
        "Only patients who agreed to training are counted. A clinician records this consent with the "
        "patient's data; who withdraws it is left out of every later cohort."
    ),
    later("Pages, manifests and training data know people by a random code only."),
)


def show(preview: CohortPreview, task: str) -> None:
    """Draws everything that there is to know before freezing."""
    labels = LABELS[task]
    roles = {role: sum(preview.roles.get(role, {}).values()) for role in _ROLES}
    look.facts(
        [
            (tr("People"), str(preview.people)),
            (tr("Recordings"), str(preview.recordings)),
            (tr("Development people"), str(roles["development"])),
            (tr("Gate people"), str(roles["gate"])),
            (tr("Assessments left out"), str(sum(preview.excluded.values()))),
        ]
    )
    st.markdown(tr("**Roles**"))
    _table(tr("Role"), task, labels, {tr(words): preview.roles.get(role, {}) for role, words in _ROLES.items()})
    with st.expander(tr("What roles and consent mean")):
        look.bullets([tr(sentence) for sentence in _MEANING])
    st.markdown(tr("**Who they are** (people; a person counts once for each value)"))
    for group, words in _GROUPS.items():
        if group in preview.counts:
            _table(tr(words), task, labels, preview.counts[group], ages=group == "age")
    excluded(preview.excluded)


def excluded(reasons: Mapping[str, int]) -> None:
    """How many assessments with an outcome are left out, by reason."""
    if not reasons:
        return
    st.markdown(tr("**Left out**"))
    rows = [(escape(_sentence(reason)), str(count)) for reason, count in reasons.items()]
    look.table((tr("Reason"), tr("Assessments")), rows)


def _sentence(reason: str) -> str:
    return reason[:1].upper() + reason[1:]


def _table(
    head: str, task: str, labels: Sequence[str], rows: Mapping[str, Mapping[str, int]], *, ages: bool = False
) -> None:
    look.table(
        (head, *(_sentence(class_name(task, label, language())) for label in labels), tr("All")),
        [
            (
                escape(_LEADING_ZERO.sub("", value) if ages else tr(value)),
                *(str(counts.get(label, 0)) for label in labels),
                f"<b>{sum(counts.values())}</b>",
            )
            for value, counts in rows.items()
        ],
        even=True,
    )
