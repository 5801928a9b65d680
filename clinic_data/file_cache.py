"""Copies of stored files on this computer's disk: made once, of bounded size, the longest unused go first."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from clinic_data.storage import PARTIAL, is_key

IN_USE_S = 2 * 3600.0
UNUSED_S = 7 * 86400.0


class FileCache:
    """A folder with copies of files under their keys; several processes may share it.

    A copy that was asked for within ``IN_USE_S`` stays even if the cache is full, because a program may be reading it.
    A copy that nobody asked for within ``UNUSED_S`` goes, so that what another computer deleted does not stay here.

    Args:
        folder: it exists.
        incoming: a folder of the same disk in which copies arrive.
        max_bytes: size above which copies that are not in use go.
    """

    def __init__(self, folder: Path, incoming: Path, max_bytes: int) -> None:
        self._folder = folder
        self._incoming = incoming
        self._max_bytes = max_bytes

    def find(self, key: str, size_bytes: int) -> Path | None:
        """The copy of a file that has ``size_bytes``, now in use; None if there is none."""
        copy = self._folder / key
        try:
            if copy.stat().st_size != size_bytes:
                copy.unlink(missing_ok=True)
                return None
            os.utime(copy)
        except FileNotFoundError:
            return None
        return copy

    @contextmanager
    def arriving(self) -> Generator[Path]:
        """An empty file to write a copy to; it goes unless ``keep`` took it."""
        partial = self._incoming / (secrets.token_hex(16) + PARTIAL)
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            yield partial
        finally:
            partial.unlink(missing_ok=True)

    def keep(self, whole: Path, key: str) -> Path:
        """Take the whole file ``whole`` of this disk as the copy of ``key``."""
        with whole.open("rb") as file:
            os.fsync(file.fileno())  # after a power failure a renamed file may else be empty
        copy = self._folder / key
        os.utime(whole)
        os.replace(whole, copy)
        return copy

    def forget(self, key: str) -> None:
        """Remove the copy, if there is one."""
        (self._folder / key).unlink(missing_ok=True)

    def copies(self) -> list[str]:
        """The keys of all copies."""
        return [file.name for file in self._folder.iterdir() if is_key(file.name)]

    def make_room(self, coming_bytes: int) -> None:
        """Remove copies, the longest unused first, until ``coming_bytes`` more fit."""
        now_s = time.time()
        copies: list[tuple[float, int, str]] = []
        for key in self.copies():
            with suppress(FileNotFoundError):  # another process was faster
                facts = (self._folder / key).stat()
                copies.append((facts.st_mtime, facts.st_size, key))
        total = coming_bytes + sum(size for _, size, _ in copies)
        for used_at_s, size, key in sorted(copies):
            unused_s = now_s - used_at_s
            if unused_s < IN_USE_S or (total <= self._max_bytes and unused_s < UNUSED_S):
                break
            self.forget(key)
            total -= size
