"""Folders of known files as one zip, the same bytes for the same files: how packages are stored and exchanged.

Nothing is compressed: weights are dense numbers, and without compression no small file can become a huge one.
"""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO

from clinic_data.errors import ValidationError

MAX_BYTES = 4_000_000_000
"""Of all files of an archive: four times a network of 0.13 B parameters with its replicates."""

_CHUNK_BYTES = 1 << 20
_FIRST_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say
_MODE = 0o600 << 16
_UNIX = 3
_ENCRYPTED = 0x1


class ArchiveError(ValidationError):
    """A file that is no archive of the files that were expected."""


def write_archive(target: IO[bytes], files: Mapping[str, Path | bytes]) -> None:
    """Writes files into a zip, in the order of their names.

    Args:
        target: a file open for writing.
        files: name to where its bytes are.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name in sorted(files):
            source = files[name]
            with archive.open(_entry(name, source), "w") as entry:
                if isinstance(source, bytes):
                    entry.write(source)
                    continue
                with source.open("rb") as file:
                    while chunk := file.read(_CHUNK_BYTES):
                        entry.write(chunk)


def _entry(name: str, source: Path | bytes) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _FIRST_TIME)
    entry.create_system = _UNIX
    entry.external_attr = _MODE
    entry.file_size = len(source) if isinstance(source, bytes) else source.stat().st_size
    return entry


def unpack_archive(source: Path | IO[bytes], names: Collection[str], folder: Path, max_bytes: int = MAX_BYTES) -> None:
    """Writes the files of a zip into a folder.

    Args:
        source: the zip, as a path or open for reading.
        names: exactly the files that it must hold; anything else is refused, so that no name can be a path.
        folder: exists and is empty.
        max_bytes: of all files together.

    Raises:
        ArchiveError: if it is no zip, is damaged, compressed, encrypted or too large, or holds other files.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            for entry in _checked(archive, names, max_bytes):
                _extract(archive, entry, folder / entry.filename)
    except (zipfile.BadZipFile, EOFError, RuntimeError, ValueError) as error:
        # What zipfile raises of a file that somebody damaged or made up; the text may quote its bytes.
        raise ArchiveError(f"The file is damaged or no package archive ({type(error).__name__}).") from error


def read_member(source: Path | IO[bytes], name: str, max_bytes: int) -> bytes:
    """One file of a stored archive.

    Raises:
        ArchiveError: if there is no such file of at most `max_bytes`, or the archive is damaged.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            entry = archive.getinfo(name)
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > max_bytes:
                raise ArchiveError(f"{name} of the archive is too large.")
            return archive.read(entry)
    except (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, KeyError) as error:
        raise ArchiveError(f"The file is damaged or no package archive ({type(error).__name__}).") from error


def _checked(archive: zipfile.ZipFile, names: Collection[str], max_bytes: int) -> list[zipfile.ZipInfo]:
    entries = archive.infolist()
    if sorted(entry.orig_filename for entry in entries) != sorted(names):
        raise ArchiveError(f"The archive does not hold exactly these files, each once: {', '.join(sorted(names))}.")
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise ArchiveError("The archive is compressed; packages are exchanged as they were exported.")
        if entry.flag_bits & _ENCRYPTED:
            raise ArchiveError("The archive is encrypted; packages are exchanged as they were exported.")
    if sum(entry.file_size for entry in entries) > max_bytes:
        raise ArchiveError(f"The files of the archive are larger than {max_bytes / 1e6:.0f} MB.")
    return entries


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    with archive.open(entry) as file, path.open("xb") as target:  # reading to the end also compares the checksum
        while chunk := file.read(_CHUNK_BYTES):
            target.write(chunk)
