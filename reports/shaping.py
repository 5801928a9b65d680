# uharfbuzz and python-bidi come without types, so strict checking would only complain about them.
# pyright: basic, reportAttributeAccessIssue=false
"""One line of text in any script: font by glyph, order by the Unicode bidirectional algorithm, joining by HarfBuzz.

ReportLab's own paragraphs take one font for a text and do not join Arabic letters without a further library, so all
text of a report goes through this module. Joined letters are drawn as Unicode's presentation forms: a reader that
copies them gets the typed letters back by compatibility normalisation (NFKC).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import uharfbuzz
from bidi import algorithm as bidi_algorithm

from reports.fonts import MISSING_GLYPH, FontSet, LoadedFont, string_width_pt

_RIGHT_TO_LEFT = frozenset({"R", "AL"})
_NO_CLASS = frozenset({"", "BN"})


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
    """The text in composed form, without control characters and without direction overrides that could mislead.

    Line and paragraph ends become blanks; a no-break blank stays.
    """
    kept: list[str] = []
    for character in unicodedata.normalize("NFC", text):
        category = unicodedata.category(character)
        if category in ("Cc", "Zl", "Zp"):
            kept.append(" ")
        elif category not in ("Cf", "Cs"):
            kept.append(character)
    return " ".join(word for word in "".join(kept).split(" ") if word)


def _levels(text: str) -> list[int]:
    classes = [unicodedata.bidirectional(character) for character in text]
    if not _RIGHT_TO_LEFT.intersection(classes):
        return [0] * len(text)
    # The algorithm knows no class for a code point that Unicode has not given away yet.
    known = "".join("x" if kind in _NO_CLASS else character for character, kind in zip(text, classes, strict=True))
    storage = bidi_algorithm.get_empty_storage()
    storage["base_level"], storage["base_dir"] = 0, "L"
    bidi_algorithm.get_embedding_levels(known, storage, False, False)
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
            members = list(group)
            ordered.extend(members[::-1] if reverse else members)
        runs = ordered
    return runs


def _needs_shaping(run: _Run) -> bool:
    return run.level % 2 == 1 or any(unicodedata.combining(character) for character in run.characters)


def _glyph_stream(run: _Run) -> list[tuple[str | None, Any]]:
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
        end_pt = last.x_pt + string_width_pt(last.characters, last.font_name, size_pt)
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
            x_pt += string_width_pt(run.characters, run.font.name, size_pt)
    return Line(text, tuple(glyphs), x_pt)


def join_lines(parts: Sequence[Line]) -> Line:
    """Lines drawn behind each other. Each keeps its own direction: a name from right to left turns no date around."""
    glyphs: list[PlacedGlyphs] = []
    x_pt = 0.0
    for part in parts:
        glyphs.extend(replace(placed, x_pt=placed.x_pt + x_pt) for placed in part.glyphs)
        x_pt += part.width_pt
    return Line("".join(part.text for part in parts), tuple(glyphs), x_pt)
