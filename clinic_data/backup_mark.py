"""``backup.json``: what a backup is, under which keys it opens, and the SHA-256 of its parts.

Two lines: the facts, and their HMAC under a key that comes from the backup's own. That key is random, wrapped by the
master key, and seals the parts; each part under its own derived key, because a key of a sealed file seals one only.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clinic_data import sealing
from clinic_data.backup_folder import open_new, put_on_disk
from clinic_data.errors import NotFoundError, SealError
from clinic_data.master_keys import MasterKeys

FORMAT = "fgait-backup-1"
MARK = "backup.json"
DAMAGED = (
    "This backup is damaged: its bytes are not those that were written. Nothing was restored from it. Use another "
    "backup, and look at the disk on which this one lies."
)
_NEWER = "This backup was made by another release of FGait, which this one cannot read. Install that release."


@dataclass(frozen=True, slots=True)
class Mark:
    """The facts of a backup.

    Attributes:
        format: how the backup is built.
        id: random; names the backup in the audit trail.
        created_at: when its rows were read, in UTC.
        made_by: program and release.
        schema: revision of the tables.
        database: "sqlite" or "postgresql".
        master_key: which master key wraps the backup's key.
        wrapped_key: that key.
        parts: SHA-256 and size in bytes of each sealed part.
        rows: of all tables together.
        files: number of sealed files.
        files_bytes: their size.
        missing: storage keys of files that were missing or damaged in the storage already.
    """

    format: str
    id: str
    created_at: str
    made_by: str
    schema: str
    database: str
    master_key: str
    wrapped_key: str
    parts: dict[str, tuple[str, int]]
    rows: int
    files: int
    files_bytes: int
    missing: tuple[str, ...] = ()


def wrap_key(master: MasterKeys, key: bytes, backup_id: str) -> str:
    """The backup's key as ``Mark.wrapped_key`` has it."""
    return sealing.to_text(master.wrap(key, f"backup.{backup_id}"))


def part_key(key: bytes, part: str) -> bytes:
    """The key that seals one part."""
    return sealing.keyed_hash(key, f"part {part}")


def write_mark(folder: Path, mark: Mark, key: bytes) -> None:
    """Write the facts; with them the backup is whole."""
    facts = json.dumps(asdict(mark), separators=(",", ":"), sort_keys=True).encode()
    with open_new(folder / MARK) as file:
        file.write(facts + b"\n" + _mac(key, facts) + b"\n")
        put_on_disk(file)


def read_mark(folder: Path, master: MasterKeys) -> tuple[Mark, bytes]:
    """The facts of a backup and its key.

    Raises:
        NotFoundError: this is no backup.
        SealError: the master key is another one, or the facts were changed.
    """
    try:
        written = (folder / MARK).read_bytes()
    except FileNotFoundError:
        raise NotFoundError(f"{folder} is no whole backup.") from None
    facts, _, rest = written.partition(b"\n")
    mark = _parsed(facts)
    if mark.master_key not in master.ids:
        raise SealError(
            f"This backup is sealed under master key {mark.master_key}, which was not given. Give the key file, "
            "environment variable or command that holds this key (FGAIT_MASTER_KEY_FILE, FGAIT_MASTER_KEY, "
            "FGAIT_MASTER_KEY_COMMAND); without it nobody can read the backup."
        )
    try:
        key = master.unwrap(mark.master_key, sealing.from_text(mark.wrapped_key), f"backup.{mark.id}")
    except SealError:
        raise SealError(DAMAGED) from None
    if not hmac.compare_digest(rest, _mac(key, facts) + b"\n"):
        raise SealError(DAMAGED)
    return mark, key


def _mac(key: bytes, facts: bytes) -> bytes:
    return hmac.new(sealing.keyed_hash(key, "mark"), facts, hashlib.sha256).hexdigest().encode()


def _parsed(facts: bytes) -> Mark:
    try:
        content: dict[str, Any] = json.loads(facts)
        if content["format"] != FORMAT:
            raise SealError(_NEWER if content["format"].startswith("fgait-backup-") else DAMAGED)
        content["parts"] = {name: (str(sha256), int(size)) for name, (sha256, size) in content["parts"].items()}
        content["missing"] = tuple(content["missing"])
        return Mark(**content)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise SealError(DAMAGED) from None
