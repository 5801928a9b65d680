"""A QR code as a vector drawing."""

from __future__ import annotations

import segno
from reportlab.graphics.shapes import Drawing, Rect
from reportlab.lib.colors import black, white

from reports.charts import filled
from reports.fonts import REGULAR

_QUIET_MODULES = 4


def qr_drawing(text: str, side_pt: float) -> Drawing:
    """A text as a QR code that stands up to a fold or a stain (about 15 % may be lost).

    Args:
        text: what a reader's camera gets.
        side_pt: with the white border that cameras need.
    """
    rows = [list(row) for row in segno.make(text, error="m", micro=False).matrix]
    module_pt = side_pt / (len(rows) + 2 * _QUIET_MODULES)
    drawing = Drawing(side_pt, side_pt, initialFontName=REGULAR)
    drawing.add(filled(Rect(0, 0, side_pt, side_pt), white, None))
    for place, row in enumerate(rows):
        y_pt = side_pt - (place + 1 + _QUIET_MODULES) * module_pt
        for begin, length in _dark_runs(row):
            x_pt = (begin + _QUIET_MODULES) * module_pt
            drawing.add(filled(Rect(x_pt, y_pt, length * module_pt, module_pt), black, None))
    return drawing


def _dark_runs(row: list[int]) -> list[tuple[int, int]]:
    """Where dark modules stand in a row: first place and how many."""
    runs: list[tuple[int, int]] = []
    for place, dark in enumerate(row):
        if not dark:
            continue
        if runs and sum(runs[-1]) == place:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((place, 1))
    return runs
