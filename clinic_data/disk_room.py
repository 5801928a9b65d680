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
        if "disk is full" not in str(error.orig) and "No space left" not in str(error.orig):
            raise
        raise StorageError(_sentence(folder)) from error


def _sentence(folder: Path) -> str:
    return (
        f"The disk is full, or files on it may not become larger: {folder}. Nothing that was begun is left of it. Make "
        "room or choose another disk, then start again."
    )
