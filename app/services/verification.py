"""Verification of reports by whoever holds one: no sign-in, and nothing about the patient.

A code leads to one report. What can be learned with it is what stands on the report's foot anyway: its number, when the
clinic made it, which version it is, and whether a newer one supersedes it. A file is compared byte for byte with the
one that was stored.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from app.services.clinic_profile import ClinicProfiles
from app.services.report_making import CODE_LENGTH, CODE_LETTERS, grouped_code
from app.settings import VERIFY_PATH, Settings
from clinic_data import reports as report_rows
from clinic_data.database import Database
from clinic_data.file_vault import FileVault
from clinic_data.tables import Report

if TYPE_CHECKING:
    from reports.signature import SignatureCheck

MAX_FILE_BYTES = 20_000_000
_CODE = re.compile(f"[{CODE_LETTERS}]{{{CODE_LENGTH}}}")
_CONTACT = re.compile(rf"{VERIFY_PATH}/([{CODE_LETTERS}]{{{CODE_LENGTH}}})$")


class FileVerdict(StrEnum):
    """What a file turned out to be."""

    SAME = "same"
    CHANGED = "changed"
    UNKNOWN = "unknown"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class VerifiedReport:
    """What a code leads to.

    Attributes:
        code: in groups, as printed.
        number: of the report.
        version: 1 for the first.
        kind: "assessment", "addendum" or "follow_up".
        made_at: when.
        clinic_name: as it is now.
        superseded_by: number of the next version; empty for the newest.
        content_sha256: printed on the report, too; empty for reports of older releases.
        sha256: of the file.
        signer: whose certificate signed it.
    """

    code: str
    number: str
    version: int
    kind: str
    made_at: datetime
    clinic_name: str
    superseded_by: str
    content_sha256: str
    sha256: str
    signer: str


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """What a file is.

    Attributes:
        verdict: the answer.
        report: the report that it is, or says it is; None where it names none of this clinic.
        signature: of the file; None where it has none that can be read.
        sha256: of the file.
    """

    verdict: FileVerdict
    report: VerifiedReport | None
    signature: SignatureCheck | None
    sha256: str


@dataclass(frozen=True, slots=True)
class Verification:
    """Use cases of people who hold a report; they ask for no user because they may be anybody."""

    settings: Settings
    database: Database
    storage: FileVault

    def of_code(self, text: str) -> VerifiedReport | None:
        """What a code leads to, or None; blanks, hyphens and small letters do not matter."""
        code = plain_code(text)
        if code is None:
            return None
        clinic_name = self.clinic_name()
        with self.database.reading() as session:
            report = report_rows.find_by_verification_code(session=session, code=code)
            # The look-up goes by an index; of the 130 random bits its time tells nothing that could be tried for.
            if report is None or not hmac.compare_digest(report.verification_code or "", code):
                return None
            newer = report_rows.superseded_by(session=session, report_id=report.id)
            return _verified(report, newer, clinic_name)

    def of_file(self, content: bytes, code: str = "") -> CheckedFile:
        """Compares a file with the report whose code is given, or else with the one that the file itself names.

        Args:
            content: of the file, at most `MAX_FILE_BYTES`.
            code: of the report that it should be; may be empty.
        """
        from reports.signature import check_signature  # here, because it is needed at no other moment

        signature = check_signature(content)
        digest = hashlib.sha256(content).hexdigest()
        named = _CONTACT.search(signature.contact) if signature else None
        asked, own = self.of_code(code), self.of_code(named[1]) if named else None
        report = asked or own
        if report is None:
            verdict = FileVerdict.UNKNOWN
        elif hmac.compare_digest(report.sha256, digest):
            verdict = FileVerdict.SAME
        elif asked and own and asked.number != own.number:
            verdict = FileVerdict.OTHER
        else:
            verdict = FileVerdict.CHANGED
        return CheckedFile(verdict, report, signature, digest)

    def clinic_name(self) -> str:
        """Heading of the page."""
        return ClinicProfiles(self.settings, self.database, self.storage).public_name


def plain_code(text: str) -> str | None:
    """A code as it is stored, or None if it is no code."""
    code = "".join(character for character in text.upper() if character not in " -\t")[:100]
    return code if _CODE.fullmatch(code) else None


def _verified(report: Report, newer: Report | None, clinic_name: str) -> VerifiedReport:
    return VerifiedReport(
        code=grouped_code(report.verification_code or ""),
        number=report.number,
        version=report.version,
        kind=report.kind.value,
        made_at=report.created_at,
        clinic_name=clinic_name,
        superseded_by=newer.number if newer else "",
        content_sha256=report.content_sha256 or "",
        sha256=report.sha256,
        signer=report.signer or "",
    )
