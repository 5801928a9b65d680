"""One patient (?patient=ID): who it is, the assessments so far, and recordings without a result."""

from __future__ import annotations

from datetime import date
from html import escape

import streamlit as st

from app import session
from app.services.permissions import Actor, Permission
from app.services.report_content import model_block, score_blocks, typicality_block
from app.services.screening import SCREEN
from app.views.parts import links, look, page
from clinic_data.tables import Assessment, JobState, Patient, Recording
from reports.wording import UNLIKE_TITLE, task_title

_STATES = {
    JobState.QUEUED: ("waiting", "wait"),
    JobState.RUNNING: ("being screened", "wait"),
    JobState.FAILED: ("failed", "positive"),
    JobState.CANCELLED: ("cancelled", "neutral"),
    JobState.REFUSED: ("refused", "positive"),
    JobState.DONE: ("screened", "ok"),
}


def body(actor: Actor) -> None:
    """Draws the page."""
    patient_id = links.asked_for("patient")
    if not patient_id:
        page.missing("patient")
        return
    services = session.services()
    patient = services.patients.get(actor, patient_id)
    if session.first_look(f"patient:{patient_id}"):
        services.patients.note_opened(actor, patient_id)
    session.forget(f"edit:{patient_id}")
    _head(patient)
    assessments = services.screening.assessments_of_patient(actor, patient_id)
    _assessments(assessments)
    with_result = {assessment.recording_id for assessment in assessments}
    others = [row for row in services.recordings.list_of_patient(actor, patient_id) if row.id not in with_result]
    if others:
        st.subheader("Recordings without a result")
        for recording in others:
            _recording(actor, patient, recording)


def full_name(patient: Patient) -> str:
    """Family name, then given name."""
    return ", ".join(part for part in (patient.family_name, patient.given_name) if part)


def _head(patient: Patient) -> None:
    left, edit, new = st.columns([4, 1, 1.6], vertical_alignment="bottom")
    left.title(full_name(patient))
    if edit.button("Edit", key="edit", width="stretch"):
        st.switch_page(links.PATIENT_FORM, query_params={"patient": patient.id})
    if new.button("New assessment", key="new-assessment", type="primary", width="stretch"):
        st.switch_page(links.NEW_ASSESSMENT, query_params={"patient": patient.id})
    today = date.today()
    age = today.year - patient.birth_date.year
    age -= (today.month, today.day) < (patient.birth_date.month, patient.birth_date.day)
    look.facts(
        [
            ("Record number", patient.record_number),
            ("Born", f"{patient.birth_date.isoformat()} ({age} years)"),
            ("Sex", patient.sex.value),
            ("Consent to training", "given" if patient.training_consent else "not given"),
        ]
    )
    if patient.notes:
        with st.expander("Notes"):
            st.text(patient.notes)


def _assessments(assessments: tuple[Assessment, ...]) -> None:
    st.subheader("Assessments")
    if not assessments:
        st.info("No assessment yet. Start one with “New assessment”.")
        return
    simulated = [assessment for assessment in assessments if assessment.result["simulated"]]
    if simulated:
        look.simulated_banner(*(model_block(assessment.result).adaptation for assessment in simulated))
    for assessment in assessments:
        with st.container(border=True):
            left, right = st.columns([5, 1], vertical_alignment="center")
            typicality = typicality_block(assessment.result)
            unlike = typicality is not None and not typicality.typical
            outcomes = " &nbsp; ".join(
                f'<span class="fg-together">{escape(task_title(score.task))} {look.score_pill(score)}</span>'
                for score in score_blocks(assessment.result)
            )
            model = assessment.result["model"]
            left.html(
                f"<b>{escape(session.shown_time(assessment.created_at))}</b> &nbsp; {outcomes}<br>"
                + (f'<span class="fg-small">{escape(UNLIKE_TITLE)}.</span><br>' if unlike else "")
                + f'<span class="fg-muted fg-small">Model {escape(model["name"])} {escape(model["version"])}</span>'
            )
            with right:
                links.link(links.RESULT, "Open result", assessment=assessment.id)


def _recording(actor: Actor, patient: Patient, recording: Recording) -> None:
    jobs = session.services().screening.jobs_of_recording(actor, recording.id)
    job = next((job for job in jobs if job.kind == SCREEN), None)
    search = next((job for job in jobs if job.kind != SCREEN), None)
    shown = job if job is not None or search is None or search.state is not JobState.REFUSED else search
    state, kind = _STATES[shown.state] if shown is not None else ("not started", "neutral")
    with st.container(border=True):
        left, right = st.columns([5, 1], vertical_alignment="center")
        left.html(
            f"<b>{escape(session.shown_time(recording.created_at))}</b> &nbsp; {look.pill(state, kind)}<br>"
            f'<span class="fg-muted fg-small">{escape(recording.original_name)} · '
            f"{recording.size_bytes / 1e6:.1f} MB</span>"
        )
        with right:
            if job is not None and job.state is not JobState.CANCELLED:
                links.link(links.PROGRESS, "Open", job=job.id)
            else:
                links.link(links.NEW_ASSESSMENT, "Continue", patient=patient.id, recording=recording.id)


if __name__ == "__main__":
    page.run(Permission.READ_PATIENTS, body)
