"""Where an installation takes its master keys from, and `fgait-clinic keys`."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from app.clinic_cli import build
from app.services.file_removal import scrub
from app.services.installation import database_of, key_ring_of
from app.settings import Settings
from clinic_data import patients
from clinic_data.encryption_tables import WrappedKey
from clinic_data.errors import SealError
from clinic_data.master_keys import MasterKeys, only_one_changes, read_file
from clinic_data.patients import PatientData

_KILLED_HALF_WAY = """
import os, signal
from clinic_data import key_rotation

whole = key_rotation._rewrap_some

def one_batch(session, master, condition):
    if one_batch.done:
        os.kill(os.getpid(), signal.SIGKILL)
    one_batch.done = True
    return whole(session, master, condition)

one_batch.done = False
key_rotation._rewrap_some = one_batch
from app.clinic_cli import main
main()
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("FGAIT_DATA_DIR", str(tmp_path / "var"))
    return Settings()


@pytest.fixture
def installation(settings: Settings) -> Settings:
    """An installation that was started once, with patients."""
    database = database_of(settings)
    database.upgrade()
    with database.transaction() as session:
        for number in range(3):
            data = PatientData(record_number=f"P-{number}", family_name="Moreau", birth_date=date(2011, 4, 2))
            patients.create_patient(session=session, data=data, actor_id=None)
    database.dispose()
    return settings


def _run(*arguments: str, program: str = "from app.clinic_cli import main; main()", given: str = "") -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", program, "keys", *arguments], capture_output=True, text=True, input=given, check=False
    )
    return done.returncode, done.stdout + done.stderr


def _names(settings: Settings) -> set[str]:
    database = database_of(settings)
    try:
        with database.reading() as session:
            return {patient.family_name for patient in patients.search_patients(session=session).rows}
    finally:
        database.dispose()


