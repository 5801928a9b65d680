"""Files of earlier releases: sealed in their place, whatever interrupts it, and never read before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from sqlmodel import select

from app.services import sealing_upgrade
from app.services.catalogue import Services
from app.services.sealing_upgrade import (
    SealingReport,
    remove_work_folders,
    seal_plain_files,
    wait_until_sealed,
    waiting_files,
)
from app.services.stored_files import vault_of
from clinic_data import audit, data_keys
from clinic_data.database import Database
from clinic_data.encryption_tables import SealedFile
from clinic_data.errors import NotFoundError, SealError, StorageError
from clinic_data.file_vault import FileKind, FileVault
from clinic_data.recordings import add_recording
from clinic_data.sealed_files import MAGIC
from clinic_data.storage import FolderStorage, StoredFile
from tests.keys import TEST_KEYS

CONTENTS = [bytes([number]) * (number * 150_000 + 7) for number in range(6)]


@pytest.fixture(params=["", "memory://{}/clinic"], ids=["folder", "memory"])
def services(request: pytest.FixtureRequest, clinic, tmp_path: Path) -> Iterator[Services]:
    """A clinic whose own recording is gone and whose files are those of an earlier release."""
    address = request.param.format(uuid.uuid4().hex)
    opened = Services.open(clinic.services.settings.model_copy(update={"storage_url": address}))
    clinic.services.storage.delete(clinic.recording.storage_key)
    yield opened
    opened.database.dispose()


def store_plain(services: Services, clinic, contents: list[bytes] = CONTENTS) -> dict[str, bytes]:
    """Files as an earlier release stored them, some of a patient and some of nobody yet."""
    files: dict[str, bytes] = {}
    for number, content in enumerate(contents):
        stored = services.storage.storage.write_bytes(content)
        with services.database.transaction() as session:
            patient_id = clinic.patient.id if number % 2 else None
            add_recording(
                session=session, patient_id=patient_id, original_name="a.mp4", stored=stored, uploaded_by=None
            )
        files[stored.key] = content
    return files


def all_bytes(services: Services) -> list[bytes]:
    """Every file that lies anywhere: storage, copies, what is arriving."""
    root = services.storage.storage.root
    here = [file.read_bytes() for file in root.rglob("*") if file.is_file()]
    return here + [bytes(each.getvalue()) for each in MemoryFileSystem.store.values()]


@pytest.fixture(autouse=True)
def _empty_memory() -> Iterator[None]:
    yield
    MemoryFileSystem.store.clear()


def assert_sealed(services: Services, files: dict[str, bytes]) -> None:
    assert {key: services.storage.read_bytes(key) for key in files} == files
    assert all(content.startswith(MAGIC) for content in all_bytes(services))
    assert len(all_bytes(services)) in (len(files), 2 * len(files))  # with copies
    assert not set(waiting_files(services.database)).intersection(files)


def test_files_of_an_earlier_release_are_sealed_in_their_place(services: Services, clinic) -> None:
    files = store_plain(services, clinic)
    told: list[tuple[int, int]] = []
    report = seal_plain_files(
        services.storage, services.settings.data_dir, lambda done, total: told.append((done, total))
    )
    assert report == SealingReport(6, sum(map(len, CONTENTS)), missing=1)  # that of the fixture
    assert told == [(number + 1, 7) for number in range(7)]
    assert_sealed(services, files)
    with services.database.reading() as session:
        (row,) = audit.list_rows(session=session, wanted=audit.AuditFilter(action="files.sealed")).rows
    assert row.details["files"] == 6
    assert seal_plain_files(services.storage, services.settings.data_dir) == SealingReport(missing=1)
    assert_sealed(services, files)


def test_they_are_sealed_under_the_key_of_their_patient(services: Services, clinic) -> None:
    files = store_plain(services, clinic)
    seal_plain_files(services.storage, services.settings.data_dir)
    with services.database.transaction() as session:
        data_keys.destroy(session=session, patient_id=clinic.patient.id)
    for number, (key, content) in enumerate(files.items()):
        if number % 2:
            with pytest.raises(SealError, match="erased"):
                services.storage.open(key)
        else:
            assert services.storage.read_bytes(key) == content


def test_a_plain_file_is_not_read_before_it_is_sealed(services: Services, clinic) -> None:
    for key in store_plain(services, clinic):
        with pytest.raises(NotFoundError):
            services.storage.open(key)


class Killed(BaseException):
    """What a kill looks like from inside: nothing that follows is done."""


STEPS = (
    ("_sealed_before", 0),
    ("new_row", 0),
    ("SealedWriter", 0),
    ("pieces", 0),
    ("_finish", 0),
    ("_finish", 3),
)


@pytest.mark.parametrize(("step", "after"), STEPS)
def test_it_goes_on_after_a_kill_at_any_step(
    services: Services, clinic, monkeypatch: pytest.MonkeyPatch, step: str, after: int
) -> None:
    files = store_plain(services, clinic)
    original, calls = getattr(sealing_upgrade, step), []

    def killed(*arguments, **options):
        calls.append(1)
        if len(calls) > after:
            raise Killed
        return original(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(sealing_upgrade, step, killed)
        with pytest.raises(Killed):
            seal_plain_files(services.storage, services.settings.data_dir)
    seal_plain_files(services.storage, services.settings.data_dir)
    assert_sealed(services, files)


@pytest.mark.parametrize("method", ["keep_only", "_publish"])
def test_it_goes_on_after_a_kill_around_the_exchange_of_the_file(
    services: Services, clinic, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Right before and right after the sealed file took the place of the plain one; also with both of them there."""
    files = store_plain(services, clinic)
    raw = services.storage.storage
    original, calls = getattr(raw, method), []

    def killed(*arguments):
        calls.append(1)
        if len(calls) == 3:
            if method == "_publish":
                original(*arguments)
            raise Killed
        return original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(raw, method, killed)
        with pytest.raises(Killed):
            seal_plain_files(services.storage, services.settings.data_dir)
    with services.database.reading() as session:
        unfinished = [row.storage_key for row in session.exec(select(SealedFile)) if not row.sealed_sha256]
    assert len(unfinished) == 1
    with pytest.raises(StorageError, match="not encrypted yet"):
        services.storage.open(unfinished[0])
    again = Services.open(services.settings)
    seal_plain_files(again.storage, services.settings.data_dir)
    assert_sealed(again, files)
    again.database.dispose()


