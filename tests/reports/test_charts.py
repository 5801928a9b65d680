"""The drawings show the figures where they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reportlab.graphics.shapes import Drawing, Line, Polygon, Rect
from reportlab.lib.colors import white

from reports.charts import INK, MIDDLE, PALE, SilhouetteStrip, class_bars, probability_scale
from reports.content import ScoreBlock
from reports.fonts import load_fonts
from reports.measures import Interval

WIDTH_PT = 316.0


def shapes(drawing: Drawing, kind: type) -> list[Any]:
    return [item for item in drawing.contents if isinstance(item, kind)]


def share(x_pt: float) -> float:
    return (x_pt - 12) / (WIDTH_PT - 24)


def test_diamond_bar_and_threshold_stand_at_their_values(score_factory: Callable[..., ScoreBlock]) -> None:
    score = score_factory()
    drawing = probability_scale(score, load_fonts(), WIDTH_PT)
    (diamond,) = shapes(drawing, Polygon)
    assert share(diamond.points[0]) == pytest.approx(0.72)
    (bar,) = [rect for rect in shapes(drawing, Rect) if rect.fillColor == MIDDLE]
    assert (share(bar.x), share(bar.x + bar.width)) == pytest.approx((0.58, 0.84))
    (dashed,) = [line for line in shapes(drawing, Line) if line.strokeDashArray]
    assert share(dashed.x1) == pytest.approx(0.41)
    (above,) = [rect for rect in shapes(drawing, Rect) if rect.fillColor == PALE]
    assert (share(above.x), share(above.x + above.width)) == pytest.approx((0.41, 1.0))


@given(probability=st.floats(0, 1), threshold=st.floats(0, 1))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_is_drawn_outside_of_the_drawing(
    probability: float, threshold: float, score_factory: Callable[..., ScoreBlock]
) -> None:
    score = score_factory(
        "depression",
        probabilities=(1 - probability, probability),
        interval=Interval(max(probability - 0.2, 0), min(probability + 0.2, 1)),
        operating_point=replace(score_factory().operating_point, threshold=threshold),
        above_threshold=probability >= threshold,
    )
    for drawing in (probability_scale(score, load_fonts(), WIDTH_PT), class_bars(score, load_fonts(), 170)):
        x0, y0, x1, y1 = drawing.getBounds()
        assert x0 >= -1
        assert y0 >= -2
        assert x1 <= drawing.width + 1
        assert y1 <= drawing.height + 1


def test_class_bars_fill_only_the_prediction_set(score_factory: Callable[..., ScoreBlock]) -> None:
    score = score_factory(prediction_set=("neutral", "positive"), abstained=True)
    bars = shapes(class_bars(score, load_fonts(), 200), Rect)
    assert [bar.fillColor for bar in bars] == [white, INK, INK]
    widths = [bar.width for bar in bars]
    assert widths[2] / widths[1] == pytest.approx(0.72 / 0.20)


def test_a_strip_shows_frames_in_order_dark_on_white() -> None:
    frames = np.zeros((30, 64, 44), np.uint8)
    frames[0], frames[29] = 255, 128
    strip = SilhouetteStrip(frames, 14)
    assert strip.shown == 14
    assert (strip.pixels[:, :44] == 66).all()
    assert (strip.pixels[:, 44:48] == 255).all()
    assert (strip.pixels[:, -44:] == 255 - 96).all()


def test_a_short_walk_shows_each_frame_once() -> None:
    strip = SilhouetteStrip(np.full((3, 64, 44), 255, np.uint8), 14)
    assert strip.shown == 3
    assert (strip.pixels[:, 3 * 48 :] == 255).all()
