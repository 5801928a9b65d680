"""Rows in every table there is, made from what the tables declare."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import CheckConstraint, Column, Connection, Enum, Table, table

from clinic_data.backup_rows import TableLines, _insert, _select, kind_of
from clinic_data.schema import METADATA

AT = datetime(2026, 11, 24, 2, 30, 1, 123456, tzinfo=UTC)
# Values that the rules of a table ask for; everything else is made from the column's type.
SPECIAL: dict[str, dict[str, Any]] = {
    "score_decision": {"verdict": "accepted", "label": None, "phq9_waived_reason": ""},
    "promotion": {"kind": "roll_back", "state": "approved"},
    "report": {"kind": "assessment", "addendum": None},
    "job": {"progress": 0.1 + 0.2},
    "assessment": {"body_height_cm": 143.7},
    "confirmed_outcome": {"phq9_total": 27},
    "model_version": {"stage": "candidate"},
    "audit_row": {"mac": "ab" * 32, "previous_mac": "cd" * 32},
    "data_key": {"patient_id": None, "destroyed_at": None},
    "erasure": {"state": "requested", "proof": None},
    "emergency_access": {"reviewed_by": None, "reviewed_at": None},
    "legal_hold": {"released_by": None, "released_at": None},
}


def fill(connection: Connection, count: int = 3) -> dict[str, int]:
    """Puts rows into every table; the last row of a table that refers to itself is referred to by the first."""
    for declared in METADATA.sorted_tables:
        connection.execute(table(declared.name).delete())
        rows = [_row(declared, number, count) for number in range(1, _most(declared, count) + 1)]
        connection.execute(_insert(TableLines.of(declared), connection.dialect.name), rows)
    return {declared.name: _most(declared, count) for declared in METADATA.sorted_tables}


def _most(declared: Table, count: int) -> int:
    one_only = any(isinstance(rule, CheckConstraint) and str(rule.sqltext) == "id = 1" for rule in declared.constraints)
    return 1 if one_only else count


def _row(declared: Table, number: int, count: int) -> dict[str, Any]:
    special = SPECIAL.get(declared.name, {})
    return {
        one.name: special[one.name] if one.name in special else _value(declared, one, number, count)
        for one in declared.columns
    }


def _value(declared: Table, one: Column[Any], number: int, count: int) -> Any:
    for key in one.foreign_keys:
        target = key.column.table
        if target is declared:
            return None if number == count else _value(declared, key.column, number + 1, count)
        return _value(target, key.column, min(number, _most(target, count)), count)
    if isinstance(one.type, Enum):
        return one.type.enums[(number - 1) % len(one.type.enums)]
    seed = f"{declared.name}.{one.name}.{number}"
    return MAKERS[kind_of(one.type)](seed, number, getattr(one.type, "length", None))


def _text(seed: str, number: int, length: int | None) -> str:
    if length is None:
        return "s1." + hashlib.sha256(seed.encode()).hexdigest()[:32] + "." + base64.b64encode(seed.encode()).decode()
    return (hashlib.sha256(seed.encode()).hexdigest() + "Žoë'\\\n\"% \u2028漢")[-min(length, 40) :]


MAKERS: dict[str, Any] = {
    "text": _text,
    "integer": lambda seed, number, length: number,
    "float": lambda seed, number, length: 1 / (number + 2),
    "boolean": lambda seed, number, length: number % 2 == 1,
    "date": lambda seed, number, length: date(1899, 12, 31) + timedelta(days=number),
    "moment": lambda seed, number, length: AT + timedelta(microseconds=number),
    "json": lambda seed, number, length: json.dumps({"b": [seed, None, 1e-300, 2**53 + 1], "a": {"ü": True}}),
    "bytes": lambda seed, number, length: os.urandom(20),
}


def everything(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables, sorted, for comparison."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for declared in METADATA.sorted_tables:
        lines = TableLines.of(declared)
        rows = connection.execute(_select(lines)).all()
        found[declared.name] = sorted((tuple(row) for row in rows), key=repr)
    return found
