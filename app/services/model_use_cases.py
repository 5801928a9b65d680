"""What all use cases around model versions share."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from app.services import model_store
from app.services.package_facts import load_package
from app.services.permissions import Actor
from app.settings import Settings
from clinic_data import audit
from clinic_data.database import Database
from clinic_data.errors import ConflictError, ValidationError
from clinic_data.file_vault import FileVault
from fgait_core.errors import FGaitError

MIN_REASON = 10
_MAX_REASON = 2000


@dataclass(frozen=True, slots=True)
class ModelUseCases:
    """What use cases around model versions are made of.

    Attributes:
        settings: of this installation.
        database: where the registry is.
        storage: where packages are kept.
    """

    settings: Settings
    database: Database
    storage: FileVault

    def _assert_loads(self, model_version_id: str) -> None:
        """Loads the package of a version, because one that no worker could load must never go into production.

        Raises:
            ConflictError: if it cannot be loaded.
        """
        with sentences_for_pages():
            folder = model_store.package_folder(self.settings, self.database, self.storage, model_version_id)
            load_package(folder, "package")


@contextmanager
def sentences_for_pages() -> Generator[None, None, None]:
    """Turns errors of the engine into those that pages show.

    Raises:
        ConflictError: with the engine's sentence.
    """
    try:
        yield
    except FGaitError as error:
        raise ConflictError(str(error)) from error


def checked_reason(reason: str) -> str:
    """A reason that says something.

    Raises:
        ValidationError: if it is too short or too long.
    """
    text = reason.strip()
    if not MIN_REASON <= len(text) <= _MAX_REASON:
        raise ValidationError(f"Give a reason, with {MIN_REASON} to {_MAX_REASON} characters.")
    return text


def audit_model(
    session: Session,
    actor: Actor,
    action: str,
    subject_id: str,
    details: dict[str, Any],
    subject_type: str = "model_version",
) -> None:
    """Writes the audit row of what an administrator did with a version, or with a key."""
    audit.record(
        session=session,
        actor_id=actor.user_id,
        action=action,
        subject_type=subject_type,
        subject_id=subject_id,
        details=details,
    )
