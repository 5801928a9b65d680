"""A small chart of one measure by week, with the band in which weeks lie if nothing changes."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from app.services import monitoring_words
from app.services.monitoring_facts import UNLIKENESS, monday_of
from app.views.parts.words import later, tr
from fgait_core.evaluation.drift import Comparison

CONFIG = {"displayModeBar": False}
_MARKS = (
    ('<span style="color:#0b5c62">●</span>', later("a week")),
    ('<span style="color:#0b5c62">○</span>', later("not judged: running, or too few people")),
    ('<span style="color:#a3261a">◆</span>', later("alarm at the end of this week")),
    ('<i style="background:#d5e8ea"></i>', later("where about 95 of 100 weeks lie if nothing changes")),
    ('<i class="t"></i>', later("reference")),
)

_INK, _BAND, _ALARM = "#0b5c62", "rgba(140,195,199,.38)", "#a3261a"


def key() -> str:
    """What the marks mean, as HTML."""
    return "".join(f'<span class="fg-key">{mark}{escape(tr(words))}</span>' for mark, words in _MARKS)


def chart(weeks: Sequence[Comparison], alarmed: frozenset[int]) -> go.Figure:
    """One measure of one device.

    Args:
        weeks: single weeks, in order; at least one.
        alarmed: the weeks at whose end there was an alarm.
    """
    measure = weeks[0].measure
    scale = 1 if measure == UNLIKENESS else 100
    days = [monday_of(each.week) for each in weeks]
    figure = go.Figure()
    for place, filled in ((0, None), (1, "tonexty")):
        figure.add_scatter(
            x=days,
            y=[scale * each.band[place] for each in weeks],
            mode="lines",
            line={"width": 0},
            fill=filled,
            fillcolor=_BAND,
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=days,
        y=[scale * each.reference for each in weeks],
        mode="lines",
        line={"color": "#37474d", "dash": "dash", "width": 1},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=days,
        y=[scale * each.value for each in weeks],
        mode="lines+markers",
        line={"color": _INK, "width": 1.5},
        marker={
            "color": [_colour(each, alarmed) for each in weeks],
            "symbol": ["diamond" if each.week in alarmed else "circle" for each in weeks],
            "size": [11 if each.week in alarmed else 7 for each in weeks],
            "line": {"color": [_ALARM if each.week in alarmed else _INK for each in weeks], "width": 1.5},
        },
        text=[_said(each, each.week in alarmed) for each in weeks],
        hovertemplate="%{text}<extra></extra>",
    )
    figure.update_layout(
        height=190,
        margin={"l": 44, "r": 8, "t": 6, "b": 26},
        showlegend=False,
        plot_bgcolor="#fff",
        paper_bgcolor="rgba(0,0,0,0)",
        font={"color": "#37474d", "size": 12},
    )
    figure.update_xaxes(tickformat="%d %b", nticks=6, gridcolor="#eef2f3", fixedrange=True)
    figure.update_yaxes(ticksuffix="" if scale == 1 else " %", nticks=5, gridcolor="#e3eaec", fixedrange=True)
    if scale == 100:
        figure.update_yaxes(rangemode="tozero")
    return figure


def _colour(week: Comparison, alarmed: frozenset[int]) -> str:
    if week.week in alarmed:
        return _ALARM
    return "#ffffff" if week.p is None else _INK


def _said(week: Comparison, alarmed: bool) -> str:
    value = monitoring_words.value_words(week.measure, week.value)
    tail = f"<br>{tr('alarm')}" if alarmed else f"<br>{tr('not judged')}" if week.p is None else ""
    date = f"{monday_of(week.week):%Y-%m-%d}"
    said = tr("Week of {date}<br>{value} of {people} people", date=date, value=value, people=week.people)
    return f"{said}{tail}"
