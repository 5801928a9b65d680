"""What this tool is for, what it is not, and which model it uses."""

from __future__ import annotations

import streamlit as st

from app import session
from app.services.permissions import Actor, Permission
from app.services.report_content import adaptation_block
from app.views.parts import look, page
from clinic_data.tables import ModelVersion
from reports import wording
from reports.content import AdaptationBlock

_SPLITS = {"train": "Trained on", "calibration": "Calibrated on", "test": "Tested on"}


def body(actor: Actor) -> None:
    """Draws the page."""
    st.title("About this tool")
    st.markdown(wording.INTENDED_USE)
    st.subheader("Limits")
    look.bullets(wording.LIMITS)
    st.subheader("The model in use")
    model = session.services().operations.model(actor)
    if model is None:
        st.info("No model is loaded yet. The worker registers it when it starts, which takes some seconds.")
        return
    adaptation = adaptation_block(model.metrics.get("adapted_on"))
    if model.simulated:
        look.simulated_banner(adaptation)
    people = model.metrics.get("people", {})
    look.facts(
        [
            ("Model", f"{model.name} {model.version}"),
            ("Screens for", ", ".join(wording.task_title(task) for task in model.metrics.get("tasks", ()))),
            *((label, f"{people[name]} people") for name, label in _SPLITS.items() if name in people),
            ("Registered", session.shown_time(model.created_at)),
        ]
    )
    if adaptation is not None:
        st.markdown(f"**Adapted to** {wording.adapted_sentence(adaptation)}.")
    st.markdown(model.metrics.get("training_data", ""))
    _guard(model, adaptation)
    gaps = model.metrics.get("known_gaps", ())
    if gaps:
        st.markdown("**Known gaps**")
        look.bullets(gaps)
    st.caption(f"SHA-256 of the model package: {model.sha256}")


def _guard(model: ModelVersion, adaptation: AdaptationBlock | None) -> None:
    """What the model does with unlike recordings, and what it measures but never shows."""
    if alarms := model.metrics.get("false_alarms"):
        promised, measured, low, high = map(wording.percent_of_count, alarms)
        words = wording.phrases()
        mixed = adaptation is not None and not adaptation.simulated_people
        people = words.mixed_people if mixed and model.simulated else words.people[model.simulated]
        st.markdown(
            "**Recordings unlike the training data** get no score. The threshold was set so that this happens by "
            f"mistake to {promised} of the recordings of people like the {people} of the calibration; measured on test "
            f"people, it happened to {measured} (95 % interval {low} to {high})."
        )
    if attributes := model.metrics.get("attributes"):
        named = " and ".join(name.replace("_", " ") for name in attributes)
        st.markdown(
            f"**Measured, never shown.** The model package can also estimate {named}. This was measured, to know how "
            "far the network sees them. No such estimate is shown, stored or printed for a patient."
        )


if __name__ == "__main__":
    page.run(Permission.READ_MODEL, body)
