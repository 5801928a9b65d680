"""Privacy: retention rules with a preview and a run, legal holds, erasures, the export for research."""

from __future__ import annotations

import streamlit as st

from app.services.permissions import Actor, Permission
from app.views.parts import erasure_list, hold_list, page, research_panel, retention_rules
from app.views.parts.words import tr


def body(actor: Actor) -> None:
    """Draws the page."""
    st.title(tr("Privacy"))
    st.caption(
        tr(
            "How long data are kept, what is removed and who asked for it. Patients appear by a random id only; who a "
            "patient is stands in the written request."
        )
    )
    retention_rules.show(actor)
    erasure_list.show(actor)
    hold_list.show(actor)
    research_panel.show(actor)


if __name__ == "__main__":
    page.run(Permission.READ_PRIVACY, body)
