"""Reads a whole backup again and says whether every byte is as it was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from clinic_data.backup_folder import BackupFolder, hash_of
from clinic_data.backup_mark import DAMAGED, Mark, read_mark
from clinic_data.backup_parts import DATABASE_PART, CopiedFile, check_parts, copied_files, open_part
from clinic_data.backup_rows import read_rows
from clinic_data.errors import SealError
from clinic_data.master_keys import MasterKeys

Progress = Callable[[float, str], None]
"""Is told the share that is done, from 0 to 1, and what is being done."""

_ROWS_SHARE = 0.2
_DAMAGED_NAMES = 10


def verify_backup(root: Path, name: str | None, master: MasterKeys, progress: Progress) -> tuple[str, Mark]:
    """Read a whole backup again: each byte of its rows and files.

    Args:
        root: folder of backups.
        name: of the backup; None means the newest.
        master: the master keys.
        progress: is told how far it is.

    Returns:
        Its name and facts.

    Raises:
        NotFoundError: there is no such backup.
        SealError: a byte is not as it was written, or the master key is another one.
    """
    folder = BackupFolder(root)
    with folder.locked(writing=False):
        backup = folder.backup(name)
        mark, key = read_mark(backup, master)
        check_parts(backup, mark)
        with open_part(backup, DATABASE_PART, key) as lines:
            rows = 0
            for _, found in read_rows(lines):
                rows += len(found)
                progress(_ROWS_SHARE * rows / max(mark.rows, 1), "Reading the rows")
        damaged = list(_damaged_files(folder, backup, mark, key, progress))
        if damaged or rows != mark.rows:
            raise SealError(_told(damaged))
        progress(1.0, "All rows and files are as they were written")
        return backup.name, mark


def _damaged_files(folder: BackupFolder, backup: Path, mark: Mark, key: bytes, progress: Progress) -> Iterator[str]:
    done_bytes, missing = 0, set(mark.missing)
    for file in copied_files(backup, key):
        done_bytes += file.size_bytes
        share = _ROWS_SHARE + (1.0 - _ROWS_SHARE) * done_bytes / max(mark.files_bytes, 1)
        progress(min(share, 0.999), f"Reading files: {done_bytes / 1e6:,.0f} of {mark.files_bytes / 1e6:,.0f} MB")
        if file.key not in missing and not _is_as_written(folder.file(file.sha256), file):
            yield file.sha256


def _is_as_written(path: Path, file: CopiedFile) -> bool:
    try:
        return hash_of(path) == file.sha256
    except OSError:
        return False


def _told(damaged: list[str]) -> str:
    if not damaged:
        return DAMAGED
    names = ", ".join(damaged[:_DAMAGED_NAMES]) + (" ..." if len(damaged) > _DAMAGED_NAMES else "")
    return f"{DAMAGED} Damaged or missing: {len(damaged):,} of its files ({names})."
