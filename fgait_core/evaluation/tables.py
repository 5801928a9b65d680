"""Tables of measures, as papers print them, written as CSV and as Markdown."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

Cell = str | float | int | None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header.

    Attributes:
        name: short, for file names: letters, digits, underscores.
        title: what it shows, with its unit.
        header: one text a column.
        rows: one tuple a row, as long as the header; numbers are not rounded yet, None is an empty cell.
    """

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def csv(self) -> str:
        """All digits, for further computation."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(self.header)
        writer.writerows(["" if cell is None else cell for cell in row] for row in self.rows)
        return file.getvalue()

    def markdown(self, digits: int = 2) -> str:
        """Title and table for reading.

        Args:
            digits: after the decimal point.
        """
        texts = [tuple(_text(cell, digits) for cell in row) for row in self.rows]
        lines = [" | ".join(cells) for cells in (self.header, *texts)]
        rule = " | ".join("---" if place == 0 else "---:" for place in range(len(self.header)))
        return f"**{self.title}**\n\n" + "\n".join(f"| {line} |" for line in [lines[0], rule, *lines[1:]]) + "\n"

    def plain(self, digits: int = 2) -> str:
        """Title and columns for a terminal.

        Args:
            digits: after the decimal point.
        """
        texts = [self.header, *(tuple(_text(cell, digits) for cell in row) for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) if place == 0 else cell.rjust(width) for place, (cell, width) in pairs)
            for pairs in (enumerate(zip(row, widths, strict=True)) for row in texts)
        ]
        return "\n".join([self.title, *lines])


def _text(cell: Cell, digits: int) -> str:
    if cell is None or cell != cell:  # NaN differs from itself
        return "–"
    return f"{cell:.{digits}f}" if isinstance(cell, float) else str(cell)
