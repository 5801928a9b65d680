"""The certificate that signs reports: the clinic's own, or a self-signed one that is made at first use.

Key and certificate are the file `keys/report_identity.pem` in the data folder, which its owner alone can read. The
password of an uploaded file is used once and kept nowhere. Back the file up with the rest of the folder.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.services.clinic_profile import ClinicProfiles
from app.services.permissions import Actor, Permission, require
from app.settings import Settings
from clinic_data import audit
from clinic_data.database import Database
from clinic_data.errors import ValidationError
from clinic_data.file_vault import FileVault
from reports import identity as identities
from reports.identity import CertificateError, Identity

KEYS_FOLDER = "keys"
IDENTITY_FILE = "report_identity.pem"
MAX_UPLOAD_BYTES = 200_000
_PEM = b"-----BEGIN"


@dataclass(frozen=True, slots=True)
class CertificateView:
    """What is known of the certificate in use.

    Attributes:
        name: whom it names.
        issuer: who vouches for it.
        fingerprint: SHA-256, in groups of four digits, for people to compare.
        starts_at, ends_at: when it is good.
        self_signed: whether nobody but this installation vouches for it.
        expired: whether its time is over, so that no report can be signed.
    """

    name: str
    issuer: str
    fingerprint: str
    starts_at: datetime
    ends_at: datetime
    self_signed: bool
    expired: bool


@dataclass(frozen=True, slots=True)
class Certificates:
    """Use cases around the certificate of reports."""

    settings: Settings
    database: Database
    storage: FileVault

    def read(self, actor: Actor | None) -> CertificateView:
        """The certificate in use; the self-signed one is made if there is none yet."""
        found = self._identity(require(actor, Permission.READ_CLINIC))
        certificate = found.certificate
        now = datetime.now(UTC)
        return CertificateView(
            name=identities.common_name(certificate),
            issuer=certificate.issuer.rfc4514_string(),
            fingerprint=grouped(identities.fingerprint(certificate)),
            starts_at=certificate.not_valid_before_utc,
            ends_at=certificate.not_valid_after_utc,
            self_signed=found.self_signed,
            expired=certificate.not_valid_after_utc < now,
        )

    def install(self, actor: Actor | None, content: bytes, password: str) -> CertificateView:
        """Puts the clinic's own certificate in place of the present one; reports signed before stay as they are.

        Args:
            actor: who installs it.
            content: a PKCS#12 file (.p12, .pfx), or a PEM file that holds the key and its certificates.
            password: of the file; empty if it has none.

        Raises:
            ValidationError: if it cannot sign; the text says why.
        """
        actor = require(actor, Permission.MANAGE_CLINIC)
        if len(content) > MAX_UPLOAD_BYTES:
            raise ValidationError("This file is too large for a certificate. Choose the .p12, .pfx or .pem file.")
        now = datetime.now(UTC)
        try:
            if _PEM in content:
                found = identities.read_pem(content, content, password, now)
            else:
                found = identities.read_pkcs12(content, password, now)
        except CertificateError as error:
            raise ValidationError(str(error)) from error
        self._keep(actor, found, "certificate.installed", replace=True)
        return self.read(actor)

    def renew_self_signed(self, actor: Actor | None) -> CertificateView:
        """Makes a new self-signed certificate in place of the present one."""
        actor = require(actor, Permission.MANAGE_CLINIC)
        made = identities.make_self_signed(self._clinic_name(), datetime.now(UTC))
        self._keep(actor, made, "certificate.made", replace=True)
        return self.read(actor)

    def signing_identity(self, actor: Actor | None) -> Identity:
        """The identity that signs a report now.

        Raises:
            ValidationError: if its certificate is not valid at this time.
        """
        found = self._identity(require(actor, Permission.WRITE_REPORTS))
        certificate = found.certificate
        try:
            return identities.checked_identity(found.key, certificate, found.chain, datetime.now(UTC))
        except CertificateError as error:
            raise ValidationError(
                "The certificate that signs reports is not valid any more. An administrator can install a new one on "
                "the page of the clinic."
            ) from error

    def _clinic_name(self) -> str:
        return ClinicProfiles(self.settings, self.database, self.storage).public_name

    def _path(self) -> Path:
        return self.settings.data_dir / KEYS_FOLDER / IDENTITY_FILE

    def _identity(self, actor: Actor) -> Identity:
        path = self._path()
        if not path.exists():
            made = identities.make_self_signed(self._clinic_name(), datetime.now(UTC))
            self._keep(actor, made, "certificate.made", replace=False)
        try:
            content = path.read_bytes()
            return identities.stored_identity(content)
        except (OSError, CertificateError) as error:
            raise ValidationError(
                "The key that signs reports is damaged. Put keys/report_identity.pem of the data folder back from a "
                "backup, or let an administrator install the certificate again."
            ) from error

    def _keep(self, actor: Actor, found: Identity, action: str, *, replace: bool) -> None:
        with self.database.transaction() as session:  # the file inside it: without the row of the log it is not written
            if not replace and self._path().exists():
                return
            audit.record(
                session=session,
                actor_id=actor.user_id,
                action=action,
                subject_type="certificate",
                subject_id=identities.fingerprint(found.certificate)[:64],
                details={"name": identities.common_name(found.certificate), "self_signed": found.self_signed},
            )
            session.flush()
            _write(self._path(), found.key_pem() + found.certificates_pem(), replace=replace)


def grouped(digits: str) -> str:
    """Hexadecimal digits as two people compare them: in groups of four."""
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def _write(path: Path, content: bytes, *, replace: bool) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            partial.replace(path)
        else:
            with suppress(FileExistsError):  # of two processes at the first use one makes it, the other takes it
                os.link(partial, path)
    finally:
        partial.unlink(missing_ok=True)
