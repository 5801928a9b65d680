"""How to film a walk: distances, views, light, and what is refused and why, with pictures."""

from __future__ import annotations

import streamlit as st

from app.services.permissions import Actor, Permission
from app.views.parts import page
from app.views.parts.words import tr


def body(actor: Actor) -> None:
    """Draws the page."""
    st.title(tr("Filming guide"))


if __name__ == "__main__":
    page.run(Permission.ADD_RECORDINGS, body)
