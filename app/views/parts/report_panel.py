"""Reports: made, signed, listed with their versions and addenda, downloaded and exported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Literal

import streamlit as st

from app import session
from app.services.exchange import ExportedFile
from app.services.permissions import Actor, Permission, may
from app.services.reporting import newest_version, superseding
from app.settings import VERIFY_PATH
from app.views.parts import look
from app.views.parts.words import tr, tr_error
from clinic_data.errors import ClinicDataError
from clinic_data.reports import ADDENDUM_MAX
from clinic_data.tables import Assessment, Report, ReportKind
from reports.catalogues import LANGUAGES

_FORMATS: tuple[tuple[Literal["xlsx", "csv", "json"], str], ...] = (("xlsx", "XLSX"), ("csv", "CSV"), ("json", "JSON"))


def show(actor: Actor, assessment: Assessment) -> None:
    """Draws the reports of an assessment and the way to a new one."""
    if not may(actor, Permission.READ_REPORTS):
        return
    reporting = session.services().reporting
    st.subheader(tr("Report"), anchor="report")
    reports = reporting.list_of_assessment(actor, assessment.id)
    _create(actor, reports, lambda chosen: reporting.create(actor, assessment.id, chosen))
    if not reports:
        st.caption(tr("No report yet. A report is made once, signed and stored, and stays the same from then on."))
    _list(actor, reports)
    _addendum(actor, newest_version(reports))
    _export(
        tr("Export the data of this assessment"),
        f"assessment-{assessment.id}",
        lambda asked, kind: session.services().exchange.assessment_tables(asked, [assessment.id], kind),
        actor,
    )


def show_follow_up(actor: Actor, patient_id: str) -> None:
    """Draws the follow-up reports of a patient and the way to a new one."""
    if not may(actor, Permission.READ_REPORTS):
        return
    reporting = session.services().reporting
    st.subheader(tr("Follow-up report"), anchor="report")
    found = reporting.list_of_patient(actor, patient_id)
    reports = tuple(row for row in found if row.kind is ReportKind.FOLLOW_UP)
    _create(actor, reports, lambda chosen: reporting.create_follow_up(actor, patient_id, chosen))
    if not reports:
        st.caption(tr("No follow-up report yet. It shows all visits, with trends, decisions, outcomes and notes."))
    _list(actor, reports)
    _export(
        tr("Export the data of this patient"),
        f"patient-{patient_id}",
        lambda asked, kind: session.services().exchange.patient_tables(asked, patient_id, kind),
        actor,
    )


def show_clinic_export(actor: Actor) -> None:
    """Draws the export of all results of the clinic, for who may export."""
    _export(
        tr("Export the data of all patients"),
        "clinic",
        lambda asked, kind: session.services().exchange.clinic_tables(asked, kind),
        actor,
    )


def _create(actor: Actor, reports: Sequence[Report], make: Callable[[str], Report]) -> None:
    """The button that makes a report; the page is then drawn anew."""
    if not may(actor, Permission.WRITE_REPORTS):
        return
    codes = list(LANGUAGES)
    chosen = session.services().clinic_profiles.read(actor).report_language
    with st.container(horizontal=True, vertical_alignment="bottom"):
        language_code = st.selectbox(
            tr("Language of the report"),
            codes,
            codes.index(chosen) if chosen in codes else 0,
            format_func=lambda code: LANGUAGES[code],
            key="report-language",
            width=200,
        )
        label = tr("Make a new version (PDF)") if reports else tr("Create the report (PDF)")
        pressed = st.button(label, key="create-report", type="secondary" if reports else "primary")
    if not pressed:
        return
    with st.spinner(tr("Making and signing the report")):
        try:
            report = make(str(language_code))
        except ClinicDataError as error:
            st.error(tr_error(error))
            return
    session.put_notice(tr("Report {number} was made and stored.", number=report.number))
    st.rerun()


def _list(actor: Actor, reports: Sequence[Report]) -> None:
    newer = superseding(reports)
    for report in reports:
        if report.id not in newer:
            _row(actor, report, None)
    earlier = [report for report in reports if report.id in newer]
    if earlier:
        with st.expander(tr("Earlier versions ({count})", count=len(earlier))):
            for report in earlier:
                _row(actor, report, newer[report.id])


def _row(actor: Actor, report: Report, newer: Report | None) -> None:
    exchange = session.services().exchange
    with st.container(border=True):
        st.html(_about(report, newer))
        with st.container(horizontal=True, vertical_alignment="center"):
            _download(tr("Download"), report, "pdf", "application/pdf", _pdf_at_click(report))
            if may(actor, Permission.EXPORT):
                dicom = _at_click(lambda asked: exchange.dicom(asked, report.id))
                _download("DICOM", report, "dcm", "application/dicom", dicom)
                if report.kind is not ReportKind.FOLLOW_UP:
                    fhir = _at_click(lambda asked: exchange.fhir(asked, report.id))
                    _download("FHIR", report, "fhir.json", "application/fhir+json", fhir)
            if report.verification_code:
                st.link_button(tr("Verification page"), f"{VERIFY_PATH}/{report.verification_code}")
        if report.addendum:
            st.markdown(tr("**Addendum**"))
            st.text(report.addendum)


def _about(report: Report, newer: Report | None) -> str:
    """Number, version and state of a report as HTML."""
    if newer is not None:
        state = look.pill(tr("superseded by {number}", number=newer.number), "none")
    elif report.version > 1:
        state = look.pill(tr("version {version}", version=report.version), "ok")
    else:
        state = ""
    signer = tr("signed by {name}", name=report.signer) if report.signer else tr("not signed (older release)")
    parts = [
        session.shown_time(report.created_at),
        LANGUAGES.get(report.language, report.language),
        signer,
        f"{report.size_bytes / 1000:.0f} kB",
    ]
    small = " · ".join(f"<bdi>{escape(part)}</bdi>" for part in parts)
    return f'<b><bdi>{escape(report.number)}</bdi></b> &nbsp; {state} <div class="fg-muted fg-small">{small}</div>'


def _download(label: str, report: Report, ending: str, mime: str, data: Callable[[], bytes]) -> None:
    st.download_button(
        label,
        data=data,
        file_name=f"{report.number}.{ending}",
        mime=mime,
        key=f"download-{ending}-{report.id}",
        on_click="ignore",
        help=tr("Download {number} as {format}", number=report.number, format=ending.upper()),
    )


def _pdf_at_click(report: Report) -> Callable[[], bytes]:
    """The stored PDF, read when it is asked for; whoever asks must still be signed in then."""
    services, token, report_id = session.services(), session.token(), report.id
    return session.bound(lambda: services.reporting.read_pdf(services.accounts.actor_of(token), report_id))


def _at_click(make: Callable[[Actor | None], ExportedFile]) -> Callable[[], bytes]:
    services, token = session.services(), session.token()
    return session.bound(lambda: make(services.accounts.actor_of(token)).content)


def _addendum(actor: Actor, report: Report | None) -> None:
    if report is None or not may(actor, Permission.WRITE_REPORTS):
        return
    made_before = f"addenda:{report.assessment_id}"
    number = session.keep(made_before, lambda: 0)  # a new field after each that was made, the old one if it was not
    key = f"addendum-text-{report.assessment_id}-{number}"
    opened_id = _report_that_was_read(report, key)
    with (
        st.expander(tr("Add an addendum")),
        st.form(f"addendum-{report.assessment_id}", border=False, enter_to_submit=False),
    ):
        st.caption(
            tr(
                "The text becomes part of a new version, which supersedes {number}. The earlier one is kept.",
                number=report.number,
            )
        )
        text = st.text_area(tr("What shall be added"), max_chars=ADDENDUM_MAX, height=120, key=key)
        if not st.form_submit_button(tr("Make the version with the addendum")):
            return
        try:
            made = session.services().reporting.add_addendum(actor, opened_id, text)
        except ClinicDataError as error:
            st.error(tr_error(error))
            session.forget(_read(report))
            return
    session.forget(made_before)
    session.keep(made_before, lambda: number + 1)
    session.forget(_read(report))
    session.put_notice(tr("Report {number} was made and stored.", number=made.number))
    st.rerun()


def _report_that_was_read(newest: Report, key: str) -> str:
    """The version that was shown while the text in the field was typed: somebody may have made a newer one since."""
    if not session.value_of(key):
        session.forget(_read(newest))
    return session.keep(_read(newest), lambda: newest.id)


def _read(report: Report) -> str:
    return f"addendum-to:{report.assessment_id}"


def _export(
    title: str,
    key: str,
    make: Callable[[Actor | None, Literal["xlsx", "csv", "json"]], ExportedFile],
    actor: Actor,
) -> None:
    """Buttons for the tables, in each format."""
    if not may(actor, Permission.EXPORT):
        return
    with st.expander(title):
        st.caption(
            tr(
                "Scores with their intervals, gait parameters, decisions and outcomes, with a data dictionary. Record "
                "numbers are in it, names are not. Each export is written into the audit log."
            )
        )
        with st.container(horizontal=True):
            for kind, label in _FORMATS:
                st.download_button(
                    label,
                    data=_table_at_click(make, kind),
                    file_name=f"fgait-{key.split('-')[0]}.{'csv.zip' if kind == 'csv' else kind}",
                    key=f"export-{kind}-{key}",
                    on_click="ignore",
                )


def _table_at_click(
    make: Callable[[Actor | None, Literal["xlsx", "csv", "json"]], ExportedFile], kind: Literal["xlsx", "csv", "json"]
) -> Callable[[], bytes]:
    return _at_click(lambda asked: make(asked, kind))
