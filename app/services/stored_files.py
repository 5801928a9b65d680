"""The storage that an installation chose; every process opens it here."""

from __future__ import annotations

from app.settings import Settings
from clinic_data.object_storage import open_storage
from clinic_data.storage import Storage


def storage_of(settings: Settings) -> Storage:
    """The folder of this computer, or what `FGAIT_STORAGE_URL` names.

    Raises:
        ClinicDataError: if the address cannot be used; the text says why.
    """
    return open_storage(settings.storage_url, settings.storage_dir, settings.cache_dir, settings.max_cache_bytes)