SEALING = """
import sys
from app.services.installation import database_of
from app.services.sealing_upgrade import seal_plain_files
from app.services.stored_files import vault_of
from app.settings import Settings

settings = Settings()
vault = vault_of(settings, database_of(settings))
print("ready", flush=True)
seal_plain_files(vault, settings.data_dir)
"""


def test_kill_9_again_and_again_loses_nothing(clinic, tmp_path: Path) -> None:
    """A real process and a real SIGKILL, at another moment each time, until all is sealed."""
    services = clinic.services
    services.storage.delete(clinic.recording.storage_key)
    files = store_plain(services, clinic, [os.urandom(2_000_000) for _ in range(12)])
    root = Path(__file__).parents[2]
    environment = os.environ | {"FGAIT_DATA_DIR": str(services.settings.data_dir), "PYTHONPATH": str(root)}
    kills = 0
    for attempt in range(8):
        command = [sys.executable, "-c", SEALING]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, cwd=root) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(0.02 + 0.04 * attempt)
            process.send_signal(signal.SIGKILL)
        if not waiting_files(services.database):
            break
        kills += 1
    assert kills >= 2
    seal_plain_files(services.storage, services.settings.data_dir)
    assert {key: services.storage.read_bytes(key) for key in files} == files
    stored = [services.storage.storage.path(key) for key in files]
    assert all(path.read_bytes().startswith(MAGIC) for path in stored)


def test_two_starts_at_once_seal_each_file_once(clinic) -> None:
    services = clinic.services
    files = store_plain(services, clinic, [os.urandom(500_000) for _ in range(8)])
    root = Path(__file__).parents[2]
    environment = os.environ | {"FGAIT_DATA_DIR": str(services.settings.data_dir), "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", SEALING]
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, cwd=root) for _ in range(2)]
    assert [process.wait(120) for process in both] == [0, 0]
    assert {key: services.storage.read_bytes(key) for key in files} == files


