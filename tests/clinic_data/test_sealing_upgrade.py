"""The move from an earlier release, which stored everything in plain text, to this one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlmodel import select

from clinic_data import patients, plain_remains
from clinic_data.database import Database
from clinic_data.errors import SealError
from clinic_data.retraining_tables import ConfirmedOutcome
from clinic_data.tables import Assessment, Job, Patient, Recording, Report, Sex
from clinic_data.visit_tables import PatientNote, ScoreDecision
from tests.clinic_data.earlier_releases import ASSESSMENT, JOB, PATIENTS, RECORDING, SECRET, rows_of
from tests.keys import TEST_KEYS

_KILLED_BEFORE_THE_VACUUM = """
import os, signal, sys
from clinic_data import plain_remains
from clinic_data.database import Database
from tests.keys import TEST_KEYS

plain_remains.remove = lambda engine: os.kill(os.getpid(), signal.SIGKILL)
Database(sys.argv[1], TEST_KEYS).upgrade()
"""


def fill(database: Database, revision: str) -> None:
    """Makes the tables of a release and the rows of a clinic; of some rows only remains are left."""
    database.upgrade(revision)
    with database.engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            connection.exec_driver_sql("PRAGMA secure_delete = OFF")  # as earlier releases had it
        for table, row in rows_of(revision):
            _insert(connection, table, row)
        for number in range(50):  # deleted again: their plain values stay in free pages
            _insert(connection, "patient", dict(rows_of(revision)[2][1], **_other(number)))
        connection.execute(text("DELETE FROM patient WHERE record_number LIKE 'gone%'"))
        connection.commit()
    database.dispose()


def _other(number: int) -> dict[str, str]:
    name = f"gone-{number}"
    return {"id": f"{number:032d}", "record_number": name, "record_number_key": name, "notes": f"{SECRET} " * 40}


def _insert(connection, table: str, row: dict) -> None:
    names = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row)


@pytest.fixture
def old_clinic(empty_database_url: str) -> Iterator[Callable[[str], Database]]:
    """Makes the database of an earlier release, in which a clinic has worked."""
    made: list[Database] = []

    def make(revision: str) -> Database:
        made.append(Database(empty_database_url, TEST_KEYS))
        fill(made[0], revision)
        return made[0]

    yield make
    for database in made:
        database.dispose()


def raw_bytes(database: Database) -> bytes:
    """Everything that the database has on disk of its tables: pages, free pages, SQLite's write-ahead log."""
    url = database.engine.url
    if url.get_backend_name() == "sqlite":
        file = Path(str(url.database))
        return b"".join(each.read_bytes() for each in file.parent.glob(f"{file.name}*"))
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False)) as connection:
        connection.autocommit = True
        connection.execute("CHECKPOINT")
        tables = connection.execute(
            "SELECT pg_relation_filepath(oid) FROM pg_class WHERE relkind IN ('r', 't', 'i') AND relfilenode <> 0 "
            "AND relnamespace IN ('public'::regnamespace, 'pg_toast'::regnamespace)"
        ).fetchall()
        read = [connection.execute("SELECT pg_read_binary_file(%s)", row).fetchone() for row in tables]
    return b"".join(row[0] for row in read if row)


def is_in(database: Database) -> bool:
    return SECRET.lower().encode() in raw_bytes(database).lower()


