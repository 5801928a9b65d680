"""Sessions, time, migrations and what the database itself refuses."""

from __future__ import annotations

import stat
import subprocess
import sys
import time
import traceback
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError, TimeoutError
from sqlmodel import select

from clinic_data import audit, users
from clinic_data.database import ConnectionPool, Database
from clinic_data.errors import SignInError, ValidationError
from clinic_data.tables import Assessment, AuditRow, ClinicTable, Job, ModelVersion, Patient, Recording, ReportCounter
from tests.keys import TEST_KEYS


@pytest.mark.parametrize(
    "url", ["", "clinic", "mysql://localhost/clinic", "sqlite://", "sqlite:///:memory:", "postgresql+psycopg2://h/d"]
)
def test_refuses_a_url_of_no_supported_database_and_says_what_to_set(url: str) -> None:
    with pytest.raises(ValidationError, match=r"sqlite:///FOLDER.*postgresql://"):
        Database(url)


def test_sqlite_file_is_made_with_its_folder_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "var" / "clinic.sqlite3"
    database = Database(f"sqlite:///{file}", TEST_KEYS)
    database.upgrade()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with database.reading() as session:
        assert session.exec(text("PRAGMA journal_mode")).one()[0] == "wal"
    database.dispose()


def test_a_failed_transaction_leaves_nothing(database: Database, rows) -> None:
    def write_and_fail() -> None:
        with database.transaction() as session:
            rows.patient(session)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    with database.reading() as session:
        assert session.exec(select(Patient)).all() == []


def test_a_refused_sign_in_commits_what_was_written_about_it(database: Database) -> None:
    def record_and_refuse() -> None:
        with database.transaction() as session:
            audit.record(session=session, actor_id=None, action="sign_in.refused", subject_type="user", subject_id=None)
            raise SignInError

    with pytest.raises(SignInError):
        record_and_refuse()
    with database.reading() as session:
        assert audit.list_rows(session=session).total == 1


def test_the_database_refuses_writes_of_a_reading_session(database: Database, rows) -> None:
    with pytest.raises(DBAPIError, match=r"(?i)read-?only"), database.reading() as session:
        rows.patient(session)
    with database.transaction() as session:  # the same pooled connection may write again
        rows.patient(session)


def test_rows_stay_readable_after_their_session(database: Database, rows) -> None:
    with database.transaction() as session:
        written = rows.patient(session)
    with database.reading() as session:
        read = session.get(Patient, written.id)
    assert read is not None
    assert (written.family_name, read.family_name) == ("Moreau", "Moreau")


def test_reading_and_writing_at_the_same_time_do_not_wait_for_each_other(database: Database, rows) -> None:
    with database.reading() as reading:
        reading.exec(select(Patient)).all()
        started = time.monotonic()
        with database.transaction() as writing:
            rows.patient(writing)
            assert reading.exec(select(Patient)).all() == []
    assert time.monotonic() - started < 5


def test_concurrent_read_then_write_loses_nothing(database: Database, in_threads) -> None:
    with database.transaction() as session:
        session.add(ReportCounter(year=2026, last=0))

    def add_fifty(_: int) -> None:
        for _ in range(50):
            with database.transaction() as session:
                counter = session.exec(select(ReportCounter).with_for_update()).one()
                counter.last += 1

    in_threads(add_fifty, 4)
    with database.reading() as session:
        assert session.exec(select(ReportCounter)).one().last == 200


def test_moments_come_back_in_utc_whatever_zone_they_were_given_in(database: Database, rows, now: datetime) -> None:
    tokyo = now.astimezone(timezone(timedelta(hours=9)))
    with database.transaction() as session:
        user = rows.user(session)
        user.locked_until = tokyo
    with database.reading() as session:
        read = users.get_user(session=session, user_id=user.id).locked_until
    assert read == now
    assert read.tzinfo is UTC


def test_a_moment_without_time_zone_is_refused(database: Database, rows) -> None:
    with pytest.raises(StatementError, match="needs its time zone"), database.transaction() as session:
        rows.user(session).locked_until = datetime(2026, 1, 1)


def test_errors_do_not_print_a_patients_data(database: Database, rows) -> None:
    with pytest.raises(IntegrityError) as caught, database.transaction() as session:
        rows.patient(session, family_name="Secret" + "name").birth_date = None  # refused at the commit
    shown = "".join(traceback.format_exception(caught.value, chain=True))
    assert "birth_date" in shown
    assert "secretname" not in shown.lower()


@pytest.mark.parametrize("table", [Patient, Recording, Job, ModelVersion])
def test_rows_that_an_assessment_refers_to_cannot_be_deleted(database: Database, rows, table) -> None:
    with database.transaction() as session:
        rows.assessment(session, rows.patient(session).id)
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.delete(session.exec(select(table)).one())
    with database.reading() as session:
        assert session.exec(select(table)).one() is not None
        assert session.exec(select(Assessment)).one() is not None


@pytest.mark.parametrize("statement", ["UPDATE audit_row SET action = 'x'", "DELETE FROM audit_row"])
def test_the_audit_trail_cannot_be_changed_even_by_sql(database: Database, statement: str) -> None:
    with database.transaction() as session:
        audit.record(session=session, actor_id=None, action="app.started", subject_type="app", subject_id=None)
    with pytest.raises(DBAPIError, match="append-only"), database.transaction() as session:
        session.exec(text(statement))
    with database.reading() as session:
        assert session.exec(select(AuditRow)).one().action == "app.started"


def test_migrations_make_the_tables_that_the_code_declares(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, ClinicTable.metadata) == []
        tables = set(inspect(connection).get_table_names())
    assert tables == {*ClinicTable.metadata.tables, "alembic_version"}


def test_the_database_itself_refuses_an_unknown_state(database: Database, rows) -> None:
    with database.transaction() as session:
        rows.job(session)
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.exec(text("UPDATE job SET state = 'lost'"))


def test_a_process_opens_no_more_connections_than_its_pool_allows(postgresql_url: str) -> None:
    database = Database(postgresql_url, pool=ConnectionPool(size=1, overflow=1, wait_s=0.1))
    with database.reading() as first, database.reading() as second:
        first.exec(select(Patient)).all()
        second.exec(select(Patient)).all()
        with pytest.raises(TimeoutError), database.reading() as third:
            third.exec(select(Patient)).all()
    with database.reading() as again:
        assert again.exec(select(Patient)).all() == []
    database.dispose()


def test_upgrade_keeps_the_rows_and_may_be_repeated(database: Database, rows) -> None:
    with database.transaction() as session:
        rows.patient(session)
    database.upgrade()
    with database.reading() as session:
        assert len(session.exec(select(Patient)).all()) == 1


def test_app_and_worker_may_upgrade_at_the_same_time(empty_database_url: str) -> None:
    program = (
        "import sys; from clinic_data.database import Database; from tests.keys import TEST_KEYS; "
        "Database(sys.argv[1], TEST_KEYS).upgrade()"
    )
    command = [sys.executable, "-W", "error", "-c", program, empty_database_url]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    try:
        errors = [process.communicate(timeout=60)[1].decode() for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert [process.returncode for process in processes] == [0, 0], errors
    database = Database(empty_database_url, TEST_KEYS)
    with database.reading() as session:
        assert session.exec(select(Patient)).all() == []
    database.dispose()
