"""What every check of a password shares: the hash outside a transaction, and refusals that leave a row in the trail."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from sqlmodel import Session

from clinic_data import audit, authentication, users
from clinic_data.authentication import CheckedPassword
from clinic_data.database import Database
from clinic_data.errors import SignInError, SlowDownError


def checked_password(database: Database, username: str, password: str) -> CheckedPassword:
    """Compares a password with that of an account, or of nobody, in the same time."""
    with database.reading() as session:
        claim = authentication.claim(session=session, username=username)
    return claim.checked(password)


@contextmanager
def refusals_recorded(
    session: Session, username: str, action: str = "user.sign_in_refused"
) -> Generator[None, None, None]:
    """Keeps which account was tried, but not what was typed: it may be a password in the wrong field.

    Of attempts that come too early only the first in each wait leaves a row, so that nobody can flood the trail.
    """
    try:
        yield
    except SignInError as refusal:
        early = refusal if isinstance(refusal, SlowDownError) else None
        if early is None or early.first_in_wait:
            tried = users.find_user(session=session, username=username)
            audit.record(
                session=session,
                actor_id=None,
                action=action,
                subject_type="user",
                subject_id=None if tried is None else tried.id,
                details={"cause": "too early"} if early else {},
            )
        raise
