"""All rows of a database as lines of JSON, and back: the same lines for SQLite and PostgreSQL.

A table begins with ``{"table": NAME, "columns": [[NAME, KIND], ...]}``, each of its rows is a list of values, and the
last line is ``{"rows": {NAME: COUNT, ...}}``. Tables come in the order in which they can be filled. The lines say
themselves which columns there are, so that a later release can read those of an earlier one. Sealed values stay sealed.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Date,
    Float,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    bindparam,
    column,
    delete,
    func,
    insert,
    inspect,
    literal_column,
    select,
    table,
    text,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.exc import IntegrityError
from sqlalchemy.types import TypeDecorator, TypeEngine

from clinic_data.clock import UtcDateTime
from clinic_data.errors import ClinicDataError, ConflictError
from clinic_data.schema import METADATA

_ROWS_AT_ONCE = 500
# How a value of each kind is read from and written to a database; JSON goes through as the text that is stored.
_TYPES: dict[str, TypeEngine[Any]] = {
    "text": Text(),
    "integer": BigInteger(),
    "float": Float(),
    "boolean": Boolean(),
    "date": Date(),
    "moment": UtcDateTime(),
    "json": Text(),
    "bytes": LargeBinary(),
}
_KINDS: tuple[tuple[type[TypeEngine[Any]], str], ...] = (
    (UtcDateTime, "moment"),
    (Boolean, "boolean"),
    (Date, "date"),
    (JSON, "json"),
    (Float, "float"),
    (Integer, "integer"),
    (LargeBinary, "bytes"),
    (String, "text"),
)
# JSON knows texts, numbers, booleans and nothing; the other kinds are written as texts.
_WRITE: dict[str, Callable[[Any], Any]] = {
    "date": date.isoformat,
    "moment": datetime.isoformat,
    "bytes": lambda value: base64.b64encode(value).decode(),
}
_READ: dict[str, Callable[[Any], Any]] = {
    "date": date.fromisoformat,
    "moment": datetime.fromisoformat,
    "bytes": base64.b64decode,
}
DAMAGED_ROWS = "The backup's rows cannot be read: it is not as it was written. Use another backup."

_CONTRADICTING = (
    "The backup's rows contradict each other: some refer to others that do not exist, or exist twice. Nothing was "
    "restored; use another backup."
)


@dataclass(frozen=True, slots=True)
class TableLines:
    """One table of the lines.

    Attributes:
        name: of the table.
        columns: name and kind of each column.
    """

    name: str
    columns: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, declared: Table) -> TableLines:
        """The table as this release declares it."""
        return cls(declared.name, tuple((one.name, kind_of(one.type)) for one in declared.columns))

    def header(self) -> bytes:
        """The line with which the table begins."""
        return _line({"table": self.name, "columns": self.columns})

    def line(self, row: Iterable[Any]) -> bytes:
        """One row as a line."""
        return _line([_written(kind, value) for (_, kind), value in zip(self.columns, row, strict=True)])

    def values(self, line: list[Any]) -> dict[str, Any]:
        """The row of a line, by the names of the columns.

        Raises:
            ClinicDataError: it has other columns.
        """
        try:
            return {name: _read(kind, value) for (name, kind), value in zip(self.columns, line, strict=True)}
        except (ValueError, TypeError, KeyError):
            raise ClinicDataError(DAMAGED_ROWS) from None


def kind_of(declared: TypeEngine[Any]) -> str:
    """The kind of a column's values.

    Raises:
        ClinicDataError: no kind of the backup holds them.
    """
    if isinstance(declared, TypeDecorator) and not isinstance(declared, UtcDateTime):
        return kind_of(declared.impl_instance)
    for known, kind in _KINDS:
        if isinstance(declared, known):
            return kind
    raise ClinicDataError(f"Columns of the type {declared!r} cannot be backed up.")


def write_rows(connection: Connection, write: Callable[[bytes], object], seen: Callable[[int], None]) -> dict[str, int]:
    """Write every row of every table as lines.

    Args:
        connection: in a transaction that sees one moment only.
        write: takes the lines one by one.
        seen: is told now and then how many rows more were written.

    Returns:
        The number of rows of each table.
    """
    counts: dict[str, int] = {}
    for declared in METADATA.sorted_tables:
        lines = TableLines.of(declared)
        write(lines.header())
        counts[lines.name] = 0
        for rows in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(_select(lines)).partitions():
            for row in rows:
                write(lines.line(row))
            counts[lines.name] += len(rows)
            seen(len(rows))
    write(_line({"rows": counts}))
    return counts


def count_rows(connection: Connection) -> int:
    """How many rows all tables have together."""
    return sum(
        connection.scalar(select(func.count()).select_from(declared)) or 0 for declared in METADATA.sorted_tables
    )


def read_rows(lines: Iterable[bytes]) -> Iterator[tuple[TableLines, list[dict[str, Any]]]]:
    """The rows of the lines, some of a table at once; a table without rows comes once, with none.

    Raises:
        ClinicDataError: they are not whole or not as they were written.
    """
    counts: dict[str, int] = {}
    current: TableLines | None = None
    gathered: list[dict[str, Any]] = []
    told: dict[str, int] | None = None
    for line in lines:
        content = _parsed(line)
        if isinstance(content, list) and current is not None and told is None:
            gathered.append(current.values(cast("list[Any]", content)))
            counts[current.name] += 1
            if len(gathered) == _ROWS_AT_ONCE:
                yield current, gathered
                gathered = []
            continue
        if current is not None and told is None:
            yield current, gathered
        current, gathered, told = _next_table(content), [], _told(content)
        if current is not None:
            counts[current.name] = 0
    if told is None or told != counts:
        raise ClinicDataError(DAMAGED_ROWS)


def load_rows(connection: Connection, lines: Iterable[bytes], seen: Callable[[int], None]) -> dict[str, int]:
    """Fill the tables of a database with the rows of the lines; what the migrations put there goes first.

    Args:
        connection: in a transaction that writes; on SQLite with foreign keys off, they are checked at the end.
        lines: from ``write_rows``; the database has the tables of that release.
        seen: is told now and then how many rows more were stored.

    Returns:
        The number of rows of each table.

    Raises:
        ClinicDataError: the lines are damaged.
        ConflictError: rows refer to others that do not exist.
    """
    counts: dict[str, int] = {}
    postponed = _postpone_references(connection)
    _empty(connection)
    for lines_of, rows in read_rows(lines):
        counts[lines_of.name] = counts.get(lines_of.name, 0) + len(rows)
        if rows:
            _store(connection, lines_of, rows)
            seen(len(rows))
    _check_references(connection, postponed)
    _continue_numbers(connection)
    return counts


def _store(connection: Connection, lines: TableLines, rows: list[dict[str, Any]]) -> None:
    try:
        connection.execute(_insert(lines, connection.dialect.name), rows)
    except IntegrityError:
        raise ConflictError(_CONTRADICTING) from None


def _select(lines: TableLines) -> Any:
    # On PostgreSQL the driver would parse JSON; as text it stays what it is, key by key.
    columns = [sql_cast(literal_column(_quoted(name)), Text) if kind == "json" else column(name, _TYPES[kind])
               for name, kind in lines.columns]  # fmt: skip
    return select(*columns).select_from(table(lines.name))


def _insert(lines: TableLines, dialect: str) -> Any:
    columns: list[Any] = [column(name) for name, _ in lines.columns]
    values: dict[str, Any] = {}
    for name, kind in lines.columns:
        value = bindparam(name, type_=_TYPES[kind])
        values[name] = sql_cast(value, JSON) if kind == "json" and dialect == "postgresql" else value
    return insert(table(lines.name, *columns)).values(values)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def tables_of(connection: Connection) -> list[str]:
    """The names of the tables that the database has, whatever its release."""
    return [name for name in inspect(connection).get_table_names() if name != "alembic_version"]


def _empty(connection: Connection) -> None:
    """Take out what migrations put into new tables; whoever calls knows that nobody else has put anything there."""
    order = {declared.name: place for place, declared in enumerate(METADATA.sorted_tables)}
    for name in sorted(tables_of(connection), key=lambda name: order.get(name, -1), reverse=True):
        connection.execute(delete(table(name)))


def _postpone_references(connection: Connection) -> list[tuple[str, str]]:
    """On PostgreSQL let rows of a table refer to later ones of it until ``_check_references``; SQLite has them off."""
    if connection.dialect.name != "postgresql":
        return []
    inspector = inspect(connection)
    found = [
        (name, str(key["name"]))
        for name in tables_of(connection)
        for key in inspector.get_foreign_keys(name)
        if key["referred_table"] == name
    ]
    for name, key in found:
        connection.execute(text(f"ALTER TABLE {_quoted(name)} ALTER CONSTRAINT {_quoted(key)} DEFERRABLE"))
    connection.execute(text("SET CONSTRAINTS ALL DEFERRED"))
    return found


def _check_references(connection: Connection, postponed: list[tuple[str, str]]) -> None:
    if connection.dialect.name == "sqlite":
        if connection.exec_driver_sql("PRAGMA foreign_key_check").first():
            raise ConflictError(_CONTRADICTING)
        return
    try:
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    except IntegrityError:
        raise ConflictError(_CONTRADICTING) from None
    for name, key in postponed:
        connection.execute(text(f"ALTER TABLE {_quoted(name)} ALTER CONSTRAINT {_quoted(key)} NOT DEFERRABLE"))


def _continue_numbers(connection: Connection) -> None:
    """Let PostgreSQL's counters go on after the highest number; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    inspector = inspect(connection)
    for name in tables_of(connection):
        for key in inspector.get_pk_constraint(name)["constrained_columns"]:
            counter = connection.scalar(select(func.pg_get_serial_sequence(name, key)))
            if counter is not None:
                number: ColumnElement[Any] = literal_column(_quoted(key))
                highest = select(func.max(number)).select_from(table(name)).scalar_subquery()
                connection.execute(select(func.setval(counter, func.coalesce(highest, 1), highest.is_not(None))))


def _written(kind: str, value: Any) -> Any:
    return value if value is None or kind not in _WRITE else _WRITE[kind](value)


def _read(kind: str, value: Any) -> Any:
    if kind not in _TYPES:
        raise KeyError(kind)
    return value if value is None or kind not in _READ else _READ[kind](value)


def _line(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        raise ClinicDataError(DAMAGED_ROWS) from None


def _next_table(content: Any) -> TableLines | None:
    if not isinstance(content, dict) or "table" not in content:
        return None
    found = cast("dict[str, Any]", content)
    return TableLines(str(found["table"]), tuple((str(name), str(kind)) for name, kind in found["columns"]))


def _told(content: Any) -> dict[str, int] | None:
    if not isinstance(content, dict) or "rows" not in content:
        return None
    return cast("dict[str, dict[str, int]]", content)["rows"]
