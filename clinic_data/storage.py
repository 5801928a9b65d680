"""Files of the clinic (videos, silhouettes, reports). ``Storage`` is the only way to them.

A file appears under its key only when it is whole and on the disk: it is written aside, synchronised, then renamed.
Keys are random, so no name on the disk tells a patient's.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from clinic_data.errors import ClinicDataError, NotFoundError, ValidationError

ABANDONED_AFTER_S = 3600.0
_CHUNK_BYTES = 1 << 20
_KEY = re.compile(r"[0-9a-f]{32}")
_PARTIAL = ".partial"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that was accepted: it is whole and survives a crash.

    Attributes:
        key: where ``Storage`` finds it.
        size_bytes: its size.
        sha256: its SHA-256 in hexadecimal.
    """

    key: str
    size_bytes: int
    sha256: str


class IncomingFile:
    """A file that is being received; without ``accept()`` nothing of it stays.

    Made by ``Storage.receive()``. Use it as a context manager.
    """

    def __init__(self, target: Path, partial: Path, key: str, max_bytes: int | None) -> None:
        self._target = target
        self._partial = partial
        self._key = key
        self._max_bytes = max_bytes
        self._size_bytes = 0
        self._hash = hashlib.sha256()
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file: BinaryIO = os.fdopen(descriptor, "wb")

    def write(self, chunk: bytes) -> None:
        """Append ``chunk``.

        Raises:
            ValidationError: the file is larger than allowed.
        """
        self._size_bytes += len(chunk)
        if self._max_bytes is not None and self._size_bytes > self._max_bytes:
            raise ValidationError(f"The file is larger than the {self._max_bytes / 1e6:.0f} MB that are allowed.")
        self._hash.update(chunk)
        self._file.write(chunk)

    def accept(self) -> StoredFile:
        """Make the file permanent and return its key; only then may a row refer to it."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._target.parent.mkdir(mode=0o700, exist_ok=True)
        os.replace(self._partial, self._target)
        _synchronise_folder(self._target.parent)
        _synchronise_folder(self._target.parent.parent)
        return StoredFile(key=self._key, size_bytes=self._size_bytes, sha256=self._hash.hexdigest())

    def __enter__(self) -> IncomingFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
        self._partial.unlink(missing_ok=True)


class Storage:
    """The folder in which the clinic's files lie.

    Args:
        root: the folder; it is created, readable by this account only.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._incoming = self.root / "incoming"
        self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.remove_abandoned()

    def receive(self, *, max_bytes: int | None = None) -> IncomingFile:
        """Start a file that arrives piece by piece; ``max_bytes`` is enforced while it arrives."""
        key = secrets.token_hex(16)
        return IncomingFile(self._location(key), self._incoming / (key + _PARTIAL), key, max_bytes)

    def write_stream(self, chunks: Iterable[bytes], *, max_bytes: int | None = None) -> StoredFile:
        """Store the bytes of ``chunks`` without holding them all in memory.

        Raises:
            ValidationError: there are more than ``max_bytes``; nothing is stored.
        """
        with self.receive(max_bytes=max_bytes) as incoming:
            for chunk in chunks:
                incoming.write(chunk)
            return incoming.accept()

    def write_bytes(self, data: bytes) -> StoredFile:
        """Store ``data``."""
        return self.write_stream((data,))

    def write_file(self, source: Path) -> StoredFile:
        """Store a copy of the file ``source``."""
        with source.open("rb") as file:
            return self.write_stream(iter(lambda: file.read(_CHUNK_BYTES), b""))

    def path(self, key: str) -> Path:
        """Where the file lies, for programs that read by path; never write there.

        Raises:
            NotFoundError: there is no such file.
        """
        location = self._location(key)
        if not location.is_file():
            raise NotFoundError("This file is no longer in the clinic's storage.")
        return location

    def read_bytes(self, key: str) -> bytes:
        """The whole file.

        Raises:
            NotFoundError: there is no such file.
        """
        return self.path(key).read_bytes()

    def delete(self, key: str) -> None:
        """Remove the file; deleting twice is fine. Delete the rows that refer to it first, and commit."""
        location = self._location(key)
        location.unlink(missing_ok=True)
        if location.parent.is_dir():
            _synchronise_folder(location.parent)

    def keys(self) -> Iterator[str]:
        """The keys of all files."""
        for folder in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            for file in sorted(folder.iterdir()):
                if _KEY.fullmatch(file.name):
                    yield file.name

    def remove_abandoned(self, *, older_than_s: float = ABANDONED_AFTER_S) -> int:
        """Remove what killed processes left half-written and return how many files that were.

        A file that is still arriving is younger than ``older_than_s``, because each chunk renews its time.
        """
        return sum(
            _remove_if_older(file, older_than_s) for file in self._incoming.iterdir() if file.name.endswith(_PARTIAL)
        )

    def remove_unreferenced(self, referenced: frozenset[str], *, older_than_s: float = 86400.0) -> int:
        """Remove files to which no row refers (a process died between file and row); return how many.

        Args:
            referenced: ``file_references.referenced_keys(...)``.
            older_than_s: younger files stay, their row may not be committed yet.
        """
        return sum(
            _remove_if_older(self._location(key), older_than_s) for key in list(self.keys()) if key not in referenced
        )

    def _location(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ClinicDataError("A storage key has 32 hexadecimal digits.")
        return self.root / key[:2] / key


def _remove_if_older(file: Path, age_s: float) -> bool:
    try:
        if time.time() - file.stat().st_mtime < age_s:
            return False
        file.unlink()
    except FileNotFoundError:
        return False  # another process was faster
    return True


def _synchronise_folder(folder: Path) -> None:
    """Put the folder's entries on the disk: a renamed file is durable only then."""
    if os.name != "posix":
        return  # Windows cannot open a folder; NTFS journals the rename
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