def test_a_file_of_an_erased_patient_is_left_and_told(services: Services, clinic) -> None:
    files = store_plain(services, clinic)
    with services.database.transaction() as session:
        data_keys.of_patient(session=session, patient_id=clinic.patient.id)
        data_keys.destroy(session=session, patient_id=clinic.patient.id)
    report = seal_plain_files(services.storage, services.settings.data_dir)
    assert (report.sealed, report.failed) == (3, 3)
    assert [services.storage.read_bytes(key) for key in list(files)[::2]] == CONTENTS[::2]


def test_a_storage_that_is_silent_keeps_nobody_from_starting(
    services: Services, clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_plain(services, clinic)
    asked = []

    def silent(key: str) -> Path:
        asked.append(key)
        raise StorageError("The file storage did not answer.")

    monkeypatch.setattr(services.storage.storage, "path", silent)
    report = seal_plain_files(services.storage, services.settings.data_dir)
    assert (report.sealed, report.failed, len(asked)) == (0, 7, 1)


def test_workers_wait_until_the_files_are_sealed(clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    services = clinic.services
    files = store_plain(services, clinic)
    rounds = []

    def sealed_meanwhile(_: float) -> None:
        rounds.append(1)
        if len(rounds) == 2:
            seal_plain_files(services.storage, services.settings.data_dir)

    monkeypatch.setattr(sealing_upgrade.time, "sleep", sealed_meanwhile)
    wait_until_sealed(services.storage, lambda: False)
    assert len(rounds) == 2
    assert_sealed(services, files | {clinic.recording.storage_key: b"walking"})


def test_workers_do_not_wait_for_ever_nor_for_what_is_gone(clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    services = clinic.services
    gone = services.storage.storage.write_bytes(b"gone")
    with services.database.transaction() as session:
        add_recording(session=session, patient_id=None, original_name="a.mp4", stored=gone, uploaded_by=None)
    services.storage.storage.delete(gone.key)
    monkeypatch.setattr(sealing_upgrade.time, "sleep", lambda _: pytest.fail("it waits for a file that is gone"))
    wait_until_sealed(services.storage, lambda: False)
    store_plain(services, clinic)
    monkeypatch.setattr(sealing_upgrade, "_WAIT_WITHOUT_PROGRESS_S", 0.0)
    wait_until_sealed(services.storage, lambda: False)
    monkeypatch.setattr(sealing_upgrade, "_WAIT_WITHOUT_PROGRESS_S", 60.0)
    wait_until_sealed(services.storage, lambda: True)


def test_half_made_files_of_killed_processes_go(tmp_path: Path) -> None:
    for name in ("work-abc", "work-def", "models"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "overlay.mp4").write_bytes(b"plain")
    remove_work_folders(tmp_path)
    assert [folder.name for folder in tmp_path.iterdir()] == ["models"]


def test_plain_copies_of_an_earlier_release_go_from_the_cache(clinic, tmp_path: Path) -> None:
    settings = clinic.services.settings.model_copy(update={"storage_url": f"file://{tmp_path}/bucket/clinic"})
    vault = vault_of(settings, clinic.services.database)
    plain = vault.storage.write_bytes(b"plain")
    sealed = vault.write_bytes(b"sealed", patient_id=None, kind=FileKind.VIDEO)
    copies = {file.name for file in settings.cache_dir.iterdir() if file.is_file()}
    assert copies == {plain.key, sealed.key}
    vault_of(settings, clinic.services.database)
    assert {file.name for file in settings.cache_dir.iterdir() if file.is_file()} == {sealed.key}


def test_two_starts_at_once_on_postgresql(postgresql_url: str, tmp_path: Path) -> None:
    """Two machines with one database; each has its own lock files, so the database must keep them apart."""
    databases = [Database(postgresql_url, TEST_KEYS) for _ in range(2)]
    storage = FolderStorage(tmp_path / "files")
    files = {storage.write_bytes(content).key: content for content in CONTENTS}
    with databases[0].transaction() as session:
        for key, content in files.items():
            stored = StoredFile(key, len(content), "ab" * 32)
            add_recording(session=session, patient_id=None, original_name="a.mp4", stored=stored, uploaded_by=None)
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda each: seal_plain_files(FileVault(storage, each), tmp_path), databases))
    assert sorted(report.sealed for report in reports) == [0, len(files)]
    vault = FileVault(storage, databases[0])
    assert {key: vault.read_bytes(key) for key in files} == files
    for each in databases:
        each.dispose()
