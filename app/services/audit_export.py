"""The audit trail as a file: CSV for spreadsheets, JSON lines for programs. Written row by row, however long it is."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from clinic_data.audit_reading import StoredRow
from reports.data_tables import Cell, csv_cell

NOBODY = "nobody signed in"
_HEAD = (
    *("row", "at", "actor", "actor_id", "action", "subject_type", "subject_id", "patient_id", "address", "session"),
    *("why", "details", "previous_mac", "mac"),
)


class ExportFormat(StrEnum):
    """How the trail is written."""

    CSV = "csv"
    JSON_LINES = "jsonl"


def export_lines(rows: Iterable[StoredRow], names: Mapping[str, str], kind: ExportFormat) -> Iterator[bytes]:
    """The trail as pieces of a file in UTF-8.

    Args:
        rows: oldest first.
        names: user names by id.
        kind: the format.

    Yields:
        The head of a CSV file, then a row at a time. In JSON lines `row`, `at` and the other names are those of the
        CSV file, and `details` is an object.
    """
    if kind is ExportFormat.CSV:
        yield "\ufeff".encode() + _csv_line(_HEAD)  # the mark by which spreadsheets know UTF-8
    for row in rows:
        cells = _cells(row, names)
        if kind is ExportFormat.CSV:
            yield _csv_line(cells)
        else:
            facts = {**dict(zip(_HEAD, cells, strict=True)), "details": row.details}
            yield (json.dumps(facts, ensure_ascii=False) + "\n").encode()


def actor_name(actor_id: str | None, names: Mapping[str, str]) -> str:
    """Who did it, in words."""
    return NOBODY if actor_id is None else names.get(actor_id, actor_id)


def _cells(row: StoredRow, names: Mapping[str, str]) -> tuple[Cell, ...]:
    details = json.dumps(row.details, ensure_ascii=False, sort_keys=True)
    return (
        *(row.id, row.at.isoformat(), actor_name(row.actor_id, names), row.actor_id, row.action, row.subject_type),
        *(row.subject_id, row.patient_id, row.address, row.session_id, row.why, details, row.previous_mac, row.mac),
    )


def _csv_line(cells: Iterable[Cell]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow([csv_cell(cell) for cell in cells])
    return text.getvalue().encode()
