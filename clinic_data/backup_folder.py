"""The folder in which backups lie, several beside each other.

::

    files/ab/SHA256                 sealed files, as the storage has them; all backups share them
    20261124T023000Z-048213/          one backup
        backup.json                 what it is, and the SHA-256 of its parts; authenticated, written last
        database.sealed             all rows (``backup_rows``), compressed and sealed
        audit.sealed  keys.sealed   small folders of the installation, as archives, sealed

A backup is made in a folder ``NAME.partial`` and renamed when it is whole. Everything is on the disk by then.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from clinic_data.errors import ClinicDataError, ConflictError, NotFoundError
from clinic_data.storage import PARTIAL, synchronise_folder

_FILES = "files"
_LOCK = "lock"
_MARK = "backup.json"
_SHA256 = re.compile("[0-9a-f]{64}")
DAMAGED_COPY = "A file of the clinic's storage is not as it was stored, so it was not copied."


class DamagedFileError(ClinicDataError):
    """A file of the storage that has other bytes than were stored."""


class BackupFolder:
    """A folder with backups; see the module.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def made(cls, root: Path) -> BackupFolder:
        """The folder, made where it is missing; readable by this account only."""
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        (root / _FILES).mkdir(mode=0o700, exist_ok=True)
        return cls(root)

    @contextmanager
    def locked(self, *, writing: bool) -> Generator[None]:
        """Hold the folder: one writer alone, or any number of readers.

        Raises:
            ConflictError: another program works in it.
            NotFoundError: there are no backups.
        """
        try:
            descriptor = os.open(self.root / _LOCK, os.O_RDWR | os.O_CREAT if writing else os.O_RDONLY, 0o600)
        except FileNotFoundError:
            raise NotFoundError(f"There are no backups in {self.root}.") from None
        try:
            _lock(descriptor, fcntl.LOCK_EX if writing else fcntl.LOCK_SH, self.root)
            yield
        finally:
            os.close(descriptor)

    def names(self) -> list[str]:
        """The names of all whole backups, the oldest first."""
        if not self.root.is_dir():
            return []
        return sorted(one.name for one in self.root.iterdir() if one.suffix != PARTIAL and (one / _MARK).is_file())

    def backup(self, name: str | None) -> Path:
        """The folder of a backup; None means the newest.

        Raises:
            NotFoundError: there is none.
        """
        names = self.names()
        if not names:
            raise NotFoundError(f"There are no backups in {self.root}.")
        if name is not None and name not in names:
            raise NotFoundError(f"There is no backup {name} in {self.root}. The newest there is {names[-1]}.")
        return self.root / (name or names[-1])

    @contextmanager
    def new_backup(self, now: datetime) -> Generator[Path]:
        """A folder to fill; at the end of the block it becomes a backup, after any error it goes."""
        for left in self.root.glob(f"*{PARTIAL}"):
            shutil.rmtree(left)
        for left in (self.root / _FILES).glob(f"*{PARTIAL}"):
            left.unlink()
        name = f"{now:%Y%m%dT%H%M%SZ-%f}"  # sorted by time: the last is the newest
        partial = self.root / (name + PARTIAL)
        partial.mkdir(mode=0o700)
        try:
            yield partial
            synchronise_folder(partial)
            partial.rename(self.root / name)
            synchronise_folder(self.root)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def file(self, sha256: str) -> Path:
        """Where the file with these bytes lies, or would lie."""
        return self.root / _FILES / sha256[:2] / sha256

    def has(self, sha256: str, size_bytes: int) -> bool:
        """Whether a file of this name and size is there; its bytes are looked at by a verification."""
        try:
            return _is_sha256(sha256) and self.file(sha256).stat().st_size == size_bytes
        except FileNotFoundError:
            return False

    def add(self, pieces: Iterable[bytes], sha256: str) -> None:
        """Copy a file in. It appears when it is whole, on the disk, and was read back.

        Raises:
            DamagedFileError: it has other bytes than ``sha256`` says.
        """
        if not _is_sha256(sha256):  # it comes from the database, and must not lead out of this folder
            raise DamagedFileError(DAMAGED_COPY)
        partial = self.root / _FILES / (sha256 + PARTIAL)
        try:
            with open_new(partial) as file:
                for piece in pieces:
                    file.write(piece)
                put_on_disk(file)
            if hash_of(partial) != sha256:
                raise DamagedFileError(DAMAGED_COPY)
            target = self.file(sha256)
            target.parent.mkdir(mode=0o700, exist_ok=True)
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)

    def synchronise_files(self) -> None:
        """Put the names of all files on the disk."""
        for folder in (self.root / _FILES).iterdir():
            if folder.is_dir():
                synchronise_folder(folder)
        synchronise_folder(self.root / _FILES)

    def remove_backup(self, name: str) -> None:
        """Remove a backup, but for its files; others may share them."""
        aside = self.root / (name + PARTIAL)
        (self.root / name).rename(aside)  # at once: a half-removed backup is none
        shutil.rmtree(aside)

    def file_names(self) -> Iterator[str]:
        """The SHA-256 of all files."""
        for folder in sorted((self.root / _FILES).glob("[0-9a-f][0-9a-f]")):
            yield from sorted(file.name for file in folder.iterdir())


def _is_sha256(text: str) -> bool:
    return _SHA256.fullmatch(text) is not None


def hash_of(file: Path) -> str:
    """The SHA-256 of a file's bytes in hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def open_new(file: Path) -> BinaryIO:
    """A new file that only this account may read, open for writing; an older one goes."""
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def put_on_disk(file: BinaryIO) -> None:
    """Wait until the disk has what was written."""
    file.flush()
    os.fsync(file.fileno())


def _lock(descriptor: int, kind: int, root: Path) -> None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConflictError(f"Another backup or restore works in {root}. Wait until it is done.") from None
