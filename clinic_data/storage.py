"""Files of the clinic (videos, silhouettes, reports). ``Storage`` is the only way to them.

Here they lie in a folder (``FolderStorage``); ``object_storage`` keeps them elsewhere, its ``open_storage`` chooses.
A file appears under its key only when it is whole and stored: it is written aside, synchronised, then renamed. Keys are
random, so no name in the storage tells a patient's.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from clinic_data.errors import ClinicDataError, NotFoundError, ValidationError

ABANDONED_AFTER_S = 3600.0
PARTIAL = ".partial"
GONE = "This file is no longer in the clinic's storage."
_CHUNK_BYTES = 1 << 20
_KEY = re.compile(r"[0-9a-f]{32}")


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

    Attributes:
        key: under which it will be found.
    """

    def __init__(
        self, partial: Path, key: str, max_bytes: int | None, publish: Callable[[Path, StoredFile], None]
    ) -> None:
        self.key = key
        self._partial = partial
        self._max_bytes = max_bytes
        self._publish = publish
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
        stored = StoredFile(key=self.key, size_bytes=self._size_bytes, sha256=self._hash.hexdigest())
        self._publish(self._partial, stored)
        return stored

    def __enter__(self) -> IncomingFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
        self._partial.unlink(missing_ok=True)


