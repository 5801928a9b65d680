"""The result of an assessment (?assessment=ID): scores and their uncertainty, next steps, report, outcome, quality."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import streamlit as st

from app import session
from app.gateway.files import overlay_url
from app.services.permissions import Actor, Permission, may
from app.services.report_content import model_block, quality_lines, recording_block, score_blocks, typicality_block
from app.views.parts import links, look, outcome_form, page, quality
from clinic_data.errors import ClinicDataError
from clinic_data.tables import Assessment, Report
from reports import wording
from reports.content import ModelBlock, Outcome, ScoreBlock

_PREVALENCES = (0.02, 0.05, 0.1, 0.3)


def body(actor: Actor) -> None:
    """Draws the page."""
    assessment_id = links.asked_for("assessment")
    if not assessment_id:
        page.missing("assessment")
        return
    services = session.services()
    assessment = services.screening.assessment(actor, assessment_id)
    model = model_block(assessment.result)
    st.title("Result")
    if assessment.patient_id:
        look.who_is_assessed(services.patients.get(actor, assessment.patient_id))
        if session.first_look(f"assessment:{assessment_id}"):
            services.patients.note_opened(actor, assessment.patient_id)
    if model.simulated:
        look.simulated_banner(model.adaptation)
    _head(assessment, model)
    typicality = typicality_block(assessment.result)
    if typicality is not None and not typicality.typical:
        look.unlike_banner(typicality, model)
    for score in score_blocks(assessment.result):
        _score(score)
    _reports(actor, assessment)
    outcome_form.show(actor, assessment)
    st.subheader("Quality of the recording")
    checks = quality_lines(assessment.result["quality"]["checks"])
    quality.show(checks, quality.typicality_row(typicality))
    if typicality is not None and typicality.typical:
        st.caption(wording.typicality_figures(typicality, simulated=model.simulated, mixed=model.mixed_people))
    _what_was_seen(actor, assessment)
    _model(model)
    _hashes(assessment, model)
    if assessment.patient_id:
        links.link(links.PATIENT, "Back to the patient", patient=assessment.patient_id)


def _head(assessment: Assessment, model: ModelBlock) -> None:
    recording = recording_block(assessment.result)
    look.facts(
        [
            ("Screened", session.shown_time(assessment.created_at)),
            ("Recording", recording.file_name),
            ("Person", f"{recording.person_number} of {recording.n_people}"),
            ("Seen from", recording.view),
            ("Steps", str(recording.steps)),
            ("Silhouettes", str(recording.frames_used)),
            ("Model", f"{model.name} {model.version}{' (simulated)' if model.simulated else ''}"),
        ]
    )


def _score(score: ScoreBlock) -> None:
    with st.container(border=True):
        st.html(f"<h3>{escape(wording.task_title(score.task))} &nbsp; {look.score_pill(score)}</h3>")
        st.markdown(wording.plain_result(score))
        if score.outcome is Outcome.UNLIKE:
            _next_steps(score)
            return
        if weakness := wording.weakness_sentence(score):
            st.warning(weakness)
        look.score_scale(score)
        _next_steps(score)
        with st.expander("How sure is this?"):
            _how_sure(score)


def _next_steps(score: ScoreBlock) -> None:
    st.markdown("**What to do next**")
    look.bullets(wording.next_steps(score), numbered=True)


def _how_sure(score: ScoreBlock) -> None:
    others = [
        f"{wording.class_name(score.task, name)} {wording.percent_of_probability(share)}"
        for name, share in zip(score.class_order, score.probabilities, strict=True)
    ]
    look.bullets(
        [
            f"Calibrated probabilities: {', '.join(others)}.",
            wording.interval_sentence(score),
            wording.conformal_sentence(score),
            wording.operating_point_sentence(score),
            *filter(None, (wording.views_sentence(score),)),
            wording.predictive_note(score),
        ]
    )
    look.table(
        (f"How frequent {wording.condition_name(score.task)} is", "A positive is right in", "A negative in"),
        [(wording.percent_of_count(share), *wording.predictive_words(score, share)) for share in _PREVALENCES],
    )
    look.bullets([wording.calibration_sentence(score), *filter(None, (wording.evidence_note(score),))])


def _reports(actor: Actor, assessment: Assessment) -> None:
    if not may(actor, Permission.READ_REPORTS):
        return
    reporting = session.services().reporting
    st.subheader("Report")
    if st.button("Create the report (PDF)", key="create-report", type="primary"):
        with st.spinner("Making the report"):
            try:
                report = reporting.create(actor, assessment.id)
            except ClinicDataError as error:
                st.error(str(error))
                return
        st.toast(f"Report {report.number} was made and stored.")
    reports = reporting.list_of_assessment(actor, assessment.id)
    if not reports:
        st.caption("No report yet. A report is made once, stored, and stays the same from then on.")
    for report in reports:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.html(
                f"<b>{escape(report.number)}</b> &nbsp; {escape(session.shown_time(report.created_at))} &nbsp; "
                f'<span class="fg-muted fg-small">{report.size_bytes / 1000:.0f} kB</span>',
                width="stretch",
            )
            st.download_button(
                "Download",
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


def _what_was_seen(actor: Actor, assessment: Assessment) -> None:
    st.subheader("What the model saw")
    strip = session.services().screening.silhouette_strip(actor, assessment)
    if strip is not None:
        st.image(strip, width="stretch", caption="Silhouettes of the chosen person, evenly spaced over the walk")
    if assessment.overlay_key:
        source = escape(overlay_url(assessment.id))
        st.html(
            f'<video class="fg-video" controls muted playsinline preload="metadata" src="{source}">'
            "Your browser cannot play this clip.</video>"
        )
        st.caption("The recording with the outline of the chosen person. Check that it is the patient.")


def _model(model: ModelBlock) -> None:
    st.subheader("About this model")
    people = wording.phrases().people[model.simulated and not model.mixed_people]
    with st.container(border=True):
        look.facts(
            [
                ("Model", f"{model.name} {model.version}"),
                ("Trained on", f"{model.people_train} {people}"),
                ("Calibrated on", f"{model.people_calibration} others"),
                ("Tested on", f"{model.people_test} others"),
            ]
        )
        if model.adaptation is not None:
            st.markdown(f"**Adapted to** {wording.adapted_sentence(model.adaptation)}.")
        st.markdown(model.training_data)
        st.markdown("**Known gaps**")
        look.bullets(model.known_gaps)
    st.markdown(f"**Intended use.** {wording.INTENDED_USE}")


def _hashes(assessment: Assessment, model: ModelBlock) -> None:
    with st.expander("Checksums and software"):
        rows = [
            ("Recording, SHA-256", assessment.result["recording"]["sha256"]),
            ("Model package, SHA-256", model.sha256),
            ("Made by", assessment.result["created_by"]),
        ]
        look.table(
            ("What", "Value"), [(escape(name), f'<span class="fg-hash">{escape(value)}</span>') for name, value in rows]
        )


if __name__ == "__main__":
    page.run(Permission.READ_RESULTS, body)
