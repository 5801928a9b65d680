"""Where the files of an installation lie, sealed; every process opens them here."""

from __future__ import annotations

from app.settings import Settings
from clinic_data.database import Database
from clinic_data.file_vault import FileVault
from clinic_data.object_storage import ObjectStorage, open_storage
from clinic_data.sealed_files import is_sealed
from clinic_data.storage import Storage


def storage_of(settings: Settings) -> Storage:
    """The folder of this computer, or what `FGAIT_STORAGE_URL` names.

    Raises:
        ClinicDataError: if the address cannot be used; the text says why.
    """
    return open_storage(settings.storage_url, settings.storage_dir, settings.cache_dir, settings.max_cache_bytes)


def vault_of(settings: Settings, database: Database) -> FileVault:
    """The files of this installation, as its services read and write them.

    Args:
        settings: of this installation.
        database: where the wrapped keys of the files are.

    Raises:
        ClinicDataError: if the address of the files cannot be used; the text says why.
    """
    storage = storage_of(settings)
    if isinstance(storage, ObjectStorage):  # an earlier release kept plain copies on this computer
        storage.forget_copies(lambda copy: not is_sealed(copy))
    return FileVault(storage, database, settings.resolved_work_dir)