@pytest.mark.parametrize("revision", ["0001", "0002", "0003"])
def test_everything_is_sealed_and_opens_as_it_was(old_clinic, revision: str) -> None:
    database = old_clinic(revision)
    assert is_in(database)
    database.upgrade()
    assert not is_in(database)
    with database.reading() as session:
        patient = patients.get_patient(session=session, patient_id=PATIENTS[0])
        assert (patient.family_name, patient.given_name) == (SECRET, f"Zoé{SECRET}")
        assert (patient.birth_date, patient.sex, patient.version) == (date(2011, 4, 2), Sex.FEMALE, 3)
        assert (patient.record_number, patient.notes) == (f"{SECRET}-0", f"About {SECRET}.\nMore.")
        assert session.get(Patient, PATIENTS[1]).notes == ""
        assert session.get(Recording, RECORDING).original_name == f"{SECRET}.mp4"
        assert session.get(Recording, "1" * 32).original_name == f"nobody's {SECRET}.mp4"
        assert (session.get(Job, JOB).result, session.get(Job, "2" * 32).result) == ({"told": SECRET}, None)
        assert session.get(Assessment, ASSESSMENT).result == {"scores": [], "told": SECRET, "number": 0.1}
        assert session.get(Report, "f" * 32).addendum is None
        if revision >= "0002":
            assert session.get(ConfirmedOutcome, "3" * 32).note == f"Says {SECRET}."
        if revision >= "0003":
            assert session.get(Report, "0" * 32).addendum == f"Adds {SECRET}."
            assert session.get(PatientNote, "5" * 32).text == f"Notes {SECRET}."
            assert session.get(ScoreDecision, "6" * 32).reason == f"Because {SECRET}."
            assert session.get(ScoreDecision, "7" * 32).phq9_waived_reason == f"Waived by {SECRET}."


def test_the_search_finds_the_patients_of_an_earlier_release(old_clinic) -> None:
    database = old_clinic("0003")
    database.upgrade()
    with database.reading() as session:
        for words in (SECRET[:3], f"zoe {SECRET}-1", "2011-04", "1"):
            found = patients.search_patients(session=session, text=words).rows
            assert PATIENTS[1] in {patient.id for patient in found}, words
        number = patients.find_by_record_number(session=session, record_number=f"{SECRET}-1".upper())
        assert number.id == PATIENTS[1]
        twins = patients.find_by_identity(
            session=session, family_name=SECRET, given_name=f"zoe{SECRET}", birth_date=date(2011, 4, 2)
        )
        assert {patient.id for patient in twins} == set(PATIENTS)


def test_the_rows_can_be_worked_with_afterwards(old_clinic) -> None:
    database = old_clinic("0003")
    database.upgrade()
    with database.transaction() as session:
        data = patients.PatientData(
            record_number="New-1", family_name="Other", given_name="", birth_date=date(2011, 4, 3)
        )
        patients.update_patient(session=session, patient_id=PATIENTS[0], data=data, expected_version=3, actor_id=None)
    with database.reading() as session:
        assert patients.search_patients(session=session, text="zoe").total == 1
        assert patients.search_patients(session=session, text="other new-1").total == 1


def test_a_move_that_is_killed_before_free_pages_are_gone_ends_at_the_next_start(old_clinic, root: Path) -> None:
    database = old_clinic("0003")
    url = database.engine.url.render_as_string(hide_password=False)
    killed = subprocess.run([sys.executable, "-c", _KILLED_BEFORE_THE_VACUUM, url], cwd=root, check=False)
    assert killed.returncode == -9
    assert is_in(database)
    database.upgrade()
    assert not is_in(database)


def test_without_keys_or_with_an_error_nothing_is_moved(old_clinic, empty_database_url: str, monkeypatch) -> None:
    database = old_clinic("0003")
    bare = Database(empty_database_url)
    with pytest.raises(SealError):
        bare.upgrade()
    bare.dispose()

    def break_off(connection: object) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(plain_remains, "mark", break_off)
    with pytest.raises(RuntimeError):
        database.upgrade()
    with database.engine.connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == "0003"
        assert connection.execute(text("SELECT family_name FROM patient LIMIT 1")).scalar() == SECRET


def test_a_new_database_is_not_written_anew(empty_database_url: str, monkeypatch) -> None:
    marked: list[object] = []
    monkeypatch.setattr(plain_remains, "mark", marked.append)
    database = Database(empty_database_url, TEST_KEYS)
    database.upgrade()
    assert marked == []
    with database.reading() as session:
        assert session.exec(select(Patient)).all() == []
    database.dispose()


def test_what_is_deleted_later_leaves_no_plain_page_either(old_clinic) -> None:
    database = old_clinic("0003")
    database.upgrade()
    if database.engine.dialect.name == "sqlite":
        with database.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1
            assert connection.exec_driver_sql("PRAGMA user_version").scalar() == 0
    else:
        with database.engine.connect() as connection:
            assert connection.execute(text("SELECT obj_description('patient'::regclass)")).scalar() is None
