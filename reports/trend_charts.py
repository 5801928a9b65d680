"""Drawings of figures over visits, as vectors; a line never joins two series."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from reportlab.graphics.shapes import Circle, Drawing, Polygon, PolyLine, Rect, SolidShape
from reportlab.lib.colors import Color, black, white

from reports.charts import INK, MIDDLE, PALE, RULE, filled, fitting_size_pt, label, segment
from reports.fonts import REGULAR, FontSet
from reports.numbers import plain_number

_COLORS = (INK, MIDDLE, black)
_MARK_PT = 3.4


@dataclass(frozen=True, slots=True)
class Point:
    """One figure of one visit, with its interval if it has one; hollow where it decides nothing."""

    on: date
    value: float
    low: float | None = None
    high: float | None = None
    hollow: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """Figures that may be joined by a line, oldest first."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """The room of a chart and what its axes hold.

    Attributes:
        width_pt, height_pt: of the whole drawing without its legend.
        limits: least and greatest value.
        decimals: of the ticks.
        title: above.
        dashed: a value to mark, for example a threshold.
        shaded: two values between which the ground is shaded, for example a norm.
        unit: behind the ticks.
    """

    width_pt: float
    height_pt: float
    limits: tuple[float, float]
    decimals: int = 0
    title: str = ""
    dashed: float | None = None
    shaded: tuple[float, float] | None = None
    unit: str = ""


def trend_chart(series: Sequence[Series], frame: Frame, fonts: FontSet, *, legend: bool = True) -> Drawing:
    """Figures over time: each series has its own mark, and its name below."""
    legend_pt = 12.0 * len(series) + 2 if legend else 0.0
    drawing = Drawing(frame.width_pt, frame.height_pt + legend_pt, initialFontName=REGULAR)
    plot = _Plot(series, frame, legend_pt)
    _ground(drawing, plot, frame, fonts)
    for place, each in enumerate(series):
        _draw_series(drawing, plot, each, place)
        if legend:
            _draw_legend(drawing, each, place, legend_pt - 10 - 12 * place, frame, fonts)
    return drawing


class _Plot:
    """From days and values to places in the drawing."""

    def __init__(self, series: Sequence[Series], frame: Frame, below_pt: float) -> None:
        days = sorted({point.on for each in series for point in each.points})
        self.days = days
        self.left, self.right = 32.0, frame.width_pt - 14
        self.bottom, self.top = below_pt + 18, below_pt + frame.height_pt - 16
        self.least, self.most = frame.limits
        self.first, self.span = days[0].toordinal(), max(days[-1].toordinal() - days[0].toordinal(), 1)

    def x(self, day: date) -> float:
        if len(self.days) == 1:
            return (self.left + self.right) / 2
        return self.left + 8 + (self.right - self.left - 16) * (day.toordinal() - self.first) / self.span

    def y(self, value: float) -> float:
        share = (value - self.least) / (self.most - self.least)
        return self.bottom + (self.top - self.bottom) * min(max(share, 0.0), 1.0)


def _ground(drawing: Drawing, plot: _Plot, frame: Frame, fonts: FontSet) -> None:
    if frame.shaded:
        low, high = (plot.y(value) for value in frame.shaded)
        drawing.add(filled(Rect(plot.left, low, plot.right - plot.left, high - low), PALE, None))
    for share in (0.0, 0.5, 1.0):
        value = plot.least + share * (plot.most - plot.least)
        drawing.add(segment(plot.left, plot.y(value), plot.right, plot.y(value), RULE, 0.4))
        text = f"{plain_number(value, frame.decimals)}{frame.unit}"
        drawing.add(label(fonts, plot.left - 3, plot.y(value) - 2.2, text, 6, anchor="end"))
    if frame.dashed is not None:
        y = plot.y(frame.dashed)
        drawing.add(segment(plot.left, y, plot.right, y, black, 0.9, dash=True))
    for day, anchor in _named_days(plot):
        drawing.add(label(fonts, plot.x(day), plot.bottom - 9, day.isoformat(), 6, anchor=anchor))
    if frame.title:
        begin, side = (plot.right, "end") if fonts.right_to_left else (plot.left, "start")
        size_pt = fitting_size_pt(frame.title, fonts, 7.5, plot.right - plot.left, bold=True)
        drawing.add(label(fonts, begin, plot.top + 6, frame.title, size_pt, anchor=side, bold=True))


def _named_days(plot: _Plot) -> list[tuple[date, str]]:
    """The days to write, with room between them: always the first and the last."""
    named = [plot.days[0]]
    for day in plot.days[1:]:
        if plot.x(day) - plot.x(named[-1]) > 46:
            named.append(day)
    last = plot.days[-1]
    if named[-1] != last:
        named = [day for day in named if plot.x(last) - plot.x(day) > 46 or day == plot.days[0]] + [last]
    if len(named) == 2 and plot.x(named[1]) - plot.x(named[0]) < 46:
        named = named[1:]
    return [(day, "middle") for day in named]


def _draw_series(drawing: Drawing, plot: _Plot, series: Series, place: int) -> None:
    color = _COLORS[place % len(_COLORS)]
    places = [(plot.x(point.on), plot.y(point.value)) for point in series.points]
    if len(places) > 1:
        path = PolyLine([figure for place_pt in places for figure in place_pt])
        path.strokeColor, path.strokeWidth = color, 1.0
        drawing.add(path)
    for point, (x, y) in zip(series.points, places, strict=True):
        if point.low is not None and point.high is not None:
            drawing.add(segment(x, plot.y(point.low), x, plot.y(point.high), color, 0.9))
        drawing.add(_mark(x, y, place, color, hollow=point.hollow))


def _mark(x: float, y: float, place: int, color: Color, *, hollow: bool) -> SolidShape:
    """A mark by number: diamond, circle, square, triangle, and so on round."""
    if place % 4 == 1:
        shape: SolidShape = Circle(x, y, _MARK_PT)
    else:
        corners, turn = {0: (4, 0.0), 2: (4, math.pi / 4), 3: (3, math.pi / 2)}[place % 4]
        angles = (turn + 2 * math.pi * corner / corners for corner in range(corners))
        reach = _MARK_PT * 1.25
        shape = Polygon([figure for a in angles for figure in (x + reach * math.cos(a), y + reach * math.sin(a))])
    return filled(shape, white if hollow else color, color, 1.0)


def _draw_legend(drawing: Drawing, series: Series, place: int, y: float, frame: Frame, fonts: FontSet) -> None:
    color = _COLORS[place % len(_COLORS)]
    mirrored = fonts.right_to_left
    x = frame.width_pt - 20 if mirrored else 20.0
    drawing.add(_mark(x, y + 2.5, place, color, hollow=False))
    drawing.add(label(fonts, x - 9 if mirrored else x + 9, y, series.name, 7, anchor="end" if mirrored else "start"))
