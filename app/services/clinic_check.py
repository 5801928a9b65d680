"""Whether this installation is whole, as the command line asks."""

from __future__ import annotations

from collections.abc import Callable

from app.services.backup import given_master_keys
from app.services.installation import database_of
from app.services.stored_files import storage_of
from app.settings import Settings
from clinic_data import audit
from clinic_data.audit_head_file import HeadFile
from clinic_data.backup_verify import Progress
from clinic_data.clinic_check import Fault, check
from clinic_data.errors import ConflictError
from clinic_data.file_vault import FileVault


def check_clinic(progress: Progress, tell: Callable[[Fault], None], *, every_byte: bool, repair: bool) -> int:
    """Looks at everything.

    Args:
        progress: is told how far it is.
        tell: is told each fault.
        every_byte: also read each file and open each sealed value.
        repair: remove files to which no row refers, once they are a day old.

    Returns:
        How many files were removed.

    Raises:
        ClinicDataError: if there is no installation, no master key, or the storage does not answer.
    """
    settings = Settings()
    if not settings.data_dir.is_dir():
        raise ConflictError(f"There is no installation in {settings.data_dir}. Set FGAIT_DATA_DIR.")
    given_master_keys(settings)
    database = database_of(settings)
    try:
        storage = storage_of(settings)
        for fault in check(
            database, storage, HeadFile(settings.audit_head_file).read(), progress, every_byte=every_byte
        ):
            tell(fault)
        if not repair:
            return 0
        removed = FileVault(storage, database).remove_unreferenced()
        with database.transaction() as session:
            audit.record(
                session=session,
                actor_id=None,
                action="files.unreferenced_removed",
                subject_type="storage",
                subject_id=None,
                details={"files": removed},
            )
        return removed
    finally:
        database.dispose()
