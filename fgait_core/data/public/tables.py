"""CSV tables that users write: recordings, and labels of people."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

from fgait_core.errors import ConfigError


def read_table(path: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    """Rows of a table.

    Args:
        path: CSV in UTF-8 with a head line.
        needed: columns that must be there and never empty.

    Raises:
        ConfigError: if the file cannot be read, or a column or a value is missing.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path} cannot be read as CSV: {error}") from error
    if not rows or not set(needed) <= rows[0].keys():
        raise ConfigError(f"{path} must have the columns {', '.join(needed)}, and at least one row.")
    for number, row in enumerate(rows, 2):
        # csv gives None as a name for values too many, and as a value for those that are missing.
        if None in row or None in row.values() or not all(row[name] for name in needed):
            raise ConfigError(f"Row {number} of {path} has too few or too many values, or no {' or '.join(needed)}.")
    return rows


@dataclass(frozen=True, slots=True)
class PersonLabels:
    """Labels of people, from a CSV with the column `id` and one column for each label.

    Attributes:
        columns: names of the labels.
        by_id: for each id its labels; "" is no label.
        sha256: of the file.
    """

    columns: tuple[str, ...]
    by_id: dict[str, dict[str, str]]
    sha256: str

    @classmethod
    def read(cls, path: Path) -> PersonLabels:
        """Reads a table of labels.

        Raises:
            ConfigError: if it cannot be read or names an id twice.
        """
        rows = read_table(path, ("id",))
        by_id = {row["id"]: row for row in rows}
        if len(by_id) != len(rows):
            raise ConfigError(f"{path} has an id in two rows; give one row to each.")
        columns = tuple(name for name in rows[0] if name != "id")
        return cls(columns, by_id, hashlib.sha256(path.read_bytes()).hexdigest())

    def of(self, identity: str) -> dict[str, str | None]:
        """The labels of an id; None where there is none."""
        row = self.by_id.get(identity, {})
        return {name: row.get(name) or None for name in self.columns}
