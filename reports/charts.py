"""The drawings of a report, as vectors: the probability scale, the class bars, and the strip of silhouettes.

Colours differ in lightness, not only in hue, so that they hold in grey print and for colour-blind readers; every
colour is doubled by a shape, a pattern or a word.
"""

from __future__ import annotations

import math
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from reportlab.graphics.shapes import Drawing, Group, Line, Polygon, Rect, SolidShape, String
from reportlab.lib.colors import Color, HexColor, black, white
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus.flowables import Flowable

from reports import wording
from reports.content import ScoreBlock
from reports.fonts import REGULAR, FontSet
from reports.labels import labels
from reports.shaping import clean, lay_out_line

INK = HexColor("#12304a")
MIDDLE = HexColor("#7d95a8")
PALE = HexColor("#dfe6ec")
RULE = HexColor("#9aa5ae")

_SCALE_HEIGHT_PT = 50.0
_SCALE_MARGIN_PT = 12.0
_BAR_PITCH_PT = 13.0
_SILHOUETTE_GAP_PX = 4


def label(
    fonts: FontSet,
    x_pt: float,
    y_pt: float,
    text: str,
    size_pt: float = 7.5,
    *,
    anchor: str = "start",
    bold: bool = False,
) -> Group:
    """A text in a drawing, in any script; `anchor` is "start", "middle" or "end"."""
    line = lay_out_line(clean(text), fonts, size_pt, bold)
    left_pt = x_pt - {"start": 0.0, "middle": line.width_pt / 2, "end": line.width_pt}[anchor]
    return Group(
        *(
            String(left_pt + part.x_pt, y_pt + part.y_pt, part.characters, fontName=part.font_name, fontSize=size_pt)
            for part in line.glyphs
        )
    )


def fitting_size_pt(text: str, fonts: FontSet, size_pt: float, room_pt: float, *, bold: bool = False) -> float:
    """The size at which a text is no wider than its room, at most the size that is asked for."""
    width_pt = lay_out_line(clean(text), fonts, size_pt, bold).width_pt
    return size_pt if width_pt <= room_pt else size_pt * room_pt / width_pt


def segment(x0: float, y0: float, x1: float, y1: float, color: Color, width_pt: float, dash: bool = False) -> Line:
    """A straight line."""
    line = Line(x0, y0, x1, y1)
    line.strokeColor, line.strokeWidth = color, width_pt
    if dash:
        line.strokeDashArray = [3.0, 2.0]
    return line


def filled(shape: SolidShape, fill: Color | None, stroke: Color | None = INK, width_pt: float = 0.6) -> SolidShape:
    """A shape with its colours."""
    shape.fillColor, shape.strokeColor, shape.strokeWidth = fill, stroke, width_pt
    return shape


def probability_scale(score: ScoreBlock, fonts: FontSet, width_pt: float, language: str = "en") -> Drawing:
    """The probability of the condition on a scale from 0 to 100 %.

    The diamond is the probability, the bar its 95 % interval, the dashed line the operating threshold; the part of
    the scale above the threshold is shaded.
    """
    words = labels(language)
    drawing = Drawing(width_pt, _SCALE_HEIGHT_PT, initialFontName=REGULAR)
    left, right, axis_y = _SCALE_MARGIN_PT, width_pt - _SCALE_MARGIN_PT, 20.0
    span = right - left
    threshold_x = left + span * score.operating_point.threshold
    point_x = left + span * score.positive_probability
    low_x, high_x = left + span * score.interval.low, left + span * score.interval.high
    drawing.add(filled(Rect(left, axis_y, span, 14), white, RULE))
    drawing.add(filled(Rect(threshold_x, axis_y, right - threshold_x, 14), PALE, RULE))
    for tick in range(0, 101, 20):
        x = left + span * tick / 100
        drawing.add(segment(x, axis_y - 3, x, axis_y, RULE, 0.5))
        drawing.add(label(fonts, x, axis_y - 10.5, f"{tick} %", 6.5, anchor="middle"))
    drawing.add(filled(Rect(low_x, axis_y + 4, max(high_x - low_x, 1.0), 6), MIDDLE))
    drawing.add(segment(threshold_x, axis_y - 3, threshold_x, axis_y + 18, black, 1.1, dash=True))
    diamond = [point_x, axis_y + 1, point_x + 6, axis_y + 7, point_x, axis_y + 13, point_x - 6, axis_y + 7]
    drawing.add(filled(Polygon(diamond), INK, white, 0.8))
    value = wording.percent_of_count(score.operating_point.threshold)
    anchor = "start" if score.operating_point.threshold < 0.5 else "end"
    drawing.add(label(fonts, threshold_x, axis_y + 21, words.scale_threshold.format(value=value), 7, anchor=anchor))
    caption = words.scale_end.format(condition=wording.condition_name(score.task, language))
    drawing.add(label(fonts, (left + right) / 2, 0.5, caption, 6.5, anchor="middle"))
    return drawing


