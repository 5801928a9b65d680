"""Columns whose values are sealed in the database: how a value is written, and a type that refuses any other.

In the database such a column is text: ``s1.ID.BASE64``, where ID names the data key. Nothing at all and empty text stay
as they are, because constraints tell a row with a reason from one without.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic_core import from_json
from sqlalchemy import Text
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import TypeDecorator

from clinic_data import sealing
from clinic_data.errors import SealError

_FORM = "s1"


class SealedText(str):
    """A value as the database keeps it. That it is of this class is what tells it from a text that somebody typed."""

    __slots__ = ()


class SealedColumn(TypeDecorator[str]):
    """A column that takes sealed text only: whoever forgets to seal a value gets an error, and nothing is stored."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Let sealed text pass.

        Raises:
            TypeError: the value is not sealed. It is not quoted.
        """
        if value is None or value == "" or isinstance(value, SealedText):
            return value
        raise TypeError("This column takes sealed values only: write the row through the session (sealed_rows).")

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Mark what was read as sealed; ``sealed_rows`` opens it."""
        return SealedText(value) if value else value


@dataclass(frozen=True, slots=True)
class Codec:
    """How the values of a column become bytes and come back."""

    to_bytes: Callable[[Any], bytes]
    from_bytes: Callable[[bytes], Any]


def json_bytes(sealed: bytes) -> bytes:
    """The JSON text of a value that ``JSON_VALUE`` wrote."""
    return zlib.decompress(sealed)


def _json_written(value: Any) -> bytes:
    # Results repeat their field names over and over: a third of the space, and less to seal.
    return zlib.compress(json.dumps(value, allow_nan=False, separators=(",", ":")).encode(), 1)


TEXT = Codec(lambda value: str(value).encode(), lambda plain: plain.decode())
DATE = Codec(lambda value: value.isoformat().encode(), lambda plain: date.fromisoformat(plain.decode()))
JSON_VALUE = Codec(_json_written, lambda plain: from_json(json_bytes(plain)))


def seal_value(key_id: str, key: bytes, plain: bytes, context: str) -> SealedText:
    """The text under which the database keeps ``plain``.

    Args:
        key_id: of the data key.
        key: the data key.
        plain: the value as bytes.
        context: the place of the value: ``table.column.row``.
    """
    return SealedText(f"{_FORM}.{key_id}.{sealing.to_text(sealing.seal(key, plain, context))}")


def key_id_of(value: str) -> str:
    """The data key that opens a sealed value.

    Raises:
        SealError: it is not sealed.
    """
    form, _, rest = value.partition(".")
    key_id, dot, _ = rest.partition(".")
    if form != _FORM or not dot:
        raise SealError(_NOT_SEALED)
    return key_id


_NOT_SEALED = (
    "A stored value that has to be sealed is not: somebody wrote into the database past the application. It is not "
    "shown. Run `fgait-clinic check` and restore the row from a backup."
)


def open_value(key: bytes, value: str, context: str) -> bytes:
    """What ``seal_value`` sealed for this place.

    Raises:
        SealError: another key or place, or the value was changed.
    """
    return sealing.unseal(key, sealing.from_text(value.rpartition(".")[2]), context)
