"""The reports of an assessment: made once, stored, downloaded."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import streamlit as st

from app import session
from app.services.permissions import Actor, Permission, may
from app.views.parts.words import tr, tr_error
from clinic_data.errors import ClinicDataError
from clinic_data.tables import Assessment, Report


def show(actor: Actor, assessment: Assessment) -> None:
    """Draws the reports of an assessment and the way to a new one."""
    if not may(actor, Permission.READ_REPORTS):
        return
    reporting = session.services().reporting
    st.subheader(tr("Report"), anchor="report")
    if st.button(tr("Create the report (PDF)"), key="create-report", type="primary"):
        with st.spinner(tr("Making the report")):
            try:
                report = reporting.create(actor, assessment.id)
            except ClinicDataError as error:
                st.error(tr_error(error))
                return
        st.toast(tr("Report {number} was made and stored.", number=report.number))
    reports = reporting.list_of_assessment(actor, assessment.id)
    if not reports:
        st.caption(tr("No report yet. A report is made once, stored, and stays the same from then on."))
    for report in reports:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.html(
                f"<b>{escape(report.number)}</b> &nbsp; {escape(session.shown_time(report.created_at))} &nbsp; "
                f'<span class="fg-muted fg-small">{report.size_bytes / 1000:.0f} kB</span>',
                width="stretch",
            )
            st.download_button(
                tr("Download"),
                data=_pdf_at_click(report),
                file_name=f"{report.number}.pdf",
                mime="application/pdf",
                key=f"download-{report.id}",
                on_click="ignore",
            )


def _pdf_at_click(report: Report) -> Callable[[], bytes]:
    """The stored PDF, read when it is asked for; whoever asks must still be signed in then."""
    services, token, report_id = session.services(), session.token(), report.id
    return lambda: services.reporting.read_pdf(services.accounts.actor_of(token), report_id)
