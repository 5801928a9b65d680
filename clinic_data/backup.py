"""Makes backups: all rows and all files as they were at one moment, sealed, while the app runs.

The rows are read in one transaction that sees one moment. Files never change once they are stored, so they are copied
afterwards; where one was deleted meanwhile, the rows are read again, so that every row of the backup finds its file.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from alembic.migration import MigrationContext
from sqlalchemy import Connection, func, select

from clinic_data import sealing
from clinic_data.backup_folder import BackupFolder, DamagedFileError
from clinic_data.backup_mark import FORMAT, Mark, wrap_key, write_mark
from clinic_data.backup_parts import (
    DATABASE_PART,
    FILES_PART,
    CopiedFile,
    check_parts,
    copied_files,
    new_part,
    write_archive,
)
from clinic_data.backup_prune import prune
from clinic_data.backup_rows import count_rows, write_rows
from clinic_data.backup_verify import Progress
from clinic_data.clock import utc_now
from clinic_data.data_keys import KeyRing
from clinic_data.database import Database, revisions
from clinic_data.disk_room import full_disk_as_sentence, require_room
from clinic_data.errors import ConflictError, NotFoundError
from clinic_data.file_references import FILE_COLUMNS
from clinic_data.schema import METADATA
from clinic_data.storage import PARTIAL, Storage
from clinic_data.tables import new_id

BEFORE_ROWS = ("audit",)
AFTER_ROWS = ("keys", "erasures")
"""Folders of the installation that go along. The trail's heads come before the rows: none may be newer than these."""
_ATTEMPTS = 5
_ROWS_SHARE = 0.2
_FILES = METADATA.tables["stored_file"]
_ABSENT_CHECKED_AFTER_S = 1.0
_MASTER_KEY_FILES = "master"
_KEY_FILE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """An installation to back up.

    Attributes:
        database: with its keys.
        keys: the same keys.
        storage: of its sealed files.
        data_dir: folder of the installation.
        made_by: program and release.
    """

    database: Database
    keys: KeyRing
    storage: Storage
    data_dir: Path
    made_by: str


@dataclass(frozen=True, slots=True)
class Made:
    """What a backup did.

    Attributes:
        name: of the backup.
        mark: its facts.
        new_files: files that the folder did not have yet.
        new_bytes: their size.
        removed: names of older backups that were removed.
        removed_bytes: size of the files that nothing needs any more.
        seconds: how long it took.
    """

    name: str
    mark: Mark
    new_files: int
    new_bytes: int
    removed: tuple[str, ...]
    removed_bytes: int
    seconds: float


def make_backup(source: Source, root: Path, progress: Progress, keep: int | None = None) -> Made:
    """Back up an installation, which may be in use.

    Args:
        source: the installation.
        root: folder of backups; files that are there already are not copied again.
        progress: is told how far it is.
        keep: so many backups stay, the newest; older ones go. None keeps all.

    Raises:
        ClinicDataError: it cannot be backed up as it is; nothing half-made is left.
    """
    began_s = time.monotonic()
    with full_disk_as_sentence(root):
        folder = BackupFolder.made(root)
        with folder.locked(writing=True):
            making = _Making(source, folder, progress)
            with folder.new_backup(utc_now()) as partial:
                mark = making.fill(partial)
            name = partial.name.removesuffix(PARTIAL)
            removed, removed_bytes = prune(folder, source.keys.master, keep)
    seconds = time.monotonic() - began_s
    return Made(name, mark, making.new_files, making.new_bytes, removed, removed_bytes, seconds)


@contextmanager
def one_moment(database: Database) -> Generator[Connection]:
    """A connection that reads the rows of one moment, however long it takes."""
    engine = database.engine.execution_options(read_only=True, postgresql_readonly=True)
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.connect() as connection:
        yield connection


class _Facts(TypedDict):
    created_at: str
    schema: str
    database: str
    rows: int
    files: int
    files_bytes: int


