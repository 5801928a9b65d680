"""How the rows of the audit trail hold together: a keyed hash over each row and over the hash of the row before.

Who does not have the key can change, remove, move or add no row without breaking the chain. The last link, the head,
is kept apart (``audit_tables.AuditHead``, and outside the database): it tells when rows are missing at the end.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from clinic_data.errors import ValidationError

FIRST_MAC = "0" * 64
"""Stands for the row before the first one."""
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of an empty trail's head."""

COVERED = (
    *("id", "at", "actor_id", "action", "subject_type", "subject_id", "patient_id", "address", "session_id", "why"),
    *("details", "previous_mac"),
)
"""The columns that ``mac`` covers: all others."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last row of the trail, as one line of text can hold it.

    Attributes:
        last_id: number of the row; 0 for an empty trail.
        last_mac: its keyed hash.
        at: its time.
        seal: keyed hash of the three.
    """

    last_id: int
    last_mac: str
    at: datetime
    seal: str

    def line(self) -> str:
        """The head as one line of JSON, without the line's end."""
        at = self.at.isoformat()
        return json.dumps({"row": self.last_id, "mac": self.last_mac, "at": at, "seal": self.seal})

    @classmethod
    def of_line(cls, line: str) -> Head:
        """Read what ``line`` wrote.

        Raises:
            ValidationError: it is no such line.
        """
        try:
            read = json.loads(line)
            return cls(int(read["row"]), str(read["mac"]), datetime.fromisoformat(read["at"]), str(read["seal"]))
        except (ValueError, TypeError, KeyError):
            raise ValidationError("This line is no head of an audit trail, or it was damaged.") from None

    def is_genuine(self, key: bytes) -> bool:
        """Whether this installation's key made it."""
        return hmac.compare_digest(self.seal, _seal(key, self.last_id, self.last_mac, self.at))


def sealed_head(key: bytes, last_id: int, last_mac: str, at: datetime) -> Head:
    """The head after a row."""
    return Head(last_id, last_mac, at, _seal(key, last_id, last_mac, at))


def empty_head(key: bytes) -> Head:
    """The head of a trail without rows."""
    return sealed_head(key, 0, FIRST_MAC, BEGINNING)


def mac_of(key: bytes, row: Mapping[str, Any]) -> str:
    """The keyed hash of a row, 64 hexadecimal digits.

    Args:
        key: the audit key, 32 bytes.
        row: all columns of `COVERED`.
    """
    covered = {name: row[name] for name in COVERED}
    covered["at"] = row["at"].astimezone(UTC).isoformat()
    text = json.dumps(covered, sort_keys=True, separators=(",", ":"))
    return hmac.digest(key, f"fgait audit row 1\n{text}".encode("ascii"), "sha256").hex()


def _seal(key: bytes, last_id: int, last_mac: str, at: datetime) -> str:
    text = json.dumps([last_id, last_mac, at.astimezone(UTC).isoformat()])
    return hmac.digest(key, f"fgait audit head 1\n{text}".encode("ascii"), "sha256").hex()
