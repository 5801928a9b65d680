"""Recordings of one's own, listed in a table, and the division of people into splits."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fgait_core.data.public.findings import Finding
from fgait_core.data.public.readers import RecordingReader
from fgait_core.data.public.source import Item
from fgait_core.data.public.tables import read_table
from fgait_core.data.shard_rows import ColumnType
from fgait_core.errors import ConfigError


class RecordingSource:
    """Recordings of `fgait silhouettes` with a CSV table: `file`, `person`, and any columns with labels.

    Args:
        root: folder to which the table's files are relative.
        table: the CSV file, UTF-8.
        name: of the data set.
        frame_rate_hz: to which all recordings are brought.
        poses: whether to take their poses, too.
        parsing: whether to divide the silhouettes into body parts by the poses.

    Raises:
        ConfigError: if the table cannot be read or lacks a column or a value.
    """

    def __init__(
        self, root: Path, table: Path, *, name: str, frame_rate_hz: float, poses: bool = False, parsing: bool = False
    ) -> None:
        self.name = name
        self.reader = RecordingReader(frame_rate_hz, poses, parsing)
        self._root = root
        self._rows = read_table(table, ("file", "person"))
        self._sha256 = hashlib.sha256(table.read_bytes()).hexdigest()
        self.columns: dict[str, ColumnType] = {
            column: "text" for column in self._rows[0] if column not in ("file", "person")
        }
        self.groups = tuple(sorted({row["person"] for row in self._rows}))

    @property
    def facts(self) -> dict[str, Any]:
        """See `Source`."""
        return {"data_set": self.name, "table_sha256": self._sha256, "reader": repr(self.reader)}

    def items(self) -> Iterator[Item]:
        """See `Source`."""
        rows = {row["file"]: row for row in self._rows}
        for number, (file, row) in enumerate(sorted(rows.items()), 1):
            values = {column: row[column] or None for column in self.columns}
            person = f"{self.name}-{row['person']}"
            key, fraction = f"{self.name}/{file}", number / len(rows)
            yield Item(key, person, row["person"], self._root / file, fraction, values)

    def findings(self) -> Iterator[Finding]:
        """See `Source`."""
        for file, count in sorted(Counter(row["file"] for row in self._rows).items()):
            if count > 1:
                yield Finding("named_twice", file, f"{count} times in the table; only the last row counts")


def split_groups(groups: Sequence[str], shares: Mapping[str, float], seed: int) -> dict[str, frozenset[str]]:
    """Divides ids or people at random.

    Args:
        groups: to divide, sorted.
        shares: of each split; together 1.
        seed: of the draw.

    Raises:
        ConfigError: if the shares are not positive, do not add up to 1, or a split would be empty.
    """
    if not shares or min(shares.values()) <= 0 or abs(sum(shares.values()) - 1) > 1e-6:
        raise ConfigError("The shares of a split must be above 0 and add up to 1, for example train=0.7,test=0.3.")
    shuffled = np.random.default_rng(seed).permutation(np.array(groups, np.str_)).tolist()
    ends = np.rint(np.cumsum(list(shares.values())) * len(shuffled)).astype(int).tolist()
    made = {
        name: frozenset(shuffled[start:end]) for name, start, end in zip(shares, [0, *ends[:-1]], ends, strict=True)
    }
    if empty := [name for name, members in made.items() if not members]:
        raise ConfigError(f"{len(groups)} people are too few for these shares: nobody is left for {empty[0]}.")
    return made
