"""The keys and the database of an installation; every process opens them here."""

from __future__ import annotations

import logging
import shlex
from enum import StrEnum
from pathlib import Path

from sqlalchemy import inspect
from sqlmodel import func, select

from app.settings import Settings
from clinic_data import master_keys
from clinic_data.audit_head_file import HeadFile
from clinic_data.backup_place import refuse_unfinished
from clinic_data.data_keys import KeyRing
from clinic_data.database import ConnectionPool, Database
from clinic_data.encryption_tables import WrappedKey
from clinic_data.errors import SealError
from clinic_data.master_keys import MasterKeys

_log = logging.getLogger(__name__)


class KeySource(StrEnum):
    """Where the master keys come from."""

    COMMAND = "command"
    ENVIRONMENT = "environment"
    FILE = "file"


def key_source(settings: Settings) -> KeySource:
    """Where the settings say that the master keys come from."""
    if settings.master_key_command:
        return KeySource.COMMAND
    return KeySource.ENVIRONMENT if settings.master_key.get_secret_value() else KeySource.FILE


def database_of(settings: Settings) -> Database:
    """The database with its keys; it is not created or upgraded.

    Raises:
        ClinicDataError: the database or the keys cannot be used; the text says why.
    """
    refuse_unfinished(settings.data_dir)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    pool = ConnectionPool(
        size=settings.database_pool_size,
        overflow=settings.database_pool_overflow,
        wait_s=settings.database_pool_wait_s,
        recycle_s=settings.database_pool_recycle_s,
    )
    head_file = HeadFile(settings.audit_head_file)
    return Database(settings.resolved_database_url, key_ring_of(settings), head_file=head_file, pool=pool)


def key_ring_of(settings: Settings) -> KeyRing:
    """The keys of this installation; at the first start a master key is made.

    Raises:
        SealError: the master key cannot be had, is damaged, or was lost.
    """
    return KeyRing(master_keys_of(settings), lambda: master_keys_of(settings))


def master_keys_of(settings: Settings, *, may_make: bool = True) -> MasterKeys:
    """The master keys from wherever the settings say.

    Args:
        settings: of this installation.
        may_make: whether a new installation gets its key file now.

    Raises:
        SealError: as for `key_ring_of`; or there is no key yet and none may be made.
    """
    source = key_source(settings)
    if source is KeySource.COMMAND:
        return master_keys.read_command(_words(settings.master_key_command))
    if source is KeySource.ENVIRONMENT:
        return master_keys.read_environment(settings.master_key.get_secret_value())
    file = settings.resolved_master_key_file
    if file.exists():
        return master_keys.read_file(file)
    return _made_for_a_new_installation(settings, file, may_make)


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        raise SealError("FGAIT_MASTER_KEY_COMMAND is no program with arguments: a quotation mark is missing.") from None


def _made_for_a_new_installation(settings: Settings, file: Path, may_make: bool) -> MasterKeys:
    if _is_sealed_already(settings):
        raise SealError(
            f"The master key is missing: the data of this installation is sealed, and {file} does not exist. No new "
            "key was made, because it would open nothing. Put the file back from where you keep its copy, or name "
            "it with FGAIT_MASTER_KEY_FILE. Without it the data cannot be read by anybody."
        )
    if not may_make:
        raise SealError(f"There is no master key yet. The first start of the app makes {file}.")
    made = master_keys.make_file(file)
    _log.warning(
        "A master key was made: %s (key %s). All patient data is sealed under it. Copy this file to a safe place that "
        "is not the backup: without it nobody can read the data, and no backup either.",
        file,
        made.current,
    )
    return made


def _is_sealed_already(settings: Settings) -> bool:
    database = Database(settings.resolved_database_url)
    try:
        with database.reading() as session:
            if not inspect(session.connection()).has_table("data_key"):
                return False
            return session.exec(select(func.count()).select_from(WrappedKey)).one() > 0
    finally:
        database.dispose()
