"""The result of an assessment (?assessment=ID): what it says, what to do, who decided, and what is behind it."""

from __future__ import annotations

from html import escape
from pathlib import Path

import streamlit as st

from app import session
from app.services.gait_view import clips_of, explanations_of, gait_of, references_of
from app.services.permissions import Actor, Permission
from app.services.report_content import model_block, recording_block, score_blocks, typicality_block
from app.views.parts import (
    clips,
    decision_form,
    explanation,
    gait_parameters,
    joint_curves,
    links,
    look,
    outcome_form,
    page,
    report_panel,
    score_card,
    side_by_side,
)
from app.views.parts.words import language, tr
from clinic_data.tables import Assessment
from reports import wording
from reports.content import ModelBlock, ScoreBlock

_STYLE = (Path(__file__).parent / "parts" / "result.css").read_text(encoding="utf-8")


def body(actor: Actor) -> None:
    """Draws the page."""
    assessment_id = links.asked_for("assessment")
    if not assessment_id:
        page.missing("assessment")
        return
    services = session.services()
    assessment = services.screening.assessment(actor, assessment_id)
    model = model_block(assessment.result, language())
    st.html(_STYLE)
    st.title(tr("Result"))
    if assessment.patient_id:
        look.who_is_assessed(services.patients.get(actor, assessment.patient_id))
    if model.simulated:
        look.simulated_banner(model.adaptation)
    _rescored(assessment)
    typicality = typicality_block(assessment.result, language())
    if typicality is not None and not typicality.typical:
        look.unlike_banner(typicality, model)
    scores = score_blocks(assessment.result, language())
    _scores(actor, assessment, scores)
    _head(assessment, model)
    walk = clips.walk_of(actor, assessment)
    explanation.show(scores, explanations_of(assessment.result), walk)
    explanation.references(references_of(assessment.result))
    gait = gait_of(assessment.result)
    gait_parameters.show(gait)
    joint_curves.show(gait)
    st.subheader(tr("What the model saw"), anchor="player")
    clips.show_player(actor, assessment, walk, key="player")
    clips.show_quality(assessment, typicality, model)
    outcome_form.show(actor, assessment)
    report_panel.show(actor, assessment)
    if (other := side_by_side.choice(actor, assessment)) is not None:
        side_by_side.show(actor, assessment, other)
    _model(model)
    _hashes(assessment, model)
    if assessment.patient_id:
        links.link(links.PATIENT, tr("Back to the patient"), patient=assessment.patient_id)
        links.link(links.MOVE_VISIT, tr("Wrong patient?"), recording=assessment.recording_id)


def _rescored(assessment: Assessment) -> None:
    """Says so where an old recording was scored again, so that nobody takes it for a new visit."""
    if assessment.rescored_from_id:
        st.info(
            tr(
                "An earlier recording was scored again here with another model version. It is no new visit; gait "
                "parameters and outcomes are those of the first result."
            )
        )
        links.link(links.RESULT, tr("Open the first result"), assessment=assessment.rescored_from_id)


def _scores(actor: Actor, assessment: Assessment, scores: tuple[ScoreBlock, ...]) -> None:
    services = session.services()
    decisions = services.decisions.current(actor, assessment.id)
    outcomes = services.outcomes.current(actor, assessment.id)
    profile = services.clinic_profiles.read(actor)
    score_card.summary(scores, decisions)
    _jumps()
    for score in scores:
        with st.container(border=True):
            score_card.show(score, profile, clips.fused_words(score))
            decision_form.show(actor, assessment, score.task, decisions.get(score.task), outcomes.get(score.task))


def _head(assessment: Assessment, model: ModelBlock) -> None:
    recording = recording_block(assessment.result)
    version = f"{model.name} {model.version}"
    recordings = len(clips_of(assessment.result)) or 1
    person = tr("{number} of {count}", number=recording.person_number, count=recording.n_people)
    height_cm = assessment.body_height_cm
    look.facts(
        [
            (tr("Screened"), session.shown_time(assessment.created_at)),
            (tr("Recording"), recording.file_name),
            *([(tr("Recordings together"), str(recordings))] if recordings > 1 else []),
            (tr("Person"), person),
            (tr("Seen"), explanation.view_words(recording.view)),
            (tr("Steps"), str(recording.steps)),
            (tr("Silhouettes"), str(recording.frames_used)),
            *([(tr("Body height"), f"{height_cm:.0f} cm")] if height_cm else []),
            (tr("Model"), tr("{version} (simulated)", version=version) if model.simulated else version),
        ]
    )


def _jumps() -> None:
    """Links to the parts of the page."""
    places = {
        "explanation": tr("What moved the score"),
        "gait": tr("Gait parameters"),
        "player": tr("What the model saw"),
        "quality": tr("Quality"),
        "outcome": tr("Confirmed outcome"),
        "report": tr("Report"),
        **({"compare": tr("Comparison")} if links.asked_for("compare") else {}),
    }
    found = "".join(f'<a href="#{anchor}" target="_self">{escape(name)}</a>' for anchor, name in places.items())
    st.html(f'<nav class="fg-jump" aria-label="{escape(tr("On this page"))}">{found}</nav>')


def _model(model: ModelBlock) -> None:
    st.subheader(tr("About this model"))
    words = wording.phrases(language())
    people = words.people[model.simulated and not model.mixed_people]
    with st.container(border=True):
        look.facts(
            [
                (tr("Model"), f"{model.name} {model.version}"),
                (tr("Trained on"), f"{model.people_train} {people}"),
                (tr("Calibrated on"), tr("{count} others", count=model.people_calibration)),
                (tr("Tested on"), tr("{count} others", count=model.people_test)),
            ]
        )
        if model.adaptation is not None:
            adapted = wording.adapted_sentence(model.adaptation, language())
            st.markdown(f"**{tr('Adapted to')}** {adapted}.")
        st.markdown(model.training_data)
        st.markdown(f"**{tr('Known gaps')}**")
        look.bullets(model.known_gaps)
    st.markdown(f"**{tr('Intended use.')}** {words.intended_use}")


def _hashes(assessment: Assessment, model: ModelBlock) -> None:
    with st.expander(tr("Checksums and software")):
        rows = [
            *_recordings(assessment),
            (tr("Model package, SHA-256"), model.sha256),
            (tr("Made by"), assessment.result["created_by"]),
        ]
        look.table(
            (tr("What"), tr("Value")),
            [(escape(name), f'<span class="fg-hash">{escape(value)}</span>') for name, value in rows],
        )


def _recordings(assessment: Assessment) -> list[tuple[str, str]]:
    found = clips_of(assessment.result)
    if not found:
        return [(tr("Recording, SHA-256"), assessment.result["recording"]["sha256"])]
    return [
        (tr("Recording {number}, SHA-256", number=place), clip.recording.sha256)
        for place, clip in enumerate(found, start=1)
    ]


if __name__ == "__main__":
    page.run(Permission.READ_RESULTS, body)
