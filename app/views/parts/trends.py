"""The course of a patient as charts with a table for each: scores by model version and view, parameters by view."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape

import plotly.graph_objects as go

from app import session
from app.services.follow_up import SEVERAL_VIEWS
from app.services.follow_up_series import (
    UNKNOWN_VIEW,
    ParameterPoint,
    ParameterSeries,
    ScorePoint,
    ScoreSeries,
    VersionSpan,
)
from app.services.gait_view import norm_limits
from app.views.parts import look
from app.views.parts.words import language, tr
from reports import gait_words, wording

CONFIG = {"displayModeBar": False}
_COLOURS = ("#0b5c62", "#8a4b08", "#4a3f8c", "#5c6a1c", "#7a2e55")
_SYMBOLS = {"front": "circle", "back": "square", "side": "triangle-up", "oblique": "diamond", SEVERAL_VIEWS: "star"}
_TICKS = 4
_INK, _ALARM, _GRID = "#37474d", "#a3261a", "#e3eaec"


def view_words(view: str | None) -> str:
    """From where the walker was filmed, in words."""
    return {
        "front": tr("from the front"),
        "back": tr("from the back"),
        "side": tr("from the side"),
        "oblique": tr("obliquely"),
        SEVERAL_VIEWS: tr("from several sides"),
    }.get(view or UNKNOWN_VIEW, tr("view not known"))


def score_chart(series: Sequence[ScoreSeries], spans: Sequence[VersionSpan]) -> go.Figure:
    """The scores of one task by time, with their intervals and thresholds.

    Args:
        series: what may be joined by a line; at least one.
        spans: where the version changed.
    """
    figure = go.Figure()
    versions = list(dict.fromkeys(each.version for each in series))
    beside = _beside([point.at for each in series for point in each.points])
    for each in series:
        number = versions.index(each.version)
        colour = _COLOURS[number % len(_COLOURS)]
        values = [100 * point.score.positive_probability for point in each.points]
        figure.add_scatter(
            # A recording that was scored by two versions has two scores on one day: the second stands beside the first.
            x=[point.at + number * beside for point in each.points],
            y=values,
            name=_name(each, len(versions) > 1),
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={
                "color": ["#ffffff" if point.rescored else colour for point in each.points],
                "symbol": _SYMBOLS.get(each.view, "x"),
                "size": 10,
                "line": {"color": colour, "width": 2},
            },
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [
                    100 * point.score.interval.high - value for point, value in zip(each.points, values, strict=True)
                ],
                "arrayminus": [
                    value - 100 * point.score.interval.low for point, value in zip(each.points, values, strict=True)
                ],
                "color": colour,
                "thickness": 1.2,
                "width": 4,
            },
            text=[_score_said(each, point) for point in each.points],
            hovertemplate="%{text}<extra></extra>",
        )
    _thresholds(figure, series, versions)
    for span in spans[1:]:
        _version_mark(figure, span)
    _layout(figure, 330, [point.at for each in series for point in each.points])
    ticks = [0, 25, 50, 75, 100]
    figure.update_yaxes(range=[-3, 103], tickvals=ticks, ticktext=[f"{tick} %" for tick in ticks])
    return figure


def _name(series: ScoreSeries, several: bool) -> str:
    return f"{series.version}, {view_words(series.view)}" if several else view_words(series.view)


def _score_said(series: ScoreSeries, point: ScorePoint) -> str:
    score = point.score
    lines = [session.shown_time(point.at), wording.probability_with_interval(score, language()), series.version]
    lines += [wording.outcome_label(score, language()), view_words(series.view)]
    if point.rescored:
        lines.append(tr("stored silhouettes scored again"))
    return "<br>".join(map(escape, lines))


def _thresholds(figure: go.Figure, series: Sequence[ScoreSeries], versions: list[str]) -> None:
    """One dashed line for each threshold; versions may have their own."""
    drawn: dict[float, list[str]] = {}
    for each in series:
        drawn.setdefault(each.points[-1].score.operating_point.threshold, []).append(each.version)
    for threshold, mine in drawn.items():
        said = tr("threshold {share}", share=wording.percent_of_count(threshold))
        if len(drawn) > 1:
            said = f"{said} ({', '.join(dict.fromkeys(mine))})"
        colour = _COLOURS[versions.index(mine[0]) % len(_COLOURS)] if len(drawn) > 1 else _INK
        line = {"color": colour, "dash": "dash", "width": 1.2}
        figure.add_hline(y=100 * threshold, line=line)
        # The words stand in the legend: beside the line they would cover scores.
        figure.add_scatter(x=[None], y=[None], mode="lines", line=line, name=escape(said), hoverinfo="skip")


def _version_mark(figure: go.Figure, span: VersionSpan) -> None:
    figure.add_vline(x=span.since - timedelta(hours=12), line={"color": _INK, "dash": "dot", "width": 1.5})
    figure.add_annotation(
        x=span.since - timedelta(hours=12),
        y=1.0,
        yref="paper",
        yanchor="bottom",
        text=escape(tr("from here: {version}", version=span.version)),
        showarrow=False,
        font={"size": 11, "color": _INK},
    )


def score_table(series: Sequence[ScoreSeries]) -> str:
    """The same as a table, oldest first, as HTML."""
    rows = sorted(
        ((point, each) for each in series for point in each.points), key=lambda pair: (pair[0].at, pair[0].rescored)
    )
    head = (tr("Visit"), tr("Score"), tr("Result"), tr("Model version"), tr("View"))
    return look.table_html(
        head,
        [
            (
                escape(session.shown_time(point.at)),
                escape(_score_figures(point)),
                look.score_pill(point.score),
                escape(each.version)
                + (f'<br><span class="fg-small">{escape(tr("scored again"))}</span>' if point.rescored else ""),
                escape(view_words(each.view)),
            )
            for point, each in rows
        ],
    )


def _score_figures(point: ScorePoint) -> str:
    low, high = wording.interval_words(point.score.interval)
    value = wording.percent_of_probability(point.score.positive_probability)
    return tr("{value} (95 % interval {low} to {high})", value=value, low=low, high=high)


def parameter_chart(name: str, series: Sequence[ParameterSeries]) -> go.Figure:
    """One parameter by time. Around the first value of each view: where a difference may be measurement error.

    Args:
        name: of the parameter.
        series: by view; at least one.
    """
    figure = go.Figure()
    for number, each in enumerate(series):
        colour = _COLOURS[number % len(_COLOURS)]
        times = [point.at for point in each.points]
        _error_band(figure, each, colour)
        figure.add_scatter(
            x=times,
            y=[point.value for point in each.points],
            name=view_words(each.view),
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={
                "color": [_ALARM if point.beyond_error else colour for point in each.points],
                "symbol": [
                    "diamond-tall" if point.beyond_error else _SYMBOLS.get(each.view, "x") for point in each.points
                ],
                "size": [13 if point.beyond_error else 9 for point in each.points],
                "opacity": 1,
                "line": {"color": [_ALARM if point.beyond_error else colour for point in each.points], "width": 1.5},
            },
            text=[_parameter_said(name, each, point) for point in each.points],
            hovertemplate="%{text}<extra></extra>",
        )
    norm = series[-1].points[-1].facts.norm
    if norm is not None:
        for limit in norm_limits(norm):
            figure.add_hline(y=limit, line={"color": "#9fb0b5", "dash": "dot", "width": 1.2})
    points = [point for each in series for point in each.points]
    _layout(figure, 230, [point.at for point in points])
    figure.update_layout(showlegend=len(series) > 1)
    figure.update_yaxes(range=_range(points))
    return figure


def _range(points: Sequence[ParameterPoint]) -> tuple[float, float]:
    """So wide that noise looks small: measurement error or a fifth of the values above and below them."""
    values = [point.value for point in points]
    errors = [point.facts.minimal_detectable_change or 0.0 for point in points]
    room = max(*errors, 0.2 * max(abs(value) for value in values), 1e-6)
    return min(values) - 1.1 * room, max(values) + 1.1 * room


def _error_band(figure: go.Figure, series: ParameterSeries, colour: str) -> None:
    later = [point for point in series.points[1:] if point.facts.minimal_detectable_change is not None]
    if not later:
        return
    first = series.points[0]
    times = [first.at, *(point.at for point in later)]
    changes = [point.facts.minimal_detectable_change or 0.0 for point in later]
    changes = [changes[0], *changes]
    for sign, filled in ((-1, None), (1, "tonexty")):
        figure.add_scatter(
            x=times,
            y=[first.value + sign * change for change in changes],
            mode="lines",
            line={"width": 0},
            fill=filled,
            fillcolor=f"rgba({','.join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))},.14)",
            hoverinfo="skip",
            showlegend=False,
        )


def _parameter_said(name: str, series: ParameterSeries, point: ParameterPoint) -> str:
    lines = [
        session.shown_time(point.at),
        f"{gait_words.parameter_label(name, language())}: {_value(point)}",
        view_words(series.view),
        change_words(point.beyond_error),
    ]
    return "<br>".join(escape(line) for line in lines if line)


def _value(point: ParameterPoint) -> str:
    return gait_words.value_text(point.value, point.facts.unit, language())


def change_words(beyond_error: bool | None) -> str:
    """Whether a value differs from the first by more than measurement error, in words; "" where nobody can tell."""
    if beyond_error is None:
        return ""
    return tr("changed by more than measurement error") if beyond_error else tr("within measurement error")


def parameter_table(series: Sequence[ParameterSeries]) -> str:
    """The same as a table, by view, oldest first, as HTML."""
    head = (tr("Visit"), tr("View"), tr("Value"), tr("Against the first visit"), tr("Smallest detectable change"))
    rows: list[tuple[str, ...]] = []
    for each in series:
        for number, point in enumerate(each.points):
            smallest = point.facts.minimal_detectable_change
            change = gait_words.value_text(point.value - each.points[0].value, point.facts.unit, language())
            against = tr("first from this view")
            if number:
                against = ", ".join(filter(None, (change, change_words(point.beyond_error))))
            cells = (
                session.shown_time(point.at),
                view_words(each.view),
                _value(point),
                against,
                tr("not known") if smallest is None else gait_words.value_text(smallest, point.facts.unit, language()),
            )
            rows.append(tuple(map(escape, cells)))
    return look.table_html(head, rows)


def values_table(parameters: Sequence[tuple[str, Sequence[ParameterSeries]]]) -> str:
    """The values of one visit, where there is no course yet, as HTML."""
    rows = [
        tuple(
            map(escape, (gait_words.parameter_label(name, language()), view_words(each.view), _value(each.points[-1])))
        )
        for name, series in parameters
        for each in series
    ]
    return look.table_html((tr("Parameter"), tr("View"), tr("Value")), rows)


def _beside(times: Sequence[datetime]) -> timedelta:
    """A step to the side that can be seen: a hundredth of the time shown."""
    return max((max(times) - min(times)) / 100, timedelta(hours=2))


def _layout(figure: go.Figure, height_px: int, times: Sequence[datetime]) -> None:
    figure.update_layout(
        height=height_px,
        margin={"l": 8, "r": 8, "t": 26, "b": 8},
        plot_bgcolor="#fff",
        paper_bgcolor="rgba(0,0,0,0)",
        font={"color": _INK, "size": 12},
        showlegend=True,
        legend={"orientation": "h", "y": -0.22, "x": 0},
    )
    days = sorted({time.date(): time for time in sorted(times)}.values())
    shown = days[:: -(-len(days) // _TICKS)]
    figure.update_xaxes(
        tickvals=shown,
        ticktext=[time.date().isoformat() for time in shown],
        tickangle=0,
        gridcolor="#eef2f3",
        fixedrange=True,
    )
    figure.update_yaxes(nticks=5, gridcolor=_GRID, zeroline=False, fixedrange=True, automargin=True)
