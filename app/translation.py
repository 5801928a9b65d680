"""The words of screens in the reader's language; texts of reports have a catalogue of their own."""

from __future__ import annotations

from pathlib import Path

from reports.catalogues import read_catalogue

FOLDER = Path(__file__).parent / "languages"


def translate(text: str, language: str, /, **values: object) -> str:
    """A text in a language, with its `{values}` filled in; English where nobody translated it.

    The text must stand in the call as it is: the catalogue is made by reading the code.
    """
    translated = read_catalogue(FOLDER, language).get(text, text)
    return translated.format(**values) if values else translated
