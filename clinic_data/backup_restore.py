"""Puts a backup into an empty place: rows, files and the small folders of an installation.

While it works, ``restore-unfinished.json`` lies in the data folder, and nothing of FGait starts there. The database
appears last, in one step, once every byte was read and found to be as it was written. Whoever was killed in between
starts the same restore again; after an error nothing of it stays.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sqlalchemy import Connection, func, inspect, select, table, text, update

from clinic_data import audit
from clinic_data.backup import AFTER_ROWS, BEFORE_ROWS
from clinic_data.backup_folder import BackupFolder, open_new, put_on_disk
from clinic_data.backup_mark import DAMAGED, Mark, read_mark
from clinic_data.backup_parts import (
    DATABASE_PART,
    CopiedFile,
    check_parts,
    copied_files,
    open_part,
    read_archive,
)
from clinic_data.backup_place import UNFINISHED, Place
from clinic_data.backup_rows import load_rows, tables_of
from clinic_data.backup_verify import Progress
from clinic_data.clock import utc_now
from clinic_data.database import Database, revisions
from clinic_data.disk_room import full_disk_as_sentence, require_room
from clinic_data.errors import ClinicDataError, ConflictError, SealError
from clinic_data.schema import METADATA
from clinic_data.storage import Storage, synchronise_folder

_ASIDE = ".restoring"
_FILES_SHARE = 0.7
_PIECE_BYTES = 1 << 20
_SESSIONS = METADATA.tables["sign_in_session"]


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did.

    Attributes:
        name: of the backup.
        mark: its facts.
        sessions_closed: sign-ins that were open when the backup was made.
        seconds: how long it took.
    """

    name: str
    mark: Mark
    sessions_closed: int
    seconds: float


def restore_backup(
    root: Path,
    name: str | None,
    place: Place,
    progress: Progress,
    finish: Callable[[Database], None] = lambda database: None,
) -> Restored:
    """Restore a backup.

    Args:
        root: folder of backups.
        name: of the backup; None means the newest.
        place: where to; empty.
        progress: is told how far it is.
        finish: is called with the database before anybody else can open it, for what must be done again.

    Raises:
        NotFoundError: there is no such backup.
        ConflictError: the place is not empty.
        SealError: the backup is damaged, or its master key is another one.
    """
    began_s = time.monotonic()
    folder = BackupFolder(root)
    with folder.locked(writing=False):
        backup = folder.backup(name)
        mark, key = read_mark(backup, place.keys.master)
        if mark.schema not in revisions():
            raise ConflictError(f"This backup is of a newer release ({mark.made_by}). Install that release first.")
        check_parts(backup, mark)
        with full_disk_as_sentence(place.data_dir):
            restoring = _Restoring(folder, backup, mark, key, place, progress)
            closed = restoring.run(finish)
    progress(1.0, "Restored")
    return Restored(backup.name, mark, closed, time.monotonic() - began_s)


