# uharfbuzz and python-bidi come without types, so strict checking would only complain about them.
# pyright: basic, reportAttributeAccessIssue=false
"""One line of text in any script: font by glyph, order by the Unicode bidirectional algorithm, joining by HarfBuzz.

ReportLab's own paragraphs take one font for a text and do not join Arabic letters without a further library, so all
text of a report goes through this module. Joined letters are drawn as Unicode's presentation forms: a reader that
copies them gets the typed letters back by compatibility normalisation (NFKC).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import Any

import uharfbuzz
from bidi import algorithm as bidi_algorithm

from reports.fonts import MISSING_GLYPH, FontSet, LoadedFont, string_width_pt

_RIGHT_TO_LEFT = frozenset({"R", "AL"})
_NO_CLASS = frozenset({"", "BN"})
_IDEOGRAPHIC_STOPS = "\u3002\uff01\uff1f\uff1b\uff1a\uff0c\u3001"
_FIGURE = re.compile(
    r"(?:[<>\u2264\u2265\u00b1+\u2212-]\s?)?[0-9]+(?:[.,:/\u2013-][0-9]+|\s?\u00d7\s?[0-9]+)*"
    r"(?:[ T][0-9]{1,2}:[0-9]{2})?(?:\s?[%\u00b0]|\s[A-Za-z/]{1,5}\b)?"
)
"""A number with its sign and unit, a date, a time: read from the left in every script."""
_BRACKETS = re.compile(r"\(([^()]*)\)")


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

    Line and paragraph ends become blanks; a no-break blank stays. Behind an ideographic full stop no blank stands.
    """
    kept: list[str] = []
    for character in unicodedata.normalize("NFC", text):
        category = unicodedata.category(character)
        if category in ("Cc", "Zl", "Zp"):
            kept.append(" ")
        elif category not in ("Cf", "Cs"):
            kept.append(character)
    text = " ".join(word for word in "".join(kept).split(" ") if word)
    return re.sub(f"(?<=[{_IDEOGRAPHIC_STOPS}]) ", "", text)


def _is_from_right(text: str) -> bool:
    return any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in text)


def reads_from_right(text: str, fonts: FontSet) -> bool:
    """Whether a paragraph begins at the right: one with letters from right to left in a document of that direction."""
    return fonts.right_to_left and _is_from_right(text)


def _whole_figures(text: str) -> str:
    """Stand-ins of the same length, under which a figure stays whole and both brackets of a pair go one way."""
    known = _FIGURE.sub(lambda found: "0" * len(found[0]), text)

    def bracketed(found: re.Match[str]) -> str:
        if _is_from_right(found[1]):
            side = "\u0627"
        else:
            before = [c for c in known[: found.start()] if unicodedata.bidirectional(c) in {"L", "R", "AL"}]
            side = "x" if before and unicodedata.bidirectional(before[-1]) == "L" else "\u0627"
        return f"{side}{found[1]}{side}"

    return _BRACKETS.sub(bracketed, known)


def _levels(text: str, from_right: bool) -> list[int]:
    if not from_right and not _is_from_right(text):
        return [0] * len(text)
    # The algorithm knows no class for a code point that Unicode has not given away yet.
    known = "".join("x" if unicodedata.bidirectional(c) in _NO_CLASS else c for c in text)
    if from_right:
        known = _whole_figures(known)
    storage = bidi_algorithm.get_empty_storage()
    storage["base_level"], storage["base_dir"] = (1, "R") if from_right else (0, "L")
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


def _runs(text: str, fonts: FontSet, bold: bool, from_right: bool) -> list[_Run]:
    levels = _levels(text, from_right)
    triples = [(c, font, level) for (c, font), level in zip(_fonts_of(text, fonts, bold), levels, strict=True)]
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
    run = replace(run, characters=run.characters.replace("\u00a0", " "))
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


@lru_cache(maxsize=8192)
def lay_out_line(text: str, fonts: FontSet, size_pt: float, bold: bool = False, from_right: bool | None = None) -> Line:
    """One line of a cleaned text, in the order in which it is drawn.

    Args:
        text: in the order in which it is read.
        fonts: what to draw with.
        size_pt: of the letters.
        bold: whether to draw heavy letters.
        from_right: whether the paragraph begins at the right; None: as the text itself says.
    """
    from_right = reads_from_right(text, fonts) if from_right is None else from_right
    glyphs: list[PlacedGlyphs] = []
    x_pt = 0.0
    for run in _runs(text, fonts, bold, from_right):
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
