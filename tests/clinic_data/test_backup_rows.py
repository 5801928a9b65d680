"""Every row of every table goes through the lines of a backup, between both databases."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from every_table import everything, fill
from sqlalchemy import text

from clinic_data import audit
from clinic_data.backup_rows import count_rows, load_rows, read_rows, write_rows
from clinic_data.database import Database
from clinic_data.errors import ClinicDataError, ConflictError
from clinic_data.schema import METADATA
from tests.keys import TEST_KEYS


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A second database with empty tables, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'target.sqlite3'}", TEST_KEYS)
        database.upgrade()
        yield database
        database.dispose()
        return
    server = request.getfixturevalue("postgresql_server")
    name = f"target_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        database = Database(f"{server}/{name}", TEST_KEYS)
        database.upgrade()
        yield database
        database.dispose()
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _dumped(database: Database) -> list[bytes]:
    lines: list[bytes] = []
    with database.engine.execution_options(foreign_keys_off=True).connect() as connection:
        told: list[int] = []
        counts = write_rows(connection, lines.append, told.append)
        assert sum(told) == sum(counts.values()) == count_rows(connection)
    return lines


def _filled(database: Database) -> dict[str, int]:
    with database.engine.execution_options(foreign_keys_off=True).connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET session_replication_role = replica"))
        counts = fill(connection)
        connection.commit()
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET session_replication_role = origin"))
            connection.commit()
    return counts


def _load(database: Database, lines: list[bytes]) -> dict[str, int]:
    with database.engine.execution_options(foreign_keys_off=True).connect() as connection:
        counts = load_rows(connection, lines, lambda rows: None)
        connection.commit()
    return counts


def test_every_row_of_every_table_is_the_same_in_the_other_database(database: Database, target: Database) -> None:
    counts = _filled(database)
    lines = _dumped(database)
    assert set(counts) == set(METADATA.tables)
    assert _load(target, lines) == counts
    with database.engine.connect() as here, target.engine.connect() as there:
        assert everything(there) == everything(here)
    assert _dumped(target)[-1] == lines[-1]


def test_numbers_go_on_and_the_rules_of_the_tables_hold_again(database: Database, target: Database) -> None:
    _filled(database)
    _load(target, _dumped(database))
    with target.engine.connect() as connection:
        highest = connection.scalar(text("SELECT max(id) FROM audit_row"))
    with target.transaction() as session:
        audit.record(session=session, actor_id=None, action="x", subject_type="y", subject_id=None)
    with target.engine.connect() as connection:
        assert connection.scalar(text("SELECT max(id) FROM audit_row")) == highest + 1
        with pytest.raises(Exception, match=r"(?i)foreign key|violates"):
            connection.execute(text("UPDATE model_version SET parent_id = 'nobody'"))


@pytest.mark.parametrize("damage", ["cut", "row lost", "row twice", "no JSON", "other columns", "unknown kind"])
def test_lines_that_are_not_whole_are_refused_and_nothing_is_stored(
    database: Database, target: Database, damage: str
) -> None:
    _filled(database)
    lines = _dumped(database)
    place = next(place for place, line in enumerate(lines) if line.startswith(b'{"table":"patient"')) + 1
    match damage:
        case "cut":
            del lines[-1]
        case "row lost":
            del lines[place]
        case "row twice":
            lines[-2:-1] = [lines[-2]] * 2
        case "no JSON":
            lines[place] = lines[place][:-3]
        case "other columns":
            lines[place] = json.dumps(json.loads(lines[place])[1:]).encode()
        case _:
            lines[place - 1] = lines[place - 1].replace(b'"text"', b'"pickle"', 1)
    before = _dumped(target)
    with pytest.raises(Exception) as refused:  # noqa: PT011 - the database may be the first to refuse
        _load(target, lines)
    if damage != "row twice":
        assert isinstance(refused.value, ClinicDataError)
    assert _dumped(target) == before


def test_rows_that_refer_to_nothing_are_refused(database: Database, target: Database) -> None:
    _filled(database)
    lines = [line for line in _dumped(database)]
    kept = [line for line in lines if b'"assessment"' not in line or line.startswith(b"{")]
    start = next(place for place, line in enumerate(kept) if line.startswith(b'{"table":"assessment"'))
    end = next(place for place in range(start + 1, len(kept)) if kept[place].startswith(b"{"))
    told = json.loads(kept[-1])
    told["rows"]["assessment"] = 0
    told_line = json.dumps(told).encode() + b"\n"
    with pytest.raises((ConflictError, Exception), match=r"(?i)refer|foreign key"):
        _load(target, [*kept[: start + 1], *kept[end:-1], told_line])


def test_no_lines_are_no_backup() -> None:
    with pytest.raises(ClinicDataError, match="not as it was written"):
        list(read_rows([]))
