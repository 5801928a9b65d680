"""The drawings of gait and explanation show the figures where they are."""

from __future__ import annotations

import full_content as full
import pytest
from reportlab.graphics.shapes import Polygon, PolyLine, Rect
from reportlab.lib.colors import white

from reports.charts import INK
from reports.fonts import load_fonts
from reports.gait_blocks import CurveBlock
from reports.gait_charts import body_figure, curve_chart, effect_bars, points_text
from reports.gait_words import error_text
from reports.qr import qr_drawing

NAMES = ["Head", "Shoulders", "Trunk", "Hips", "Thighs", "Lower legs"]


@pytest.mark.parametrize("right_to_left", [False, True])
def test_bars_are_as_long_as_the_effects_and_end_where_they_lower(right_to_left: bool) -> None:
    bands = full.make_explanation().bands
    drawing = effect_bars(bands, NAMES, load_fonts(right_to_left), 330)
    bars = [shape for shape in drawing.contents if isinstance(shape, Rect)]
    assert [bar.width / bars[2].width for bar in bars] == pytest.approx([abs(each.effect) / 0.22 for each in bands])
    zero = bars[2].x
    assert bars[3].x + bars[3].width == pytest.approx(zero)
    assert bars[3].fillColor == white
    assert bars[2].fillColor == INK
    x0, _, x1, _ = drawing.getBounds()
    assert x0 >= -1
    assert x1 <= 331


def test_the_darkest_band_is_the_one_that_moved_the_score_most() -> None:
    bands = full.make_explanation().bands
    shapes = [shape for shape in body_figure(bands, load_fonts(), 104, "en").contents if isinstance(shape, Rect)]
    light = [sum(shape.fillColor.rgb()) for shape in shapes]
    assert light.index(min(light)) == 2
    assert shapes[3].fillColor.rgb() == white.rgb()
    assert shapes[3].strokeDashArray
    assert sum(shape.height for shape in shapes) == pytest.approx(104)


def test_a_curve_stands_between_its_norms_and_ends_at_the_axes() -> None:
    curve = full.make_curve("knee", "left")
    drawing = curve_chart(curve, load_fonts(), (157, 104), ("Knee", "% of the gait cycle"))
    low, high, mean = [shape for shape in drawing.contents if isinstance(shape, PolyLine)]
    assert low.strokeDashArray
    assert not mean.strokeDashArray
    for place in (1, 51, 101):
        assert low.points[place] < mean.points[place] < high.points[place]
    assert (mean.points[0], mean.points[-2]) == pytest.approx((26, 151))
    (band,) = [shape for shape in drawing.contents if isinstance(shape, Polygon)]
    assert len(band.points) == 4 * 51


def test_a_flat_curve_has_an_axis_too() -> None:
    flat = CurveBlock("knee", "left", (0.0, 0.0), (0.0, 0.0), 1)
    drawing = curve_chart(flat, load_fonts(), (157, 104), ("Knee", ""))
    x0, y0, x1, y1 = drawing.getBounds()
    assert y1 <= 105
    assert x1 <= 158
    assert min(x0, y0) >= -1


def test_points_carry_their_sign() -> None:
    assert points_text(0.031) == "+3.1"
    assert points_text(-0.02) == "\u22122.0"
    assert points_text(0.0) == "0.0"


def test_an_error_is_never_printed_as_none() -> None:
    assert error_text(0.0021, "s") == "< 0.01"
    assert error_text(0.012, "s") == "0.01"
    assert error_text(0.0, "steps/min") == "< 0.1"


def test_a_qr_code_leaves_the_quiet_border() -> None:
    ground, *bars = qr_drawing("https://clinic.example/verify/abc", 76).contents
    assert (ground.width, ground.height) == (76, 76)
    module = min(bar.height for bar in bars)
    assert min(bar.x for bar in bars) >= 4 * module - 1e-6
    assert max(bar.x + bar.width for bar in bars) <= 76 - 4 * module + 1e-6
