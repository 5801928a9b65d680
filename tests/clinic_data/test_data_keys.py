"""Data keys: made once, opened often, destroyed for ever, wrapped anew."""

from __future__ import annotations

import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlmodel import select

from clinic_data import data_keys, key_rotation, patients
from clinic_data.data_keys import KeyRing
from clinic_data.database import Database
from clinic_data.encryption_tables import WrappedKey
from clinic_data.errors import ConflictError, SealError
from clinic_data.master_keys import MasterKeys
from tests.keys import TEST_KEYS, TEST_MASTER_KEYS

_REWRAPS_AND_IS_KILLED = """
import os, signal, sys
from clinic_data import key_rotation
from clinic_data.data_keys import KeyRing
from clinic_data.database import Database
from clinic_data.master_keys import MasterKeys

key_rotation._AT_ONCE = 4
database = Database(sys.argv[1], KeyRing(MasterKeys.from_text(sys.stdin.read())))
key_rotation.rewrap_all(database=database, on_progress=lambda *_: os.kill(os.getpid(), signal.SIGKILL))
"""


def _again(database: Database, keys: KeyRing | None) -> Database:
    return Database(database.engine.url.render_as_string(hide_password=False), keys)


def test_a_patient_has_one_key_and_nobody_has_the_clinics(database) -> None:
    with database.transaction() as session:
        first = data_keys.of_patient(session=session, patient_id="a" * 32)
        other = data_keys.of_patient(session=session, patient_id="b" * 32)
        clinic = data_keys.of_patient(session=session, patient_id=None)
    with database.transaction() as session:
        assert data_keys.of_patient(session=session, patient_id="a" * 32) == first
        assert data_keys.by_id(session=session, key_id=other.id) == other
        assert data_keys.for_purpose(session=session, purpose=data_keys.CLINIC) == clinic
    assert len({first.key, other.key, clinic.key}) == 3
    assert (first.patient_id, clinic.patient_id) == ("a" * 32, None)


def test_who_needs_the_same_new_key_at_once_gets_the_same(database, in_threads) -> None:
    def make(_: int) -> tuple[bytes, bytes]:
        with database.transaction() as session:
            mine = data_keys.of_patient(session=session, patient_id="a" * 32)
            return mine.key, data_keys.for_purpose(session=session, purpose="tests").key

    assert len(set(in_threads(make, 6))) == 1


def test_a_key_that_was_rolled_back_is_not_remembered(database, rows) -> None:
    with database.transaction() as session:
        rows.patient(session, "P-1")
        with pytest.raises(ConflictError):
            rows.patient(session, "P-1", family_name="Other")
        second = rows.patient(session, "P-2")
    with database.reading() as session:
        assert patients.get_patient(session=session, patient_id=second.id).record_number == "P-2"
        owners = session.exec(select(WrappedKey.patient_id).where(WrappedKey.patient_id != None)).all()  # noqa: E711
        assert len(owners) == 2


def test_an_unknown_key_and_a_database_without_keys_are_told(database) -> None:
    with database.reading() as session, pytest.raises(SealError, match="does not exist"):
        data_keys.by_id(session=session, key_id="0" * 32)
    bare = _again(database, None)
    with bare.reading() as session, pytest.raises(SealError, match="without them"):
        data_keys.by_id(session=session, key_id="0" * 32)
    with pytest.raises(SealError, match="open the database with its keys"):
        bare.upgrade()
    bare.dispose()


def test_a_destroyed_key_opens_nothing_and_is_not_made_again(database) -> None:
    with database.transaction() as session:
        key = data_keys.of_patient(session=session, patient_id="a" * 32)
    with database.transaction() as session:
        assert data_keys.destroy(session=session, patient_id="a" * 32) == key.id
        assert data_keys.destroy(session=session, patient_id="b" * 32) is None
        with pytest.raises(SealError, match="was erased"):
            data_keys.of_patient(session=session, patient_id="a" * 32)
    with database.transaction() as session:
        with pytest.raises(SealError, match="was erased"):
            data_keys.by_id(session=session, key_id=key.id)
        with pytest.raises(SealError, match="was erased"):
            data_keys.of_patient(session=session, patient_id="a" * 32)
        row = session.get(WrappedKey, key.id)
        assert row.wrapped is None
        assert row.destroyed_at is not None


def test_wrapped_keys_that_were_exchanged_do_not_open(database) -> None:
    with database.transaction() as session:
        ids = [data_keys.of_patient(session=session, patient_id=letter * 32).id for letter in "ab"]
        wrapped = {key_id: session.get(WrappedKey, key_id).wrapped for key_id in ids}
        session.connection().execute(
            text("UPDATE data_key SET wrapped = :wrapped WHERE id = :id"), {"id": ids[0], "wrapped": wrapped[ids[1]]}
        )
    fresh = _again(database, KeyRing(TEST_MASTER_KEYS))
    with fresh.reading() as session, pytest.raises(SealError, match="does not open"):
        data_keys.by_id(session=session, key_id=ids[0])
    fresh.dispose()


def test_the_wrong_master_key_is_one_clear_sentence_at_the_start(database) -> None:
    stranger = _again(database, KeyRing(MasterKeys.new()))
    with pytest.raises(SealError, match=f"sealed under master key {TEST_MASTER_KEYS.current}, which was not given"):
        stranger.upgrade()
    stranger.dispose()


def test_tokens_of_equal_texts_are_equal_and_of_other_kinds_are_not(session) -> None:
    token = data_keys.index_token(session=session, kind="a", text="moreau")
    assert token == data_keys.index_token(session=session, kind="a", text="moreau")
    assert len({token, data_keys.index_token(session=session, kind="b", text="moreau")}) == 2
    assert len(token) == 64


