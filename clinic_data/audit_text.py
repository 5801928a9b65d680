"""Text as the audit trail keeps it: one line, nothing invisible."""

from __future__ import annotations

import re
from typing import Any

from clinic_data.errors import ValidationError
from clinic_data.json_values import checked_json
from clinic_data.text_rules import has_invisible

_NAME = re.compile(r"[a-z0-9_.]+")


def checked_name(name: str, max_length: int) -> str:
    """The name of an action or of a kind of row.

    Raises:
        ValidationError: it is empty, too long or made of other characters than ``a-z 0-9 _ .``.
    """
    if len(name) > max_length or not _NAME.fullmatch(name):
        raise ValidationError(
            "An audit row names an action (up to 60 characters) and a subject type (up to 40) of a-z, 0-9, _ and ."
        )
    return name


def plain_text(text: str) -> str:
    """``text`` in one line: control and invisible characters as ``\\u000a``, which changes no other character."""
    if text.isprintable():
        return text
    return "".join(f"\\u{ord(each):04x}" if has_invisible(each) else each for each in text)


def plain_json(value: dict[str, Any]) -> dict[str, Any]:
    """A copy of ``value`` whose texts and names are plain.

    Raises:
        ValidationError: it is no JSON.
    """
    copy: dict[str, Any] = _plain(checked_json(value))
    return copy


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]  # pyright: ignore[reportUnknownVariableType] - JSON
    if isinstance(value, dict):
        return {plain_text(name): _plain(each) for name, each in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - JSON
    return value
