"""What tests of the audit trail do again and again."""

from __future__ import annotations

from typing import Any

from sqlmodel import col, select

from clinic_data import audit, audit_writing
from clinic_data.audit_chain import Head
from clinic_data.audit_verification import Verification, verify
from clinic_data.database import Database
from clinic_data.tables import AuditRow


def record(database: Database, count: int = 1, **more: Any) -> None:
    """Rows of one kind, each in a transaction of its own."""
    for _ in range(count):
        with database.transaction() as session:
            audit.record(
                session=session, actor_id="a" * 32, action="test.done", subject_type="test", subject_id="1", **more
            )


def verified(database: Database, anchors: list[Head] | None = None) -> Verification:
    """What the check of the trail says."""
    with database.reading() as session:
        return verify(session=session, anchors=anchors or [])


def head_of(database: Database) -> Head:
    """Where the trail ends, as the database says."""
    with database.reading() as session:
        head = audit_writing.read_head(session)
    assert head is not None
    return head


def all_rows(database: Database) -> list[AuditRow]:
    """The trail in its order."""
    with database.reading() as session:
        return list(session.exec(select(AuditRow).order_by(col(AuditRow.id))).all())
