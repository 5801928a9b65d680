"""Paragraphs in any script: wrapping, alignment, and splitting between pages."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from dataclasses import dataclass, replace

from reportlab.lib.colors import Color, black
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus.flowables import Flowable

from reports.fonts import HAN, FontSet
from reports.shaping import Line, clean, lay_out_line, reads_from_right
from reports.tags import Tag, tagged

_BREAK_AFTER = frozenset(" -/_\u2013\u2014,;")
_LETTER_BREAKS = ("Lo", "So")
_OPENING = ("Ps", "Pi")
_FILL_AND_STROKE = 2
_HEAVY_STROKE = 0.035


@dataclass(frozen=True, slots=True)
class TextStyle:
    """How a block of text looks; sizes in points, `align` is "start", "center" or "end" of a line as it is read."""

    size_pt: float = 9.0
    leading_pt: float = 12.0
    bold: bool = False
    color: Color = black
    align: str = "start"


def draw_line(canvas: Canvas, line: Line, x_pt: float, y_pt: float, style: TextStyle) -> None:
    """Draws a line with its left end on (x, y)."""
    canvas.setFillColor(style.color)
    canvas.setStrokeColor(style.color)
    canvas.setLineWidth(style.size_pt * _HEAVY_STROKE)
    for part in line.glyphs:
        canvas.setFont(part.font_name, style.size_pt)
        # The font of Han has one weight only: its heavy letters are filled and drawn around.
        mode = _FILL_AND_STROKE if style.bold and part.font_name == HAN else None
        canvas.drawString(x_pt + part.x_pt, y_pt + part.y_pt, part.characters, mode=mode)


def _pieces(text: str) -> list[str]:
    """The text cut where a line may break: after a blank or a hyphen, and between ideographs.

    An opening bracket stays with what follows it, any other punctuation with what it follows, and a date stays whole.
    """
    pieces: list[str] = []
    for character in text:
        category = unicodedata.category(character)
        wide = unicodedata.east_asian_width(character) in "WF" and category in (*_LETTER_BREAKS, *_OPENING)
        fresh = not pieces or pieces[-1][-1] in _BREAK_AFTER or wide
        if fresh and not (pieces and _stays_with(pieces[-1], character)):
            pieces.append(character)
        else:
            pieces[-1] += character
    return pieces


def _stays_with(piece: str, character: str) -> bool:
    """Whether a character may not begin a line behind a piece."""
    opened = unicodedata.category(piece[-1]) in _OPENING
    dated = piece[-1] == "-" and piece[-2:-1].isdigit() and character.isdigit()
    return opened or dated or bool(unicodedata.combining(character)) or character in _BREAK_AFTER


def wrap_text(text: str, fonts: FontSet, style: TextStyle, width_pt: float) -> list[Line]:
    """The lines of a text that fit into a width; a word that is too long is cut between its characters.

    Nothing joins across the places where a line may break, so that widths add up.
    """
    from_right = reads_from_right(text, fonts)

    def width(piece: str) -> float:
        return lay_out_line(piece, fonts, style.size_pt, style.bold).width_pt

    lines: list[str] = []
    current, used_pt = "", 0.0
    for piece in _pieces(clean(text)):
        if used_pt + width(piece.rstrip(" ")) > width_pt:
            if current:
                lines.append(current)
            current, used_pt = "", 0.0
            while width(piece.rstrip(" ")) > width_pt and len(piece) > 1:
                cut = max(bisect_right(range(1, len(piece)), width_pt, key=lambda n, word=piece: width(word[:n])), 1)
                lines.append(piece[:cut])
                piece = piece[cut:]
        current, used_pt = current + piece, used_pt + width(piece)
    lines.append(current)

    def laid_out(text: str) -> Line:
        line = lay_out_line(text.strip(" "), fonts, style.size_pt, style.bold, from_right)
        if from_right or not text.endswith(" "):
            return line
        # The blank at the end is drawn, too, so that whoever reads the text aloud hears two words; it takes no room.
        spoken = lay_out_line(text.strip(" ") + " ", fonts, style.size_pt, style.bold)
        return replace(spoken, text=line.text, width_pt=line.width_pt)

    return [laid_out(line) for line in lines]


class TextBlock(Flowable):
    """A paragraph in any script that wraps to the width it is given and may be split between pages.

    Args:
        text: in the order in which it is read.
        fonts: what to draw with.
        style: size, weight, colour, alignment.
        bullet: drawn before the first line; the text then hangs behind it.
        tag: which part of the document it is; a paragraph of its own if not given.
    """

    def __init__(self, text: str, fonts: FontSet, style: TextStyle, bullet: str = "", tag: Tag | None = None) -> None:
        super().__init__()
        self.tag = tag or Tag("P")
        self.text, self.fonts, self.style, self.bullet = text, fonts, style, bullet
        self.indent_pt = style.size_pt * 1.3 if bullet else 0.0
        self.lines: list[Line] = []

    def wrap(self, aW: float, aH: float) -> tuple[float, float]:
        """ReportLab asks for the size, given the room in points."""
        self.width = aW
        if not self.lines:
            self.lines = wrap_text(self.text, self.fonts, self.style, aW - self.indent_pt)
        self.height = len(self.lines) * self.style.leading_pt
        return aW, self.height

    def split(self, aW: float, aH: float) -> list[Flowable]:
        """The block in two, or nothing if not even a line fits."""
        self.wrap(aW, aH)
        fitting = int(aH // self.style.leading_pt)
        if fitting < 1 or fitting >= len(self.lines):
            return [self] if fitting >= len(self.lines) else []
        parts = (self._part(self.lines[:fitting], self.bullet), self._part(self.lines[fitting:], ""))
        return list(parts)

    def _part(self, lines: list[Line], bullet: str) -> TextBlock:
        part = TextBlock(" ".join(line.text for line in lines), self.fonts, self.style, bullet, self.tag)
        part.lines, part.indent_pt = lines, self.indent_pt
        return part

    def draw(self) -> None:
        """ReportLab asks for the drawing, the origin at the lower left."""
        with tagged(self.canv, self.tag):
            self._draw_lines(self.canv)

    def _draw_lines(self, canvas: Canvas) -> None:
        baseline_pt = self.height - self.style.leading_pt + (self.style.leading_pt - self.style.size_pt) * 0.5
        baseline_pt += self.style.size_pt * 0.22
        mirrored = self.fonts.right_to_left
        if self.bullet:
            bullet = lay_out_line(self.bullet, self.fonts, self.style.size_pt, self.style.bold)
            x_pt = self.style.size_pt * 0.2
            x_pt = self.width - x_pt - bullet.width_pt if mirrored else x_pt
            draw_line(canvas, bullet, x_pt, baseline_pt, self.style)
        for number, line in enumerate(self.lines):
            spare_pt = self.width - self.indent_pt - line.width_pt
            from_start_pt = {"start": 0.0, "center": spare_pt / 2, "end": spare_pt}[self.style.align]
            x_pt = spare_pt - from_start_pt if mirrored else self.indent_pt + from_start_pt
            draw_line(canvas, line, x_pt, baseline_pt - number * self.style.leading_pt, self.style)
