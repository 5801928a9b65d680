"""The audit trail: written with what it records, one unbroken chain, every way to tamper with it found."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from clinic_data import audit, audit_reading, audit_writing, data_keys, users
from clinic_data.audit_chain import Head, sealed_head
from clinic_data.audit_head_file import HeadFile
from clinic_data.audit_verification import Verification, verify
from clinic_data.clock import utc_now
from clinic_data.data_keys import KeyRing
from clinic_data.database import Database, conflict_as
from clinic_data.errors import ConflictError, SealError, ValidationError
from clinic_data.master_keys import MasterKeys
from clinic_data.tables import AuditRow
from tests.keys import TEST_KEYS


def _record(database: Database, count: int = 1, **more: Any) -> None:
    for _ in range(count):
        with database.transaction() as session:
            audit.record(
                session=session, actor_id="a" * 32, action="test.done", subject_type="test", subject_id="1", **more
            )


def _verify(database: Database, anchors: list[Head] | None = None) -> Verification:
    with database.reading() as session:
        return verify(session=session, anchors=anchors or [])


def _head(database: Database) -> Head:
    with database.reading() as session:
        head = audit_writing.read_head(session)
    assert head is not None
    return head


def _rows(database: Database) -> list[AuditRow]:
    with database.reading() as session:
        return list(session.exec(select(AuditRow).order_by(col(AuditRow.id))).all())


@pytest.fixture
def tamper(database: Database) -> Callable[..., None]:
    """Runs SQL as somebody who owns the database and took its triggers away."""
    is_sqlite = database.engine.dialect.name == "sqlite"

    def run(*statements: str) -> None:
        with database.engine.begin() as connection:
            if is_sqlite:
                connection.exec_driver_sql("DROP TRIGGER IF EXISTS audit_row_no_update")
                connection.exec_driver_sql("DROP TRIGGER IF EXISTS audit_row_no_delete")
            else:
                connection.exec_driver_sql("SET session_replication_role = replica")
            for statement in statements:
                connection.execute(text(statement))
            if not is_sqlite:
                connection.exec_driver_sql("SET session_replication_role = DEFAULT")

    return run


def test_rows_are_numbered_and_bound_to_the_one_before(database: Database) -> None:
    with database.transaction() as session:
        for place in range(3):
            audit.record(session=session, actor_id=None, action="a.b", subject_type="t", subject_id=str(place))
        assert audit.list_rows(session=session).total == 0  # written at the commit
    rows = _rows(database)
    assert [(row.id, row.subject_id) for row in rows] == [(1, "0"), (2, "1"), (3, "2")]
    assert [row.previous_mac for row in rows] == ["0" * 64, rows[0].mac, rows[1].mac]
    found = _verify(database)
    assert (found.is_intact, found.rows, found.last_id, found.last_mac) == (True, 3, 3, rows[2].mac)


def test_an_empty_trail_is_intact(database: Database) -> None:
    assert _verify(database).is_intact


def test_a_transaction_that_fails_leaves_no_row_and_no_gap(database: Database) -> None:
    _record(database)

    def record_and_fail() -> None:
        with database.transaction() as session:
            audit.record(session=session, actor_id=None, action="not.done", subject_type="t", subject_id=None)
            audit.write_pending(session)
            audit.record(session=session, actor_id=None, action="not.done", subject_type="t", subject_id=None)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        record_and_fail()
    _record(database)
    assert [(row.id, row.action) for row in _rows(database)] == [(1, "test.done"), (2, "test.done")]
    assert _verify(database).is_intact


def test_a_session_that_is_rolled_back_forgets_what_it_recorded(database: Database) -> None:
    with database.transaction() as session:
        audit.record(session=session, actor_id=None, action="not.done", subject_type="t", subject_id=None)
        session.rollback()
        audit.record(session=session, actor_id=None, action="was.done", subject_type="t", subject_id=None)
    assert [row.action for row in _rows(database)] == ["was.done"]


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
    assert [row.action for row in _rows(database)] == ["before", "kept", "after"]


def test_many_writers_at_once_make_one_chain(database: Database, in_threads) -> None:
    def write(place: int) -> None:
        for _ in range(25):
            _record(database, details={"writer": place})

    in_threads(write, 6)
    assert [row.id for row in _rows(database)] == list(range(1, 151))
    assert _verify(database).is_intact


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
    assert _verify(database).rows == 60
    assert _verify(database).is_intact


def _write_in_a_process(url: str) -> None:
    database = Database(url, TEST_KEYS)
    _record(database, 20)
    database.dispose()


def test_processes_make_one_chain_while_it_is_checked(database: Database, database_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write_in_a_process, args=(database_url,)) for _ in range(3)]
    try:
        for process in processes:
            process.start()
        while any(process.is_alive() for process in processes):
            assert _verify(database).problems == ()
    finally:
        for process in processes:  # one that outlived this test would write into the tables of the next
            if process.pid is not None:
                process.kill()
                process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    found = _verify(database)
    assert (found.rows, found.is_intact) == (60, True)


CHANGES = {
    "action": "action = 'other'",
    "actor": "actor_id = NULL",
    "subject": "subject_id = '2'",
    "patient": "patient_id = 'p'",
    "address": "address = '1.2.3.4'",
    "session": "session_id = 'x'",
    "why": "why = 'because'",
    "details": """details = '{"n": 4}'""",
    "mac": "mac = previous_mac",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_row_is_found(database: Database, tamper, change: str) -> None:
    _record(database, 5, details={"n": 3})
    tamper(f"UPDATE audit_row SET {change} WHERE id = 3")  # noqa: S608 - our own
    problems = _verify(database).problems
    assert problems[0].row_id == 3
    assert "Row 3 was changed" in problems[0].sentence


def test_a_changed_time_is_found(database: Database, tamper) -> None:
    _record(database, 5)
    tamper("UPDATE audit_row SET at = (SELECT at FROM audit_row WHERE id = 5) WHERE id = 2")
    assert [problem.row_id for problem in _verify(database).problems] == [2]


@pytest.mark.parametrize("number", [1, 3])
def test_a_removed_row_is_found(database: Database, tamper, number: int) -> None:
    _record(database, 5)
    tamper(f"DELETE FROM audit_row WHERE id = {number}")  # noqa: S608 - our own
    (problem,) = _verify(database).problems
    assert problem.row_id == number
    assert f"Row {number} is missing" in problem.sentence


def test_a_gap_that_was_closed_again_is_found(database: Database, tamper) -> None:
    _record(database, 5)
    tamper("DELETE FROM audit_row WHERE id = 3", "UPDATE audit_row SET id = 3 WHERE id = 4")
    assert [problem.row_id for problem in _verify(database).problems] == [3, 3]


def test_reordered_rows_are_found(database: Database, tamper) -> None:
    _record(database, 5)
    tamper(*(f"UPDATE audit_row SET id = {new} WHERE id = {old}" for old, new in ((2, 99), (4, 2), (99, 4))))  # noqa: S608
    assert {2, 4} <= {problem.row_id for problem in _verify(database).problems}


COPY = (
    "INSERT INTO audit_row SELECT {}, at, actor_id, action, subject_type, subject_id, patient_id, address, session_id, "
    "why, details, {}, {} FROM audit_row WHERE id = 2"
)


def test_an_inserted_row_is_found(database: Database, tamper) -> None:
    _record(database, 5)
    tamper("DELETE FROM audit_row WHERE id = 4", COPY.format(4, "previous_mac", "mac"))
    assert 4 in {problem.row_id for problem in _verify(database).problems}


def test_a_row_added_at_the_end_is_found(database: Database, tamper) -> None:
    _record(database, 5)
    last = _head(database).last_mac
    tamper(COPY.format(6, f"'{last}'", f"'{last}'"))
    problems = _verify(database).problems
    assert {problem.row_id for problem in problems} == {6}
    assert any("behind the end" in problem.sentence for problem in problems)


def test_a_cut_tail_is_found(database: Database, tamper) -> None:
    _record(database, 5)
    tamper("DELETE FROM audit_row WHERE id > 3")
    (problem,) = _verify(database).problems
    assert (problem.row_id, problem.sentence) == (4, "Rows 4 to 5 are missing at the end.")


def test_a_cut_tail_whose_head_was_set_back_is_found(database: Database, tamper) -> None:
    _record(database, 5)
    tamper(
        "DELETE FROM audit_row WHERE id > 3",
        "UPDATE audit_head SET last_id = 3, last_mac = (SELECT mac FROM audit_row WHERE id = 3)",
    )
    (problem,) = _verify(database).problems
    assert "The head of the trail in the database was changed" in problem.sentence


def test_a_whole_older_database_is_found_by_the_head_outside_of_it(database: Database, tamper, tmp_path: Path) -> None:
    _record(database, 3)
    old = _head(database)
    _record(database, 2)
    outside = [old, _head(database)]
    tamper(
        "DELETE FROM audit_row WHERE id > 3",
        f"UPDATE audit_head SET last_id = 3, last_mac = '{old.last_mac}', seal = '{old.seal}', "  # noqa: S608
        "at = (SELECT at FROM audit_row WHERE id = 3)",
    )
    assert _verify(database).is_intact  # to who knows the database only
    (problem,) = _verify(database, outside).problems
    assert (problem.row_id, "Row 5 is missing at the end" in problem.sentence) == (5, True)


def test_a_rewritten_history_is_found_by_the_head_outside(database: Database, tamper) -> None:
    """Even by somebody who has the key."""
    empty = _head(database)
    _record(database, 3)
    outside = [_head(database)]
    back = f"UPDATE audit_head SET last_id = 0, last_mac = '{empty.last_mac}', at = '{empty.at:%Y-%m-%d %H:%M:%S.%f}', "  # noqa: S608
    tamper("DELETE FROM audit_row", f"{back} seal = '{empty.seal}'")
    _record(database, 4, why="other")
    assert _verify(database).is_intact
    (problem,) = _verify(database, outside).problems
    assert problem.row_id == 3
    assert "Row 3 is not the one" in problem.sentence


def test_a_forged_head_outside_is_found(database: Database) -> None:
    _record(database, 3)
    real = _head(database)
    forged = sealed_head(b"k" * 32, real.last_id, real.last_mac, real.at)
    (problem,) = _verify(database, [forged]).problems
    assert "not by this audit key" in problem.sentence


def test_a_removed_head_is_found_and_nothing_is_written_without_it(database: Database, tamper) -> None:
    _record(database, 2)
    tamper("DELETE FROM audit_head")
    assert "head of the trail is missing" in _verify(database).problems[0].sentence
    with pytest.raises(ConflictError, match="lost its head"):
        _record(database)
    assert len(_rows(database)) == 2


def test_who_sets_the_head_back_is_not_helped_by_the_next_row(database: Database, tamper) -> None:
    """The app must not seal a forged head anew: afterwards nobody could see that rows are missing."""
    _record(database, 5)
    mac = _rows(database)[2].mac
    tamper("DELETE FROM audit_row WHERE id > 3", f"UPDATE audit_head SET last_id = 3, last_mac = '{mac}'")  # noqa: S608
    with pytest.raises(ConflictError, match="head was changed"):
        _record(database)
    assert "head of the trail in the database was changed" in _verify(database).problems[0].sentence


def test_who_removes_the_whole_trail_with_its_head_is_found_and_no_new_one_begins(database: Database, tamper) -> None:
    _record(database, 3)
    tamper("DELETE FROM audit_row", "DELETE FROM audit_head")
    assert "head of the trail is missing" in _verify(database).problems[0].sentence
    with pytest.raises(ConflictError, match="lost its head"):
        _record(database)


def test_a_head_file_from_the_future_does_not_stop_the_heads(database_url: str, tmp_path: Path) -> None:
    database = Database(database_url, TEST_KEYS, head_file=HeadFile(tmp_path / "head"))
    _record(database)
    os.utime(tmp_path / "head", (4e9, 4e9))
    _record(database)
    assert [head.last_id for head in HeadFile(tmp_path / "head").read()] == [1, 2]
    database.dispose()


def test_another_key_fits_no_row(database: Database, tamper, database_url: str) -> None:
    _record(database, 3)
    key = data_keys.DataKey("x", b"x" * 32)
    with database.transaction() as session, pytest.MonkeyPatch.context() as patch:
        patch.setattr(data_keys, "for_purpose", lambda **_: key)
        found = verify(session=session)
    assert [problem.row_id for problem in found.problems] == [1, 2, 3, None]
    other = Database(database_url, KeyRing(MasterKeys([b"y" * 32])))
    with pytest.raises(SealError), other.reading() as session:
        verify(session=session)
    other.dispose()


def test_only_the_first_problems_are_named_and_all_are_counted(database: Database, tamper) -> None:
    with database.transaction() as session:
        for _ in range(150):
            audit.record(session=session, actor_id=None, action="a", subject_type="t", subject_id=None)
    tamper("UPDATE audit_row SET why = 'x'")
    found = _verify(database)
    assert (len(found.problems), found.problem_count) == (100, 150)


def test_a_row_without_its_place_in_the_chain_is_refused(database: Database) -> None:
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.add(AuditRow(action="a", subject_type="t", details={}, previous_mac="", mac=""))


def test_no_text_can_feign_a_line(database: Database) -> None:
    line = "fell\n2026-11-24 root user.signed_in\r\x1b[2K\u202eevil\u2028\x00é"
    token = audit.origin.set(audit.Origin(address="1.2.3.4\nx", session="ab\tcd"))
    try:
        _record(database, why=line, details={"a\nb": [line, {"c": line}]})
    finally:
        audit.origin.reset(token)
    (row,) = _rows(database)
    shown = json.dumps([row.address, row.session_id, row.why, row.details], ensure_ascii=False)
    assert "fell\\\\u000a2026" in shown
    assert "\\\\u202e" in shown
    assert "é" in shown
    assert all(
        text.isprintable()
        for text in (row.address, row.session_id, row.why, *row.details, *row.details["a\\u000ab"][:1])
    )
    assert _verify(database).is_intact


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
    moments = [row.at for row in _rows(database)]
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
    _record(database, 5)
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
    _record(database)
    _record(database)
    assert [head.last_id for head in file.read()] == [1]  # the second came within ten seconds
    assert file.path.stat().st_mode & 0o777 == 0o600
    file.append(_head(database))
    found = _verify(database, list(file.read()))
    assert (found.is_intact, found.anchors) == (True, 2)
    database.dispose()


def test_a_line_that_a_power_cut_left_open_harms_no_other(database: Database, tmp_path: Path) -> None:
    file = HeadFile(tmp_path / "head")
    _record(database)
    file.append(_head(database))
    with file.path.open("a") as lines:
        lines.write('{"row": 2, "ma')
    file.append(_head(database))
    assert [head.last_id for head in file.read()] == [1, 1]


def test_a_head_that_cannot_be_noted_stops_nothing(database_url: str, tmp_path: Path, caplog) -> None:
    (tmp_path / "audit").write_text("in the way")
    database = Database(database_url, TEST_KEYS, head_file=HeadFile(tmp_path / "audit" / "head"))
    _record(database)
    assert len(_rows(database)) == 1
    assert "head was not written" in caplog.text
    database.dispose()
