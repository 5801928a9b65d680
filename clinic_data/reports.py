"""Finished reports and their numbers (FG-2026-000123).

The number is printed in the PDF, so it is reserved first: ``reserve_number`` in a short transaction, then the PDF
outside any transaction, then ``add_report(number=...)``. A crash between leaves a gap, never a number twice.
"""

from __future__ import annotations

import re
from datetime import datetime

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from clinic_data.clock import utc_now
from clinic_data.database import conflict_as
from clinic_data.errors import NotFoundError, ValidationError
from clinic_data.storage import StoredFile
from clinic_data.tables import Report, ReportCounter

_NUMBER = re.compile(r"FG-(\d{4})-(\d{6,})")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,6})?")


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
) -> Report:
    """Register a PDF that ``Storage`` accepted.

    Args:
        session: a session of ``Database.transaction()``.
        assessment_id: what the report tells.
        stored: what ``Storage`` returned.
        created_by: the user, or None.
        language: language tag of the text, e.g. ``"en"``.
        number: a number from ``reserve_number``; None reserves one now.

    Raises:
        ConflictError: the number is used, or the assessment or user does not exist.
        ValidationError: the number was never reserved, or the language is no language tag.
    """
    if not _LANGUAGE.fullmatch(language):
        raise ValidationError("A language is given by its tag, such as en or pt-BR.")
    if number is None:
        number = reserve_number(session=session)
    elif not _is_reserved(session, number):
        raise ValidationError(f"The report number {number} was never reserved.")
    report = Report(
        number=number,
        assessment_id=assessment_id,
        storage_key=stored.key,
        size_bytes=stored.size_bytes,
        sha256=stored.sha256,
        language=language,
        created_by=created_by,
    )
    with conflict_as(session, f"The report number {number} is used already, or its assessment does not exist."):
        session.add(report)
    return report


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


def _is_reserved(session: Session, number: str) -> bool:
    match = _NUMBER.fullmatch(number)
    counter = session.get(ReportCounter, int(match[1]), populate_existing=True) if match else None
    return match is not None and counter is not None and 1 <= int(match[2]) <= counter.last
