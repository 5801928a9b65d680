"""Removes older backups, and the files that none of the others has."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from clinic_data.backup_folder import BackupFolder
from clinic_data.backup_mark import read_mark
from clinic_data.backup_parts import copied_files
from clinic_data.master_keys import MasterKeys


def prune(folder: BackupFolder, master: MasterKeys, keep: int | None) -> tuple[tuple[str, ...], int]:
    """Remove all but the newest ``keep`` backups, and files that none of those has.

    Returns:
        The names of the removed backups and the size in bytes of the removed files.

    Raises:
        SealError: a backup that stays cannot be read; then nothing is removed.
    """
    names = folder.names()
    if keep is None or len(names) <= keep:
        return (), 0
    with closing(sqlite3.connect("")) as needed:  # on the disk, and gone when it is closed: there may be millions
        needed.execute("CREATE TABLE file (sha256 TEXT PRIMARY KEY) WITHOUT ROWID")
        for name in names[-keep:]:
            _, key = read_mark(folder.root / name, master)
            found = ((file.sha256,) for file in copied_files(folder.root / name, key))
            needed.executemany("INSERT OR IGNORE INTO file VALUES (?)", found)
        for name in names[:-keep]:
            folder.remove_backup(name)
        removed_bytes = 0
        for sha256 in folder.file_names():
            if not needed.execute("SELECT 1 FROM file WHERE sha256 = ?", (sha256,)).fetchone():
                removed_bytes += folder.file(sha256).stat().st_size
                folder.file(sha256).unlink()
    return tuple(names[:-keep]), removed_bytes
