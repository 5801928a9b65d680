"""How a report comes into being: number and code, content and its hash, the page, the signature, the row."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from app.services.certificates import Certificates
from app.services.permissions import Actor, Permission, require
from app.settings import VERIFY_PATH, Settings
from clinic_data import audit
from clinic_data import reports as report_rows
from clinic_data.database import Database
from clinic_data.errors import ValidationError
from clinic_data.file_vault import FileKind, FileVault
from clinic_data.tables import Report, ReportKind
from reports.content import ScreeningReport
from reports.digest import content_sha256
from reports.follow_up_content import FollowUpReport
from reports.identity import common_name
from reports.record_blocks import VerificationBlock

CODE_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
CODE_LENGTH = 26
"""26 of 32 letters at random: 130 bits. Nobody finds a report by trying."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A report that is about to be made.

    Attributes:
        assessment_id: what it tells; of a follow-up report the newest.
        patient_id: whose it is.
        kind: what it tells.
        number: reserved for it.
        code: leads to it on the public page.
        at: when it is made.
        before: the version that it supersedes.
        language: of its text.
        addendum: what a clinician adds.
    """

    assessment_id: str
    patient_id: str
    kind: ReportKind
    number: str
    code: str
    at: datetime
    before: Report | None
    language: str
    addendum: str | None = None

    @property
    def version(self) -> int:
        """1 for the first."""
        return self.before.version + 1 if self.before else 1


def grouped_code(code: str) -> str:
    """A code as it is printed and typed: in groups of four."""
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


@dataclass(frozen=True, slots=True)
class ReportMaking:
    """The steps from a draft to a stored report."""

    settings: Settings
    database: Database
    storage: FileVault

    def draft(
        self,
        assessment_id: str,
        patient_id: str,
        kind: ReportKind,
        before: Report | None,
        language: str,
        addendum: str | None = None,
    ) -> Draft:
        """A draft with a number and a code of its own."""
        with self.database.transaction() as session:
            number = report_rows.reserve_number(session=session)
        code = "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH))
        now = datetime.now(UTC).replace(microsecond=0)
        return Draft(assessment_id, patient_id, kind, number, code, now, before, language, addendum)

    def finish(self, actor: Actor | None, draft: Draft, content: ScreeningReport | FollowUpReport) -> Report:
        """Renders, signs and stores a report.

        Args:
            actor: who orders it.
            draft: as given by `draft`.
            content: without its verification block, whose hash is of all the rest.

        Raises:
            ConflictError: if somebody else superseded the same version meanwhile.
            ValidationError: if it cannot be printed or signed.
        """
        actor = require(actor, Permission.WRITE_REPORTS)
        identity = Certificates(self.settings, self.database, self.storage).signing_identity(actor)
        digest = content_sha256(content)
        url = f"{self.settings.resolved_public_url}{VERIFY_PATH}/{draft.code}"
        block = VerificationBlock(grouped_code(draft.code), url, digest)
        from reports.signature import sign_pdf  # here, because signing is needed at no other moment

        try:
            document = _rendered(content, block)
        except ValueError as error:
            raise ValidationError(f"This result cannot be printed: {error}") from error
        clinic_name = content.clinic.name if content.clinic else self.settings.clinic_name
        signed = sign_pdf(document, identity, clinic_name=clinic_name, reason=f"Report {draft.number}", contact=url)
        return self._stored(actor, draft, signed, digest, common_name(identity.certificate))

    def _stored(self, actor: Actor, draft: Draft, signed: bytes, digest: str, signer: str) -> Report:
        """The file with its row, or neither."""
        stored = self.storage.write_bytes(signed, patient_id=draft.patient_id, kind=FileKind.REPORT)
        with self.storage.removed_if_refused(stored.key), self.database.transaction() as session:
            if draft.before is None:
                report_rows.require_none(
                    session=session, kind=draft.kind, assessment_id=draft.assessment_id, patient_id=draft.patient_id
                )
            report = report_rows.add_report(
                session=session,
                assessment_id=draft.assessment_id,
                patient_id=draft.patient_id,
                stored=stored,
                created_by=actor.user_id,
                language=draft.language,
                number=draft.number,
                kind=draft.kind,
                supersedes_id=draft.before.id if draft.before else None,
                addendum=draft.addendum,
                verification_code=draft.code,
                content_sha256=digest,
                signer=signer,
            )
            audit.record(
                session=session,
                actor_id=actor.user_id,
                action="report.created",
                subject_type="report",
                subject_id=report.id,
                details={"number": report.number, "sha256": report.sha256, "kind": report.kind.value}
                | ({"supersedes": draft.before.number} if draft.before else {}),
            )
        return report


def _rendered(content: ScreeningReport | FollowUpReport, block: VerificationBlock) -> bytes:
    """The document, without a signature."""
    if isinstance(content, ScreeningReport):
        from reports.pdf import render_pdf  # here, because fonts and layout are needed at no other moment

        return render_pdf(replace(content, verification=block))
    from reports.follow_up import render_follow_up_pdf

    return render_follow_up_pdf(replace(content, verification=block))
