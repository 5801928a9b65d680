"""Checks of values: each raises `ValueError` with a sentence that names the field."""

from __future__ import annotations

import math
import re
from datetime import datetime

_SHA256 = re.compile(r"[0-9a-f]{64}")


def require(condition: bool, message: str) -> None:
    """A condition that must hold."""
    if not condition:
        raise ValueError(message)


def require_share(value: float, name: str) -> None:
    """A share or probability: finite, within 0 and 1."""
    require(math.isfinite(value) and 0.0 <= value <= 1.0, f"{name} must lie within 0 and 1; it is {value}.")


def require_text(value: str, name: str) -> None:
    """A text with at least one visible character."""
    require(bool(value.strip()), f"{name} must not be empty.")


def require_sha256(value: str, name: str) -> None:
    """64 lower-case hexadecimal digits."""
    require(bool(_SHA256.fullmatch(value)), f"{name} must be a SHA-256 of 64 lower-case hexadecimal digits.")


def require_aware(moment: datetime, name: str) -> None:
    """A moment with a time zone."""
    require(moment.utcoffset() is not None, f"{name} must carry a time zone, for example UTC.")


def require_positive(value: float, name: str) -> None:
    """A finite number above 0."""
    require(math.isfinite(value) and value > 0, f"{name} must be greater than 0; it is {value}.")
