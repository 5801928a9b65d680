"""The audit trail: written with what it records, one unbroken chain, read page by page."""

from __future__ import annotations

import json
import multiprocessing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import select
from trails import all_rows, head_of, record, verified

from clinic_data import audit, audit_reading, users
from clinic_data.audit_head_file import HeadFile
from clinic_data.clock import utc_now
from clinic_data.database import Database, conflict_as
from clinic_data.errors import ConflictError, ValidationError
from clinic_data.tables import AuditRow
from tests.keys import TEST_KEYS


def test_rows_are_numbered_and_bound_to_the_one_before(database: Database) -> None:
    with database.transaction() as session:
        for place in range(3):
            audit.record(session=session, actor_id=None, action="a.b", subject_type="t", subject_id=str(place))
        assert audit.list_rows(session=session).total == 0  # written at the commit
    rows = all_rows(database)
    assert [(row.id, row.subject_id) for row in rows] == [(1, "0"), (2, "1"), (3, "2")]
    assert [row.previous_mac for row in rows] == ["0" * 64, rows[0].mac, rows[1].mac]
    found = verified(database)
    assert (found.is_intact, found.rows, found.last_id, found.last_mac) == (True, 3, 3, rows[2].mac)


def test_an_empty_trail_is_intact(database: Database) -> None:
    assert verified(database).is_intact


def test_a_transaction_that_fails_leaves_no_row_and_no_gap(database: Database) -> None:
    record(database)

    def record_and_fail() -> None:
        with database.transaction() as session:
            audit.record(session=session, actor_id=None, action="not.done", subject_type="t", subject_id=None)
            audit.write_pending(session)
            audit.record(session=session, actor_id=None, action="not.done", subject_type="t", subject_id=None)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        record_and_fail()
    record(database)
    assert [(row.id, row.action) for row in all_rows(database)] == [(1, "test.done"), (2, "test.done")]
    assert verified(database).is_intact


def test_a_session_that_is_rolled_back_forgets_what_it_recorded(database: Database) -> None:
    with database.transaction() as session:
        audit.record(session=session, actor_id=None, action="not.done", subject_type="t", subject_id=None)
        session.rollback()
        audit.record(session=session, actor_id=None, action="was.done", subject_type="t", subject_id=None)
    assert [row.action for row in all_rows(database)] == ["was.done"]


def test_a_savepoint_that_is_rolled_back_takes_its_rows_along(database: Database, rows) -> None:
    def note(session, action: str) -> None:
        audit.record(session=session, actor_id=None, action=action, subject_type="t", subject_id=None)

    def try_to_take_the_name(session) -> None:
        with conflict_as(session, "taken"):
            note(session, "refused")
            with session.begin_nested():
                note(session, "refused.inner")
            session.add(users.User(username="ada", display_name="x", role="clinician", password_hash="x"))

    with database.transaction() as session:
        rows.user(session)
        note(session, "before")
        with pytest.raises(ConflictError):
            try_to_take_the_name(session)
        savepoint = session.begin_nested()
        note(session, "taken.back")
        savepoint.rollback()
        with session.begin_nested():
            note(session, "kept")
        note(session, "after")
    assert [row.action for row in all_rows(database)] == ["before", "kept", "after"]


def test_many_writers_at_once_make_one_chain(database: Database, in_threads) -> None:
    def write(place: int) -> None:
        for _ in range(25):
            record(database, details={"writer": place})

    in_threads(write, 6)
    assert [row.id for row in all_rows(database)] == list(range(1, 151))
    assert verified(database).is_intact


def test_writers_that_lock_each_others_accounts_do_not_stand_still(database: Database, rows, in_threads) -> None:
    """Each locks one account and names the other as who did it: a foreign key would wait for it under the head."""
    with database.transaction() as session:
        ids = [rows.user(session, name).id for name in ("ada", "bob")]

    def write(place: int) -> None:
        for _ in range(30):
            with database.transaction() as session:
                session.exec(select(users.User).where(users.User.id == ids[place]).with_for_update()).one()
                audit.record(
                    session=session, actor_id=ids[1 - place], action="a", subject_type="user", subject_id=ids[place]
                )

    in_threads(write, 2)
    assert verified(database).rows == 60
    assert verified(database).is_intact


def _write_in_a_process(url: str) -> None:
    database = Database(url, TEST_KEYS)
    record(database, 20)
    database.dispose()


def test_processes_make_one_chain_while_it_is_checked(database: Database, database_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write_in_a_process, args=(database_url,)) for _ in range(3)]
    try:
        for process in processes:
            process.start()
        while any(process.is_alive() for process in processes):
            assert verified(database).problems == ()
    finally:
        for process in processes:  # one that outlived this test would write into the tables of the next
            if process.pid is not None:
                process.kill()
                process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    found = verified(database)
    assert (found.rows, found.is_intact) == (60, True)


def test_a_row_without_its_place_in_the_chain_is_refused(database: Database) -> None:
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.add(AuditRow(action="a", subject_type="t", details={}, previous_mac="", mac=""))


