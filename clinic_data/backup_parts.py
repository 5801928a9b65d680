"""The sealed parts of a backup: compressed streams of lines, and archives of small folders."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from clinic_data.backup_folder import hash_of, open_new, put_on_disk
from clinic_data.backup_mark import DAMAGED, Mark, part_key
from clinic_data.errors import SealError, StorageError
from clinic_data.sealed_files import SealedWriter, open_sealed

DATABASE_PART = "database.sealed"
FILES_PART = "files.sealed"
_COMPRESSION = 1  # most of the bytes are sealed and do not compress well anyway


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """A file of the storage in a backup.

    Attributes:
        key: its storage key.
        sha256: of its sealed bytes.
        size_bytes: of its sealed bytes.
    """

    key: str
    sha256: str
    size_bytes: int

    def line(self) -> bytes:
        """As the part ``files.sealed`` has it."""
        return json.dumps([self.key, self.sha256, self.size_bytes]).encode() + b"\n"


class PartWriter:
    """Writes one part; made by ``new_part``."""

    def __init__(self, file: BinaryIO, key: bytes, name: str) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._size_bytes = 0
        self._sealed = SealedWriter(self._take, part_key(key, name), name)
        self.stream = gzip.GzipFile(fileobj=cast(BinaryIO, self), mode="wb", compresslevel=_COMPRESSION, mtime=0)

    @property
    def facts(self) -> tuple[str, int]:
        """SHA-256 and size in bytes of what lies on the disk."""
        return self._hash.hexdigest(), self._size_bytes

    def write(self, data: bytes) -> int:
        """Take compressed bytes; called by ``stream``."""
        self._sealed.write(data)
        return len(data)

    def flush(self) -> None:
        """Nothing waits here; called by ``stream``."""

    def finish(self) -> None:
        """End the part and put it on the disk."""
        self.stream.close()
        self._sealed.finish()
        put_on_disk(self._file)

    def _take(self, sealed: bytes) -> None:
        self._hash.update(sealed)
        self._size_bytes += len(sealed)
        self._file.write(sealed)


@contextmanager
def new_part(folder: Path, name: str, key: bytes) -> Generator[PartWriter]:
    """A part to write to ``stream`` of; it is ended at the end of the block."""
    with open_new(folder / name) as file:
        part = PartWriter(file, key, name)
        yield part
        part.finish()


@contextmanager
def open_part(folder: Path, name: str, key: bytes) -> Generator[BinaryIO]:
    """The plain content of a part.

    Raises:
        SealError: it is not as it was written.
    """
    try:
        with (folder / name).open("rb") as file, open_sealed(file, part_key(key, name), name) as sealed:
            yield cast(BinaryIO, gzip.GzipFile(fileobj=sealed, mode="rb"))
    except FileNotFoundError:
        raise SealError(DAMAGED) from None
    except (SealError, gzip.BadGzipFile, EOFError, tarfile.TarError):
        raise SealError(DAMAGED) from None
    except StorageError:
        raise StorageError(f"The backup cannot be read from its disk: {folder / name}.") from None


def check_parts(folder: Path, mark: Mark) -> None:
    """That the parts on the disk are those that were written.

    Raises:
        SealError: one is not.
    """
    for name, (sha256, _) in mark.parts.items():
        if not (folder / name).is_file() or hash_of(folder / name) != sha256:
            raise SealError(f"{DAMAGED} Damaged: {name}.")


def copied_files(folder: Path, key: bytes) -> Iterator[CopiedFile]:
    """The files of a backup, one by one.

    Raises:
        SealError: their list is not as it was written.
    """
    with open_part(folder, FILES_PART, key) as lines:
        for line in lines:
            yield CopiedFile(*json.loads(line))


def write_archive(part: PartWriter, root: Path, files: Iterable[Path]) -> None:
    """Put small files below ``root`` into a part."""
    with tarfile.open(fileobj=part.stream, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for file in files:
            archive.add(file, arcname=file.relative_to(root).as_posix(), recursive=False, filter=_without_owner)


def read_archive(stream: BinaryIO, target: Path, seen: Callable[[Path], object]) -> None:
    """Take the files out of a part again; readable by this account only."""
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            file = target / member.name
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            seen(file)
            archive.extract(member, target, set_attrs=False, filter="data")
            file.chmod(0o600)


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
