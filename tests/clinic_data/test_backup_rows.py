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
from sqlalchemy.exc import DBAPIError

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


@pytest.fixture
def clinic_lines(tmp_path: Path) -> list[bytes]:
    """The lines of a clinic with rows in every table."""
    database = Database(f"sqlite:///{tmp_path / 'source.sqlite3'}", TEST_KEYS)
    database.upgrade()
    _filled(database)
    lines = _dumped(database)
    database.dispose()
    return lines


def test_the_rules_of_the_tables_hold_again_afterwards(clinic_lines: list[bytes], target: Database) -> None:
    _load(target, clinic_lines)
    for statement in ("UPDATE model_version SET parent_id = 'nobody'", "DELETE FROM audit_row"):
        with target.engine.connect() as connection, pytest.raises(DBAPIError):
            connection.execute(text(statement))


def test_numbers_that_the_database_gives_out_go_on(target: Database) -> None:
    number = "BIGSERIAL" if target.engine.dialect.name == "postgresql" else "INTEGER"
    lines = [
        b'{"table":"counted","columns":[["id","integer"],["word","text"]]}',
        b'[7,"a"]',
        b'{"rows":{"counted":1}}',
    ]
    with target.engine.connect() as connection:
        connection.execute(text(f"CREATE TABLE counted (id {number} PRIMARY KEY, word TEXT)"))
        load_rows(connection, lines, lambda rows: None)
        connection.execute(text("INSERT INTO counted (word) VALUES ('b')"))
        assert connection.scalar(text("SELECT id FROM counted WHERE word = 'b'")) == 8


@pytest.mark.parametrize(
    "damage", ["cut", "row lost", "no JSON", "other columns", "unknown kind", "table lost", "more"]
)
def test_lines_that_are_not_as_they_were_written_are_refused(clinic_lines: list[bytes], damage: str) -> None:
    lines = clinic_lines
    place = next(place for place, line in enumerate(lines) if line.startswith(b'{"table":"patient"')) + 1
    match damage:
        case "cut":
            del lines[-1]
        case "row lost":
            del lines[place]
        case "no JSON":
            lines[place] = lines[place][:-3]
        case "other columns":
            lines[place] = json.dumps(json.loads(lines[place])[1:]).encode()
        case "unknown kind":
            lines[place - 1] = lines[place - 1].replace(b'"text"', b'"pickle"', 1)
        case "table lost":
            del lines[place - 1]
        case _:
            lines.append(lines[place - 1])
    with pytest.raises(ClinicDataError, match="not as it was written"):
        list(read_rows(lines))


@pytest.mark.parametrize("damage", ["refers to nothing", "refers to nothing in its own table", "exists twice"])
def test_rows_that_contradict_each_other_are_refused_and_nothing_is_stored(
    clinic_lines: list[bytes], target: Database, damage: str
) -> None:
    lines = clinic_lines
    place = next(place for place, line in enumerate(lines) if line.startswith(b'{"table":"confirmed_outcome"'))
    names = [name for name, _ in json.loads(lines[place])["columns"]]
    row = json.loads(lines[place + 1])
    if damage == "exists twice":
        row[names.index("id")] = json.loads(lines[place + 2])[names.index("id")]
    else:
        row[names.index("replaces_id" if "own" in damage else "assessment_id")] = "nothing"
    lines[place + 1] = json.dumps(row).encode() + b"\n"
    before = _dumped(target)
    with pytest.raises(ConflictError, match="contradict each other"):
        _load(target, lines)
    assert _dumped(target) == before


def test_no_lines_are_no_backup() -> None:
    with pytest.raises(ClinicDataError, match="not as it was written"):
        list(read_rows([]))
