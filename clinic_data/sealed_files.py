"""Sealed files: a stream of any length under AES-256-GCM, written piece by piece and read from any place.

The file is a first line, then chunks of 256 KiB, each sealed by itself (the STREAM construction). Authenticated with
a chunk are the name of the file, the chunk's number and whether it is the last: a changed bit, a lost end, chunks in
another order, something added, or another file in its place does not open. Neither side ever holds more than a few
chunks in memory.

A key seals one file only. That is why the number of the chunk may serve as nonce.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from clinic_data.errors import SealError, StorageError

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAGIC = b"FGAIT-SEALED-1\n"
CHUNK_BYTES = 256 * 1024
TAG_BYTES = 16
DAMAGED_FILE = (
    "A stored file is damaged or was exchanged for another one. Tell your administrator: it must be restored from a "
    "backup."
)
_UNREADABLE = "A stored file could not be read from the disk. Tell your administrator."
_SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES
_NONCE_BYTES = 12
_CHUNKS_KEPT = 4
"""Opened chunks that a reader keeps: an MP4 file is read at two or three places by turns."""


def sealed_size(plain_bytes: int) -> int:
    """How many bytes a sealed file has that holds ``plain_bytes``."""
    return len(MAGIC) + plain_bytes + TAG_BYTES * _chunks_of(plain_bytes)


def plain_size(sealed_bytes: int) -> int:
    """How many bytes a sealed file of ``sealed_bytes`` holds.

    Raises:
        SealError: no sealed file has this size.
    """
    body = sealed_bytes - len(MAGIC)
    plain_bytes = body - TAG_BYTES * max(1, -(-body // _SEALED_CHUNK_BYTES))
    if plain_bytes < 0 or sealed_size(plain_bytes) != sealed_bytes:
        raise SealError(DAMAGED_FILE)
    return plain_bytes


def is_sealed(file: BinaryIO) -> bool:
    """Whether ``file`` begins as sealed files do; it is left at its beginning."""
    file.seek(0)
    first = file.read(len(MAGIC))
    file.seek(0)
    return first == MAGIC


class SealedWriter:
    """Seals a stream. Without ``finish`` the file has no end and does not open.

    Args:
        write: takes the sealed bytes, in order.
        key: 32 random bytes that seal nothing else.
        name: what the file is known by, for example its storage key; it opens under this name only.
    """

    def __init__(self, write: Callable[[bytes], object], key: bytes, name: str) -> None:
        self._write = write
        self._cipher = AESGCM(key)
        self._name = name
        self._number = 0
        self._waiting = bytearray()
        write(MAGIC)

    def write(self, data: Buffer) -> None:
        """Append ``data``."""
        self._waiting += data
        start = 0
        # A chunk goes out only once more follows: the last one is sealed as the last.
        while len(self._waiting) - start > CHUNK_BYTES:
            self._seal(bytes(self._waiting[start : start + CHUNK_BYTES]), last=False)
            start += CHUNK_BYTES
        del self._waiting[:start]

    def finish(self) -> None:
        """Write the end; nothing may be written afterwards."""
        self._seal(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _seal(self, plain: bytes, *, last: bool) -> None:
        context = _context(self._name, self._number, last=last)
        self._write(self._cipher.encrypt(_nonce(self._number), plain, context))
        self._number += 1


def open_sealed(file: BinaryIO, key: bytes, name: str) -> BinaryIO:
    """The plain content of a sealed file, readable from any place; closing it closes ``file``.

    Its end is checked at once, so that a cut or lengthened file does not open; every other chunk where it is read.

    Args:
        file: the sealed file, open for reading and seekable.
        key: that sealed it.
        name: under which it was sealed.

    Raises:
        SealError: now or from ``read``, if the file is not whole, not unchanged or not the one of this name.
        StorageError: likewise, if the disk does not give it.
    """
    return cast(BinaryIO, io.BufferedReader(SealedReader(file, key, name)))


class SealedReader(io.RawIOBase):
    """Opens chunks as they are asked for; see ``open_sealed``."""

    def __init__(self, file: BinaryIO, key: bytes, name: str) -> None:
        super().__init__()
        self._file = file
        self._cipher = AESGCM(key)
        self._name = name
        self._position = 0
        self._opened: OrderedDict[int, bytes] = OrderedDict()
        try:
            if not is_sealed(file):
                raise SealError(DAMAGED_FILE)
            self.size_bytes = plain_size(file.seek(0, io.SEEK_END))
        except OSError as error:
            raise StorageError(_UNREADABLE) from error
        self._last = _chunks_of(self.size_bytes) - 1
        self._chunk(self._last)

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; see ``io.IOBase.seek``."""
        starts = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size_bytes}
        if starts[whence] + offset < 0:
            raise ValueError("a place before the beginning of the file")
        self._position = starts[whence] + offset
        return self._position

    def tell(self) -> int:
        """The place."""
        return self._position

    def readinto(self, buffer: Buffer, /) -> int:
        """Read up to the end of a chunk; see ``io.RawIOBase.readinto``."""
        if self._position >= self.size_bytes:
            return 0
        number, within = divmod(self._position, CHUNK_BYTES)
        target = memoryview(buffer).cast("B")
        piece = memoryview(self._chunk(number))[within : within + len(target)]
        target[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def close(self) -> None:
        """Close the sealed file, too."""
        self._opened.clear()
        self._file.close()
        super().close()

    def _chunk(self, number: int) -> bytes:
        if number in self._opened:
            self._opened.move_to_end(number)
            return self._opened[number]
        try:
            self._file.seek(len(MAGIC) + number * _SEALED_CHUNK_BYTES)
            sealed = self._file.read(_SEALED_CHUNK_BYTES)
        except OSError as error:
            raise StorageError(_UNREADABLE) from error
        try:
            plain = self._cipher.decrypt(
                _nonce(number), sealed, _context(self._name, number, last=number == self._last)
            )
        except (InvalidTag, ValueError) as error:
            raise SealError(DAMAGED_FILE) from error
        self._opened[number] = plain
        if len(self._opened) > _CHUNKS_KEPT:
            self._opened.popitem(last=False)
        return plain


def _chunks_of(plain_bytes: int) -> int:
    return max(1, -(-plain_bytes // CHUNK_BYTES))


def _nonce(number: int) -> bytes:
    return number.to_bytes(_NONCE_BYTES, "big")


def _context(name: str, number: int, *, last: bool) -> bytes:
    return f"{name}\n{number}\n{'last' if last else 'more'}".encode()
