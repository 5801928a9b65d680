"""One score on the result page: what it says, how sure it is, what it is worth here, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

from app.services.clinic_profile import ClinicProfileView
from app.services.decisions import DecisionView
from app.views.parts import decision_form, look
from app.views.parts.words import language, tr
from reports import wording
from reports.content import Outcome, ScoreBlock

_PREVALENCES = (0.02, 0.05, 0.1, 0.3)


def summary(scores: Sequence[ScoreBlock], decisions: Mapping[str, DecisionView]) -> None:
    """All results in a line each, for the reader who has ten seconds.

    Args:
        scores: of the assessment.
        decisions: by task.
    """
    rows = "".join(
        f'<div><a href="#{escape(score.task)}" target="_self">{escape(wording.task_title(score.task, language()))}</a> '
        f"{look.score_pill(score)} <span>{escape(_figure(score))}</span> "
        f'<span class="fg-muted fg-small">{escape(decision_form.state_words(decisions.get(score.task)))}</span></div>'
        for score in scores
    )
    st.html(f'<div class="fg-summary">{rows}</div>')


def _figure(score: ScoreBlock) -> str:
    if score.outcome is Outcome.UNLIKE:
        return ""
    low, high = wording.interval_words(score.interval)
    value = wording.percent_of_probability(score.positive_probability)
    return tr("{value} (95 % interval {low} to {high})", value=value, low=low, high=high)


def show(score: ScoreBlock, profile: ClinicProfileView, fused: str) -> None:
    """Draws a score; the decision about it follows in the same frame.

    Args:
        score: what the model says.
        profile: of the clinic, for its prevalence.
        fused: how several recordings were put together, in words; empty for one.
    """
    title = wording.task_title(score.task, language())
    st.html(f'<h3 id="{escape(score.task)}">{escape(title)} &nbsp; {look.score_pill(score)}</h3>')
    st.markdown(wording.plain_result(score, language()))
    if score.outcome is Outcome.UNLIKE:
        _next_steps(score)
        return
    if weakness := wording.weakness_sentence(score, language()):
        st.warning(weakness)
    look.score_scale(score)
    if fused:
        st.caption(fused)
    _next_steps(score)
    _worth_here(score, profile)
    with st.expander(tr("How sure is this?")):
        _how_sure(score)


def _next_steps(score: ScoreBlock) -> None:
    st.markdown(f"**{tr('What to do next')}**")
    look.bullets(wording.next_steps(score, language()), numbered=True)


def _worth_here(score: ScoreBlock, profile: ClinicProfileView) -> None:
    """What a result is worth where the condition is as frequent as in this clinic."""
    share = profile.prevalence.get(score.task)
    if share is None:
        st.caption(
            tr(
                "What a positive or negative result is worth depends on how frequent the condition is among the people "
                "whom this clinic screens. An administrator can enter that under “Clinic”."
            )
        )
        return
    sentence = wording.predictive_sentence(score, share, language())
    source = tr("Frequency in this clinic: {source}", source=profile.prevalence_source or tr("no source was entered"))
    st.html(
        f'<div class="fg-worth"><b>{escape(tr("What this is worth in this clinic"))}</b><br>{escape(sentence)}'
        f'<br><span class="fg-muted fg-small">{escape(source)}</span></div>'
    )


def _how_sure(score: ScoreBlock) -> None:
    others = [
        f"{wording.class_name(score.task, name, language())} {wording.percent_of_probability(share)}"
        for name, share in zip(score.class_order, score.probabilities, strict=True)
    ]
    look.bullets(
        [
            tr("Calibrated probabilities: {list}.", list=", ".join(others)),
            wording.interval_sentence(score, language()),
            wording.conformal_sentence(score, language()),
            wording.operating_point_sentence(score, language()),
            *filter(None, (wording.views_sentence(score, language()),)),
            wording.predictive_note(score, language()),
        ]
    )
    condition = wording.condition_name(score.task, language())
    look.table(
        (tr("How frequent {condition} is", condition=condition), tr("A positive is right in"), tr("A negative in")),
        [
            (wording.percent_of_count(share), *wording.predictive_words(score, share, language()))
            for share in _PREVALENCES
        ],
    )
    note = wording.evidence_note(score, language())
    look.bullets([wording.calibration_sentence(score, language()), *filter(None, (note,))])
