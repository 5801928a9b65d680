"""Translations in gettext's format: one .po file a language, English text as the key.

A .po file is read as it is; nothing has to be compiled, and a clinic may correct a sentence with any editor.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from babel.messages.pofile import read_po

LANGUAGES: Mapping[str, str] = {"en": "English", "zh": "中文", "ar": "العربية"}
"""What there is, each by its own name."""
RIGHT_TO_LEFT = frozenset({"ar"})


def direction(language: str) -> str:
    """ "rtl" for languages that are written from right to left, else "ltr"."""
    return "rtl" if language in RIGHT_TO_LEFT else "ltr"


@lru_cache(maxsize=16)
def read_catalogue(folder: Path, language: str) -> Mapping[str, str]:
    """The translations of a language; empty for English and where there is no file.

    Args:
        folder: where `zh.po` and the like are.
        language: one of `LANGUAGES`.
    """
    path = folder / f"{language}.po"
    if language == "en" or not path.exists():
        return {}
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language)
    return {
        message.id: message.string
        for message in catalogue
        if isinstance(message.id, str) and isinstance(message.string, str) and message.id and message.string
        and not message.fuzzy
    }  # fmt: skip
