"""The head of the audit trail outside the database, so that rows cut off at the end are missed.

A file of lines, one for a head. It is only ever appended to, at most once in ten seconds; a copy of it on another
computer (``fgait-clinic audit anchor``) also holds against who may write this one.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from clinic_data.audit_chain import Head
from clinic_data.errors import ValidationError

SECONDS_BETWEEN_LINES = 10.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HeadFile:
    """A file of heads; processes may share it.

    Attributes:
        path: of the file; it and its folder are made when needed.
    """

    path: Path

    def note(self, head: Head) -> None:
        """Append a head, unless one was appended a moment ago.

        Called after the commit, so it never fails: what was done is done. A fault is logged.
        """
        try:
            if not self._is_recent():
                self.append(head)
        except OSError as error:
            _log.error("The audit trail's head was not written to %s: %s", self.path, error.strerror)

    def append(self, head: Head) -> None:
        """Append a head now, and wait until the disk has it.

        Raises:
            OSError: the file cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            # One short write: lines of two processes do not mix. The empty line ends one that a power cut left open.
            os.write(descriptor, f"\n{head.line()}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self) -> Iterator[Head]:
        """All heads in their order; none where there is no file.

        Lines that a power cut left unfinished are left out: who could damage a line could as well remove it.
        """
        if not self.path.exists():
            return
        with self.path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                with suppress(ValidationError):
                    yield Head.of_line(line)

    def _is_recent(self) -> bool:
        try:
            # A time in the future (a clock that was wrong, or `touch`) must not stop the heads.
            return 0 <= time.time() - self.path.stat().st_mtime < SECONDS_BETWEEN_LINES
        except FileNotFoundError:
            return False
