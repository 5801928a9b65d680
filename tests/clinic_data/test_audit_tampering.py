"""Every way to tamper with the audit trail is found."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from trails import all_rows, head_of, record, verified

from clinic_data import audit, data_keys
from clinic_data.audit_chain import sealed_head
from clinic_data.audit_head_file import HeadFile
from clinic_data.audit_verification import verify
from clinic_data.data_keys import KeyRing
from clinic_data.database import Database
from clinic_data.errors import ConflictError, SealError
from clinic_data.master_keys import MasterKeys
from tests.keys import TEST_KEYS


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
    record(database, 5, details={"n": 3})
    tamper(f"UPDATE audit_row SET {change} WHERE id = 3")
    problems = verified(database).problems
    assert problems[0].row_id == 3
    assert "Row 3 was changed" in problems[0].sentence


def test_a_changed_time_is_found(database: Database, tamper) -> None:
    record(database, 5)
    tamper("UPDATE audit_row SET at = (SELECT at FROM audit_row WHERE id = 5) WHERE id = 2")
    assert [problem.row_id for problem in verified(database).problems] == [2]


@pytest.mark.parametrize("number", [1, 3])
def test_a_removed_row_is_found(database: Database, tamper, number: int) -> None:
    record(database, 5)
    tamper(f"DELETE FROM audit_row WHERE id = {number}")
    (problem,) = verified(database).problems
    assert problem.row_id == number
    assert f"Row {number} is missing" in problem.sentence


def test_a_gap_that_was_closed_again_is_found(database: Database, tamper) -> None:
    record(database, 5)
    tamper("DELETE FROM audit_row WHERE id = 3", "UPDATE audit_row SET id = 3 WHERE id = 4")
    assert [problem.row_id for problem in verified(database).problems] == [3, 3]


def test_reordered_rows_are_found(database: Database, tamper) -> None:
    record(database, 5)
    tamper(*(f"UPDATE audit_row SET id = {new} WHERE id = {old}" for old, new in ((2, 99), (4, 2), (99, 4))))
    assert {2, 4} <= {problem.row_id for problem in verified(database).problems}


COPY = (
    "INSERT INTO audit_row SELECT {}, at, actor_id, action, subject_type, subject_id, patient_id, address, session_id, "
    "why, details, {}, {} FROM audit_row WHERE id = 2"
)


def test_an_inserted_row_is_found(database: Database, tamper) -> None:
    record(database, 5)
    tamper("DELETE FROM audit_row WHERE id = 4", COPY.format(4, "previous_mac", "mac"))
    assert 4 in {problem.row_id for problem in verified(database).problems}


def test_a_row_added_at_the_end_is_found(database: Database, tamper) -> None:
    record(database, 5)
    last = head_of(database).last_mac
    tamper(COPY.format(6, f"'{last}'", f"'{last}'"))
    problems = verified(database).problems
    assert {problem.row_id for problem in problems} == {6}
    assert any("behind the end" in problem.sentence for problem in problems)


def test_a_cut_tail_is_found(database: Database, tamper) -> None:
    record(database, 5)
    tamper("DELETE FROM audit_row WHERE id > 3")
    (problem,) = verified(database).problems
    assert (problem.row_id, problem.sentence) == (4, "Rows 4 to 5 are missing at the end.")


def test_a_cut_tail_whose_head_was_set_back_is_found(database: Database, tamper) -> None:
    record(database, 5)
    tamper(
        "DELETE FROM audit_row WHERE id > 3",
        "UPDATE audit_head SET last_id = 3, last_mac = (SELECT mac FROM audit_row WHERE id = 3)",
    )
    (problem,) = verified(database).problems
    assert "The head of the trail in the database was changed" in problem.sentence


def test_a_whole_older_database_is_found_by_the_head_outside_of_it(database: Database, tamper, tmp_path: Path) -> None:
    record(database, 3)
    old = head_of(database)
    record(database, 2)
    outside = [old, head_of(database)]
    tamper(
        "DELETE FROM audit_row WHERE id > 3",
        f"UPDATE audit_head SET last_id = 3, last_mac = '{old.last_mac}', seal = '{old.seal}', "
        "at = (SELECT at FROM audit_row WHERE id = 3)",
    )
    assert verified(database).is_intact  # to who knows the database only
    (problem,) = verified(database, outside).problems
    assert (problem.row_id, "Row 5 is missing at the end" in problem.sentence) == (5, True)


def test_a_rewritten_history_is_found_by_the_head_outside(database: Database, tamper) -> None:
    """Even by somebody who has the key."""
    empty = head_of(database)
    record(database, 3)
    outside = [head_of(database)]
    back = f"UPDATE audit_head SET last_id = 0, last_mac = '{empty.last_mac}', at = '{empty.at:%Y-%m-%d %H:%M:%S.%f}', "
    tamper("DELETE FROM audit_row", f"{back} seal = '{empty.seal}'")
    record(database, 4, why="other")
    assert verified(database).is_intact
    (problem,) = verified(database, outside).problems
    assert problem.row_id == 3
    assert "Row 3 is not the one" in problem.sentence


def test_a_forged_head_outside_is_found(database: Database) -> None:
    record(database, 3)
    real = head_of(database)
    forged = sealed_head(b"k" * 32, real.last_id, real.last_mac, real.at)
    (problem,) = verified(database, [forged]).problems
    assert "not by this audit key" in problem.sentence


def test_a_removed_head_is_found_and_nothing_is_written_without_it(database: Database, tamper) -> None:
    record(database, 2)
    tamper("DELETE FROM audit_head")
    assert "head of the trail is missing" in verified(database).problems[0].sentence
    with pytest.raises(ConflictError, match="lost its head"):
        record(database)
    assert len(all_rows(database)) == 2


def test_who_sets_the_head_back_is_not_helped_by_the_next_row(database: Database, tamper) -> None:
    """The app must not seal a forged head anew: afterwards nobody could see that rows are missing."""
    record(database, 5)
    mac = all_rows(database)[2].mac
    tamper("DELETE FROM audit_row WHERE id > 3", f"UPDATE audit_head SET last_id = 3, last_mac = '{mac}'")
    with pytest.raises(ConflictError, match="head was changed"):
        record(database)
    assert "head of the trail in the database was changed" in verified(database).problems[0].sentence


def test_who_removes_the_whole_trail_with_its_head_is_found_and_no_new_one_begins(database: Database, tamper) -> None:
    record(database, 3)
    tamper("DELETE FROM audit_row", "DELETE FROM audit_head")
    assert "head of the trail is missing" in verified(database).problems[0].sentence
    with pytest.raises(ConflictError, match="lost its head"):
        record(database)


def test_a_head_file_from_the_future_does_not_stop_the_heads(database_url: str, tmp_path: Path) -> None:
    database = Database(database_url, TEST_KEYS, head_file=HeadFile(tmp_path / "head"))
    record(database)
    os.utime(tmp_path / "head", (4e9, 4e9))
    record(database)
    assert [head.last_id for head in HeadFile(tmp_path / "head").read()] == [1, 2]
    database.dispose()


def test_another_key_fits_no_row(database: Database, tamper, database_url: str) -> None:
    record(database, 3)
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
    found = verified(database)
    assert (len(found.problems), found.problem_count) == (100, 150)
