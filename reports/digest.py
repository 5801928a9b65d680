"""A number for what a report says, so that a printed one can be compared with the stored one.

The hash of a file cannot be printed in that file. That of the content can: of everything that goes into a report but
the block that tells how to verify it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from reports.content import ScreeningReport
    from reports.follow_up_content import FollowUpReport

_LEFT_OUT = "verification"


def content_sha256(report: ScreeningReport | FollowUpReport) -> str:
    """The SHA-256 of what a report says, 64 hexadecimal digits; the same for the same content, on every run."""
    content = json.dumps(_plain(report), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(content.encode()).hexdigest()


def _plain(value: object) -> Any:
    """What JSON can write, with a hash in place of each picture."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    if isinstance(value, np.ndarray):
        array = cast("np.ndarray[Any, Any]", value)
        return [str(array.dtype), list(array.shape), hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()]
    return _plain_group(value)


def _plain_group(value: object) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in cast("Mapping[Any, Any]", value).items()}
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value) if each.name != _LEFT_OUT}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in cast("tuple[Any, ...]", value)]
    raise TypeError(f"A report holds no {type(value).__name__}.")
