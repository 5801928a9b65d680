"""The gait parameters of a walk against healthy people: measured beside the score, never a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from app.services.gait_view import NORM_SDS, against_norm, norm_limits, outside_norm
from app.views.parts import look
from app.views.parts.explanation import view_words
from app.views.parts.words import language, reading_direction, tr
from fgait_core.screening_result import GaitFacts, GaitParameterFacts, NormFacts
from reports import gait_words
from reports.stored_words import said_in


def show(gait: GaitFacts | None) -> None:
    """Draws what differs from healthy people first, then all parameters, then what could not be measured."""
    st.subheader(tr("Gait parameters"), anchor="gait")
    if gait is None:
        st.caption(tr("This version of the software did not measure gait parameters."))
        return
    st.caption(
        tr(
            "Measured beside the score and **not part of it**: the model does not see these numbers, and they explain "
            "no score. Filmed {view}; only what can be measured from there is given.",
            view=view_words(gait.view),
        )
    )
    measured = [parameter for parameter in gait.parameters if parameter.value is not None]
    missing = [parameter for parameter in gait.parameters if parameter.value is None]
    if measured:
        _differences(measured)
        look.table(
            (tr("Parameter"), tr("This walk"), tr("Healthy people"), tr("Smallest change that counts")),
            [_row(parameter) for parameter in measured],
        )
        _legend(measured)
    else:
        st.info(tr("No gait parameter could be measured in this recording."))
    if missing:
        with st.expander(tr("Not measured in this recording ({count})", count=len(missing))):
            look.table((tr("Parameter"), tr("Why not")), [_missing_row(parameter) for parameter in missing])


def _differences(measured: Sequence[GaitParameterFacts]) -> None:
    if outside := outside_norm(measured):
        names = [f"{label_of(each)} ({value_of(each)}, {_side_words(each)})" for each in outside]
        simulated = all(each.norm is not None and each.norm.simulated for each in outside)
        head = tr("Outside the range of healthy people:")
        if simulated:
            head = tr("Outside the range of simulated healthy people:")
        st.markdown(f"**{head}** {', '.join(names)}")
    elif any(against_norm(each) for each in measured):
        st.markdown(tr("All parameters with a norm lie within the range of healthy people."))


def _side_words(parameter: GaitParameterFacts) -> str:
    words = {"above": tr("above"), "below": tr("below"), "within": tr("within"), "": ""}
    return words[against_norm(parameter)]


def label_of(parameter: GaitParameterFacts) -> str:
    """A parameter's name."""
    return gait_words.parameter_label(parameter.name, language())


def value_of(parameter: GaitParameterFacts) -> str:
    """A parameter's value with its unit, or a dash."""
    return "–" if parameter.value is None else figure_of(parameter.value, parameter.unit)


def figure_of(value: float, unit: str, *, signed: bool = False) -> str:
    """A figure with its unit; sign and Latin unit keep their places in a text from right to left.

    Args:
        value: in the unit.
        unit: as in the stored result.
        signed: put a plus before what is above 0.
    """
    plus = "+" if signed and value > 0 else ""
    return _isolated(plus + gait_words.value_text(value, unit, language()))


def _isolated(figure: str) -> str:
    return f"\u2068{figure}\u2069" if reading_direction() == "rtl" else figure


def _row(parameter: GaitParameterFacts) -> tuple[str, ...]:
    meaning = gait_words.parameter_meaning(parameter.name, language())
    if not parameter.validated:
        meaning += f" ({gait_words.not_validated_note(language())})"
    counted = tr("n\u00a0=\u00a0{count}", count=parameter.n)
    if parameter.standard_error is not None:
        error = figure_of(parameter.standard_error, parameter.unit)
        counted = tr("standard error {error}, n\u00a0=\u00a0{count}", error=error, count=parameter.n)
    change = parameter.minimal_detectable_change
    return (
        f'{escape(label_of(parameter))}<br><span class="fg-muted fg-small">{escape(meaning)}</span>',
        f'<b class="fg-together">{escape(value_of(parameter))}</b><br>'
        f'<span class="fg-muted fg-small">{escape(counted)}</span>',
        _norm(parameter),
        "–" if change is None else escape(figure_of(change, parameter.unit)),
    )


def _norm(parameter: GaitParameterFacts) -> str:
    norm = parameter.norm
    if norm is None or parameter.value is None:
        return escape(tr("no norm for this person"))
    low, high = norm_limits(norm)
    limits = tr(
        "{low} to {high}",
        low=_isolated(gait_words.figure_text(low, parameter.unit)),
        high=figure_of(high, parameter.unit),
    )
    within = against_norm(parameter) == "within"
    pill = look.pill(_side_words(parameter), "neutral" if within else "borderline")
    # The range of healthy people is the middle half of the bar.
    place = 25 + 50 * (parameter.value - low) / (high - low) if high > low else 50
    bar = f'<span class="fg-norm" aria-hidden="true"><i></i><b style="left:{min(max(place, 2), 98):.1f}%"></b></span>'
    return f'{escape(limits)} {pill}{bar}<span class="fg-muted fg-small">{escape(_people(norm))}</span>'


def _people(norm: NormFacts) -> str:
    ages = f"{norm.ages_years[0]:.0f}–{norm.ages_years[1]:.0f}"
    if norm.simulated:
        return tr("simulated people, {ages} years", ages=ages)
    return tr("{ages} years", ages=ages)


def _legend(measured: Sequence[GaitParameterFacts]) -> None:
    sources = dict.fromkeys(parameter.norm.source for parameter in measured if parameter.norm is not None)
    sentences = [
        tr(
            "Healthy people: mean ± {sds} standard deviations, about 95 of 100 of them. One value outside is no "
            "finding.",
            sds=f"{NORM_SDS:.0f}",
        ),
        tr(
            "Smallest change that counts: a smaller difference between two recordings from the same side may be "
            "measurement error alone (minimal detectable change, 95 %). It holds measurement error only, not how a "
            "person differs from day to day."
        ),
        *(tr("Norms: {source}", source=said_in(source, language())) for source in sources),
    ]
    with st.expander(tr("How to read this table")):
        look.bullets(sentences)


def _missing_row(parameter: GaitParameterFacts) -> tuple[str, ...]:
    return escape(label_of(parameter)), escape(gait_words.why_not_sentence(parameter.why_not, language()))
