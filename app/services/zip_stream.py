"""A zip that is written while it is sent: no copy of it lies anywhere, however large its files are."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

_PIECE_BYTES = 1 << 20
_STORED_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".npz", ".pdf", ".jpg", ".png")
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # of a zip; the true times of files stand in the data, not here


@dataclass(frozen=True, slots=True)
class ZipFileEntry:
    """A file of the zip.

    Attributes:
        name: its path in the zip, with slashes.
        open: gives its bytes, from the beginning; closed after use.
    """

    name: str
    open: Callable[[], BinaryIO]


def stream_zip(entries: Iterable[ZipFileEntry]) -> Iterator[bytes]:
    """The bytes of a zip of the entries, piece by piece. Breaks off where a file cannot be read: no whole zip then."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        for entry in entries:
            info = zipfile.ZipInfo(entry.name, _FIRST_DAY)
            stored = entry.name.lower().endswith(_STORED_SUFFIXES)
            info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            info.external_attr = 0o600 << 16
            with entry.open() as source, archive.open(info, "w", force_zip64=True) as target:
                while piece := source.read(_PIECE_BYTES):
                    target.write(piece)
                    yield sink.taken()
            yield sink.taken()
    yield sink.taken()


class _Sink:
    """Where the zip is written to: it cannot be wound back, so the zip is made for streams."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Nothing is open here."""

    def taken(self) -> bytes:
        """What was written since the last call."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken
