"""Seals what earlier releases stored plain: every file to which a row refers, in its place, before the app opens.

The row with the new key is written first, with an empty hash; then the sealed file takes the place of the plain one;
then the hash is written. Whatever step a kill interrupts, the next start finds the file either plain or sealed under
the key of its row, and goes on.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlmodel import col, select

from clinic_data import audit, data_keys, sealing
from clinic_data.database import Database
from clinic_data.encryption_tables import SealedFile
from clinic_data.errors import ClinicDataError, ConflictError, NotFoundError, SealError, StorageError
from clinic_data.file_owners import Owner, file_owners
from clinic_data.file_vault import FileVault, new_row, opened_key, pieces
from clinic_data.sealed_files import SealedWriter, sealed_size
from clinic_data.storage import StoredFile

Progress = Callable[[int, int], None]
"""Told how many files are done, of how many."""

_LOCK_FILE = "sealing.lock"
_WORK_FOLDERS = "work-*"
_POSTGRESQL_LOCK = 0x4647534C  # "FGSL"
_SAID_EVERY_S = 5.0
_WAIT_POLL_S = 2.0
_WAIT_WITHOUT_PROGRESS_S = 60.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SealingReport:
    """What a start found to seal.

    Attributes:
        sealed: files that are sealed now.
        size_bytes: of their plain bytes.
        missing: files to which a row refers and that the storage does not have.
        failed: files that could not be sealed; they are not read until a start seals them.
    """

    sealed: int = 0
    size_bytes: int = 0
    missing: int = 0
    failed: int = 0


def waiting_files(database: Database) -> dict[str, Owner]:
    """The files to which a row refers and that are not known to be sealed, with their owners."""
    with database.reading() as session:
        owners = file_owners(session=session)
        whole = select(col(SealedFile.storage_key)).where(col(SealedFile.sealed_sha256) != "")
        for key in session.exec(whole):
            owners.pop(key, None)
    return owners


def seal_plain_files(vault: FileVault, lock_dir: Path, progress: Progress | None = None) -> SealingReport:
    """Seals every plain file; one process at a time, others wait. Repeating it does nothing.

    Args:
        vault: of the installation; its database is upgraded.
        lock_dir: folder for the lock between processes of this computer.
        progress: told after each file; None: the log is.
    """
    database = vault.database
    if not waiting_files(database):
        return SealingReport()
    with _alone(database, lock_dir):
        waiting = waiting_files(database)
        report = _seal_all(vault, waiting, progress or _logged())
        if report.sealed:
            with database.transaction() as session:
                audit.record(
                    session=session,
                    actor_id=None,
                    action="files.sealed",
                    subject_type="storage",
                    subject_id=None,
                    details={"files": report.sealed, "size_bytes": report.size_bytes, "failed": report.failed},
                )
    if report.sealed:
        _log.info("%d stored files of an earlier release were encrypted.", report.sealed)
    if report.failed:
        _log.error("%d stored files could not be encrypted; they are not read before the next start.", report.failed)
    return report


def wait_until_sealed(vault: FileVault, stopping: Callable[[], bool]) -> None:
    """Waits while another process seals files; gives up once that makes no progress, because one file may be broken.

    Args:
        vault: of the installation.
        stopping: asked whether to stop waiting.
    """
    left = len(_present(vault))
    moved_at = time.monotonic()
    if left:
        _log.info("Waiting until %d stored files of an earlier release are encrypted.", left)
    while left and not stopping() and time.monotonic() - moved_at < _WAIT_WITHOUT_PROGRESS_S:
        time.sleep(_WAIT_POLL_S)
        now_left = len(_present(vault))
        if now_left < left:
            moved_at = time.monotonic()
        left = now_left


def remove_work_folders(data_dir: Path) -> None:
    """Removes what killed processes of earlier releases left half-made. Call it before any worker starts."""
    for folder in data_dir.glob(_WORK_FOLDERS):
        shutil.rmtree(folder, ignore_errors=True)


def _present(vault: FileVault) -> frozenset[str]:
    waiting = waiting_files(vault.database)
    return frozenset(waiting).intersection(vault.keys()) if waiting else frozenset()


def _seal_all(vault: FileVault, waiting: dict[str, Owner], progress: Progress) -> SealingReport:
    sealed = size_bytes = missing = failed = 0
    for number, (key, owner) in enumerate(sorted(waiting.items())):
        try:
            size_bytes += _seal_file(vault, key, owner)
            sealed += 1
        except NotFoundError:
            missing += 1
        except StorageError as error:  # silent for this file is silent for all: the pages must not wait for it
            failed += len(waiting) - number
            _log.error("The stored files could not be encrypted: %s", error)
            break
        except (ClinicDataError, OSError) as error:
            failed += 1
            _log.error("The stored file %s could not be encrypted: %s", key, type(error).__name__)
        progress(number + 1, len(waiting))
    return SealingReport(sealed, size_bytes, missing, failed)


def _seal_file(vault: FileVault, key: str, owner: Owner) -> int:
    """Seals one file, or finishes what was interrupted; its plain size in bytes."""
    source = vault.storage.path(key)
    sealed_before = _sealed_before(vault, key)
    if sealed_before is not None:
        return _finish(vault, sealed_before)
    kind, patient_id = owner
    size_bytes = source.stat().st_size
    file_key = sealing.new_key()
    with vault.database.transaction() as session:
        data_key = data_keys.of_patient(session=session, patient_id=patient_id)
        promised = StoredFile(key, sealed_size(size_bytes), "")
        session.merge(new_row(promised, size_bytes, kind, file_key, data_key))
    with source.open("rb") as plain, vault.storage.replacement(key) as incoming:
        writer = SealedWriter(incoming.write, file_key, key)
        for piece in pieces(plain):
            writer.write(piece)
        writer.finish()
        if plain.tell() != size_bytes:
            raise ConflictError("A stored file grew while it was read.")
        return _finish(vault, incoming.accept())


def _sealed_before(vault: FileVault, key: str) -> StoredFile | None:
    """The file, if an earlier start put it in place and was killed before it could say so."""
    with vault.database.reading() as session:
        row = session.get(SealedFile, key)
        if row is None:
            return None
        try:
            file_key = opened_key(session, row)
            vault.open_with(row, file_key).close()  # its last chunk opens: a plain file cannot do that
        except SealError:
            return None
    with vault.storage.path(key).open("rb") as sealed:
        digest = hashlib.file_digest(sealed, "sha256").hexdigest()
        return StoredFile(key, sealed.tell(), digest)


def _finish(vault: FileVault, sealed: StoredFile) -> int:
    vault.storage.keep_only(sealed.key, sealed.sha256)
    with vault.database.transaction() as session:
        row = session.get_one(SealedFile, sealed.key)
        row.sealed_sha256, row.sealed_size_bytes = sealed.sha256, sealed.size_bytes
        session.add(row)
    return row.size_bytes


@contextmanager
def _alone(database: Database, lock_dir: Path) -> Generator[None, None, None]:
    """Two that seal the same file would leave the key of one and the file of the other."""
    if database.engine.dialect.name == "postgresql":
        with database.engine.begin() as connection:  # the server frees the lock with the transaction
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _POSTGRESQL_LOCK})
            yield
        return
    descriptor = os.open(lock_dir / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _logged() -> Progress:
    said_at = time.monotonic()

    def say(done: int, total: int) -> None:
        nonlocal said_at
        if done == total or time.monotonic() - said_at >= _SAID_EVERY_S:
            said_at = time.monotonic()
            _log.info("Encrypting the stored files of an earlier release: %d of %d.", done, total)

    return say