def test_the_ring_asks_once_for_many_keys_and_forgets_the_longest_unused(database, monkeypatch) -> None:
    monkeypatch.setattr(data_keys, "_CACHED_KEYS", 20)
    ids = [f"{number:032d}" for number in range(50)]
    with database.transaction() as session:
        keys = data_keys.of_patients(session=session, patient_ids=ids)
    ring = KeyRing(TEST_MASTER_KEYS)
    fresh = _again(database, ring)
    asked: list[str] = []
    event.listen(fresh.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    wanted = [key.id for key in keys.values()]
    with fresh.reading() as session:
        assert data_keys.by_ids(session=session, key_ids=wanted) == {key.id: key for key in keys.values()}
        assert len([statement for statement in asked if "data_key" in statement]) == 1
    assert sum(ring.opened(key_id) is not None for key_id in wanted) == 20
    fresh.dispose()


def test_a_key_is_kept_for_some_minutes_only(database, monkeypatch) -> None:
    with database.transaction() as session:
        key = data_keys.of_patient(session=session, patient_id="a" * 32)
    assert TEST_KEYS.opened(key.id) == key
    now = data_keys.time.monotonic()
    monkeypatch.setattr(data_keys.time, "monotonic", lambda: now + 301)
    assert TEST_KEYS.opened(key.id) is None


def test_keys_stand_in_no_text_and_no_traceback(database) -> None:
    with database.transaction() as session:
        key = data_keys.of_patient(session=session, patient_id="a" * 32)
        row = session.get(WrappedKey, key.id)
        shown = [repr(key), repr(row), repr(TEST_KEYS), repr(data_keys.Stored(key.id, None, "x", "y", row.wrapped))]
    stranger = _again(database, KeyRing(MasterKeys.new()))
    with stranger.reading() as session:
        try:
            data_keys.by_id(session=session, key_id=key.id)
        except SealError:
            shown.append(traceback.format_exc())
    stranger.dispose()
    assert len(shown) == 5
    for secret in (repr(key.key), key.key.hex(), row.wrapped):
        assert not any(secret in each for each in shown)


# --- the change of the master key -------------------------------------------------------------------------------------


@pytest.fixture
def crowd(database, rows) -> list[str]:
    with database.transaction() as session:
        return [rows.patient(session, f"P-{number}").id for number in range(10)]


def _counts(database: Database) -> dict[str, int]:
    with database.reading() as session:
        return data_keys.master_key_counts(session=session)


def _names(database: Database) -> set[str]:
    with database.reading() as session:
        return {patient.family_name for patient in patients.search_patients(session=session).rows}


def test_after_the_change_the_new_key_alone_opens_everything(database, crowd) -> None:
    new = MasterKeys.new()
    rotating = _again(database, KeyRing(TEST_MASTER_KEYS.behind(new)))
    told: list[tuple[int, int]] = []
    changed = key_rotation.rewrap_all(database=rotating, on_progress=lambda done, of: told.append((done, of)))
    assert _counts(database) == {new.current: changed}
    assert changed >= len(crowd) + len(data_keys.PURPOSES)
    assert told[-1] == (changed, changed)
    after = _again(database, KeyRing(new))
    assert _names(after) == {"Moreau"}
    before = _again(database, KeyRing(TEST_MASTER_KEYS))
    with pytest.raises(SealError, match=new.current):
        _names(before)
    for other in (rotating, after, before):
        other.dispose()


def test_a_killed_change_goes_on_where_it_stood(database, crowd) -> None:
    new = MasterKeys.new()
    both = TEST_MASTER_KEYS.behind(new)
    command = [sys.executable, "-c", _REWRAPS_AND_IS_KILLED, database.engine.url.render_as_string(hide_password=False)]
    killed = subprocess.run(command, input=both.text(), text=True, cwd=Path.cwd(), check=False)
    assert killed.returncode == -9
    assert set(_counts(database)) == {new.current, TEST_MASTER_KEYS.current}
    rotating = _again(database, KeyRing(both))
    assert _names(rotating) == {"Moreau"}
    key_rotation.rewrap_all(database=rotating)
    assert set(_counts(database)) == {new.current}
    rotating.dispose()


def test_nothing_is_changed_while_an_old_key_is_missing(database, crowd) -> None:
    before = _counts(database)
    stranger = _again(database, KeyRing(MasterKeys.new().behind(MasterKeys.new())))
    with pytest.raises(SealError, match="was not given"):
        key_rotation.rewrap_all(database=stranger)
    assert _counts(database) == before
    stranger.dispose()


def test_a_running_process_reads_the_new_key_and_wraps_with_it(database, rows, crowd) -> None:
    new = MasterKeys.new()
    both = TEST_MASTER_KEYS.behind(new)
    running = _again(database, KeyRing(TEST_MASTER_KEYS, lambda: both))
    rotating = _again(database, KeyRing(both))
    key_rotation.rewrap_all(database=rotating)
    with running.transaction() as session:
        rows.patient(session, "P-99")
    assert set(_counts(database)) == {new.current}
    assert _names(running) == {"Moreau"}
    running.dispose()
    rotating.dispose()


def test_until_the_change_begins_new_keys_are_wrapped_as_before(database, rows) -> None:
    restarted = _again(database, KeyRing(TEST_MASTER_KEYS.behind(MasterKeys.new())))
    with restarted.transaction() as session:
        rows.patient(session, "P-1")
    assert set(_counts(database)) == {TEST_MASTER_KEYS.current}
    restarted.dispose()
