"""`fgait-clinic check` finds every kind of fault, and nothing where nothing is wrong."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

import pytest
from test_backup import run

from clinic_data import master_keys
from clinic_data.file_vault import FileKind
from clinic_data.object_storage import open_storage
from tests.keys import TEST_MASTER_KEYS


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FGAIT_DATABASE_URL", "FGAIT_STORAGE_URL", "FGAIT_MASTER_KEY", "FGAIT_MASTER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


def past_the_app(clinic, *statements: str) -> None:
    """Changes the database file as no part of FGait would."""
    connection = sqlite3.connect(clinic.services.settings.data_dir / "clinic.sqlite3")
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        assert connection.execute(statement).rowcount == 1
    connection.commit()
    connection.close()


def blob(clinic) -> Path:
    return clinic.services.storage.storage.path(clinic.recording.storage_key)


def make_older(file: Path) -> None:
    os.utime(file, (time.time() - 90_000,) * 2)


def test_a_clinic_in_order_is_in_order(clinic):
    clinic.add_recording(b"more")
    for options in ((), ("--every-byte",), ("--repair",)):
        assert "Everything is as it should be" in run("check", *options)
    assert clinic.services.storage.read_bytes(clinic.recording.storage_key) == b"walking"


def test_a_missing_file_is_found(clinic):
    blob(clinic).unlink()
    said = run("check", code=1)
    assert f"The file {clinic.recording.storage_key} of recording.storage_key is missing" in said
    assert "1 faults" in said


def test_a_missing_key_of_a_file_is_found(clinic):
    past_the_app(clinic, "DELETE FROM stored_file")
    assert "of recording.storage_key is missing" in run("check", code=1)


def test_files_without_rows_are_found_and_only_they_are_removed(clinic):
    orphan = clinic.services.storage.write_bytes(b"orphan", patient_id=None, kind=FileKind.VIDEO).key
    assert "Everything" in run("check")  # its row may be on its way
    past_the_app(clinic, "UPDATE stored_file SET created_at = '2026-01-01 00:00:00' WHERE size_bytes = 6")
    stray = clinic.services.storage.storage.root / "ff" / ("f" * 32)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"stray")
    said = run("check", code=1)
    assert f"No row refers to the file {orphan}" in said
    assert f"No row refers to the file {'f' * 32}" in said
    for file in (stray, clinic.services.storage.storage.path(orphan)):
        make_older(file)
    make_older(blob(clinic))
    assert "Removed 2 files" in run("check", "--repair", code=1)
    assert "Everything" in run("check")
    assert clinic.services.storage.read_bytes(clinic.recording.storage_key) == b"walking"


def test_a_wrong_size_and_wrong_bytes_are_found(clinic):
    whole = blob(clinic).read_bytes()
    blob(clinic).write_bytes(whole + b"x")
    assert "has 39 bytes instead of 38" in run("check", code=1)
    blob(clinic).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert "Everything" in run("check")  # the size is right
    assert "other bytes than were stored" in run("check", "--every-byte", code=1)


def test_a_value_in_the_clear_is_found_without_telling_it(clinic):
    past_the_app(clinic, "UPDATE patient SET family_name = 'Quirinalis'")
    said = run("check", code=1)
    assert f"patient.family_name of {clinic.patient.id} lies in the clear" in said
    assert "Quirinalis" not in said


def test_a_sealed_value_that_was_moved_or_changed_is_found(clinic):
    past_the_app(clinic, "UPDATE patient SET family_name = given_name")
    assert "Everything" in run("check")
    said = run("check", "--every-byte", code=1)
    assert f"patient.family_name of {clinic.patient.id}" in said
    assert "does not open" in said
    assert "1 faults" in said


def test_files_that_were_exchanged_between_patients_are_found(clinic):
    """Both open: a file is bound to its key and its patient, not to the row that refers to it."""
    other = clinic.services.storage.write_bytes(b"another walk", patient_id="f" * 32, kind=FileKind.VIDEO).key
    past_the_app(clinic, f"UPDATE recording SET storage_key = '{other}'")
    assert clinic.services.storage.read_bytes(other) == b"another walk"
    said = run("check", code=1)
    assert (
        f"The file {other}, to which recording.storage_key of {clinic.recording.id} refers, belongs to another" in said
    )


def test_a_reference_to_nothing_is_found(clinic):
    past_the_app(clinic, "UPDATE recording SET uploaded_by = 'nobody'")
    said = run("check", code=1)
    assert "of recording refers to a row of user_account that does not exist" in said


def test_a_changed_audit_row_is_found(clinic):
    past_the_app(clinic, "UPDATE audit_row SET action = 'x' WHERE id = 1")
    assert "1" in run("check", code=1)


def test_a_file_that_waits_for_its_sealing_is_not_called_damaged(clinic):
    past_the_app(clinic, "UPDATE stored_file SET sealed_sha256 = ''")
    said = run("check", code=1)
    assert "is not sealed yet" in said
    assert "1 faults" in said


def test_another_master_key_is_told(clinic, monkeypatch):
    monkeypatch.setenv("FGAIT_MASTER_KEY", master_keys.MasterKeys.new().text())
    assert TEST_MASTER_KEYS.current in run("check", code=1)


def test_without_installation_or_key_nothing_is_made(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("FGAIT_DATA_DIR", str(tmp_path / "nothing"))
    assert "no installation" in run("check", code=2)
    (tmp_path / "nothing").mkdir()
    assert "none was given" in run("check", code=2)
    assert not list((tmp_path / "nothing").iterdir())


def test_files_elsewhere_are_checked_too(clinic, tmp_path: Path, monkeypatch):
    url = f"file://{tmp_path}/bucket"
    elsewhere = open_storage(url, tmp_path / "x", tmp_path / "y", 10**9)
    with elsewhere.receive(key=clinic.recording.storage_key) as incoming:
        incoming.write(blob(clinic).read_bytes())
        incoming.accept()
    monkeypatch.setenv("FGAIT_STORAGE_URL", url)
    assert "Everything" in run("check", "--every-byte")
    elsewhere.delete(clinic.recording.storage_key)
    assert "is missing" in run("check", code=1)