class _Restoring:
    """One restore."""

    def __init__(
        self, folder: BackupFolder, backup: Path, mark: Mark, key: bytes, place: Place, progress: Progress
    ) -> None:
        self._folder = folder
        self._backup = backup
        self._mark = mark
        self._key = key
        self._place = place
        self._progress = progress
        self._unfinished = place.data_dir / UNFINISHED

    def run(self, finish: Callable[[Database], None]) -> int:
        loaded = self._begin()
        try:
            if not loaded:
                self._restore_files()
                for name in (*BEFORE_ROWS, *AFTER_ROWS):
                    self._restore_folder(name)
                self._load()
        except BaseException:
            self._undo()
            raise
        closed = self._finish_database(finish)
        self._unfinished.unlink()
        synchronise_folder(self._place.data_dir)
        return closed

    @cached_property
    def _storage(self) -> Storage:
        return self._place.open_storage()

    def _begin(self) -> bool:
        """Mark the place as ours; whether a killed restore of this backup had loaded the rows already.

        Raises:
            ConflictError: something else is there.
        """
        self._place.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = self._unfinished.read_bytes() if self._unfinished.exists() else b""
        if not written:  # nothing yet, or killed while it was being written: then nothing was done before
            self._unfinished.unlink(missing_ok=True)
            self._require_empty()
            require_room(self._place.data_dir, self._mark.files_bytes)
            with open_new(self._unfinished) as file:
                file.write(json.dumps({"backup": self._mark.id, "name": self._backup.name}).encode())
                put_on_disk(file)
            synchronise_folder(self._place.data_dir)
            return False
        if json.loads(written).get("backup") != self._mark.id:
            raise ConflictError(
                f"Another restore into {self._place.data_dir} was interrupted. Restore that backup again "
                f"({self._unfinished} names it), or empty the folder."
            )
        return self._is_loaded()

    def _require_empty(self) -> None:
        for found in self._place.data_dir.rglob("*"):
            if not found.is_dir() and found != self._place.master_key_file:
                raise ConflictError(
                    f"A backup is restored into an empty place only, and {found} is there. Give an empty folder; "
                    "nothing was changed."
                )
        if next(self._storage.keys(), None) is not None:
            raise ConflictError("A backup is restored into an empty place only, and the file storage has files.")
        sqlite_file = self._place.sqlite_file
        if self._has_rows() if sqlite_file is None else sqlite_file.exists():
            raise ConflictError("A backup is restored into an empty place only, and the database has rows.")

    def _has_rows(self) -> bool:
        database = Database(self._place.database_url, self._place.keys)
        try:
            with database.engine.connect() as connection:
                return _has_users(connection)
        finally:
            database.dispose()

    def _is_loaded(self) -> bool:
        sqlite_file = self._place.sqlite_file
        return self._has_rows() if sqlite_file is None else sqlite_file.exists() and sqlite_file.stat().st_size > 0

    def _restore_files(self) -> None:
        self._storage.remove_abandoned(older_than_s=0)  # half-files of a killed restore
        done_bytes, missing, there = 0, set(self._mark.missing), set(self._storage.keys())
        for file in copied_files(self._backup, self._key):
            if file.key not in missing and file.key not in there:
                self._restore_file(file)
            done_bytes += file.size_bytes
            share = _FILES_SHARE * done_bytes / max(self._mark.files_bytes, 1)
            words = f"Restoring files: {done_bytes / 1e6:,.0f} of {self._mark.files_bytes / 1e6:,.0f} MB"
            self._progress(share, words)

    def _restore_file(self, file: CopiedFile) -> None:
        hashed = hashlib.sha256()
        try:
            source = self._folder.file(file.sha256).open("rb")
        except FileNotFoundError:
            raise SealError(f"{DAMAGED} Missing: the file {file.sha256}.") from None
        with source, self._storage.receive(key=file.key) as incoming:
            while piece := source.read(_PIECE_BYTES):
                hashed.update(piece)
                incoming.write(piece)
            if hashed.hexdigest() != file.sha256:
                raise SealError(f"{DAMAGED} Damaged: the file {file.sha256}.")
            incoming.accept()

    def _restore_folder(self, name: str) -> None:
        with open_part(self._backup, f"{name}.sealed", self._key) as stream:
            read_archive(stream, self._place.data_dir, self._refuse_master_key)

    def _refuse_master_key(self, file: Path) -> None:
        if file == self._place.master_key_file:
            raise ClinicDataError("The backup would replace the master key. It is not one of this program.")

    def _load(self) -> None:
        """Fill the database; it appears whole or not at all."""
        aside = self._aside()
        database = Database(self._place.database_url if aside is None else f"sqlite:///{aside}", self._place.keys)
        try:
            database.upgrade(self._mark.schema)
            with database.engine.execution_options(foreign_keys_off=True).connect() as connection:
                _lock_empty(connection)
                self._load_rows(connection)
                connection.commit()
            if aside is not None:
                _leave_one_file(database)
        finally:
            database.dispose()
        if aside is not None and self._place.sqlite_file is not None:
            with aside.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(aside, self._place.sqlite_file)
            synchronise_folder(self._place.sqlite_file.parent)

    def _load_rows(self, connection: Connection) -> None:
        done = 0

        def seen(rows: int) -> None:
            nonlocal done
            done += rows
            share = _FILES_SHARE + (1.0 - _FILES_SHARE) * done / max(self._mark.rows, 1)
            self._progress(min(share, 0.999), f"Restoring rows: {done:,} of {self._mark.rows:,}")

        with open_part(self._backup, DATABASE_PART, self._key) as lines:
            counts = load_rows(connection, lines, seen)
        if sum(counts.values()) != self._mark.rows:
            raise SealError(DAMAGED)

    def _finish_database(self, finish: Callable[[Database], None]) -> int:
        """What follows once the rows are there; a kill in here is followed by the same again."""
        database = Database(self._place.database_url, self._place.keys)
        try:
            database.upgrade()
            finish(database)
            with database.transaction() as session:
                # Who signed out after the backup was made must not be signed in again by it.
                still_open = update(_SESSIONS).where(_SESSIONS.c.closed_at.is_(None)).values(closed_at=utc_now())
                closed = session.connection().execute(still_open).rowcount
                audit.record(
                    session=session,
                    actor_id=None,
                    action="backup.restored",
                    subject_type="backup",
                    subject_id=self._mark.id,
                    details={"made_at": self._mark.created_at, "rows": self._mark.rows, "files": self._mark.files},
                )
            return closed
        finally:
            database.dispose()

    def _aside(self) -> Path | None:
        """An empty name beside the database, if that is SQLite."""
        file = self._place.sqlite_file
        if file is None:
            return None
        aside = file.with_name(file.name + _ASIDE)
        for left in file.parent.glob(aside.name + "*"):
            left.unlink()
        return aside

    def _undo(self) -> None:
        """Take away what this restore has put there."""
        self._aside()
        for key in list(self._storage.keys()):
            self._storage.delete(key)
        for name in (*BEFORE_ROWS, *AFTER_ROWS):
            for file in sorted((self._place.data_dir / name).rglob("*"), reverse=True):
                if file.is_dir() and not any(file.iterdir()):
                    file.rmdir()
                elif file.is_file() and file != self._place.master_key_file:
                    file.unlink()
            if (self._place.data_dir / name).is_dir() and not any((self._place.data_dir / name).iterdir()):
                (self._place.data_dir / name).rmdir()
        if self._storage.root.is_relative_to(self._place.data_dir.resolve()):
            shutil.rmtree(self._storage.root)
        self._unfinished.unlink()


def _has_users(connection: Connection) -> bool:
    """Whether somebody works with this database: nobody can without an account."""
    if not inspect(connection).has_table("user_account"):
        return False
    return bool(connection.scalar(select(func.count()).select_from(table("user_account"))))


def _lock_empty(connection: Connection) -> None:
    """Keep others out of PostgreSQL's new tables until they are filled.

    Raises:
        ConflictError: somebody began to work with the database meanwhile.
    """
    if connection.dialect.name != "postgresql":
        return
    names = ", ".join(f'"{name}"' for name in tables_of(connection))
    connection.execute(text(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE"))
    if _has_users(connection):
        raise ConflictError("Somebody began to work with the database while the backup was being restored.")


def _leave_one_file(database: Database) -> None:
    with database.engine.connect() as connection:
        connection.rollback()
        driver = connection.connection.driver_connection
        if driver is not None:
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            driver.execute("PRAGMA journal_mode = DELETE")
