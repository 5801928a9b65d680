"""The packages that a worker has loaded: the version in production, and those that score beside it."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.services import model_store
from app.services.package_facts import load_package
from app.settings import Settings
from clinic_data import model_registry
from clinic_data.clock import utc_now
from clinic_data.database import Database
from clinic_data.file_vault import FileVault
from clinic_data.tables import ModelVersion

if TYPE_CHECKING:
    from fgait_core.model_package import ModelPackage

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model version with its package, ready to score."""

    version: ModelVersion
    package: ModelPackage


@dataclass(slots=True)
class ModelsInUse:
    """Loads packages when they are first needed and forgets those that nobody uses any more.

    Attributes:
        settings: where unpacked packages are.
        database: where the registry is.
        storage: where packages are kept.
    """

    settings: Settings
    database: Database
    storage: FileVault
    _loaded: dict[str, LoadedModel] = field(default_factory=dict[str, LoadedModel])

    def production(self) -> LoadedModel:
        """The version in production now, as the database says it; loaded again only when it has changed.

        Raises:
            ConflictError: if no version is in production.
            ModelPackageError: if its package is missing, damaged or does not fit this software.
        """
        return self.load(model_store.production(self.database))

    def shadowing(self) -> tuple[ModelVersion, ...]:
        """The versions that score beside the one in production now."""
        with self.database.reading() as session:
            return tuple(model_registry.shadowing(session=session, now=utc_now()))

    def load(self, version: ModelVersion) -> LoadedModel:
        """A version, loaded once.

        Raises:
            ModelPackageError: see `production`.
        """
        known = self._loaded.get(version.id)
        if known is None:
            began = time.monotonic()
            folder = model_store.package_folder(self.settings, self.database, self.storage, version.id)
            known = LoadedModel(version, load_package(folder, f"package {model_store.label_of(version)}"))
            self._loaded[version.id] = known
            _log.info("Loaded model %s in %.2f s.", model_store.label_of(version), time.monotonic() - began)
        return known

    def keep_only(self, version_ids: frozenset[str]) -> None:
        """Forgets all other packages, so that memory does not grow with every promotion."""
        self._loaded = {key: loaded for key, loaded in self._loaded.items() if key in version_ids}

    def loaded_ids(self) -> frozenset[str]:
        """The versions whose packages are in memory."""
        return frozenset(self._loaded)