def class_bars(score: ScoreBlock, fonts: FontSet, width_pt: float, language: str = "en") -> Drawing:
    """One bar for each class; the classes of the prediction set are filled, the others only outlined."""
    rows = len(score.class_order)
    drawing = Drawing(width_pt, rows * _BAR_PITCH_PT, initialFontName=REGULAR)
    names = [wording.class_name(score.task, name, language) for name in score.class_order]
    name_width = max(lay_out_line(clean(name), fonts, 7.5).width_pt for name in names) + 6
    room = width_pt - name_width - 36
    mirrored = fonts.right_to_left
    anchor = "end" if mirrored else "start"
    for row, (class_label, name) in enumerate(zip(score.class_order, names, strict=True)):
        probability = score.probabilities[row]
        y = (rows - 1 - row) * _BAR_PITCH_PT + 2
        fill = INK if class_label in score.prediction_set else white
        length = max(room * probability, 0.8)
        begin = width_pt - name_width - length if mirrored else name_width
        behind = begin - 4 if mirrored else begin + length + 4
        text = wording.percent_of_probability(probability)
        drawing.add(label(fonts, width_pt if mirrored else 0, y + 1.5, name, anchor=anchor))
        drawing.add(filled(Rect(begin, y, length, 8.5), fill))
        drawing.add(label(fonts, behind, y + 1.5, text, anchor=anchor))
    return drawing


def _draw_image(canvas: Canvas, image: Image.Image, width_pt: float, height_pt: float) -> None:
    canvas.drawImage(ImageReader(image), 0, 0, width_pt, height_pt)  # pyright: ignore[reportUnknownMemberType] stub is partial


class SilhouetteStrip(Flowable):
    """Silhouettes side by side, dark on white, as one embedded image of the width it is given.

    Args:
        silhouettes: uint8 [frame, 64, 44], 0 background to 255 body, at least one frame.
        count: how many to show at most, evenly spaced in time.
    """

    def __init__(self, silhouettes: NDArray[np.uint8], count: int = 14) -> None:
        super().__init__()
        shown = min(count, len(silhouettes))
        picked = np.linspace(0, len(silhouettes) - 1, shown).round().astype(int)
        self.shown = shown
        self.pixels = _strip_pixels(silhouettes[picked], count)

    def wrap(self, aW: float, aH: float) -> tuple[float, float]:
        """ReportLab asks for the size, given the room in points."""
        rows, columns = self.pixels.shape
        self.width = aW
        self.height = math.ceil(aW * rows / columns)
        return self.width, self.height

    def draw(self) -> None:
        """ReportLab asks for the drawing, the origin at the lower left."""
        _draw_image(self.canv, Image.fromarray(self.pixels), self.width, self.height)


class Picture(Flowable):
    """A picture as large as it may be in a box, its proportions kept.

    Args:
        png: the file's bytes.
        box_pt: width and height.
    """

    def __init__(self, png: bytes, box_pt: tuple[float, float]) -> None:
        super().__init__()
        with Image.open(BytesIO(png)) as opened:
            self.image = _on_white(opened)
        scale = min(box_pt[0] / self.image.width, box_pt[1] / self.image.height)
        self.width, self.height = self.image.width * scale, self.image.height * scale

    def wrap(self, aW: float, aH: float) -> tuple[float, float]:
        """ReportLab asks for the size, given the room in points."""
        return self.width, self.height

    def draw(self) -> None:
        """ReportLab asks for the drawing, the origin at the lower left."""
        _draw_image(self.canv, self.image, self.width, self.height)


def _on_white(picture: Image.Image) -> Image.Image:
    """The picture without transparency, which archives of documents cannot rely on."""
    ground = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(ground, picture.convert("RGBA")).convert("RGB")


def _strip_pixels(frames: NDArray[np.uint8], slots: int) -> NDArray[np.uint8]:
    height, width = frames.shape[1:]
    pitch = width + _SILHOUETTE_GAP_PX
    strip = np.full((height, slots * pitch - _SILHOUETTE_GAP_PX), 255, np.uint8)
    for slot, frame in enumerate(frames):
        strip[:, slot * pitch : slot * pitch + width] = 255 - (frame // 4 * 3)
    return strip
