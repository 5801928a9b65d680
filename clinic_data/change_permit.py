"""The permit to change rows that the database keeps for ever: to seal them anew, to move them, or to erase them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import delete, insert
from sqlmodel import Session

from clinic_data.clock import utc_now
from clinic_data.encryption_tables import ChangePermit


@contextmanager
def permitted(*, session: Session, purpose: str) -> Generator[None, None, None]:
    """Within this block the session may seal anew, move and delete notes, decisions, outcomes and reports.

    The permit is written and removed in the session's own transaction, so nobody else ever sees it, and no crash leaves
    it behind. The audit trail knows no permit.

    Args:
        session: a session of ``Database.transaction()``.
        purpose: why, at most 40 characters; for who looks at a transaction that hangs.
    """
    session.flush()
    session.connection().execute(insert(ChangePermit).values(id=1, purpose=purpose, created_at=utc_now()))
    yield
    # After an error the transaction, or the savepoint around this block, is rolled back, and the permit with it.
    session.flush()
    session.connection().execute(delete(ChangePermit))
