"""What this tool is for, what it is not, and which model it uses."""

from __future__ import annotations

import streamlit as st

from app import session
from app.services.permissions import Actor, Permission
from app.services.report_content import adaptation_block
from app.views.parts import look, page
from app.views.parts.words import language, tr
from clinic_data.tables import ModelVersion
from reports import wording
from reports.content import AdaptationBlock


def body(actor: Actor) -> None:
    """Draws the page."""
    st.title(tr("About this tool"))
    words = wording.phrases(language())
    st.markdown(words.intended_use)
    st.subheader(tr("Limits"))
    look.bullets(words.limits)
    st.subheader(tr("The model in use"))
    model = session.services().operations.model(actor)
    if model is None:
        st.info(tr("No model is loaded yet. The worker registers it when it starts, which takes some seconds."))
        return
    adaptation = adaptation_block(model.metrics.get("adapted_on"))
    if model.simulated:
        look.simulated_banner(adaptation)
    people = model.metrics.get("people", {})
    splits = {"train": tr("Trained on"), "calibration": tr("Calibrated on"), "test": tr("Tested on")}
    tasks = ", ".join(wording.task_title(task, language()) for task in model.metrics.get("tasks", ()))
    look.facts(
        [
            (tr("Model"), f"{model.name} {model.version}"),
            (tr("Screens for"), tasks),
            *((label, tr("{n} people", n=people[name])) for name, label in splits.items() if name in people),
            (tr("Registered"), session.shown_time(model.created_at)),
        ]
    )
    if adaptation is not None:
        st.markdown(tr("**Adapted to** {whom}.", whom=wording.adapted_sentence(adaptation, language())))
    st.markdown(model.metrics.get("training_data", ""))
    _guard(model, adaptation)
    gaps = model.metrics.get("known_gaps", ())
    if gaps:
        st.markdown(tr("**Known gaps**"))
        look.bullets(gaps)
    st.caption(tr("SHA-256 of the model package: {sha256}", sha256=model.sha256))


def _guard(model: ModelVersion, adaptation: AdaptationBlock | None) -> None:
    """What the model does with unlike recordings, and what it measures but never shows."""
    if alarms := model.metrics.get("false_alarms"):
        promised, measured, low, high = map(wording.percent_of_count, alarms)
        words = wording.phrases(language())
        mixed = adaptation is not None and not adaptation.simulated_people
        people = words.mixed_people if mixed and model.simulated else words.people[model.simulated]
        st.markdown(
            tr(
                "**Recordings unlike the training data** get no score. The threshold was set so that this happens by "
                "mistake to {promised} of the recordings of people like the {people} of the calibration; measured on "
                "test people, it happened to {measured} (95 % interval {low} to {high}).",
                promised=promised,
                people=people,
                measured=measured,
                low=low,
                high=high,
            )
        )
    if attributes := model.metrics.get("attributes"):
        named = tr(" and ").join(tr(name.replace("_", " ")) for name in attributes)
        st.markdown(
            tr(
                "**Measured, never shown.** The model package can also estimate {named}. This was measured, to know "
                "how far the network sees them. No such estimate is shown, stored or printed for a patient.",
                named=named,
            )
        )


if __name__ == "__main__":
    page.run(Permission.READ_MODEL, body)