class Storage(ABC):
    """Where the clinic's files lie, whatever keeps them.

    Attributes:
        root: a folder of this computer, readable by this account only, in which files are prepared.

    Args:
        root: it is created.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._incoming = self.root / "incoming"
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._incoming.mkdir(mode=0o700, exist_ok=True)

    def receive(self, *, max_bytes: int | None = None, key: str | None = None) -> IncomingFile:
        """Start a file that arrives piece by piece.

        Args:
            max_bytes: is enforced while it arrives.
            key: under which it was stored before, for a file that comes back from a backup; None: a new one.
        """
        key = secrets.token_hex(16) if key is None else checked_key(key)
        return IncomingFile(self._incoming / (key + PARTIAL), key, max_bytes, self._publish)

    def replacement(self, key: str) -> IncomingFile:
        """Start other bytes for a file that is stored; until they are accepted, and after a crash, the old ones stay.

        Call `keep_only` afterwards: until then both may be found where a storage cannot exchange them at once.
        """
        partial = self._incoming / f"{checked_key(key)}-{secrets.token_hex(8)}{PARTIAL}"
        return IncomingFile(partial, key, None, self._publish)

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

    def read_bytes(self, key: str) -> bytes:
        """The whole file.

        Raises:
            NotFoundError: there is no such file.
        """
        return self.path(key).read_bytes()

    @abstractmethod
    def stream(self, key: str) -> Iterator[bytes]:
        """The file in pieces, read from where it lies; no copy of it stays on this computer.

        Raises:
            NotFoundError: there is no such file.
        """

    def remove_abandoned(self, *, older_than_s: float = ABANDONED_AFTER_S) -> int:
        """Remove what killed processes left half-written and return how many files that were.

        A file that is still arriving is younger than ``older_than_s``, because each chunk renews its time.
        """
        return sum(
            remove_if_older(file, older_than_s) for file in self._incoming.iterdir() if file.name.endswith(PARTIAL)
        )

    @abstractmethod
    def path(self, key: str) -> Path:
        """Where this computer has the file, for programs that read by path; never write there.

        Raises:
            NotFoundError: there is no such file.
        """

    @abstractmethod
    def keep_only(self, key: str, sha256: str) -> None:
        """After a replacement: remove what else is stored under ``key``, here and in copies on this computer.

        Args:
            key: of the file.
            sha256: of the bytes that stay.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove the file; deleting twice is fine. Delete the rows that refer to it first, and commit."""

    @contextmanager
    def removed_if_refused(self, *keys: str | None) -> Generator[None, None, None]:
        """Around the transaction that writes the rows of new files: they go again where the clinic's rules refuse them.

        After any other fault they stay, because their rows may have been stored after all.
        """
        try:
            yield
        except ClinicDataError:
            for key in filter(None, keys):
                self.delete(key)
            raise

    @abstractmethod
    def keys(self) -> Iterator[str]:
        """The keys of all files."""

    @abstractmethod
    def sizes(self) -> Iterator[tuple[str, int]]:
        """The keys of all files with their sizes in bytes."""

    @abstractmethod
    def remove_unreferenced(self, referenced: frozenset[str], *, older_than_s: float = 86400.0) -> int:
        """Remove files to which no row refers (a process died between file and row); return how many.

        Args:
            referenced: ``file_references.referenced_keys(...)``.
            older_than_s: younger files stay, their row may not be committed yet.
        """

    @abstractmethod
    def _publish(self, partial: Path, stored: StoredFile) -> None:
        """Make the whole and synchronised file ``partial`` appear under its key; it may be moved away."""


class FolderStorage(Storage):
    """The folder in which the clinic's files lie."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.remove_abandoned()

    def path(self, key: str) -> Path:
        """Where the file lies; see ``Storage``."""
        location = self._location(key)
        if not location.is_file():
            raise NotFoundError(GONE)
        return location

    def stream(self, key: str) -> Iterator[bytes]:
        """The file in pieces; see ``Storage``."""
        try:
            file = self._location(key).open("rb")
        except FileNotFoundError:
            raise NotFoundError(GONE) from None
        with file:
            while piece := file.read(_CHUNK_BYTES):
                yield piece

    def keep_only(self, key: str, sha256: str) -> None:
        """Nothing to do: a replacement takes the very place of the old file."""

    def delete(self, key: str) -> None:
        """Remove the file; see ``Storage``."""
        location = self._location(key)
        location.unlink(missing_ok=True)
        if location.parent.is_dir():
            synchronise_folder(location.parent)

    def keys(self) -> Iterator[str]:
        """The keys of all files."""
        for folder in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            for file in sorted(folder.iterdir()):
                if is_key(file.name):
                    yield file.name

    def sizes(self) -> Iterator[tuple[str, int]]:
        """The keys of all files with their sizes in bytes."""
        for key in self.keys():
            with suppress(FileNotFoundError):  # another process removed it
                yield key, self._location(key).stat().st_size

    def remove_unreferenced(self, referenced: frozenset[str], *, older_than_s: float = 86400.0) -> int:
        """Remove files to which no row refers; see ``Storage``."""
        return sum(
            remove_if_older(self._location(key), older_than_s) for key in list(self.keys()) if key not in referenced
        )

    def _publish(self, partial: Path, stored: StoredFile) -> None:
        target = self._location(stored.key)
        target.parent.mkdir(mode=0o700, exist_ok=True)
        os.replace(partial, target)
        synchronise_folder(target.parent)
        synchronise_folder(target.parent.parent)

    def _location(self, key: str) -> Path:
        return self.root / checked_key(key)[:2] / key


def is_key(name: str) -> bool:
    """Whether ``name`` can be a key."""
    return _KEY.fullmatch(name) is not None


def checked_key(key: str) -> str:
    """``key``, if it cannot lead out of the storage.

    Raises:
        ClinicDataError: it is none of ours.
    """
    if not is_key(key):
        raise ClinicDataError("A storage key has 32 hexadecimal digits.")
    return key


def remove_if_older(file: Path, age_s: float) -> bool:
    """Remove ``file`` if nobody wrote to it for ``age_s`` seconds; says whether it did."""
    try:
        if time.time() - file.stat().st_mtime < age_s:
            return False
        file.unlink()
    except FileNotFoundError:
        return False  # another process was faster
    return True


def synchronise_folder(folder: Path) -> None:
    """Put the folder's entries on the disk: a renamed file is durable only then."""
    if os.name != "posix":
        return  # Windows cannot open a folder; NTFS journals the rename
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
