"""JSON that both databases can store."""

from __future__ import annotations

import json
from typing import Any

from clinic_data.errors import ValidationError


def checked_json(value: dict[str, Any]) -> dict[str, Any]:
    """A copy of ``value`` that is plain JSON.

    Tuples become lists. Without the check SQLite would take NaN, which is no JSON and which PostgreSQL refuses.

    Raises:
        ValidationError: a value is not a finite number, a text, a boolean, None, a list or a dictionary.
    """
    try:
        copy: dict[str, Any] = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValidationError(f"This cannot be stored as JSON: {error}.") from None
    return copy


def canonical_json(value: dict[str, Any]) -> bytes:
    """The one way to write ``value``, so that equal values have equal hashes: keys sorted, no spaces, UTF-8.

    Raises:
        ValidationError: it is no JSON.
    """
    plain = checked_json(value)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
