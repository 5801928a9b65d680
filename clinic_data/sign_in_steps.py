"""The step between password and code: a random token goes to the cookie, its SHA-256 to the database.

It opens nothing but the page that asks for the code.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete

from clinic_data.account_tables import SignInStep
from clinic_data.clock import utc_now
from clinic_data.errors import StepEndedError
from clinic_data.sign_in_sessions import digest

LIFE = timedelta(minutes=10)
STEP_ENDED = "This sign-in took too long. Enter your user name and password again."


def begin(*, session: Session, user_id: str, now: datetime | None = None) -> str:
    """Note that ``user_id`` typed the right password, and return the token for the browser."""
    moment = now or utc_now()
    remove_old(session=session, now=moment)
    token = secrets.token_urlsafe(32)
    session.add(SignInStep(token_sha256=digest(token), user_id=user_id, created_at=moment))
    session.flush()
    return token


def user_id_of(*, session: Session, token: str, now: datetime | None = None) -> str:
    """Whose step it is.

    Raises:
        StepEndedError: it is unknown, older than ten minutes, or was ended.
    """
    row = session.get(SignInStep, digest(token))
    if row is None or (now or utc_now()) - row.created_at >= LIFE:
        raise StepEndedError(STEP_ENDED)
    return row.user_id


def end_all_of_user(*, session: Session, user_id: str) -> None:
    """End the steps of a user: one led to a session, or the account has changed."""
    session.exec(delete(SignInStep).where(col(SignInStep.user_id) == user_id))


def remove_old(*, session: Session, now: datetime) -> None:
    """Delete the steps that nobody finished in time."""
    session.exec(delete(SignInStep).where(col(SignInStep.created_at) <= now - LIFE))