def test_the_first_start_makes_a_key_for_the_owner_only_and_announces_the_file_not_the_key(settings, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        ring = key_ring_of(settings)
    file = settings.resolved_master_key_file
    assert file == settings.data_dir / "keys" / "master.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o077 == 0
    assert str(file) in caplog.text
    assert file.read_text().split()[1] not in caplog.text
    assert key_ring_of(settings).master.ids == ring.master.ids


def test_a_lost_key_file_is_never_replaced_by_a_new_key(installation: Settings) -> None:
    file = installation.resolved_master_key_file
    kept = file.rename(file.with_name("away"))
    for _ in range(2):
        with pytest.raises(SealError, match=r"master key is missing.*No new key was made"):
            database_of(installation)
    assert not file.exists()
    kept.rename(file)
    assert _names(installation) == {"Moreau"}


def test_another_key_than_the_databases_is_one_sentence_at_the_start(installation: Settings) -> None:
    file = installation.resolved_master_key_file
    name = read_file(file).current
    file.write_text(MasterKeys.new().text())
    database = database_of(installation)
    with pytest.raises(SealError, match=f"sealed under master key {name}, which was not given"):
        database.upgrade()
    database.dispose()


def test_the_environment_comes_before_the_file_and_a_program_before_both(settings, tmp_path, monkeypatch) -> None:
    first, second = MasterKeys.new(), MasterKeys.new()
    key_ring_of(settings)
    monkeypatch.setenv("FGAIT_MASTER_KEY", first.text())
    assert key_ring_of(Settings()).master.ids == first.ids
    file = tmp_path / "with space.key"
    file.write_text(second.text())
    monkeypatch.setenv("FGAIT_MASTER_KEY_COMMAND", f"cat '{file}'")
    assert key_ring_of(Settings()).master.ids == second.ids
    assert first.text().split()[1] not in repr(Settings())
    assert first.text().split()[1] not in str(Settings().model_dump())


def test_the_file_can_be_elsewhere(settings, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("FGAIT_MASTER_KEY_FILE", str(tmp_path / "disk" / "clinic.key"))
    key_ring_of(Settings())
    assert (tmp_path / "disk" / "clinic.key").exists()
    assert not (settings.data_dir / "keys").exists()


def test_status_tells_what_each_key_wraps(installation: Settings) -> None:
    code, told = _run("status")
    name = read_file(installation.resolved_master_key_file).current
    assert code == 0
    assert f"{name}  wraps new keys; wraps 6 data keys" in told
    installation.resolved_master_key_file.write_text(MasterKeys.new().text())
    code, told = _run("status")
    assert code == 1
    assert f"{name}  MISSING; wraps 6 data keys" in told


def test_status_makes_no_key(settings: Settings) -> None:
    code, told = _run("status")
    assert (code, "There is no master key yet" in told) == (2, True)
    assert not settings.resolved_master_key_file.exists()


def test_new_prints_a_key_and_stores_nothing(settings: Settings) -> None:
    result = CliRunner().invoke(build(), ["keys", "new"])
    assert MasterKeys.from_text(result.output).ids
    assert not settings.data_dir.exists()


def test_rotate_asks_first(installation: Settings) -> None:
    before = installation.resolved_master_key_file.read_text()
    code, told = _run("rotate", given="n\n")
    assert (code, "Have a copy of this file first" in told) == (1, True)
    assert installation.resolved_master_key_file.read_text() == before


def test_after_a_rotation_the_file_holds_the_new_key_only_and_everything_opens(installation: Settings) -> None:
    file = installation.resolved_master_key_file
    before = read_file(file)
    code, told = _run("rotate", "--yes")
    after = read_file(file)
    assert (code, len(after.ids)) == (0, 1)
    assert after.current != before.current
    assert "Wrapped 6 data keys anew." in told
    assert all(keys.text().split()[1] not in told for keys in (before, after))
    assert _names(installation) == {"Moreau"}
    file.write_text(before.text())
    with pytest.raises(SealError, match=after.current):
        _names(installation)


def test_after_a_rotation_no_key_wrapped_by_the_old_one_is_left_on_the_disk(installation: Settings) -> None:
    """The app runs meanwhile: its connections keep the write-ahead log, in which the old pages would stay."""
    database = database_of(installation)
    with database.reading() as session:
        before = {row.wrapped.encode() for row in session.exec(select(WrappedKey)).all()}
    with database.transaction() as session:  # so that there is a log
        patients.create_patient(
            session=session,
            data=PatientData(record_number="P-9", family_name="Moreau", birth_date=date(2011, 4, 2)),
            actor_id=None,
        )
    assert _run("rotate", "--yes")[0] == 0
    content = b"".join(file.read_bytes() for file in installation.data_dir.glob("*sqlite3*"))
    assert b"s1." in content
    assert not [wrapped for wrapped in before if wrapped in content]
    database.dispose()


def test_a_log_that_cannot_be_cleared_at_this_moment_is_told(installation: Settings, caplog) -> None:
    database = database_of(installation)
    with database.reading() as reader:
        reader.exec(select(WrappedKey)).all()
        with database.transaction() as session:
            data = PatientData(record_number="P-8", family_name="Moreau", birth_date=date(2011, 4, 2))
            patients.create_patient(session=session, data=data, actor_id=None)
        scrub(database)
    assert "not yet taken off the disk" in caplog.text
    caplog.clear()
    scrub(database)
    assert not caplog.text
    database.dispose()


def test_a_killed_rotation_can_be_worked_with_and_is_finished_by_running_it_again(installation: Settings) -> None:
    file = installation.resolved_master_key_file
    before = read_file(file)
    code, _ = _run("rotate", "--yes", program=_KILLED_HALF_WAY)
    assert code == -9
    assert len(read_file(file).ids) == 2
    assert _names(installation) == {"Moreau"}
    assert "not finished" in _run("status")[1]
    code, told = _run("rotate", "--yes")
    assert (code, "Wrapped 5 data keys anew." in told) == (0, True)
    (left,) = read_file(file).ids
    assert left != before.current
    assert _names(installation) == {"Moreau"}


def test_a_rotation_without_the_old_key_changes_nothing(installation: Settings) -> None:
    file = installation.resolved_master_key_file
    wrong = MasterKeys.new().text()
    file.write_text(wrong)
    code, told = _run("rotate", "--yes")
    assert (code, "which was not given" in told) == (2, True)
    assert file.read_text() == wrong


def test_of_two_rotations_at_once_the_second_changes_nothing(installation: Settings) -> None:
    file = installation.resolved_master_key_file
    before = file.read_text()
    with only_one_changes(file):
        code, told = _run("rotate", "--yes")
    assert (code, "Somebody else is changing the master key" in told) == (2, True)
    assert file.read_text() == before


def test_a_command_with_an_open_quotation_mark_is_told(settings: Settings, monkeypatch) -> None:
    monkeypatch.setenv("FGAIT_MASTER_KEY_COMMAND", "cat 'file")
    with pytest.raises(SealError, match="quotation mark"):
        key_ring_of(Settings())


def test_with_a_key_of_the_environment_rotate_says_what_to_do_and_does_it_once_both_are_given(
    installation: Settings, monkeypatch
) -> None:
    old = read_file(installation.resolved_master_key_file)
    installation.resolved_master_key_file.unlink()
    monkeypatch.setenv("FGAIT_MASTER_KEY", old.text())
    code, told = _run("rotate")
    assert (code, "give the new line first" in told) == (0, True)
    new = MasterKeys.new()
    monkeypatch.setenv("FGAIT_MASTER_KEY", old.behind(new).text())
    code, told = _run("rotate")
    assert (code, f"every line but that of {new.current}" in told) == (0, True)
    monkeypatch.setenv("FGAIT_MASTER_KEY", new.text())
    assert _names(Settings()) == {"Moreau"}
    assert os.environ["FGAIT_MASTER_KEY"].split()[1] not in told


def test_an_app_that_runs_while_the_key_changes_goes_on(installation: Settings) -> None:
    database = database_of(installation)
    code, _ = _run("rotate", "--yes")
    assert code == 0
    with database.transaction() as session:
        data = PatientData(record_number="P-9", family_name="Late", birth_date=date(2011, 4, 2))
        patients.create_patient(session=session, data=data, actor_id=None)
        assert patients.search_patients(session=session).total == 4
    database.dispose()
    assert _names(installation) == {"Moreau", "Late"}
