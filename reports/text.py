"""Text in any script: font by glyph, order by the Unicode bidirectional algorithm, joining letters by HarfBuzz.

ReportLab's own paragraphs take one font for a text and do not join Arabic letters without a further library, so all
text of a report goes through this module. Joined letters are drawn as Unicode's presentation forms: a reader that
copies them gets the typed letters back by compatibility normalisation (NFKC).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from itertools import groupby

import uharfbuzz
from bidi import algorithm as bidi_algorithm
from reportlab.lib.colors import Color, black
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus.flowables import Flowable

from reports.fonts import MISSING_GLYPH, FontSet, LoadedFont

_RIGHT_TO_LEFT = frozenset({"R", "AL", "RLE", "RLO", "RLI"})
_BREAK_AFTER = frozenset(" -/_\u2013\u2014,;")
_LETTER_BREAKS = ("Lo", "So")


@dataclass(frozen=True, slots=True)
class TextStyle:
    """How a block of text looks; sizes in points."""

    size_pt: float = 9.0
    leading_pt: float = 12.0
    bold: bool = False
    color: Color = black
    align: str = "left"


@dataclass(frozen=True, slots=True)
class PlacedGlyphs:
    """Characters of one font, drawn at (x, y) in points from the start of the line."""

    font_name: str
    characters: str
    x_pt: float
    y_pt: float


@dataclass(frozen=True, slots=True)
class Line:
    """One line, ready to draw."""

    text: str
    glyphs: tuple[PlacedGlyphs, ...]
    width_pt: float


def clean(text: str) -> str:
    """The text in composed form, without control characters and without direction overrides that could mislead."""
    composed = unicodedata.normalize("NFC", text)
    kept = (" " if unicodedata.category(c) == "Cc" else c for c in composed if unicodedata.category(c) != "Cf")
    return " ".join("".join(kept).split(" ")).strip()


def _levels(text: str) -> list[int]:
    if not any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in text):
        return [0] * len(text)
    storage = bidi_algorithm.get_empty_storage()
    storage["base_level"], storage["base_dir"] = 0, "L"
    bidi_algorithm.get_embedding_levels(text, storage, False, False)
    bidi_algorithm.explicit_embed_and_overrides(storage, False)
    bidi_algorithm.resolve_weak_types(storage, False)
    bidi_algorithm.resolve_neutral_types(storage, False)
    bidi_algorithm.resolve_implicit_levels(storage, False)
    return [int(character["level"]) for character in storage["chars"]]


def _fonts_of(text: str, fonts: FontSet, bold: bool) -> list[tuple[str, LoadedFont]]:
    chosen: list[tuple[str, LoadedFont]] = []
    first = fonts.of_weight(bold)[0]
    for character in text:
        font = fonts.font_for(character, bold)
        if font is None:
            character, font = MISSING_GLYPH, first
        elif chosen and unicodedata.combining(character) and ord(character) in chosen[-1][1].character_glyphs:
            font = chosen[-1][1]
        chosen.append((character, font))
    return chosen


@dataclass(frozen=True, slots=True)
class _Run:
    characters: str
    font: LoadedFont
    level: int


def _runs(text: str, fonts: FontSet, bold: bool) -> list[_Run]:
    triples = [(c, font, level) for (c, font), level in zip(_fonts_of(text, fonts, bold), _levels(text), strict=True)]
    grouped = groupby(triples, key=lambda item: (item[1].name, item[2]))
    runs: list[_Run] = []
    for (_, level), group in grouped:
        items = list(group)
        runs.append(_Run("".join(item[0] for item in items), items[0][1], level))
    return _in_visual_order(runs)


def _in_visual_order(runs: list[_Run]) -> list[_Run]:
    """Rule L2 of the bidirectional algorithm, on runs: from the highest level down, reverse what is at least that."""
    for level in range(max((run.level for run in runs), default=0), 0, -1):
        ordered: list[_Run] = []
        for reverse, group in groupby(runs, key=lambda run, floor=level: run.level >= floor):
            ordered.extend(reversed(list(group)) if reverse else group)
        runs = ordered
    return runs


def _needs_shaping(run: _Run) -> bool:
    return run.level % 2 == 1 or any(unicodedata.combining(character) for character in run.characters)


def _glyph_stream(run: _Run) -> list[tuple[str | None, uharfbuzz.GlyphPosition]]:
    """The glyphs of a run from left to right, each as the character that the PDF font knows it by, if any."""
    buffer = uharfbuzz.Buffer()
    buffer.add_str(run.characters)
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if run.level % 2 else "ltr"
    uharfbuzz.shape(run.font.shaper, buffer, {"liga": False, "kern": False})
    characters = (run.font.glyph_characters.get(info.codepoint) for info in buffer.glyph_infos)
    named = [chr(codes[0]) if codes else None for codes in characters]
    return list(zip(named, buffer.glyph_positions, strict=True))


def _shape(run: _Run, size_pt: float, x_pt: float) -> tuple[list[PlacedGlyphs], float]:
    """The placed glyphs of a run, and where the run ends."""
    stream = _glyph_stream(run)
    if any(character is None for character, _ in stream):
        # Letter and vowel sign together took a glyph that has no character: draw the letters without the signs.
        letters = "".join(character for character in run.characters if not unicodedata.combining(character))
        stream = _glyph_stream(replace(run, characters=letters))
    scale = size_pt / run.font.units_per_em
    placed: list[PlacedGlyphs] = []
    for character, position in stream:
        dx_pt, dy_pt = position.x_offset * scale, position.y_offset * scale
        glyph = PlacedGlyphs(run.font.name, character or MISSING_GLYPH, x_pt + dx_pt, dy_pt)
        _place(placed, glyph, size_pt)
        x_pt += position.x_advance * scale
    return placed, x_pt


def _place(placed: list[PlacedGlyphs], glyph: PlacedGlyphs, size_pt: float) -> None:
    """Adds a glyph, to the string before it where that ends just there: whole strings extract as words."""
    if placed:
        last = placed[-1]
        end_pt = last.x_pt + pdfmetrics.stringWidth(last.characters, last.font_name, size_pt)
        if abs(end_pt - glyph.x_pt) < 0.01 and last.y_pt == glyph.y_pt:
            placed[-1] = replace(last, characters=last.characters + glyph.characters)
            return
    placed.append(glyph)


def lay_out_line(text: str, fonts: FontSet, size_pt: float, bold: bool = False) -> Line:
    """One line of a cleaned text, in the order in which it is drawn."""
    glyphs: list[PlacedGlyphs] = []
    x_pt = 0.0
    for run in _runs(text, fonts, bold):
        if _needs_shaping(run):
            placed, x_pt = _shape(run, size_pt, x_pt)
            glyphs.extend(placed)
        else:
            glyphs.append(PlacedGlyphs(run.font.name, run.characters, x_pt, 0.0))
            x_pt += pdfmetrics.stringWidth(run.characters, run.font.name, size_pt)
    return Line(text, tuple(glyphs), x_pt)


def draw_line(canvas: Canvas, line: Line, x_pt: float, y_pt: float, style: TextStyle) -> None:
    """Draws a line with its left end on (x, y)."""
    canvas.setFillColor(style.color)
    for part in line.glyphs:
        canvas.setFont(part.font_name, style.size_pt)
        canvas.drawString(x_pt + part.x_pt, y_pt + part.y_pt, part.characters)


def _pieces(text: str) -> list[str]:
    """The text cut where a line may break: after a blank or a hyphen, and between ideographs."""
    pieces: list[str] = []
    for character in text:
        wide = unicodedata.east_asian_width(character) in "WF" and unicodedata.category(character) in _LETTER_BREAKS
        fresh = not pieces or pieces[-1][-1] in _BREAK_AFTER or wide
        joins = bool(pieces) and (unicodedata.combining(character) or character in _BREAK_AFTER)
        if fresh and not joins:
            pieces.append(character)
        else:
            pieces[-1] += character
    return pieces


def wrap_text(text: str, fonts: FontSet, style: TextStyle, width_pt: float) -> list[Line]:
    """The lines of a text that fit into a width; a word that is too long is cut between its characters."""

    def width(candidate: str) -> float:
        return lay_out_line(candidate.rstrip(), fonts, style.size_pt, style.bold).width_pt

    lines: list[str] = []
    current = ""
    for piece in _pieces(clean(text)):
        if width(current + piece) <= width_pt:
            current += piece
            continue
        if current:
            lines.append(current)
        current = piece
        while width(current) > width_pt and len(current) > 1:
            cut = next(n for n in range(len(current) - 1, 0, -1) if n == 1 or width(current[:n]) <= width_pt)
            lines.append(current[:cut])
            current = current[cut:]
    lines.append(current)
    return [lay_out_line(line.strip(), fonts, style.size_pt, style.bold) for line in lines]


class TextBlock(Flowable):
    """A paragraph in any script that wraps to the width it is given and may be split between pages.

    Args:
        text: in the order in which it is read.
        fonts: what to draw with.
        style: size, weight, colour, alignment.
        bullet: drawn before the first line; the text then hangs behind it.
    """

    def __init__(self, text: str, fonts: FontSet, style: TextStyle, bullet: str = "") -> None:
        super().__init__()
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
        part = TextBlock(" ".join(line.text for line in lines), self.fonts, self.style, bullet)
        part.lines, part.indent_pt = lines, self.indent_pt
        return part

    def draw(self) -> None:
        """ReportLab asks for the drawing, the origin at the lower left."""
        canvas: Canvas = self.canv
        baseline_pt = self.height - self.style.leading_pt + (self.style.leading_pt - self.style.size_pt) * 0.5
        baseline_pt += self.style.size_pt * 0.22
        if self.bullet:
            draw_line(
                canvas,
                lay_out_line(self.bullet, self.fonts, self.style.size_pt, self.style.bold),
                self.style.size_pt * 0.2,
                baseline_pt,
                self.style,
            )
        for number, line in enumerate(self.lines):
            spare_pt = self.width - self.indent_pt - line.width_pt
            shift_pt = {"left": 0.0, "center": spare_pt / 2, "right": spare_pt}[self.style.align]
            y_pt = baseline_pt - number * self.style.leading_pt
            draw_line(canvas, line, self.indent_pt + shift_pt, y_pt, self.style)
