# uharfbuzz comes without types, so strict checking would only complain about it.
# pyright: basic, reportAttributeAccessIssue=false
"""The fonts that a report embeds: DejaVu Sans for most scripts, WenQuanYi Zen Hei for Han, kana and Hangul.

Only embedded fonts are used, so that a report looks the same everywhere. ReportLab's own default, Helvetica, is not:
whatever opens a page, a drawing or a table has to name `REGULAR` as its font.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import uharfbuzz
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont

REGULAR = "FGaitSans"
BOLD = "FGaitSans-Bold"
HAN = "FGaitHan"
FONT_DIR_VARIABLE = "FGAIT_FONT_DIR"
SYSTEM_FONT_DIR = Path("/usr/share/fonts")
MISSING_GLYPH = "\u25a1"

_FILES = (
    (REGULAR, "DejaVuSans.ttf", "fonts-dejavu-core"),
    (BOLD, "DejaVuSans-Bold.ttf", "fonts-dejavu-core"),
    (HAN, "wqy-zenhei.ttc", "fonts-wqy-zenhei"),
)


class FontError(RuntimeError):
    """A font that a report needs is missing or damaged; the text names the Debian package."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedFont:
    """A registered font.

    Attributes:
        name: under which ReportLab knows it.
        character_glyphs, glyph_characters: glyph number of a code point and back.
        shaper: the same font for HarfBuzz, scaled to `units_per_em`.
    """

    name: str
    character_glyphs: dict[int, int]
    glyph_characters: dict[int, tuple[int, ...]]
    shaper: uharfbuzz.Font
    units_per_em: int


@dataclass(frozen=True, slots=True, eq=False)
class FontSet:
    """How text is set: the fonts by weight, each in the order in which they are asked for a glyph, and the direction.

    Attributes:
        right_to_left: whether the document is read from the right; tables and margins are then mirrored.
    """

    regular: tuple[LoadedFont, ...]
    bold: tuple[LoadedFont, ...]
    right_to_left: bool = False

    def of_weight(self, bold: bool) -> tuple[LoadedFont, ...]:
        """The fonts to ask, in order."""
        return self.bold if bold else self.regular

    def font_for(self, character: str, bold: bool) -> LoadedFont | None:
        """The first font that has the character, or None."""
        for font in self.of_weight(bold):
            if ord(character) in font.character_glyphs:
                return font
        return None


def _font_dirs() -> tuple[Path, ...]:
    chosen = os.environ.get(FONT_DIR_VARIABLE)
    return (Path(chosen), SYSTEM_FONT_DIR) if chosen else (SYSTEM_FONT_DIR,)


def _find(file_name: str, package: str, folders: Iterable[Path]) -> Path:
    for folder in folders:
        for path in sorted(folder.rglob(file_name)):
            return path
    searched = " and ".join(str(folder) for folder in folders)
    raise FontError(
        f"The font {file_name} was not found in {searched}. Install the Debian package {package}, "
        f"or set {FONT_DIR_VARIABLE} to a folder that holds the file."
    )


def _load(name: str, path: Path) -> LoadedFont:
    try:
        font = TTFont(name, str(path), subfontIndex=0)
        face = uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(path)), 0)
    except (TTFError, OSError, uharfbuzz.HarfBuzzError) as error:
        raise FontError(f"The font file {path} cannot be read: {error}. Install it again.") from error
    pdfmetrics.registerFont(font)
    inverse: dict[int, list[int]] = {}
    for code, glyph in font.face.charToGlyph.items():
        inverse.setdefault(glyph, []).append(code)
    characters = {glyph: tuple(sorted(codes)) for glyph, codes in inverse.items()}
    return LoadedFont(name, dict(font.face.charToGlyph), characters, uharfbuzz.Font(face), face.upem)


@lru_cache(maxsize=4)
def _load_from(folders: tuple[Path, ...]) -> FontSet:
    paths = [(name, _find(file_name, package, folders)) for name, file_name, package in _FILES]
    regular, bold, han = (_load(name, path) for name, path in paths)
    return FontSet(regular=(regular, han), bold=(bold, han))


@lru_cache(maxsize=8)
def _directed(fonts: FontSet, right_to_left: bool) -> FontSet:
    return replace(fonts, right_to_left=right_to_left)


def load_fonts(right_to_left: bool = False) -> FontSet:
    """The fonts of a report, found in `FGAIT_FONT_DIR` first and then in /usr/share/fonts.

    Args:
        right_to_left: for a document in a language that is written from the right.

    Raises:
        FontError: if one is missing or damaged; the text names the package to install.
    """
    return _directed(_load_from(_font_dirs()), right_to_left)


def string_width_pt(characters: str, font_name: str, size_pt: float) -> float:
    """Width of characters that are drawn one after another without kerning."""
    return pdfmetrics.stringWidth(characters, font_name, size_pt)


def unprintable(text: str, fonts: FontSet) -> tuple[str, ...]:
    """The characters of a text that no font has, each once; spaces and marks that join are left out."""
    seen: dict[str, None] = {}
    for character in unicodedata.normalize("NFC", text):
        invisible = character.isspace() or unicodedata.category(character) in ("Cc", "Cf")
        if not invisible and fonts.font_for(character, bold=False) is None:
            seen[character] = None
    return tuple(seen)
