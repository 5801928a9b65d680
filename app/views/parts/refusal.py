"""A recording that cannot be scored: every reason, every check, and how to film again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.services.report_content import quality_lines
from app.views.parts import links, look, quality
from app.views.parts.words import language, tr
from reports.stored_words import said_in


def show(result: Mapping[str, Any], patient_id: str) -> None:
    """Draws what the job that refused its recordings left.

    Args:
        result: of the job: `reasons`, and `result` where a recording got that far.
        patient_id: whose recording it is, for the way to a new one.
    """
    full = result.get("result") or {}
    clips = full.get("clips", ())
    if clips:
        st.error(tr("**None of these recordings can be scored.** There is no result, neither positive nor negative."))
        for number, clip in enumerate(clips, start=1):
            with st.container(border=True):
                heading = tr("**Recording {number}**", number=number)
                st.markdown(f"{heading} · {clip['recording']['file_name']}")
                _why(clip["reasons"], clip["quality"]["checks"])
    else:
        st.error(tr("**This recording cannot be scored.** There is no result, neither positive nor negative."))
        _why(result.get("reasons", ()), full.get("quality", {}).get("checks", ()))
    links.link(links.FILMING_GUIDE, tr("How to film, with pictures"))
    if patient_id:
        links.link(links.NEW_ASSESSMENT, tr("Use another video"), patient=patient_id)
        links.link(links.PATIENT, tr("Back to the patient"), patient=patient_id)


def reasons(sentences: Sequence[str]) -> None:
    """Why a recording was refused, and what to do about it."""
    st.markdown(tr("**Why, and how to film again**"))
    look.bullets([said_in(sentence, language()) for sentence in sentences])


def _why(sentences: Sequence[str], checks: Sequence[Mapping[str, Any]]) -> None:
    reasons(sentences)
    if checks:
        st.markdown(tr("**All quality checks**"))
        quality.show(quality_lines(checks, language()))
