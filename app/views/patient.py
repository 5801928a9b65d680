"""One patient (?patient=ID): who it is, the assessments so far, recordings without a result, and notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from html import escape

import streamlit as st

from app import session
from app.services.access import PatientOfOtherTeamError
from app.services.decisions import DecisionView
from app.services.permissions import Actor, Permission
from app.services.report_content import model_block, score_blocks, typicality_block
from app.services.screening import SCREEN
from app.views.parts import decision_form, emergency_panel, links, look, notes, page, privacy_panel
from app.views.parts.words import language, tr
from clinic_data.tables import Assessment, JobState, Patient, Recording
from clinic_data.visit_tables import Verdict
from reports.content import ScoreBlock
from reports.wording import phrases, task_title

_SHOWN = 12


def body(actor: Actor) -> None:
    """Draws the page."""
    patient_id = links.asked_for("patient")
    if not patient_id:
        page.missing("patient")
        return
    services = session.services()
    try:
        patient = services.patients.open(actor, patient_id)
    except PatientOfOtherTeamError:
        emergency_panel.ask(actor, patient_id)
        return
    session.forget(f"edit:{patient_id}")
    session.forget(f"doubts:{patient_id}")
    _head(actor, patient)
    assessments = services.screening.assessments_of_patient(actor, patient_id)
    _assessments(actor, assessments)
    with_result = services.follow_ups.recordings_with_result(actor, patient_id)
    others = [row for row in services.recordings.list_of_patient(actor, patient_id) if row.id not in with_result]
    if others:
        st.subheader(tr("Recordings without a result"))
        for recording in others:
            _recording(actor, patient, recording)
    notes.show(actor, patient_id)
    privacy_panel.show(actor, patient)


def full_name(patient: Patient) -> str:
    """Family name, then given name."""
    return ", ".join(part for part in (patient.family_name, patient.given_name) if part)


def _head(actor: Actor, patient: Patient) -> None:
    st.title(look.plain(full_name(patient)))
    emergency_panel.banner(actor, patient)
    with st.container(horizontal=True):
        if st.button(tr("New assessment"), key="new-assessment", type="primary"):
            st.switch_page(links.NEW_ASSESSMENT, query_params={"patient": patient.id})
        if st.button(tr("Follow-up"), key="follow-up"):
            st.switch_page(links.FOLLOW_UP, query_params={"patient": patient.id})
        if st.button(tr("Edit"), key="edit"):
            st.switch_page(links.PATIENT_FORM, query_params={"patient": patient.id})
    today = date.today()
    age = today.year - patient.birth_date.year
    age -= (today.month, today.day) < (patient.birth_date.month, patient.birth_date.day)
    look.facts(
        [
            (tr("Record number"), patient.record_number),
            (tr("Born"), tr("{date} ({age} years)", date=patient.birth_date.isoformat(), age=age)),
            (tr("Sex"), look.sex_words(patient.sex)),
            (tr("Consent to training"), tr("given") if patient.training_consent else tr("not given")),
            *_team(actor, patient),
        ]
    )
    if patient.notes:
        with st.expander(tr("Remarks")):
            st.text(patient.notes)


def _team(actor: Actor, patient: Patient) -> list[tuple[str, str]]:
    """Who sees the patient; nothing in a clinic without teams."""
    names = {team.id: team.name for team in session.services().teams.choice(actor).teams}
    if not names:
        return []
    return [(tr("Team"), names.get(patient.team_id, "–") if patient.team_id else tr("All clinicians"))]


def _assessments(actor: Actor, assessments: Sequence[Assessment]) -> None:
    st.subheader(tr("Assessments"))
    if not assessments:
        st.info(tr("No assessment yet. Start one with “New assessment”."))
        return
    simulated = [assessment for assessment in assessments if assessment.result["simulated"]]
    if simulated:
        look.simulated_banner(*(model_block(assessment.result, language()).adaptation for assessment in simulated))
    decided = session.services().decisions.current_of(actor, [assessment.id for assessment in assessments])
    times = {assessment.id: assessment.created_at for assessment in assessments}
    for assessment in assessments[:_SHOWN]:
        _assessment(assessment, decided.get(assessment.id, {}), times)
    if len(assessments) > _SHOWN:
        with st.expander(tr("Older assessments ({count})", count=len(assessments) - _SHOWN)):
            for assessment in assessments[_SHOWN:]:
                _assessment(assessment, decided.get(assessment.id, {}), times)


def _assessment(assessment: Assessment, decided: Mapping[str, DecisionView], times: Mapping[str, datetime]) -> None:
    with st.container(border=True):
        left, right = st.columns([5, 1.2], vertical_alignment="center")
        typicality = typicality_block(assessment.result, language())
        lines = [_score(score, decided.get(score.task)) for score in score_blocks(assessment.result, language())]
        if typicality is not None and not typicality.typical:
            lines.append(f'<span class="fg-small">{escape(phrases(language()).unlike_title)}.</span>')
        lines.append(f'<span class="fg-muted fg-small">{escape(_made_by(assessment, times))}</span>')
        left.html(f"<b>{escape(session.shown_time(assessment.created_at))}</b><br>" + "<br>".join(lines))
        with right:
            links.link(links.RESULT, tr("Open result"), assessment=assessment.id)
            links.link(links.MOVE_VISIT, tr("Wrong patient?"), recording=assessment.recording_id)


def _score(score: ScoreBlock, decision: DecisionView | None) -> str:
    kind = "wait" if decision is None else "neutral" if decision.decision.verdict is Verdict.ACCEPTED else "ok"
    return (
        f'<span class="fg-together">{escape(task_title(score.task, language()))} {look.score_pill(score)}</span> '
        f"{look.pill(decision_form.state_words(decision), kind)}"
    )


def _made_by(assessment: Assessment, times: Mapping[str, datetime]) -> str:
    model, clips = assessment.result["model"], len(assessment.result.get("clips") or ())
    said = [tr("Model {name} {version}", name=model["name"], version=model["version"])]
    if clips > 1:
        said.append(tr("{count} recordings", count=clips))
    if assessment.rescored_from_id:
        said.append(tr("scored again from {time}", time=session.shown_time(times.get(assessment.rescored_from_id))))
    return " · ".join(said)


def _recording(actor: Actor, patient: Patient, recording: Recording) -> None:
    jobs = session.services().screening.jobs_of_recording(actor, recording.id)
    job = next((job for job in jobs if job.kind == SCREEN), None)
    search = next((job for job in jobs if job.kind != SCREEN), None)
    shown = job if job is not None or search is None or search.state is not JobState.REFUSED else search
    state, kind = _state(shown.state if shown is not None else None)
    if recording.video_removed_at is not None:
        state, kind = tr("video removed"), "neutral"
    with st.container(border=True):
        left, right = st.columns([5, 1.2], vertical_alignment="center")
        left.html(
            f"<b>{escape(session.shown_time(recording.created_at))}</b> &nbsp; {look.pill(state, kind)}<br>"
            f'<span class="fg-muted fg-small"><bdi>{escape(recording.original_name)}</bdi> · '
            f"{recording.size_bytes / 1e6:.1f} MB</span>"
        )
        with right:
            if job is not None and job.state is not JobState.CANCELLED:
                links.link(links.PROGRESS, tr("Open"), job=job.id)
            elif recording.video_removed_at is None:
                links.link(links.NEW_ASSESSMENT, tr("Continue"), patient=patient.id, recording=recording.id)
            links.link(links.MOVE_VISIT, tr("Wrong patient?"), recording=recording.id)


def _state(state: JobState | None) -> tuple[str, str]:
    """How a job stands, in words, and the kind of label."""
    return {
        None: (tr("not started"), "neutral"),
        JobState.QUEUED: (tr("waiting"), "wait"),
        JobState.RUNNING: (tr("being screened"), "wait"),
        JobState.FAILED: (tr("failed"), "positive"),
        JobState.CANCELLED: (tr("cancelled"), "neutral"),
        JobState.REFUSED: (tr("refused"), "positive"),
        JobState.DONE: (tr("screened"), "ok"),
    }[state]


if __name__ == "__main__":
    page.run(Permission.READ_PATIENTS, body)