class _Making:
    """One backup that is being made."""

    def __init__(self, source: Source, folder: BackupFolder, progress: Progress) -> None:
        self._source = source
        self._folder = folder
        self._progress = progress
        self._key = b""
        self._parts: dict[str, tuple[str, int]] = {}
        self.new_files = 0
        self.new_bytes = 0

    def fill(self, partial: Path) -> Mark:
        for _ in range(_ATTEMPTS):
            self._key = sealing.new_key()  # of each attempt: a key of a sealed file seals one only
            for name in BEFORE_ROWS:
                self._archive(partial, name)
            facts = self._write_rows(partial)
            absent = self._copy_files(partial)
            missing = self._still_wanted(absent)
            if set(absent) == set(missing):
                break
        else:
            raise ConflictError("Files are being deleted all the time; start the backup again when that is done.")
        for name in AFTER_ROWS:
            self._archive(partial, name)
        self._folder.synchronise_files()
        backup_id = new_id()
        mark = Mark(
            format=FORMAT,
            id=backup_id,
            made_by=self._source.made_by,
            master_key=self._source.keys.master.current,
            wrapped_key=wrap_key(self._source.keys.master, self._key, backup_id),
            parts=self._parts,
            missing=tuple(sorted(missing)),
            **facts,
        )
        check_parts(partial, mark)
        write_mark(partial, mark, self._key)
        return mark

    def _write_rows(self, partial: Path) -> _Facts:
        with one_moment(self._source.database) as connection:
            schema = _checked_schema(connection)
            _refuse_unsealed(connection, self._source.storage)
            created_at, total, done = utc_now(), count_rows(connection), 0

            def seen(rows: int) -> None:
                nonlocal done
                done += rows
                self._progress(_ROWS_SHARE * done / max(total, 1), f"Reading rows: {done:,} of {total:,}")

            with new_part(partial, DATABASE_PART, self._key) as part:
                counts = write_rows(connection, part.stream.write, seen)
            self._parts[DATABASE_PART] = part.facts
            files, files_bytes = self._list_files(partial, connection)
        return _Facts(
            created_at=created_at.isoformat(),
            schema=schema,
            database=connection.dialect.name,
            rows=sum(counts.values()),
            files=files,
            files_bytes=files_bytes,
        )

    def _list_files(self, partial: Path, connection: Connection) -> tuple[int, int]:
        statement = select(_FILES.c.storage_key, _FILES.c.sealed_sha256, _FILES.c.sealed_size_bytes)
        files = files_bytes = 0
        with new_part(partial, FILES_PART, self._key) as part:
            for row in connection.execution_options(yield_per=1000).execute(statement):
                file = CopiedFile(*row)
                part.stream.write(file.line())
                files += 1
                files_bytes += file.size_bytes
        self._parts[FILES_PART] = part.facts
        return files, files_bytes

    def _copy_files(self, partial: Path) -> list[str]:
        """Copy what the folder does not have yet; the keys of those that the storage does not give."""
        total_bytes = self._require_room(partial)
        absent: list[str] = []
        done_bytes = 0
        for file in copied_files(partial, self._key):
            if not self._folder.has(file.sha256, file.size_bytes) and not self._copy(file):
                absent.append(file.key)
            done_bytes += file.size_bytes
            share = _ROWS_SHARE + (1.0 - _ROWS_SHARE) * done_bytes / max(total_bytes, 1)
            words = f"Copying files: {done_bytes / 1e6:,.0f} of {total_bytes / 1e6:,.0f} MB"
            self._progress(min(share, 0.999), words)
        return absent

    def _require_room(self, partial: Path) -> int:
        total_bytes = new_bytes = 0
        for file in copied_files(partial, self._key):
            total_bytes += file.size_bytes
            if not self._folder.has(file.sha256, file.size_bytes):
                new_bytes += file.size_bytes
        require_room(partial, new_bytes)
        return total_bytes

    def _copy(self, file: CopiedFile) -> bool:
        try:
            self._folder.add(self._source.storage.stream(file.key), file.sha256)
        except (NotFoundError, DamagedFileError):
            return False
        self.new_files += 1
        self.new_bytes += file.size_bytes
        return True

    def _still_wanted(self, absent: list[str]) -> list[str]:
        """Which absent files the database still has: they were lost; the others were deleted while we copied."""
        if not absent:
            return []
        time.sleep(_ABSENT_CHECKED_AFTER_S)  # who deletes a file deletes its row at about the same time
        with one_moment(self._source.database) as connection:
            return [
                key
                for key in absent
                if connection.scalar(select(func.count()).where(_FILES.c.storage_key == key).select_from(_FILES))
            ]

    def _archive(self, partial: Path, name: str) -> None:
        root = self._source.data_dir
        files = [file for file in sorted((root / name).rglob("*")) if file.is_file() and not self._is_master_key(file)]
        part_name = f"{name}.sealed"
        with new_part(partial, part_name, self._key) as part:
            write_archive(part, root, files)
        self._parts[part_name] = part.facts

    def _is_master_key(self, file: Path) -> bool:
        if file.name.startswith(_MASTER_KEY_FILES):
            return True
        keys = [line.split()[1].encode() for line in self._source.keys.master.text().splitlines()]
        return file.stat().st_size < _KEY_FILE_BYTES and any(key in file.read_bytes() for key in keys)


def _checked_schema(connection: Connection) -> str:
    schema = MigrationContext.configure(connection).get_current_revision()
    if schema is None or schema != revisions()[0]:
        raise ConflictError(
            "The database is not of this release: start the app once, which brings it up to date, then back up again."
        )
    return schema


def _refuse_unsealed(connection: Connection, storage: Storage) -> None:
    """Refuse files of an earlier release that still lie in the clear; ones that are gone are told about later."""
    sealed = select(_FILES.c.storage_key).where(_FILES.c.sealed_sha256 != "")
    for column in FILE_COLUMNS:
        for (key,) in connection.execute(select(column).where(column.is_not(None), column.not_in(sealed))):
            try:
                next(storage.stream(key), b"")
            except NotFoundError:
                continue
            raise ConflictError(
                "Files of an earlier release are not sealed yet. Start the app and wait until it says that they are, "
                "then back up again."
            )
