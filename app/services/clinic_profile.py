"""The clinic's profile: name, address, logo, prevalence and language of its reports."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError
from sqlmodel import Session

from app.services.permissions import Actor, Permission, require
from app.settings import Settings
from clinic_data import audit, clinic_profile
from clinic_data.clinic_profile import ClinicProfileData
from clinic_data.database import Database
from clinic_data.errors import ClinicDataError, ValidationError
from clinic_data.file_vault import FileKind, FileVault
from clinic_data.visit_tables import ClinicProfile
from reports.catalogues import LANGUAGES

MAX_LOGO_BYTES = 2_000_000
MAX_LOGO_SIDE_PX = 6_000
LOGO_SIZE_PX = (900, 300)
"""A stored logo fits into this; on paper that is 300 dots an inch at 76 by 25 mm."""


@dataclass(frozen=True, slots=True)
class ClinicProfileView:
    """What the clinic says of itself.

    Attributes:
        name: the profile's, or that of the installation's settings.
        address: some lines, or empty.
        logo_png: a PNG without transparency, or None.
        prevalence: share of the clinic's patients who have what a task screens for; a missing task: nobody said.
        prevalence_source: where the shares come from.
        report_language: key of the language in which reports are written unless another is chosen.
        version: for `ClinicProfiles.update`; 0: nobody has said anything yet.
        own_name: the profile's name alone, for the form.
    """

    name: str
    address: str
    logo_png: bytes | None
    prevalence: Mapping[str, float]
    prevalence_source: str
    report_language: str
    version: int
    own_name: str


@dataclass(frozen=True, slots=True)
class ClinicProfiles:
    """Use cases around the clinic's profile."""

    settings: Settings
    database: Database
    storage: FileVault

    def read(self, actor: Actor | None) -> ClinicProfileView:
        """The profile as it is now."""
        require(actor, Permission.READ_CLINIC)
        with self.database.reading() as session:
            profile = clinic_profile.read_profile(session=session) or ClinicProfile(version=0)
        return ClinicProfileView(
            name=profile.name or self.settings.clinic_name,
            address=profile.address,
            logo_png=self._logo(profile.logo_key),
            prevalence=profile.prevalence,
            prevalence_source=profile.prevalence_source,
            report_language=profile.report_language,
            version=profile.version,
            own_name=profile.name,
        )

    @property
    def public_name(self) -> str:
        """The clinic's name, for pages that everybody may see."""
        with self.database.reading() as session:
            profile = clinic_profile.read_profile(session=session)
        return (profile.name if profile else "") or self.settings.clinic_name

    def update(self, actor: Actor | None, data: ClinicProfileData, expected_version: int) -> ClinicProfile:
        """Replaces everything but the logo, unless somebody else changed it since it was read.

        Raises:
            ConflictError: if somebody did.
            ValidationError: for a language in which there are no reports.
        """
        actor = require(actor, Permission.MANAGE_CLINIC)
        if data.report_language not in LANGUAGES:
            raise ValidationError(f"Reports are written in one of: {', '.join(LANGUAGES.values())}.")
        with self.database.transaction() as session:
            profile = clinic_profile.update_profile(
                session=session, data=data, expected_version=expected_version, actor_id=actor.user_id
            )
            _audit(session, actor, "clinic.changed", {"version": profile.version, "prevalence": data.prevalence})
        return profile

    def set_logo(self, actor: Actor | None, content: bytes) -> ClinicProfile:
        """Stores a picture as the logo, drawn anew so that nothing but the picture itself is kept.

        Raises:
            ValidationError: if it is no PNG or JPEG, too large, or damaged.
        """
        actor = require(actor, Permission.MANAGE_CLINIC)
        stored = self.storage.write_bytes(_as_png(content), patient_id=None, kind=FileKind.LOGO)
        return self._replace_logo(actor, stored.key)

    def remove_logo(self, actor: Actor | None) -> ClinicProfile:
        """Goes back to no logo."""
        return self._replace_logo(require(actor, Permission.MANAGE_CLINIC), None)

    def _replace_logo(self, actor: Actor, key: str | None) -> ClinicProfile:
        with self.storage.removed_if_refused(key), self.database.transaction() as session:
            before = clinic_profile.read_profile(session=session)
            old_key = before.logo_key if before else None
            profile = clinic_profile.set_logo(
                session=session,
                key=key,
                expected_version=before.version if before else 0,
                actor_id=actor.user_id,
            )
            _audit(session, actor, "clinic.logo_changed" if key else "clinic.logo_removed", {})
        if old_key:
            self.storage.delete(old_key)
        return profile

    def _logo(self, key: str | None) -> bytes | None:
        try:
            return self.storage.read_bytes(key) if key else None
        except ClinicDataError:
            return None  # a report without a logo is better than none


def _as_png(content: bytes) -> bytes:
    if len(content) > MAX_LOGO_BYTES:
        raise ValidationError("The logo is larger than 2 MB. Save it as a smaller PNG or JPEG.")
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as picture:
            if max(picture.size) > MAX_LOGO_SIDE_PX:
                raise ValidationError("The logo has more than 6000 pixels on a side. Save it smaller.")
            upright = ImageOps.exif_transpose(picture).convert("RGBA")
    except ValidationError:
        raise
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise ValidationError("This file is no PNG or JPEG picture that can be read. Choose another one.") from None
    upright.thumbnail(LOGO_SIZE_PX, Image.Resampling.LANCZOS)
    white = Image.new("RGBA", upright.size, "white")  # archival PDF is plainest without transparency
    white.alpha_composite(upright)
    buffer = io.BytesIO()
    white.convert("RGB").save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _audit(session: Session, actor: Actor, action: str, details: dict[str, object]) -> None:
    audit.record(
        session=session,
        actor_id=actor.user_id,
        action=action,
        subject_type="clinic_profile",
        subject_id="1",
        details=details,
    )