def test_no_text_can_feign_a_line(database: Database) -> None:
    line = "fell\n2026-11-24 root user.signed_in\r\x1b[2K\u202eevil\u2028\x00é"
    token = audit.origin.set(audit.Origin(address="1.2.3.4\nx", session="ab\tcd"))
    try:
        record(database, why=line, details={"a\nb": [line, {"c": line}]})
    finally:
        audit.origin.reset(token)
    (row,) = all_rows(database)
    shown = json.dumps([row.address, row.session_id, row.why, row.details], ensure_ascii=False)
    assert "fell\\\\u000a2026" in shown
    assert "\\\\u202e" in shown
    assert "é" in shown
    assert all(
        text.isprintable()
        for text in (row.address, row.session_id, row.why, *row.details, *row.details["a\\u000ab"][:1])
    )
    assert verified(database).is_intact


@pytest.mark.parametrize(
    ("action", "kind"), [("", "t"), ("a b", "t"), ("a\nb", "t"), ("a" * 61, "t"), ("a", "=t"), ("a", "")]
)
def test_names_of_actions_and_subjects_are_plain(database: Database, action: str, kind: str) -> None:
    with pytest.raises(ValidationError), database.transaction() as session:
        audit.record(session=session, actor_id=None, action=action, subject_type=kind, subject_id=None)


def test_a_row_tells_whom_it_concerns(database: Database, rows) -> None:
    with database.transaction() as session:
        patient = rows.patient(session).id
        assessment = rows.assessment(session, patient)
        for kind, subject, details in (
            ("patient", patient, {}),
            ("assessment", assessment.id, {}),
            ("recording", assessment.recording_id, {}),
            ("export", None, {"patient_id": patient}),
            ("app", None, {}),
        ):
            audit.record(
                session=session, actor_id=None, action="x", subject_type=kind, subject_id=subject, details=details
            )
    with database.reading() as session:
        assert audit.list_rows(session=session, patient_id=patient).total == 4
        assert audit.list_rows(session=session).total == 5


def test_filters_and_actions(database: Database) -> None:
    for place, action in enumerate(("a.a", "a.b", "b.a")):
        token = audit.origin.set(audit.Origin(address=f"10.0.0.{place}", session="s"))
        with database.transaction() as session:
            audit.record(session=session, actor_id=str(place), action=action, subject_type="t", subject_id=None)
        audit.origin.reset(token)
    moments = [row.at for row in all_rows(database)]
    assert moments == sorted(moments)

    with database.reading() as session:

        def found(**wanted: Any) -> list[int | None]:
            return [row.id for row in audit.list_rows(session=session, wanted=audit.AuditFilter(**wanted)).rows]

        assert audit_reading.actions(session=session) == ["a.a", "a.b", "b.a"]
        assert found() == [3, 2, 1]
        assert found(address="10.0.0.1") == found(actor_id="1") == found(action="a.b") == [2]
        assert found(since=moments[1]) == [3, 2]
        assert found(until=moments[1]) == [1]
        assert found(since=moments[0], until=moments[2], action="a.a") == [1]
        assert found(since=utc_now() + timedelta(days=1)) == []
        assert [
            row.id for row in audit_reading.stream(session=session, wanted=audit.AuditFilter(until=moments[2]))
        ] == [
            1,
            2,
        ]


def test_no_actions_in_an_empty_trail(database: Database) -> None:
    with database.reading() as session:
        assert audit_reading.actions(session=session) == []


def test_the_count_and_the_pages_stop_far_down(database: Database, monkeypatch) -> None:
    monkeypatch.setattr(audit_reading, "COUNTED_ROWS", 3)
    record(database, 5)
    with database.reading() as session:
        assert audit.list_rows(session=session).total == 3
        with pytest.raises(ValidationError):
            audit.list_rows(session=session, offset=4)


def test_the_head_is_noted_outside_after_the_commit_and_not_too_often(database_url: str, tmp_path: Path) -> None:
    file = HeadFile(tmp_path / "audit" / "head")
    database = Database(database_url, TEST_KEYS, head_file=file)
    with database.transaction() as session:
        audit.record(session=session, actor_id=None, action="a", subject_type="t", subject_id=None)
        session.rollback()
    assert list(file.read()) == []
    record(database)
    record(database)
    assert [head.last_id for head in file.read()] == [1]  # the second came within ten seconds
    assert file.path.stat().st_mode & 0o777 == 0o600
    file.append(head_of(database))
    found = verified(database, list(file.read()))
    assert (found.is_intact, found.anchors) == (True, 2)
    database.dispose()


def test_a_line_that_a_power_cut_left_open_harms_no_other(database: Database, tmp_path: Path) -> None:
    file = HeadFile(tmp_path / "head")
    record(database)
    file.append(head_of(database))
    with file.path.open("a") as lines:
        lines.write('{"row": 2, "ma')
    file.append(head_of(database))
    assert [head.last_id for head in file.read()] == [1, 1]


def test_a_head_that_cannot_be_noted_stops_nothing(database_url: str, tmp_path: Path, caplog) -> None:
    (tmp_path / "audit").write_text("in the way")
    database = Database(database_url, TEST_KEYS, head_file=HeadFile(tmp_path / "audit" / "head"))
    record(database)
    assert len(all_rows(database)) == 1
    assert "head was not written" in caplog.text
    database.dispose()
