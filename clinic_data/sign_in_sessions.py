"""Signed-in browsers: a random token goes to the cookie, its SHA-256 to the database."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, or_, select, update

from clinic_data.clock import utc_now
from clinic_data.tables import SignInSession, User

IDLE_LIMIT = timedelta(minutes=30)
ABSOLUTE_LIMIT = timedelta(hours=12)
TOUCH_INTERVAL = timedelta(minutes=1)


def open_session(*, session: Session, user_id: str, now: datetime | None = None) -> str:
    """Start a session of ``user_id`` and return its token, which is stored nowhere."""
    moment = now or utc_now()
    token = secrets.token_urlsafe(32)
    row = SignInSession(token_sha256=_digest(token), user_id=user_id, created_at=moment, last_seen_at=moment)
    session.add(row)
    session.flush()
    return token


def resolve(*, session: Session, token: str, now: datetime | None = None) -> User | None:
    """The user of ``token``, or None where the session is unknown, closed, idle for 30 min or older than 12 h.

    Call it in ``Database.transaction()``: it writes the time of use, at most once a minute. An inactive user is
    nobody.
    """
    moment = now or utc_now()
    row = session.exec(select(SignInSession).where(SignInSession.token_sha256 == _digest(token))).first()
    if row is None or not _is_open(row, moment):
        return None
    user = session.get(User, row.user_id)
    if user is None or not user.active:
        return None
    if moment - row.last_seen_at >= TOUCH_INTERVAL:
        row.last_seen_at = moment
        session.flush()
    return user


def close(*, session: Session, token: str, now: datetime | None = None) -> None:
    """Sign out; closing twice, or an unknown token, changes nothing."""
    statement = update(SignInSession).where(
        col(SignInSession.token_sha256) == _digest(token), col(SignInSession.closed_at).is_(None)
    )
    session.exec(statement.values(closed_at=now or utc_now()))


def close_all_of_user(
    *, session: Session, user_id: str, keep_token: str | None = None, now: datetime | None = None
) -> int:
    """Sign the user out everywhere (but for ``keep_token``) and return how many sessions were closed."""
    statement = update(SignInSession).where(
        col(SignInSession.user_id) == user_id, col(SignInSession.closed_at).is_(None)
    )
    if keep_token is not None:
        statement = statement.where(col(SignInSession.token_sha256) != _digest(keep_token))
    return session.exec(statement.values(closed_at=now or utc_now())).rowcount


def remove_ended(*, session: Session, now: datetime | None = None) -> int:
    """Delete the rows of sessions that are closed or expired and return how many there were."""
    moment = now or utc_now()
    ended = or_(
        col(SignInSession.closed_at).is_not(None),
        col(SignInSession.last_seen_at) <= moment - IDLE_LIMIT,
        col(SignInSession.created_at) <= moment - ABSOLUTE_LIMIT,
    )
    return session.exec(delete(SignInSession).where(ended)).rowcount


def _is_open(row: SignInSession, moment: datetime) -> bool:
    return row.closed_at is None and moment - row.last_seen_at < IDLE_LIMIT and moment - row.created_at < ABSOLUTE_LIMIT


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
