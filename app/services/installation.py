"""The keys and the database of an installation; every process opens them here."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path

from sqlalchemy import inspect
from sqlmodel import func, select

from app.settings import Settings
from clinic_data import master_keys
from clinic_data.data_keys import KeyRing
from clinic_data.database import Database
from clinic_data.encryption_tables import WrappedKey
from clinic_data.errors import SealError
from clinic_data.master_keys import MasterKeys

_log = logging.getLogger(__name__)


def database_of(settings: Settings) -> Database:
    """The database with its keys; it is not created or upgraded.

    Raises:
        ClinicDataError: the database or the keys cannot be used; the text says why.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return Database(settings.resolved_database_url, key_ring_of(settings))


def key_ring_of(settings: Settings) -> KeyRing:
    """The keys of this installation; at the first start a master key is made.

    Raises:
        SealError: the master key cannot be had, is damaged, or was lost.
    """
    return KeyRing(master_keys_of(settings))


def master_keys_of(settings: Settings) -> MasterKeys:
    """The master keys from wherever the settings say.

    Raises:
        SealError: as for `key_ring_of`.
    """
    if settings.master_key_command:
        return master_keys.read_command(shlex.split(settings.master_key_command))
    if settings.master_key.get_secret_value():
        return master_keys.read_environment(settings.master_key.get_secret_value())
    file = settings.resolved_master_key_file
    if file.exists():
        return master_keys.read_file(file)
    return _made_for_a_new_installation(settings, file)


def _made_for_a_new_installation(settings: Settings, file: Path) -> MasterKeys:
    if _is_sealed_already(settings):
        raise SealError(
            f"The master key is missing: the data of this installation is sealed, and {file} does not exist. No new "
            "key was made, because it would open nothing. Put the file back from where you keep its copy, or name "
            "it with FGAIT_MASTER_KEY_FILE. Without it the data cannot be read by anybody."
        )
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
