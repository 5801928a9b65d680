"""What this tool is for, what it is not, and which model it uses."""

from __future__ import annotations

import streamlit as st

from app import session
from app.services.permissions import Actor, Permission
from app.views.parts import look, page
from reports import wording

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
    if model.simulated:
        look.simulated_banner()
    people = model.metrics.get("people", {})
    look.facts(
        [
            ("Model", f"{model.name} {model.version}"),
            ("Screens for", ", ".join(wording.task_title(task) for task in model.metrics.get("tasks", ()))),
            *((label, f"{people[name]} people") for name, label in _SPLITS.items() if name in people),
            ("In use since", session.shown_time(model.created_at)),
        ]
    )
    st.markdown(model.metrics.get("training_data", ""))
    gaps = model.metrics.get("known_gaps", ())
    if gaps:
        st.markdown("**Known gaps**")
        look.bullets(gaps)
    st.caption(f"SHA-256 of the model package: {model.sha256}")


if __name__ == "__main__":
    page.run(Permission.READ_MODEL, body)
