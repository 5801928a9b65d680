"""`python killed_backup.py backup|restore FOLDER`: kills a backup or a restore and looks at what is left.

It is killed at every step, or where there are many at the last few and some in between. FOLDER has `var`, an
installation, and for `restore` a folder `backups`. Prints how many steps were tried.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from every_table import everything
from killing import killed_at, spread, steps_of, through

from app.services.backup import back_up, restore_into
from app.settings import Settings
from clinic_data.backup_folder import BackupFolder
from clinic_data.backup_place import refuse_unfinished
from clinic_data.backup_verify import verify_backup
from clinic_data.database import Database
from clinic_data.errors import ConflictError
from clinic_data.master_keys import read_file

MOST = 18  # attempts; each is a process that backs up or restores twice


def quietly(fraction: float, words: str) -> None:
    """No progress."""


def kill_backups(folder: Path) -> int:
    master = read_file(folder / "var" / "keys" / "master.key")
    steps = spread(steps_of(folder / "first", lambda: back_up(folder / "first", None, quietly)), MOST)
    for step in steps:
        backups = folder / f"backups-{step}"
        assert killed_at(step, backups, lambda backups=backups: back_up(backups, None, quietly))
        left = BackupFolder(backups).names()
        assert len(left) <= 1
        for name in left:
            verify_backup(backups, name, master, quietly)
        through(backups, lambda backups=backups: back_up(backups, 1, quietly))
        (name,) = BackupFolder(backups).names()
        verify_backup(backups, name, master, quietly)
        assert not list(backups.rglob("*.partial")), "half-made things stay"
    return len(steps)


def kill_restores(folder: Path) -> int:
    def restore(place: Path) -> None:
        restore_into(folder / "backups", None, place, "", None, quietly)

    steps = spread(steps_of(folder / "first", lambda: restore(folder / "first")), MOST)
    assert is_whole(folder, folder / "first")
    for step in steps:
        place = folder / f"place-{step}"
        assert killed_at(step, place, lambda place=place: restore(place))
        if not is_whole(folder, place) or not starts(place):
            assert not starts(place) or not any(found.is_file() for found in place.rglob("*"))
            through(place, lambda place=place: restore(place))
        assert starts(place)
        assert is_whole(folder, place)
    return len(steps)


def starts(place: Path) -> bool:
    try:
        refuse_unfinished(place)
    except ConflictError:
        return False
    return True


def is_whole(folder: Path, place: Path) -> bool:
    if not (place / "clinic.sqlite3").exists():
        return False
    here, there = rows_of(place), rows_of(folder / "var")
    for name in ("sign_in_session", "audit_row", "audit_head"):
        here.pop(name), there.pop(name)
    files = {file.name: file.read_bytes() for file in (place / "files").glob("??/*")}
    return here == there and files == {file.name: file.read_bytes() for file in (folder / "var/files").glob("??/*")}


def rows_of(data_dir: Path) -> dict:
    database = Database(f"sqlite:///{data_dir / 'clinic.sqlite3'}")
    with database.engine.execution_options(read_only=True).connect() as connection:
        found = everything(connection)
    database.dispose()
    return found


if __name__ == "__main__":
    place = Path(sys.argv[2])
    os.environ["FGAIT_DATA_DIR"] = str(place / "var")
    assert Settings().data_dir == place / "var"
    print({"backup": kill_backups, "restore": kill_restores}[sys.argv[1]](place))
