"""What moved each score, by part of the body and of the gait cycle, and which simulated walkers are most like this one.

Shown only where the explanation passed its checks; where not, it says why.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

from app.gateway.files import reference_url
from app.services.walk_view import WalkView
from app.views.parts import look
from app.views.parts.words import language, tr
from fgait_core.screening_result import BandEffectFacts, ExplanationFacts, ReferenceWalkerFacts
from fgait_core.sequence import HEIGHT_PX
from reports import gait_words, wording
from reports.content import ScoreBlock
from reports.numbers import plain_number
from reports.stored_words import said_in

_RAISES, _LOWERS, _UNCLEAR = "#b3541e", "#2b5c9e", "#8a979c"
"""Orange and blue are told apart by all kinds of colour vision; words and signs say the same."""


def show(scores: Sequence[ScoreBlock], explanations: Mapping[str, ExplanationFacts], walk: WalkView | None) -> None:
    """Draws the explanation of each score.

    Args:
        scores: of the assessment.
        explanations: by task; empty in results of versions that explained nothing.
        walk: its silhouettes, as the background of the figure.
    """
    st.subheader(tr("What moved the score"), anchor="explanation")
    if not explanations:
        st.caption(tr("This version of the software did not explain its scores."))
        return
    st.caption(
        tr(
            "Parts of the silhouettes were hidden, one after the other, and the score was computed again. This says "
            "what moved the number, not why the patient walks so; it is no finding and no cause."
        )
    )
    for score in scores:
        if score.task in explanations:
            with st.container(border=True):
                _one(score, explanations[score.task], walk)


def _one(score: ScoreBlock, facts: ExplanationFacts, walk: WalkView | None) -> None:
    st.html(f"<h3>{escape(wording.task_title(score.task, language()))}</h3>")
    if not facts.shown:
        st.markdown(gait_words.explanation_why_not(facts.why_not, language()))
        return
    condition = wording.condition_name(score.task, language())
    rows = [(gait_words.band_label(band.name, language()), band.effect, band.spread) for band in facts.bands]
    moments = [(gait_words.phase_label(part.phase, language()), part.effect, part.spread) for part in facts.phases]
    largest = max((abs(effect) for _, effect, _ in rows + moments), default=0.0)
    head = tr("Moved the probability of {condition} by", condition=condition)
    tables = _effects(tr("Part of the body"), head, rows, largest)
    if moments:
        tables += _effects(tr("Moment of the gait cycle"), head, moments, largest)
    figure = _figure(facts.bands, largest, walk) if walk is not None else ""
    st.html(f'<div class="fg-body">{figure}<div class="fg-side">{tables}</div></div>')
    if not any(_clear(band.effect, band.spread) for band in facts.bands):
        st.markdown(tr("No part of the body moved the score clearly by itself."))
    with st.expander(tr("How this was checked")):
        _checks(facts)


def _figure(bands: Sequence[BandEffectFacts], largest: float, walk: WalkView) -> str:
    """The mean silhouette with the bands coloured; the table beside it says the same in words."""
    picture = base64.b64encode(walk.mean_png).decode()
    fields = "".join(
        f'<i style="top:{_percent(band.rows[0])};height:{_percent(band.rows[1] - band.rows[0])};'
        f'background:{_colour(band.effect, band.spread)};opacity:{_opacity(band.effect, largest):.2f}"></i>'
        for band in bands
    )
    alt = tr("The mean silhouette of this walk with the bands of the body coloured by their effect; see the table.")
    return f'<div class="fg-figure"><img src="data:image/png;base64,{picture}" alt="{escape(alt)}">{fields}</div>'


def _percent(rows: int) -> str:
    return f"{100 * rows / HEIGHT_PX:.2f}%"


def _opacity(effect: float, largest: float) -> float:
    return 0.1 + 0.5 * (abs(effect) / largest if largest else 0.0)


def _effects(name: str, head: str, rows: Sequence[tuple[str, float, float]], largest: float) -> str:
    return look.table_html(
        (name, head),
        [(escape(label), _effect(effect, spread, largest)) for label, effect, spread in rows],
        even=True,
    )


def _effect(effect: float, spread: float, largest: float) -> str:
    """A bar to either side of nothing, and the same in words."""
    half = 50 * abs(effect) / largest if largest else 0
    begins = 50 if effect >= 0 else 50 - half
    bar = (
        '<span class="fg-effect" aria-hidden="true">'
        f'<i style="left:{begins:.1f}%;width:{half:.1f}%;background:{_colour(effect, spread)}"></i></span>'
    )
    return f'<span class="fg-effect-row">{bar}<span>{escape(_effect_words(effect, spread))}</span></span>'


def _effect_words(effect: float, spread: float) -> str:
    points = plain_number(100 * abs(effect), 1)
    give = plain_number(100 * spread, 1)
    if not _clear(effect, spread):
        return tr("no clear effect (± {spread} points)", spread=give)
    if effect > 0:
        return tr("up by {points} points (± {spread})", points=points, spread=give)
    return tr("down by {points} points (± {spread})", points=points, spread=give)


def _clear(effect: float, spread: float) -> bool:
    """Whether an effect is larger than what small changes of the recording make of it."""
    return abs(effect) > 2 * spread


def _colour(effect: float, spread: float) -> str:
    if not _clear(effect, spread):
        return _UNCLEAR
    return _RAISES if effect > 0 else _LOWERS


def _checks(facts: ExplanationFacts) -> None:
    sentences = [tr("Method: {method}", method=said_in(facts.method, language()))]
    if facts.stability is not None:
        sentences.append(
            tr(
                "Stability: under small changes of the recording the effects agree to {value} (correlation); at least "
                "{needed} is needed.",
                value=plain_number(facts.stability, 2),
                needed=plain_number(facts.stability_needed, 2),
            )
        )
    if facts.random_model is not None:
        sentences.append(
            tr(
                "Against a network that has learned nothing: its effects agree with these to {value} (correlation); at "
                "most {allowed} is allowed.",
                value=plain_number(facts.random_model, 2),
                allowed=plain_number(facts.random_model_allowed, 2),
            )
        )
    sentences.append(tr("± is one standard deviation under small changes; an effect below twice that is not clear."))
    look.bullets(sentences)


def references(walkers: Sequence[ReferenceWalkerFacts]) -> None:
    """Draws the nearest simulated walkers; nothing where there are none.

    How strongly a simulated walker has a condition is not shown: it could be taken for a measurement of the patient.
    """
    if not walkers:
        return
    st.markdown(f"**{tr('Simulated walkers that are most like this one')}**")
    st.caption(
        tr(
            "None of them is a person. They show what the network finds alike; that a simulated walker has a condition "
            "does not mean that the patient has it."
        )
    )
    st.html(f'<ul class="fg-walkers">{"".join(map(_walker, walkers))}</ul>')


def _walker(walker: ReferenceWalkerFacts) -> str:
    sex = tr("female") if walker.sex == "female" else tr("male")
    who = tr("Simulated: {sex}, {age} years", sex=sex, age=f"{walker.age_years:.0f}")
    labels = ", ".join(wording.class_name(task, label, language()) for task, label in walker.labels.items())
    similarity = tr("similarity {value}", value=plain_number(walker.similarity, 2))
    alt = tr("Silhouettes of a simulated walker")
    return (
        f'<li><img src="{escape(reference_url(walker.id))}" alt="{escape(alt)}" loading="lazy"><b>{escape(who)}</b><br>'
        f'{escape(labels)}<br><span class="fg-muted fg-small">{escape(view_words(walker.view))} · '
        f"{escape(similarity)}</span></li>"
    )


def view_words(view: str | None) -> str:
    """From where somebody was filmed."""
    words = {
        "front": tr("from the front"),
        "oblique": tr("obliquely"),
        "side": tr("from the side"),
        "back": tr("from behind"),
    }
    return words.get(view or "", view or "–")
