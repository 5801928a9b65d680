"""Drawings of what was measured of a walk, as vectors: joint angles, and what moved a score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reportlab.graphics.shapes import Drawing, Polygon, PolyLine, Rect
from reportlab.lib.colors import Color, black, white

from reports import gait_words
from reports.charts import INK, MIDDLE, PALE, RULE, filled, fitting_size_pt, label, segment
from reports.fonts import REGULAR, FontSet
from reports.gait_blocks import CurveBlock, EffectBlock
from reports.numbers import plain_number
from reports.shaping import clean, lay_out_line

_ROW_PT = 15.0
_BODY_ROWS = 64


def points_text(share: float) -> str:
    """A difference of two probabilities in percentage points, with its sign: "+3.1"."""
    return f"{'+' if share > 0 else ''}{plain_number(100 * share, 1)}"


def effect_bars(effects: Sequence[EffectBlock], names: Sequence[str], fonts: FontSet, width_pt: float) -> Drawing:
    """One bar an effect, to the right where hiding lowers the probability, with its spread as a thin line."""
    drawing = Drawing(width_pt, len(effects) * _ROW_PT + 4, initialFontName=REGULAR)
    value_pt = 62.0
    name_pt = max(lay_out_line(clean(name), fonts, 7.5).width_pt for name in names) + 8
    room_pt = width_pt - name_pt - value_pt
    reach = max(*(abs(each.effect) + each.spread for each in effects), 0.01)
    mirrored = fonts.right_to_left
    zero = (value_pt if mirrored else name_pt) + room_pt / 2
    scale = room_pt / 2 / reach
    for place, (each, name) in enumerate(zip(effects, names, strict=True)):
        y = (len(effects) - 1 - place) * _ROW_PT + 4
        anchor = "end" if mirrored else "start"
        drawing.add(label(fonts, width_pt if mirrored else 0, y + 2, name, anchor=anchor))
        end = zero + each.effect * scale
        fill = INK if each.effect >= 0 else white
        drawing.add(filled(Rect(min(zero, end), y, max(abs(end - zero), 0.6), 9), fill))
        spread = each.spread * scale
        drawing.add(segment(end - spread, y + 4.5, end + spread, y + 4.5, MIDDLE, 1.4))
        text = f"{points_text(each.effect)} \u00b1 {plain_number(100 * each.spread, 1)}"
        value_x = value_pt - 6 if mirrored else width_pt - value_pt + 6
        drawing.add(label(fonts, value_x, y + 2, text, anchor=anchor))
    drawing.add(segment(zero, 2, zero, len(effects) * _ROW_PT + 3, black, 0.8))
    return drawing


def body_figure(bands: Sequence[EffectBlock], fonts: FontSet, height_pt: float, language: str) -> Drawing:
    """A standing figure: a band is the darker, the more it raised the probability, and dashed where it lowered it."""
    width_pt = height_pt * 0.95
    drawing = Drawing(width_pt, height_pt, initialFontName=REGULAR)
    reach = max(*(abs(each.effect) for each in bands), 1e-6)
    side_pt = width_pt * 0.42
    for each in bands:
        top, bottom = (height_pt * (1 - row / _BODY_ROWS) for row in each.rows)
        share = max(each.effect, 0.0) / reach
        shape = filled(Rect(0, bottom, side_pt, top - bottom), _between(white, INK, share), RULE, 0.5)
        if each.effect < 0:
            shape.strokeDashArray = [2.0, 2.0]
        drawing.add(shape)
        name = gait_words.band_label(each.band, language)
        drawing.add(label(fonts, side_pt + 5, (top + bottom) / 2 - 2.5, name, 6.5))
    for outline in _outline(side_pt, height_pt):
        drawing.add(filled(Polygon(outline), None, black, 0.9))
    return drawing


def _outline(width_pt: float, height_pt: float) -> list[list[float]]:
    """Head, and trunk with legs, as polygons of a figure that stands in the picture of a silhouette."""
    middle = width_pt / 2

    def at(dx: float, row: float) -> tuple[float, float]:
        return middle + dx * width_pt, height_pt * (1 - row / _BODY_ROWS)

    head = [at(-0.09, 1), at(0.09, 1), at(0.12, 4), at(0.09, 8.5), at(-0.09, 8.5), at(-0.12, 4)]
    body = [at(-0.25, 11), at(0.25, 11), at(0.28, 30), at(0.2, 30), at(0.18, 34), at(0.16, 63), at(0.03, 63)]
    body += [at(0.0, 38), at(-0.03, 63), at(-0.16, 63), at(-0.18, 34), at(-0.2, 30), at(-0.28, 30)]
    return [[figure for point in points for figure in point] for points in (head, body)]


def _between(light: Color, dark: Color, share: float) -> Color:
    mixed = ((1 - share) * a + share * b for a, b in zip(light.rgb(), dark.rgb(), strict=True))
    return Color(*mixed)


@dataclass(frozen=True, slots=True)
class _Plot:
    """Where angles over the cycle stand in a drawing."""

    left: float
    right: float
    bottom: float
    top: float
    least: float
    most: float

    def line(self, angles: Sequence[float]) -> list[tuple[float, float]]:
        """Angles that are evenly spaced from 0 to 100 % of the cycle."""
        last = len(angles) - 1
        scale = (self.top - self.bottom) / (self.most - self.least)
        return [
            (self.left + (self.right - self.left) * place / last, self.bottom + (angle - self.least) * scale)
            for place, angle in enumerate(angles)
        ]


def curve_chart(curve: CurveBlock, fonts: FontSet, size_pt: tuple[float, float], words: tuple[str, str]) -> Drawing:
    """A joint angle over the gait cycle: line and band of the patient, dashed limits of the norm.

    Args:
        curve: what to draw.
        fonts: what to write with.
        size_pt: width and height.
        words: title, and what the axis below is.
    """
    width_pt, height_pt = size_pt
    drawing = Drawing(width_pt, height_pt, initialFontName=REGULAR)
    low = [mean - sd for mean, sd in zip(curve.mean_deg, curve.sd_deg, strict=True)]
    high = [mean + sd for mean, sd in zip(curve.mean_deg, curve.sd_deg, strict=True)]
    ticks = _ticks(min(*low, *curve.norm_low_deg), max(*high, *curve.norm_high_deg))
    plot = _Plot(26.0, width_pt - 6, 24.0, height_pt - 15, ticks[0], ticks[-1])
    _curve_axes(drawing, plot, ticks, fonts)
    band = plot.line(high) + plot.line(low)[::-1]
    drawing.add(filled(Polygon([figure for point in band for figure in point]), PALE, None))
    for limit in (curve.norm_low_deg, curve.norm_high_deg):
        if limit:
            dashed = _path(plot.line(limit), MIDDLE, 0.9)
            dashed.strokeDashArray = [3.0, 2.0]
            drawing.add(dashed)
    drawing.add(_path(plot.line(curve.mean_deg), INK, 1.5))
    title, axis = words
    title_pt = fitting_size_pt(title, fonts, 7.5, plot.right - plot.left, bold=True)
    begin, side = (plot.right, "end") if fonts.right_to_left else (plot.left, "start")
    drawing.add(label(fonts, begin, height_pt - 8, title, title_pt, anchor=side, bold=True))
    drawing.add(label(fonts, (plot.left + plot.right) / 2, plot.bottom - 18, axis, 6, anchor="middle"))
    return drawing


def _curve_axes(drawing: Drawing, plot: _Plot, ticks: Sequence[float], fonts: FontSet) -> None:
    for tick in ticks:
        y = plot.line([tick, tick])[0][1]
        drawing.add(segment(plot.left, y, plot.right, y, black if tick == 0 else PALE, 0.5))
        drawing.add(label(fonts, plot.left - 3, y - 2.2, plain_number(tick, 0), 6, anchor="end"))
    for tick in range(0, 101, 25):
        x = plot.left + (plot.right - plot.left) * tick / 100
        drawing.add(segment(x, plot.bottom - 2, x, plot.bottom, RULE, 0.5))
        drawing.add(label(fonts, x, plot.bottom - 9, str(tick), 6, anchor="middle"))


def _path(points: Sequence[tuple[float, float]], color: Color, width_pt: float) -> PolyLine:
    path = PolyLine([figure for point in points for figure in point])
    path.strokeColor, path.strokeWidth = color, width_pt
    return path


def _ticks(least: float, most: float) -> list[float]:
    """Round angles within a range and just around it, five at most."""
    step = next(step for step in (5, 10, 20, 30, 60, 90, 180, 3600) if (most - least) / step <= 4)
    first = step * (least // step)
    ticks = [first]
    while ticks[-1] < most or len(ticks) < 2:
        ticks.append(ticks[-1] + step)
    return ticks
