"""The audit log for who watches over it: filtered, exported, verified. Patients appear by id only."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlmodel import Session

from app.services.audit_export import ExportFormat, actor_name, export_lines
from app.services.permissions import Actor, Permission, require
from clinic_data import audit, audit_reading, users
from clinic_data.audit import AuditFilter
from clinic_data.audit_head_file import HeadFile
from clinic_data.audit_verification import Verification, audit_key, verify
from clinic_data.audit_writing import read_head
from clinic_data.database import Database
from clinic_data.errors import ValidationError
from clinic_data.paging import Page
from clinic_data.tables import AuditRow

MAX_EXPORTED_ROWS = audit_reading.COUNTED_ROWS
"""A browser gets so many rows; longer files are made on the server."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An audit row with the user's name instead of an id.

    Attributes:
        row_id: its number in the trail.
        at: when.
        actor: who, by user name.
        action: what.
        subject_type: on what kind of row.
        subject_id: on which.
        patient_id: whom it concerns, "" where nobody.
        address: from where.
        session_id: a mark that tells sign-in sessions apart.
        why: the reason that was given.
        details: further facts, in one line.
    """

    row_id: int
    at: datetime
    actor: str
    action: str
    subject_type: str
    subject_id: str
    patient_id: str
    address: str
    session_id: str
    why: str
    details: str


@dataclass(frozen=True, slots=True)
class AuditChoices:
    """What can be filtered by: the actions in the trail, and user names by id."""

    actions: tuple[str, ...]
    users: dict[str, str]


@dataclass(frozen=True, slots=True)
class AuditTrail:
    """Use cases around the audit log."""

    database: Database

    def list_rows(
        self, actor: Actor | None, limit: int, offset: int, wanted: AuditFilter | None = None
    ) -> Page[AuditEntry]:
        """The audit log, newest first; the total stops at `audit_reading.COUNTED_ROWS`."""
        require(actor, Permission.READ_AUDIT)
        with self.database.reading() as session:
            page = audit.list_rows(session=session, limit=limit, offset=offset, wanted=wanted)
            names = names_of_users(session)
        rows = tuple(_entry(row, names) for row in page.rows)
        return Page(rows=rows, total=page.total, limit=page.limit, offset=page.offset)

    def choices(self, actor: Actor | None) -> AuditChoices:
        """What the filters can be set to."""
        require(actor, Permission.READ_AUDIT)
        with self.database.reading() as session:
            return AuditChoices(tuple(audit_reading.actions(session=session)), names_of_users(session))

    def export(self, actor: Actor | None, wanted: AuditFilter, kind: ExportFormat) -> bytes:
        """The rows of a filter as a file, oldest first; that it was exported is a row of its own.

        Raises:
            ValidationError: there are more than `MAX_EXPORTED_ROWS` rows.
        """
        actor = require(actor, Permission.EXPORT_AUDIT)
        with self.database.reading() as session:
            rows = list(islice(audit_reading.stream(session=session, wanted=wanted), MAX_EXPORTED_ROWS + 1))
            names = names_of_users(session)
        if len(rows) > MAX_EXPORTED_ROWS:
            raise ValidationError(
                f"These are more than {MAX_EXPORTED_ROWS} rows. Choose a shorter time, or ask who runs the server for "
                "`fgait-clinic audit export`, which writes them all."
            )
        content = b"".join(export_lines(rows, names, kind))
        with self.database.transaction() as session:
            record_about_the_trail(session, actor.user_id, "audit.exported", {"rows": len(rows), "format": kind.value})
        return content

    def verify(self, actor: Actor | None, progress: Callable[[int], object] | None = None) -> Verification:
        """Checks the whole trail, also against the heads noted outside the database; recorded as a row of its own.

        Args:
            actor: who asks.
            progress: told how many rows were read.
        """
        actor = require(actor, Permission.EXPORT_AUDIT)
        return verified(self.database, actor.user_id, (), progress)


def verified(
    database: Database,
    actor_id: str | None,
    files: Iterable[HeadFile] = (),
    progress: Callable[[int], object] | None = None,
) -> Verification:
    """Checks the trail against itself and against the heads noted outside, and records that it was checked.

    Args:
        database: with its own file of heads.
        actor_id: who asked.
        files: further files of heads.
        progress: told how many rows were read.
    """
    own = [database.head_file] if database.head_file is not None else []
    heads = heapq.merge(*(file.read() for file in (*own, *files)), key=lambda head: head.last_id)
    with database.reading() as session:
        found = verify(session=session, anchors=heads, progress=progress)
        head = read_head(session)
        may_append = head is not None and head.is_genuine(audit_key(session))
    if may_append:  # without its own head nothing can be appended, and what is wrong must still be told
        facts: dict[str, int | str] = {"rows": found.rows, "last_row": found.last_id, "problems": found.problem_count}
        with database.transaction() as session:
            record_about_the_trail(session, actor_id, "audit.verified", facts)
    return found


def record_about_the_trail(session: Session, actor_id: str | None, action: str, details: dict[str, int | str]) -> None:
    """Writes down what was done with the trail itself."""
    audit.record(
        session=session, actor_id=actor_id, action=action, subject_type="audit", subject_id=None, details=details
    )


def names_of_users(session: Session) -> dict[str, str]:
    """User names by id."""
    return {user.id: user.username for user in users.list_users(session=session)}


def _entry(row: AuditRow, names: dict[str, str]) -> AuditEntry:
    return AuditEntry(
        row_id=row.id or 0,
        at=row.at,
        actor=actor_name(row.actor_id, names),
        action=row.action,
        subject_type=row.subject_type,
        subject_id=row.subject_id or "",
        patient_id=row.patient_id or "",
        address=row.address,
        session_id=row.session_id,
        why=row.why,
        details=", ".join(f"{name}: {value}" for name, value in sorted(row.details.items())),
    )
