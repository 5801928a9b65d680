"""Backup and restore of an installation, as the command line asks for them."""

from __future__ import annotations

import shutil
from pathlib import Path

from app.services.erasures_again import erase_again, proven_patients, require_own
from app.services.installation import database_of, master_keys_of
from app.services.stored_files import storage_of
from app.settings import Settings
from clinic_data import audit
from clinic_data.backup import Made, Source, make_backup
from clinic_data.backup_mark import Mark
from clinic_data.backup_restore import Place, Restored, restore_backup
from clinic_data.backup_verify import Progress, verify_backup
from clinic_data.data_keys import KeyRing
from clinic_data.database import Database
from clinic_data.errors import ConflictError, SealError
from clinic_data.master_keys import MasterKeys
from fgait_core import __version__

_NO_KEY = (
    "A backup opens with its master key only, and none was given: set FGAIT_MASTER_KEY_FILE to the copy that you kept, "
    "or FGAIT_MASTER_KEY or FGAIT_MASTER_KEY_COMMAND. Without it nobody can read the backup."
)


def back_up(folder: Path, keep: int | None, progress: Progress) -> Made:
    """Backs this installation up and writes that into its audit trail.

    Raises:
        ClinicDataError: if that is impossible; the text says why, and nothing half-made is left.
    """
    settings = Settings()
    if folder.resolve().is_relative_to(settings.data_dir.resolve()):
        raise ConflictError(f"{folder} is in the data folder, and would be lost with it. Choose another disk.")
    if not settings.data_dir.is_dir():
        raise ConflictError(f"There is no installation in {settings.data_dir}. Set FGAIT_DATA_DIR.")
    database = database_of(settings)
    try:
        storage = storage_of(settings)
        keys = KeyRing(given_master_keys(settings))
        source = Source(database, keys, storage, settings.data_dir, f"FGait {__version__}")
        made = make_backup(source, folder, progress, keep)
        with database.transaction() as session:
            audit.record(
                session=session,
                actor_id=None,
                action="backup.made",
                subject_type="backup",
                subject_id=made.mark.id,
                details={"rows": made.mark.rows, "files": made.mark.files, "missing": len(made.mark.missing)},
            )
        progress(1.0, "Backed up")
        return made
    finally:
        database.dispose()


def check_backup(folder: Path, name: str | None, progress: Progress) -> tuple[str, Mark]:
    """Reads a whole backup again; gives its name and facts.

    Raises:
        ClinicDataError: if it is not whole, or the master key is another one.
    """
    return verify_backup(folder, name, given_master_keys(Settings()), progress)


def restore_into(
    folder: Path, name: str | None, data_dir: Path, database_url: str, erasures: Path | None, progress: Progress
) -> tuple[Restored, int]:
    """Restores a backup into an empty place.

    Args:
        folder: of backups.
        name: of the backup; None means the newest.
        data_dir: folder of the new installation.
        database_url: empty PostgreSQL database; "" means SQLite in that folder.
        erasures: folder with proofs of erasures to be carried out again.
        progress: is told how far it is.

    Returns:
        What was restored and how many patients were erased again.

    Raises:
        ClinicDataError: if the place is not empty, the backup is damaged or the key is missing.
    """
    given = Settings()
    settings = given.model_copy(update={"data_dir": data_dir.resolve(), "database_url": database_url})
    # The key may lie where this installation has it, or in the new place already.
    keys = KeyRing(given_master_keys(settings if settings.resolved_master_key_file.exists() else given))
    proven = {} if erasures is None else proven_patients(erasures)
    erased = 0

    def finish(database: Database) -> None:
        nonlocal erased
        if erasures is not None:
            require_own(erasures, settings.data_dir)
        erased = erase_again(database, proven)
        for proof in erasures.glob("*.json") if erasures is not None else ():
            (settings.data_dir / "erasures").mkdir(mode=0o700, exist_ok=True)
            shutil.copyfile(proof, settings.data_dir / "erasures" / proof.name)

    place = Place(
        settings.data_dir,
        settings.resolved_database_url,
        lambda: storage_of(settings),
        keys,
        settings.resolved_master_key_file,
    )
    return restore_backup(folder, name, place, progress, finish), erased


def given_master_keys(settings: Settings) -> MasterKeys:
    """The master keys that were given; unlike at the start of the app none is made.

    Raises:
        SealError: there are none.
    """
    elsewhere = settings.master_key_command or settings.master_key.get_secret_value()
    if not elsewhere and not settings.resolved_master_key_file.exists():
        raise SealError(_NO_KEY)
    return master_keys_of(settings)
