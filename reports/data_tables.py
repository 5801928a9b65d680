"""Results as tables for spreadsheets and statistics: CSV, XLSX and JSON, each with a data dictionary.

Reasons and notes come from people, codes from anywhere: a text that a spreadsheet would take for a formula is written
so that it stays a text.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from reports.checks import require

Cell = str | float | int | bool | date | datetime | None
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_DICTIONARY = "data_dictionary"
_DICTIONARY_HEAD = ("table", "column", "unit", "meaning")
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
_MAX_CELL = 32_000  # a spreadsheet's cell holds no more


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its unit where it has one, and what it means."""

    name: str
    meaning: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class DataTable:
    """One table with the meaning of its columns.

    Attributes:
        name: of the file or sheet.
        columns: from left to right.
        rows: as many values as there are columns.
    """

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        fits = all(len(row) == len(self.columns) for row in self.rows)
        require(fits, f"Each row of {self.name!r} needs one value for each column.")


def as_csv(tables: Sequence[DataTable]) -> bytes:
    """A zip with a CSV file for each table and for the data dictionary; UTF-8 with the mark that spreadsheets know."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in _with_dictionary(tables).items():
            text = io.StringIO()
            csv.writer(text).writerows([csv_cell(cell) for cell in row] for row in rows)
            archive.writestr(zipfile.ZipInfo(f"{name}.csv", _FIXED_TIME), text.getvalue().encode("utf-8-sig"))
    return out.getvalue()


def as_json(tables: Sequence[DataTable]) -> bytes:
    """One object: a list of records for each table, and the data dictionary."""
    content = {
        each.name: [
            {column.name: _json_cell(cell) for column, cell in zip(each.columns, row, strict=True)} for row in each.rows
        ]
        for each in tables
    }
    content[_DICTIONARY] = [dict(zip(_DICTIONARY_HEAD, row, strict=True)) for row in _dictionary(tables)]
    return (json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


def as_xlsx(tables: Sequence[DataTable]) -> bytes:
    """A workbook with one sheet for each table and one for the data dictionary."""
    from openpyxl import Workbook  # here, because it is needed at no other moment
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    book: Any = Workbook(write_only=True)
    for name, rows in _with_dictionary(tables).items():
        sheet = book.create_sheet(name[:31])
        sheet.freeze_panes = "A2"
        for place, row in enumerate(rows):
            cells: list[Any] = []
            for value in row:
                cell: Any = WriteOnlyCell(sheet, value=_xlsx_cell(value))
                if isinstance(value, str):
                    cell.data_type = "s"  # a text stays a text, whatever it begins with
                if place == 0:
                    cell.font = Font(bold=True)
                cells.append(cell)
            sheet.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _with_dictionary(tables: Sequence[DataTable]) -> Mapping[str, Sequence[Sequence[Cell]]]:
    content: dict[str, Sequence[Sequence[Cell]]] = {
        each.name: [tuple(column.name for column in each.columns), *each.rows] for each in tables
    }
    content[_DICTIONARY] = [_DICTIONARY_HEAD, *_dictionary(tables)]
    return content


def _dictionary(tables: Sequence[DataTable]) -> list[tuple[str, ...]]:
    return [(each.name, column.name, column.unit, column.meaning) for each in tables for column in each.columns]


def csv_cell(cell: Cell) -> str | float | int | None:
    """A cell of a CSV file that no spreadsheet takes for a formula."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, str):
        return formula_safe(cell)
    return cell


def formula_safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula; other texts stay as they are."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _json_cell(cell: Cell) -> str | float | int | bool | None:
    return cell.isoformat() if isinstance(cell, date) else cell


def _xlsx_cell(cell: Cell) -> Any:
    """What a workbook can hold: no time zone, no control characters, no endless text."""
    if isinstance(cell, datetime):
        return cell.isoformat()
    if isinstance(cell, str):
        return "".join(each for each in cell if each.isprintable() or each in "\n\t")[:_MAX_CELL]
    return cell
