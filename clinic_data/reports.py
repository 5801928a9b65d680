"""Finished reports and their numbers (FG-2026-000123).

The number is printed in the PDF, so it is reserved first: ``reserve_number`` in a short transaction, then the PDF
outside any transaction, then ``add_report(number=...)``. A crash between leaves a gap, never a number twice.

A report is never changed. A new version is a new report that supersedes the newest one; so is an addendum, which is
the older report with a text added.
"""

from __future__ import annotations

import re
from datetime import datetime

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from clinic_data.clock import utc_now
from clinic_data.database import conflict_as
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.storage import StoredFile
from clinic_data.tables import Assessment, Patient, Report, ReportCounter, ReportKind
from clinic_data.text_rules import checked_lines, one_line

_NUMBER = re.compile(r"FG-(\d{4})-(\d{6,})")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,6})?")
_CODE = re.compile(r"[A-Za-z0-9_-]{22,43}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
ADDENDUM_MAX = 4000


def reserve_number(*, session: Session, now: datetime | None = None) -> str:
    """The next report number of the year (UTC); concurrent callers get different ones."""
    year = (now or utc_now()).year
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(ReportCounter).values(year=year, last=1)
    # One statement: reading and then writing would give two callers the same number.
    statement = statement.on_conflict_do_update(
        index_elements=[col(ReportCounter.year)], set_={"last": col(ReportCounter.last) + 1}
    )
    last = session.scalars(statement.returning(col(ReportCounter.last))).one()
    return f"FG-{year}-{last:06d}"


def add_report(
    *,
    session: Session,
    assessment_id: str,
    stored: StoredFile,
    created_by: str | None,
    language: str = "en",
    number: str | None = None,
    kind: ReportKind = ReportKind.ASSESSMENT,
    patient_id: str | None = None,
    supersedes_id: str | None = None,
    addendum: str | None = None,
    verification_code: str | None = None,
    content_sha256: str | None = None,
    signer: str | None = None,
) -> Report:
    """Register a PDF that ``Storage`` accepted.

    Args:
        session: a session of ``Database.transaction()``.
        assessment_id: what the report tells; for a follow-up report the newest assessment.
        stored: what ``Storage`` returned.
        created_by: the user, or None.
        language: language tag of the text, e.g. ``"en"``.
        number: a number from ``reserve_number``; None reserves one now.
        kind: what it tells.
        patient_id: whose it is; None: the assessment's patient.
        supersedes_id: the report of which this is the next version.
        addendum: the text that an addendum adds.
        verification_code: what leads to it on the public page: 22 to 43 letters, digits, ``-`` and ``_``.
        content_sha256: of what it tells.
        signer: whose certificate signed it.

    Raises:
        ConflictError: the number or code is used, the older report was superseded meanwhile or is about something
            else, or the assessment or user does not exist.
        NotFoundError: there is no report ``supersedes_id``.
        ValidationError: the number was never reserved, or a text has not its form.
    """
    _check_form(language, verification_code, content_sha256)
    if number is None:
        number = reserve_number(session=session)
    elif not _is_reserved(session, number):
        raise ValidationError(f"The report number {number} was never reserved.")
    assessment = session.get(Assessment, assessment_id)
    report = Report(
        number=number,
        assessment_id=assessment_id,
        storage_key=stored.key,
        size_bytes=stored.size_bytes,
        sha256=stored.sha256,
        language=language,
        patient_id=patient_id or (assessment.patient_id if assessment else None),
        kind=kind,
        supersedes_id=supersedes_id,
        addendum=_addendum(kind, addendum),
        verification_code=verification_code,
        content_sha256=content_sha256,
        signer=one_line(signer, 120) if signer else None,
        created_by=created_by,
    )
    if supersedes_id:
        report.version = _next_version(session, supersedes_id, report)
    with conflict_as(session, f"The report number {number} is used already, or its assessment does not exist."):
        session.add(report)
    return report


def require_none(*, session: Session, kind: ReportKind, assessment_id: str, patient_id: str) -> None:
    """Refuse a first version where somebody else stored one meanwhile; nobody else can until the transaction ends.

    Args:
        session: the session in which the first version is added.
        kind: of the report.
        assessment_id: what it tells.
        patient_id: whose visits a follow-up report tells.

    Raises:
        ConflictError: there is a report already, which the next one has to supersede.
    """
    of_visits = kind is ReportKind.FOLLOW_UP
    if of_visits:
        session.exec(select(Patient.id).where(col(Patient.id) == patient_id).with_for_update()).all()
        mine = col(Report.patient_id) == patient_id
    else:
        session.exec(select(Assessment.id).where(col(Assessment.id) == assessment_id).with_for_update()).all()
        mine = col(Report.assessment_id) == assessment_id
    same_kind = (col(Report.kind) == ReportKind.FOLLOW_UP) == of_visits
    if session.exec(select(Report.id).where(mine, same_kind).limit(1)).first() is not None:
        raise ConflictError("Somebody else made a newer version of this report meanwhile. Reload the page first.")


def _check_form(language: str, verification_code: str | None, content_sha256: str | None) -> None:
    if not _LANGUAGE.fullmatch(language):
        raise ValidationError("A language is given by its tag, such as en or pt-BR.")
    if verification_code is not None and not _CODE.fullmatch(verification_code):
        raise ValidationError("A verification code has 22 to 43 letters, digits, hyphens and underscores.")
    if content_sha256 is not None and not _SHA256.fullmatch(content_sha256):
        raise ValidationError("A SHA-256 has 64 hexadecimal digits.")


def _addendum(kind: ReportKind, text: str | None) -> str | None:
    if kind is not ReportKind.ADDENDUM:
        if text is not None:
            raise ValidationError("Only an addendum adds a text.")
        return None
    return checked_addendum(text or "")


def checked_addendum(text: str) -> str:
    """The text of an addendum as it is stored.

    Raises:
        ValidationError: it is empty, too long or holds invisible characters.
    """
    try:
        checked = checked_lines(text, "addendum", ADDENDUM_MAX)
    except ValueError as error:
        raise ValidationError(str(error)) from None
    if not checked:
        raise ValidationError("Write what the addendum adds first.")
    return checked


def _next_version(session: Session, supersedes_id: str, report: Report) -> int:
    before = get_report(session=session, report_id=supersedes_id)
    same = (
        before.patient_id == report.patient_id
        if report.kind is ReportKind.FOLLOW_UP
        else before.assessment_id == report.assessment_id
    )
    if not same or (before.kind is ReportKind.FOLLOW_UP) != (report.kind is ReportKind.FOLLOW_UP):
        raise ConflictError(
            "A report is superseded only by one about the same assessment, or the same patient's visits."
        )
    if superseded_by(session=session, report_id=supersedes_id) is not None:
        raise ConflictError("Somebody else made a newer version of this report meanwhile. Reload the page first.")
    return before.version + 1


def get_report(*, session: Session, report_id: str) -> Report:
    """Read one report.

    Raises:
        NotFoundError: there is no such report.
    """
    report = session.get(Report, report_id)
    if report is None:
        raise NotFoundError("This report does not exist.")
    return report


def list_reports(*, session: Session, assessment_id: str) -> list[Report]:
    """The reports of an assessment, newest first."""
    statement = select(Report).where(col(Report.assessment_id) == assessment_id)
    return list(session.exec(statement.order_by(col(Report.created_at).desc(), col(Report.number).desc())).all())


def list_for_patient(*, session: Session, patient_id: str) -> list[Report]:
    """All reports on a patient, newest first."""
    statement = select(Report).where(col(Report.patient_id) == patient_id)
    return list(session.exec(statement.order_by(col(Report.created_at).desc(), col(Report.number).desc())).all())


def superseded_by(*, session: Session, report_id: str) -> Report | None:
    """The next version of a report; None: it is the newest."""
    return session.exec(select(Report).where(col(Report.supersedes_id) == report_id)).first()


def find_by_verification_code(*, session: Session, code: str) -> Report | None:
    """The report to which a code leads, or None."""
    if not _CODE.fullmatch(code):
        return None
    return session.exec(select(Report).where(col(Report.verification_code) == code)).first()


def _is_reserved(session: Session, number: str) -> bool:
    match = _NUMBER.fullmatch(number)
    counter = session.get(ReportCounter, int(match[1]), populate_existing=True) if match else None
    return match is not None and counter is not None and 1 <= int(match[2]) <= counter.last
