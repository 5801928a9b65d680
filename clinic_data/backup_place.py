"""Where a backup is restored to, and the mark that lies there until the restore is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clinic_data.data_keys import KeyRing
from clinic_data.errors import ConflictError
from clinic_data.storage import Storage

UNFINISHED = "restore-unfinished.json"


@dataclass(frozen=True, slots=True)
class Place:
    """Where to restore to.

    Attributes:
        data_dir: folder of the new installation; it is made where it is missing.
        database_url: SQLite below ``data_dir``, or an empty PostgreSQL database.
        open_storage: gives the empty storage of files; called once the place is known to be empty.
        keys: the master keys that opened the data when it was backed up.
        master_key_file: may lie in ``data_dir`` already.
    """

    data_dir: Path
    database_url: str
    open_storage: Callable[[], Storage]
    keys: KeyRing
    master_key_file: Path

    @property
    def sqlite_file(self) -> Path | None:
        """The file of the database, if it is SQLite."""
        scheme, _, path = self.database_url.partition(":///")
        return Path(path) if scheme in {"sqlite", "sqlite+pysqlite"} else None


def refuse_unfinished(data_dir: Path) -> None:
    """Refuse to work in a folder in which a restore was interrupted.

    Raises:
        ConflictError: it was.
    """
    if (data_dir / UNFINISHED).exists():
        raise ConflictError(
            f"A restore into {data_dir} is going on or was interrupted. Run `fgait-clinic restore` again with the same "
            "backup; until it is done nothing starts here."
        )
