"""Disks that are full: found before long work where that is possible, and told in a sentence where it happens."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import OperationalError

from clinic_data.errors import StorageError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_WORDS = ("disk is full", "disk I/O error", "No space left")  # of SQLite, which says I/O error for some, PostgreSQL
_SPARE_BYTES = 16_000_000


def require_room(folder: Path, size_bytes: int) -> None:
    """Refuse work that the disk of ``folder`` has no room for.

    Raises:
        StorageError: it needs more than is free.
    """
    free_bytes = shutil.disk_usage(folder).free
    if size_bytes + _SPARE_BYTES > free_bytes:
        raise StorageError(
            f"The disk of {folder} has {free_bytes / 1e6:.0f} MB free, and {size_bytes / 1e6:.0f} MB are needed. "
            "Make room or choose another disk; nothing was changed."
        )


@contextmanager
def full_disk_as_sentence(folder: Path) -> Generator[None]:
    """Turn the many ways in which a full disk shows itself into one sentence.

    Raises:
        StorageError: the disk was full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise StorageError(_sentence(folder)) from error
    except OperationalError as error:
        if not any(words in str(error.orig) for words in _WORDS):
            raise
        raise StorageError(_sentence(folder)) from error


def _sentence(folder: Path) -> str:
    return (
        f"The disk is full, or files on it cannot be written any more: {folder}. Nothing that was begun is left of it. "
        "Make room or choose another disk, then start again."
    )
