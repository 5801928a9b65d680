"""Packages of model versions: kept as one file of the clinic each, unpacked and verified where they are loaded.

The engine is imported where it is used only: importing it loads the networks' library, which pages do not need.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlmodel import Session

from app.services.package_archive import ArchiveError, read_member, unpack_archive, write_archive
from app.services.package_facts import load_package, package_facts
from app.settings import Settings
from clinic_data import audit, model_registry
from clinic_data.database import Database
from clinic_data.errors import ConflictError, NotFoundError, SealError
from clinic_data.file_vault import FileKind, FileVault
from clinic_data.storage import StoredFile
from clinic_data.tables import ModelVersion, Origin, Stage
from fgait_core.errors import ModelPackageError

MODELS_FOLDER = "models"
UNPACKING_PREFIX = ".unpacking-"
_CARD_FILE = "MODEL_CARD.md"  # `package_files.CARD_FILE`, without loading the networks' library
_MAX_CARD_BYTES = 2_000_000


def label_of(version: ModelVersion) -> str:
    """Name and version of a row, as sentences have it."""
    return f"{version.name} {version.version}"


def package_files(folder: Path) -> dict[str, Path | bytes]:
    """Name and path of each file of a package."""
    from fgait_core.package_files import FILES, SUMS_FILE

    return {name: folder / name for name in (*FILES, SUMS_FILE)}


@dataclass(slots=True)
class _Archive:
    """A package that was just stored; it stays only where a row refers to it in the end."""

    key: str
    kept: bool = False


@contextmanager
def _archived(storage: FileVault, folder: Path) -> Generator[_Archive, None, None]:
    stored = _Archive(archive(storage, folder).key)
    try:
        yield stored
    finally:
        if not stored.kept:
            storage.delete(stored.key)


def register_package(
    database: Database,
    storage: FileVault,
    folder: Path,
    *,
    stage: Stage = Stage.CANDIDATE,
    origin: Origin = Origin.RETRAINED,
    parent_id: str | None = None,
    manifest_sha256: str | None = None,
    config: dict[str, Any] | None = None,
    environment: dict[str, Any] | None = None,
    gate_report: dict[str, Any] | None = None,
    signer: str | None = None,
    actor_id: str | None = None,
    details: dict[str, Any] | None = None,
) -> ModelVersion:
    """Verifies a package, keeps it in the storage and makes it known. Repeating it changes nothing.

    Args:
        database: where the registry is.
        storage: where the package is kept.
        folder: of the package.
        stage: of a new version; a version that is known already keeps its own.
        origin: where it came from.
        parent_id: the version that it descends from.
        manifest_sha256: of the cohort that it was retrained on.
        config: of the run that made it.
        environment: in which it was made.
        gate_report: `GateReport` as JSON.
        signer: whose signature it carried.
        actor_id: who did this; None for the software itself.
        details: further facts for the audit log.

    Raises:
        ModelPackageError: if it is damaged or does not fit this software.
        ConflictError: if another package has its name and version.
    """
    facts = package_facts(load_package(folder, "package"))
    with _archived(storage, folder) as stored:
        with database.transaction() as session:
            version = model_registry.ensure_version(
                session=session,
                name=facts.name,
                version=facts.version,
                sha256=facts.sha256,
                simulated=facts.simulated,
                metrics=facts.metrics,
                stage=stage,
                origin=origin,
                package_key=stored.key,
                parent_id=parent_id,
                manifest_sha256=manifest_sha256,
                config=config,
                environment=environment,
                gate_report=gate_report,
                signer=signer,
                created_by=actor_id,
            )
            model_registry.set_package_key(session=session, model_version_id=version.id, package_key=stored.key)
            new = version.package_key == stored.key
            if new:
                _audit_registered(session, version, actor_id, details or {})
        stored.kept = new
    return version


def register_bundled(database: Database, storage: FileVault, folder: Path) -> ModelVersion:
    """Makes the package that comes with the software known; it goes into production where nothing is.

    It is kept in the storage like any other, so that a later release with another bundled package can still load it.

    Raises:
        ModelPackageError: if it is damaged.
    """
    facts = package_facts(load_package(folder, "package that comes with the software"))
    with database.reading() as session:
        known = model_registry.find_by_sha256(session=session, sha256=facts.sha256)
        production = model_registry.production_version(session=session)
    if known is not None and known.package_key is not None and production is not None and production.package_key:
        return known
    with _archived(storage, folder) as stored:
        with database.transaction() as session:
            version = model_registry.ensure_bundled(
                session=session,
                name=facts.name,
                version=facts.version,
                sha256=facts.sha256,
                simulated=facts.simulated,
                metrics=facts.metrics,
                package_key=stored.key,
            )
            new = version.package_key == stored.key
            if new:
                _audit_registered(session, version, None, {})
        stored.kept = new
    return version


def _audit_registered(session: Session, version: ModelVersion, actor_id: str | None, details: dict[str, Any]) -> None:
    facts = {"sha256": version.sha256, "stage": version.stage.value, "origin": version.origin.value}
    audit.record(
        session=session,
        actor_id=actor_id,
        action="model.registered",
        subject_type="model_version",
        subject_id=version.id,
        details=facts | details,
    )


def card_text(storage: FileVault, version: ModelVersion) -> str:
    """The model card of a version as Markdown; empty where its package is missing or damaged."""
    if version.package_key is None:
        return ""
    try:
        with storage.open(version.package_key) as file:
            return read_member(file, _CARD_FILE, _MAX_CARD_BYTES).decode("utf-8")
    except (NotFoundError, SealError, ArchiveError, UnicodeDecodeError):
        return ""


def archive(storage: FileVault, folder: Path) -> StoredFile:
    """Keeps a package in the storage as one file; the same package gives the same bytes."""
    with storage.temporary_file() as file:
        write_archive(file, package_files(folder))
        return storage.write_file(file, patient_id=None, kind=FileKind.PACKAGE)


def production(database: Database) -> ModelVersion:
    """The version in production.

    Raises:
        ConflictError: if there is none yet.
    """
    with database.reading() as session:
        version = model_registry.production_version(session=session)
    if version is None:
        raise ConflictError(
            "No model version is in production yet. The worker registers the bundled one when it starts; if this stays "
            "so, tell your administrator."
        )
    return version


def package_folder(settings: Settings, database: Database, storage: FileVault, model_version_id: str) -> Path:
    """The folder with the verified package of a version; unpacked at the first call and kept.

    Args:
        settings: say where unpacked packages are.
        database: where the registry is.
        storage: where the package is kept.
        model_version_id: of the version.

    Raises:
        NotFoundError: if there is no such version.
        ModelPackageError: if its package is not in the storage, or is damaged there.
    """
    with database.reading() as session:
        version = model_registry.get_version(session=session, model_version_id=model_version_id)
    models = settings.data_dir / MODELS_FOLDER
    folder = models / version.sha256
    if folder.is_dir():
        if _is_package(folder, version.sha256):
            return folder
        shutil.rmtree(folder, ignore_errors=True)  # somebody changed it; the storage has it as it was
    models.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=models, prefix=UNPACKING_PREFIX) as name:
        unpacked = Path(name) / "package"
        unpacked.mkdir(mode=0o700)
        _unpack_stored(storage, version, unpacked)
        _move_into_place(unpacked, folder)
    return folder


def _unpack_stored(storage: FileVault, version: ModelVersion, folder: Path) -> None:
    advice = (
        f"The package of {label_of(version)} {{problem}}. An administrator can roll back to the version before, or put "
        "the clinic's files back from a backup."
    )
    if version.package_key is None:
        raise ModelPackageError(advice.format(problem="was never stored, because an older release registered it"))
    try:
        with storage.open(version.package_key) as file:
            unpack_archive(file, package_files(folder).keys(), folder)
    except NotFoundError as error:
        raise ModelPackageError(advice.format(problem="is no longer in the clinic's storage")) from error
    except (ArchiveError, SealError) as error:
        raise ModelPackageError(advice.format(problem="is damaged in the clinic's storage")) from error
    if not _is_package(folder, version.sha256):
        raise ModelPackageError(advice.format(problem="is damaged in the clinic's storage"))


def _move_into_place(unpacked: Path, folder: Path) -> None:
    try:
        unpacked.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise  # otherwise another process was faster with the same package


def _is_package(folder: Path, sha256: str) -> bool:
    from fgait_core.package_files import verify_files

    try:
        return verify_files(folder) == sha256
    except ModelPackageError:
        return False
