"""From English words to those of a language: every string of a dataclass of words looked up in a catalogue.

The English dataclass is the source; its strings are the keys of `reports/locale/*.po`. What a catalogue lacks stays
English.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from reports.catalogues import LANGUAGES, read_catalogue

Words = TypeVar("Words")

FOLDER = Path(__file__).parent / "locale"


def in_each_language(english: Words) -> Mapping[str, Words]:
    """The same words in every language of the reports, by its key."""
    return {
        language: cast(Words, _translated(english, read_catalogue(FOLDER, language))) if language != "en" else english
        for language in LANGUAGES
    }


def _translated(value: Any, catalogue: Mapping[str, str]) -> Any:
    """A string, or a tuple, mapping or dataclass of such, in another language; anything else as it is."""
    if isinstance(value, str):
        return catalogue.get(value, value)
    if isinstance(value, tuple):
        return tuple(_translated(part, catalogue) for part in cast(tuple[Any, ...], value))
    if isinstance(value, Mapping):
        return {key: _translated(part, catalogue) for key, part in cast(Mapping[Any, Any], value).items()}
    if is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: _translated(getattr(value, field.name), catalogue) for field in fields(value)}
        return type(value)(**parts)
    return value


def strings_of(value: Any) -> Iterator[str]:
    """Every string of a dataclass of words, in the order of its fields."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for part in cast(tuple[Any, ...], value):
            yield from strings_of(part)
    elif isinstance(value, Mapping):
        for part in cast(Mapping[Any, Any], value).values():
            yield from strings_of(part)
    elif is_dataclass(value):
        for field in fields(value):
            yield from strings_of(getattr(value, field.name))
