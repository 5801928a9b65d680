"""A recording that cannot be scored: every reason, every check, and how to film again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.services.report_content import quality_lines
from app.views.parts import links, look, quality


def show(result: Mapping[str, Any], patient_id: str) -> None:
    """Draws what the job that refused the recording left.

    Args:
        result: of the job: `reasons`, and `result` where the recording got that far.
        patient_id: whose recording it is, for the way to a new one.
    """
    st.error("**This recording cannot be scored.** There is no result, neither positive nor negative.")
    reasons = list(result.get("reasons", ()))
    st.markdown("**Why, and how to film again**" if len(reasons) > 1 else "**Why, and what to do**")
    look.bullets(reasons)
    checks = (result.get("result") or {}).get("quality", {}).get("checks", ())
    if checks:
        st.markdown("**All quality checks**")
        quality.show(quality_lines(checks))
    if patient_id:
        links.link(links.NEW_ASSESSMENT, "Use another video", patient=patient_id)
        links.link(links.PATIENT, "Back to the patient", patient=patient_id)
