"""Backup and restore as the command line does them: whole, sealed, verified."""

from __future__ import annotations

import base64
import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from backups import assert_whole, contents, data_dir, opened, run
from sqlalchemy import select

from app.services.catalogue import Services
from app.services.erasure_proof import sign_proof, write_proof
from clinic_data import audit, audit_verification
from clinic_data.backup_folder import BackupFolder
from clinic_data.backup_place import refuse_unfinished
from clinic_data.encryption_tables import SealedFile
from clinic_data.errors import ClinicDataError
from clinic_data.master_keys import MasterKeys
from clinic_data.schema import METADATA
from clinic_data.tables import Patient
from tests.keys import TEST_MASTER_KEYS

HERE = Path(__file__).parent
KEYS = METADATA.tables["data_key"]
RECORDING_KEY = list(METADATA.tables["recording"].c.keys()).index("storage_key")
SECRETS = (b"Example", b"Ana", b"R-1", b"walk.mp4", b"2011-04-23", b"walking")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands read their settings anew."""
    for name in ("FGAIT_DATABASE_URL", "FGAIT_STORAGE_URL", "FGAIT_MASTER_KEY", "FGAIT_MASTER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_what_was_backed_up_comes_back(clinic, tmp_path: Path):
    (data_dir(clinic) / "keys" / "report.pem").write_text("a signing key")
    (data_dir(clinic) / "erasures").mkdir()
    (data_dir(clinic) / "erasures" / "1.json").write_text("{}")
    before = contents(clinic.services)
    said = run("backup", tmp_path / "backups")
    assert "1 files" in said
    assert "Copied now: 1 files" in said
    assert "is whole" in run("backup-verify", tmp_path / "backups")
    said = run("restore", tmp_path / "backups", "--into", tmp_path / "new")
    assert "What to do next" in said
    assert (tmp_path / "new/keys/report.pem").read_text() == "a signing key"
    assert (tmp_path / "new/erasures/1.json").read_text() == "{}"
    assert not (tmp_path / "new/keys/master.key").exists()
    services = opened(clinic, tmp_path / "new")
    assert contents(services) == before
    assert_whole(clinic, services)
    with services.database.reading() as session:
        actions = [row.action for row in audit_rows(session)]
    assert "backup.restored" in actions
    services.database.dispose()
    with clinic.services.database.reading() as session:
        assert "backup.made" in [row.action for row in audit_rows(session)]


def audit_rows(session) -> list:
    return list(audit.list_rows(session=session, limit=100).rows)


@pytest.fixture
def other_url(postgresql_server: str) -> Iterator[str]:
    """An empty PostgreSQL database."""
    name = f"restored_{uuid.uuid4().hex}"
    with psycopg.connect(f"{postgresql_server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{postgresql_server}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_sqlite_moves_to_postgresql_and_from_there_on(clinic, other_url: str, tmp_path: Path, monkeypatch):
    before = contents(clinic.services)
    run("backup", tmp_path / "backups")
    run("restore", tmp_path / "backups", "--into", tmp_path / "new", "--database-url", other_url)
    services = opened(clinic, tmp_path / "new", other_url)
    assert contents(services) == before
    assert_whole(clinic, services)
    services.patients.open(clinic.clinician, clinic.patient.id)  # the trail goes on

    refused = run("restore", tmp_path / "backups", "--into", tmp_path / "x", "--database-url", other_url, code=2)
    assert "the database has rows" in refused
    monkeypatch.setenv("FGAIT_DATA_DIR", str(tmp_path / "new"))
    monkeypatch.setenv("FGAIT_DATABASE_URL", other_url)
    run("backup", tmp_path / "from postgresql")
    run("restore", tmp_path / "from postgresql", "--into", tmp_path / "third")
    services.database.dispose()
    services = opened(clinic, tmp_path / "third")
    assert contents(services) == before
    assert_whole(clinic, services)
    services.database.dispose()


def test_a_second_backup_copies_only_what_is_new_and_old_ones_go(clinic, tmp_path: Path):
    run("backup", tmp_path / "backups")
    kept = clinic.add_recording(b"a second video")
    assert "Copied now: 1 files" in run("backup", tmp_path / "backups")
    assert "Copied now: 0 files" in run("backup", tmp_path / "backups")
    first, second, _ = BackupFolder(tmp_path / "backups").names()
    run("backup-verify", tmp_path / "backups", "--name", first)
    clinic.add_recording(b"a third")
    clinic.services.storage.delete(kept.storage_key)
    said = run("backup", tmp_path / "backups", "--keep", "2")
    assert "Removed 2 older backups" in said
    run("backup-verify", tmp_path / "backups")
    refused = run("backup-verify", tmp_path / "backups", "--name", second, code=2)
    assert "no backup" in refused
    assert len(list((tmp_path / "backups/files").glob("??/*"))) == 3  # the third backup still has the deleted one
    run("backup", tmp_path / "backups", "--keep", "1")
    assert len(list((tmp_path / "backups/files").glob("??/*"))) == 2


def test_neither_the_master_key_nor_anything_of_a_patient_is_in_the_backup(clinic, tmp_path: Path):
    (data_dir(clinic) / "keys" / "copy of the key.txt").write_text(TEST_MASTER_KEYS.text())
    key = base64.b64decode(TEST_MASTER_KEYS.text().split()[1])
    run("backup", tmp_path / "backups")
    for file in (file for file in (tmp_path / "backups").rglob("*") if file.is_file()):
        content = file.read_bytes()
        for secret in (*SECRETS, key, key.hex().encode(), base64.b64encode(key)):
            assert secret not in content, file
    run("restore", tmp_path / "backups", "--into", tmp_path / "new")
    for file in (file for file in (tmp_path / "new").rglob("*") if file.is_file()):
        assert base64.b64encode(key) not in file.read_bytes(), file


def test_a_wrong_or_missing_master_key_is_told_and_nothing_is_restored(clinic, tmp_path: Path, monkeypatch):
    run("backup", tmp_path / "backups")
    monkeypatch.setenv("FGAIT_DATA_DIR", str(tmp_path / "elsewhere"))
    for arguments in (("backup-verify",), ("restore", "--into", str(tmp_path / "new"))):
        command = [arguments[0], tmp_path / "backups", *arguments[1:]]
        assert "none was given" in run(*command, code=2)
        monkeypatch.setenv("FGAIT_MASTER_KEY", MasterKeys.new().text())
        assert f"sealed under master key {TEST_MASTER_KEYS.current}" in run(*command, code=2)
        monkeypatch.delenv("FGAIT_MASTER_KEY")
    assert not list(tmp_path.glob("new/*"))
    monkeypatch.setenv("FGAIT_MASTER_KEY", MasterKeys.new().text() + TEST_MASTER_KEYS.text())
    assert "is whole" in run("backup-verify", tmp_path / "backups")


def test_a_changed_byte_anywhere_is_found_before_anything_is_visible(clinic, tmp_path: Path):
    run("backup", tmp_path / "backups")
    files = [file for file in (tmp_path / "backups").rglob("*") if file.is_file() and file.name != "lock"]
    assert len(files) == 7
    for number, file in enumerate(files):
        whole = file.read_bytes()
        step = 1 if file.name == "backup.json" else max(1, len(whole) // 7)
        for place in range(0, len(whole), step):
            file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            run("backup-verify", tmp_path / "backups", code=2)
        for damaged in (whole[:-1], whole + b"\n", b""):
            file.write_bytes(damaged)
            run("backup-verify", tmp_path / "backups", code=2)
        target = tmp_path / f"new-{number}"
        file.write_bytes(whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 4]) + whole[len(whole) // 2 + 1 :])
        run("restore", tmp_path / "backups", "--into", target, code=2)
        assert not list(target.rglob("*"))
        file.unlink()
        run("backup-verify", tmp_path / "backups", code=2)
        file.write_bytes(whole)
    assert "is whole" in run("backup-verify", tmp_path / "backups")


def test_a_backup_goes_into_an_empty_place_only(clinic, tmp_path: Path):
    run("backup", tmp_path / "backups")
    before = contents(clinic.services)
    assert "empty place" in run("restore", tmp_path / "backups", "--into", data_dir(clinic), code=2)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    assert "mine.txt is there" in run("restore", tmp_path / "backups", "--into", tmp_path / "notes", code=2)
    assert [file.name for file in (tmp_path / "notes").iterdir()] == ["mine.txt"]
    assert contents(clinic.services) == before
    assert "in the data folder" in run("backup", data_dir(clinic) / "backups", code=2)
    assert "no backups" in run("backup-verify", tmp_path / "nothing", code=2)


def test_the_master_key_may_lie_in_the_new_place_already(clinic, tmp_path: Path, monkeypatch):
    run("backup", tmp_path / "backups")
    (tmp_path / "new/keys").mkdir(parents=True)
    shutil.move(data_dir(clinic) / "keys/master.key", tmp_path / "new/keys/master.key")
    monkeypatch.setenv("FGAIT_DATA_DIR", str(tmp_path / "nothing"))
    run("restore", tmp_path / "backups", "--into", tmp_path / "new")
    (tmp_path / "new/restore-unfinished.json").touch()
    with pytest.raises(ClinicDataError, match="interrupted"):
        refuse_unfinished(tmp_path / "new")
    with pytest.raises(ClinicDataError, match="interrupted"):
        Services.open(clinic.services.settings.model_copy(update={"data_dir": tmp_path / "new"}))


def test_who_was_erased_after_the_backup_is_erased_again(clinic, tmp_path: Path):
    run("backup", tmp_path / "backups")
    proof = sign_proof(data_dir(clinic), {"erasure_id": "e" * 32, "patient_id": clinic.patient.id})
    written = write_proof(tmp_path, "e" * 32, proof)
    command = ["restore", tmp_path / "backups", "--into", tmp_path / "new", "--erasures"]
    assert "1 patients were erased again" in run(*command, written.parent)
    services = opened(clinic, tmp_path / "new")
    with services.database.reading() as session:
        assert session.get(Patient, clinic.patient.id) is None
        assert audit_verification.verify(session=session).is_intact
        assert "erasure.repeated" in [row.action for row in audit_rows(session)]
        wrapped = session.connection().execute(select(KEYS.c.wrapped).where(KEYS.c.patient_id == clinic.patient.id))
        assert wrapped.scalars().all() == [None]
    with pytest.raises(ClinicDataError):
        services.storage.read_bytes(clinic.recording.storage_key)
    assert (tmp_path / "new/erasures" / written.name).read_bytes() == written.read_bytes()
    services.database.dispose()

    written.write_bytes(written.read_bytes().replace(b"e" * 32, b"f" * 32))
    assert "changed after it was signed" in run(*command[:-2], tmp_path / "x", "--erasures", written.parent, code=2)
    assert "no proofs" in run(*command[:-2], tmp_path / "x", "--erasures", tmp_path, code=2)
    assert not (tmp_path / "x").exists()


def test_a_proof_of_another_clinic_erases_nobody(clinic, tmp_path: Path):
    sign_proof(data_dir(clinic), {"erasure_id": "e" * 32, "patient_id": "0" * 32})  # makes the clinic's own key
    run("backup", tmp_path / "backups")
    forged = sign_proof(tmp_path / "elsewhere", {"erasure_id": "f" * 32, "patient_id": clinic.patient.id})
    written = write_proof(tmp_path, "f" * 32, forged)
    command = ["restore", tmp_path / "backups", "--into", tmp_path / "new"]
    assert "another key signed it" in run(*command, "--erasures", written.parent, code=2)
    run(*command)
    services = opened(clinic, tmp_path / "new")
    with services.database.reading() as session:
        assert session.get(Patient, clinic.patient.id) is not None
    services.database.dispose()


def test_files_that_the_storage_has_lost_are_named_and_the_rest_is_saved(clinic, tmp_path: Path):
    lost, damaged = clinic.add_recording(b"lost"), clinic.add_recording(b"damaged")
    storage = clinic.services.storage.storage
    storage.path(lost.storage_key).unlink()
    storage.path(damaged.storage_key).write_bytes(b"x" * storage.path(damaged.storage_key).stat().st_size)
    said = run("backup", tmp_path / "backups", code=1)
    assert "ATTENTION: 2 files" in said
    assert lost.storage_key in said
    run("backup-verify", tmp_path / "backups")
    assert "2 files were missing" in run("restore", tmp_path / "backups", "--into", tmp_path / "new")
    services = opened(clinic, tmp_path / "new")
    assert_whole(clinic, services)
    services.database.dispose()


def test_a_hash_in_the_database_cannot_lead_a_backup_out_of_its_folder(clinic, tmp_path: Path):
    """Whoever may write into the database must not write elsewhere as the account of the backup."""
    victim = tmp_path / "victim.partial"
    victim.write_text("mine")
    with clinic.services.database.transaction() as session:
        session.get_one(SealedFile, clinic.recording.storage_key).sealed_sha256 = "../../victim"
    assert clinic.recording.storage_key in run("backup", tmp_path / "backups", code=1)
    assert victim.read_text() == "mine"


def test_the_facts_of_a_backup_are_readable_without_a_key_and_tell_no_secret(clinic, tmp_path: Path):
    run("backup", tmp_path / "backups")
    (name,) = BackupFolder(tmp_path / "backups").names()
    facts = json.loads((tmp_path / "backups" / name / "backup.json").read_text().splitlines()[0])
    assert facts["master_key"] == TEST_MASTER_KEYS.current
    assert facts["files"] == 1
    assert set(facts["parts"]) == {
        "database.sealed", "files.sealed", "audit.sealed", "keys.sealed", "erasures.sealed",
    }  # fmt: skip
