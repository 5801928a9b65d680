"""The clinic's files as its services see them: plain when they are read, sealed wherever they lie.

A file is sealed under a key of its own. That key stands in the table ``stored_file``, wrapped by the data key of the
patient or of the clinic: destroying the patient's key makes every file of the patient unreadable.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, cast

from sqlmodel import Session, col, delete, select

from clinic_data import data_keys, sealing
from clinic_data.clock import utc_now
from clinic_data.data_keys import DataKey
from clinic_data.database import Database
from clinic_data.encryption_tables import SealedFile
from clinic_data.errors import ClinicDataError, NotFoundError, SealError, StorageError, ValidationError
from clinic_data.file_references import referenced_keys
from clinic_data.sealed_files import DAMAGED_FILE, SealedWriter, open_sealed
from clinic_data.storage import GONE, Storage, StoredFile, checked_key

UNREFERENCED_AFTER_S = 86_400.0
NOT_YET_SEALED = (
    "This file of an earlier release is not encrypted yet and is not read before it is. That happens when the app "
    "starts; please try again in a few minutes."
)
_CHUNK_BYTES = 1 << 20
_IN_MEMORY_BYTES = 64 << 20
_AT_ONCE = 500
_log = logging.getLogger(__name__)


class FileKind(StrEnum):
    """What a stored file is."""

    VIDEO = "video"
    SILHOUETTES = "silhouettes"
    OVERLAY = "overlay"
    REPORT = "report"
    PACKAGE = "package"
    LOGO = "logo"


@dataclass(frozen=True, slots=True)
class VaultVideo:
    """A stored video, as the engine reads it: opened as often as it likes.

    Attributes:
        vault: where it is.
        key: its storage key.
        name: what people call it.
    """

    vault: FileVault
    key: str
    name: str

    def open(self) -> BinaryIO:
        """Its bytes; see ``FileVault.open``."""
        return self.vault.open(self.key)


class FileVault:
    """Seals files on their way into a storage and opens them on their way out.

    Args:
        storage: where the sealed files lie.
        database: where their wrapped keys are; opened with the clinic's keys.
        work_dir: where a file that is being made may lie for some seconds, nameless; None: beside the storage's own.
    """

    def __init__(self, storage: Storage, database: Database, work_dir: Path | None = None) -> None:
        self.storage = storage
        self.database = database
        self._work_dir = work_dir or storage.root

    def write_stream(
        self, chunks: Iterable[bytes], *, patient_id: str | None, kind: FileKind, max_bytes: int | None = None
    ) -> StoredFile:
        """Seal and store the bytes of ``chunks`` without holding them all in memory.

        Args:
            chunks: the content; consumed once.
            patient_id: whose file it is; None: nobody's yet, the clinic's key seals it.
            kind: what it is.
            max_bytes: more are refused.

        Returns:
            The key, and size and SHA-256 of the plain bytes.

        Raises:
            ValidationError: there are more than ``max_bytes``; nothing is stored.
            SealError: the patient was erased, or the clinic's keys are not at hand.
        """
        file_key = sealing.new_key()
        digest = hashlib.sha256()
        size_bytes = 0
        with self.storage.receive() as incoming:
            writer = SealedWriter(incoming.write, file_key, incoming.key)
            for chunk in chunks:
                size_bytes += len(chunk)
                if max_bytes is not None and size_bytes > max_bytes:
                    raise ValidationError(f"The file is larger than the {max_bytes / 1e6:.0f} MB that are allowed.")
                digest.update(chunk)
                writer.write(chunk)
            writer.finish()
            sealed = incoming.accept()
        try:
            with self.database.transaction() as session:
                data_key = data_keys.of_patient(session=session, patient_id=patient_id)
                session.add(new_row(sealed, size_bytes, kind, file_key, data_key))
        except BaseException:
            self.storage.delete(sealed.key)
            raise
        return StoredFile(sealed.key, size_bytes, digest.hexdigest())

    def write_bytes(self, data: bytes, *, patient_id: str | None, kind: FileKind) -> StoredFile:
        """Seal and store ``data``; see ``write_stream``."""
        return self.write_stream((data,), patient_id=patient_id, kind=kind)

    def write_file(self, source: Path | BinaryIO, *, patient_id: str | None, kind: FileKind) -> StoredFile:
        """Seal and store a copy of a file, by its path or open for reading; see ``write_stream``."""
        if isinstance(source, Path):
            with source.open("rb") as file:
                return self.write_stream(pieces(file), patient_id=patient_id, kind=kind)
        source.seek(0)
        return self.write_stream(pieces(source), patient_id=patient_id, kind=kind)

    def open(self, key: str) -> BinaryIO:
        """The plain bytes of a file, readable from any place; close it after use.

        Raises:
            NotFoundError: there is no such file.
            SealError: now or while reading: it was damaged or exchanged, or its patient was erased.
            StorageError: the storage did not give it; later it may.
        """
        with self.database.reading() as session:
            row = self._row(session, key)
            if not row.sealed_sha256:
                raise StorageError(NOT_YET_SEALED)
            file_key = opened_key(session, row)
        return self.open_with(row, file_key)

    def open_with(self, row: SealedFile, file_key: bytes) -> BinaryIO:
        """The plain bytes of the file of a row whose key is at hand; see ``open``."""
        try:
            file = self.storage.path(row.storage_key).open("rb")
        except FileNotFoundError as error:
            raise NotFoundError(GONE) from error
        except OSError as error:
            raise StorageError("A stored file could not be read from the disk. Tell your administrator.") from error
        try:
            opened = open_sealed(file, file_key, row.storage_key)
            if opened.seek(0, 2) != row.size_bytes:
                raise SealError(DAMAGED_FILE)
            opened.seek(0)
        except BaseException:
            file.close()
            raise
        return opened

    def read_bytes(self, key: str) -> bytes:
        """The whole file; see ``open``."""
        with self.open(key) as file:
            return file.read()

    def sha256(self, key: str) -> str:
        """SHA-256 of the plain bytes in hexadecimal, read from the file itself; see ``open``."""
        with self.open(key) as file:
            digest = hashlib.sha256()
            for piece in pieces(file):
                digest.update(piece)
            return digest.hexdigest()

    def size_bytes(self, key: str) -> int:
        """How many plain bytes a file has.

        Raises:
            NotFoundError: there is no such file.
        """
        with self.database.reading() as session:
            return self._row(session, key).size_bytes

    def video(self, key: str, name: str) -> VaultVideo:
        """A stored video for the engine.

        Raises:
            NotFoundError: there is no such file.
        """
        self.size_bytes(key)
        return VaultVideo(self, key, name)

    def delete(self, key: str) -> None:
        """Remove a file for ever, its key first; deleting twice is fine. Not within a transaction.

        Delete the rows that refer to it first, and commit.
        """
        checked_key(key)
        with self.database.transaction() as session:
            session.exec(delete(SealedFile).where(col(SealedFile.storage_key) == key))
        self.storage.delete(key)

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

    def give_to(self, *, session: Session, keys: Collection[str | None], patient_id: str | None) -> None:
        """Wrap the keys of files by the key of the patient who has them from now on; the files stay as they are.

        Args:
            session: of the transaction in which the rows that refer to them move.
            keys: storage keys; None and files that are gone are passed over.
            patient_id: whose they are; None: the clinic's.

        Raises:
            SealError: one of the keys involved was destroyed.
        """
        wanted = sorted(filter(None, keys))
        target = data_keys.of_patient(session=session, patient_id=patient_id)
        for start in range(0, len(wanted), _AT_ONCE):
            some = col(SealedFile.storage_key).in_(wanted[start : start + _AT_ONCE])
            for row in session.exec(select(SealedFile).where(some, col(SealedFile.data_key_id) != target.id)).all():
                row.wrapped_key = _wrapped(opened_key(session, row), row, target)
                row.data_key_id = target.id
        session.flush()

    def keys(self) -> Iterator[str]:
        """The keys of all files of the storage."""
        return self.storage.keys()

    def remove_unreferenced(self, *, older_than_s: float = UNREFERENCED_AFTER_S) -> int:
        """Remove files to which no row refers: a process died between file and row. Returns how many.

        Args:
            older_than_s: younger files stay, their row may not be committed yet.
        """
        before = utc_now() - timedelta(seconds=older_than_s)
        with self.database.reading() as session:
            referenced = referenced_keys(session=session)
            known = session.exec(select(SealedFile.storage_key).where(col(SealedFile.created_at) < before)).all()
        left = [key for key in known if key not in referenced]
        for start in range(0, len(left), _AT_ONCE):
            with self.database.transaction() as session:
                some = col(SealedFile.storage_key).in_(left[start : start + _AT_ONCE])
                session.exec(delete(SealedFile).where(some))
        return self.storage.remove_unreferenced(referenced, older_than_s=older_than_s)

    def temporary_file(self) -> BinaryIO:
        """A file for what is only being made: in memory while it is small, else on the disk without a name.

        It is gone once it is closed, and also once its process is killed.
        """
        self._work_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cast(BinaryIO, tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES, dir=str(self._work_dir)))

    def _row(self, session: Session, key: str) -> SealedFile:
        row = session.get(SealedFile, checked_key(key))
        if row is None:
            raise NotFoundError(GONE)
        return row


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """What is left of an open file, piece by piece."""
    while piece := file.read(_CHUNK_BYTES):
        yield piece


def new_row(
    sealed: StoredFile, size_bytes: int, kind: FileKind, file_key: bytes, data_key: DataKey, *, in_place: bool = True
) -> SealedFile:
    """The row of a file.

    Args:
        sealed: the sealed file.
        size_bytes: of the plain bytes.
        kind: what it is.
        file_key: that sealed it.
        data_key: that wraps its key.
        in_place: False while the storage still has a plain file under this key.
    """
    row = SealedFile(
        storage_key=sealed.key,
        data_key_id=data_key.id,
        wrapped_key="",
        kind=kind.value,
        size_bytes=size_bytes,
        sealed_size_bytes=sealed.size_bytes,
        sealed_sha256=sealed.sha256 if in_place else "",
    )
    row.wrapped_key = _wrapped(file_key, row, data_key)
    return row


def opened_key(session: Session, row: SealedFile) -> bytes:
    """The key of a file.

    Raises:
        SealError: its patient was erased, or somebody changed the row.
    """
    data_key = data_keys.by_id(session=session, key_id=row.data_key_id)
    return sealing.unseal(data_key.key, sealing.from_text(row.wrapped_key), _context(row))


def _wrapped(file_key: bytes, row: SealedFile, data_key: DataKey) -> str:
    return sealing.to_text(sealing.seal(data_key.key, file_key, _context(row)))


def _context(row: SealedFile) -> str:
    return f"stored_file.{row.storage_key}.{row.kind}.{row.size_bytes}"
