"""Signed-in browsers: a random token goes to the cookie, its SHA-256 to the database."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, delete, not_, select, update

from clinic_data.account_tables import SignInStep
from clinic_data.clock import utc_now
from clinic_data.tables import SignInSession, User
from clinic_data.text_rules import one_line

IDLE_LIMIT = timedelta(minutes=30)
ABSOLUTE_LIMIT = timedelta(hours=12)
TOUCH_INTERVAL = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Resolved:
    """Whose session a token is.

    Attributes:
        user: an active one.
        touch_due: the time of use is to be written by `touch`.
    """

    user: User
    touch_due: bool


def open_session(
    *, session: Session, user_id: str, address: str = "", browser: str = "", now: datetime | None = None
) -> str:
    """Start a session of ``user_id`` and return its token, which is stored nowhere.

    Args:
        session: a session of ``Database.transaction()``.
        user_id: who signed in.
        address: of the visitor.
        browser: how the browser calls itself.
        now: the present moment.
    """
    moment = now or utc_now()
    token = secrets.token_urlsafe(32)
    row = SignInSession(
        token_sha256=digest(token),
        user_id=user_id,
        created_at=moment,
        last_seen_at=moment,
        address=one_line(address, 64),
        browser=one_line(browser, 200),
    )
    session.add(row)
    session.flush()
    return token


def resolve(*, session: Session, token: str, now: datetime | None = None) -> Resolved | None:
    """The user of ``token``, or None where the session is unknown, closed, idle for 30 min or older than 12 h.

    It only reads. An inactive user is nobody.
    """
    moment = now or utc_now()
    statement = select(SignInSession, User).where(
        SignInSession.token_sha256 == digest(token), col(User.id) == SignInSession.user_id, _is_open(moment)
    )
    found = session.exec(statement).first()
    if found is None or not found[1].active:
        return None
    return Resolved(found[1], moment - found[0].last_seen_at >= TOUCH_INTERVAL)


def touch(*, session: Session, token: str, now: datetime | None = None) -> None:
    """Write the time of use; a session that has ended stays as it is."""
    moment = now or utc_now()
    statement = update(SignInSession).where(col(SignInSession.token_sha256) == digest(token), _is_open(moment))
    session.exec(statement.values(last_seen_at=moment))


def list_open(*, session: Session, user_id: str, now: datetime | None = None) -> Sequence[SignInSession]:
    """The open sessions of a user, the one used last first."""
    statement = select(SignInSession).where(SignInSession.user_id == user_id, _is_open(now or utc_now()))
    return session.exec(statement.order_by(col(SignInSession.last_seen_at).desc(), col(SignInSession.id))).all()


def close(*, session: Session, token: str, now: datetime | None = None) -> None:
    """Sign out; closing twice, or an unknown token, changes nothing."""
    _close(session, col(SignInSession.token_sha256) == digest(token), now)


def close_one_of_user(*, session: Session, user_id: str, session_id: str, now: datetime | None = None) -> bool:
    """Sign one browser of the user out; False where it is not the user's or has ended already."""
    return _close(session, and_(col(SignInSession.id) == session_id, col(SignInSession.user_id) == user_id), now) == 1


def close_all_of_user(
    *, session: Session, user_id: str, keep_token: str | None = None, now: datetime | None = None
) -> int:
    """Sign the user out everywhere (but for ``keep_token``) and return how many sessions were closed.

    A sign-in that waits for its code ends, too.
    """
    session.exec(delete(SignInStep).where(col(SignInStep.user_id) == user_id))
    mine = col(SignInSession.user_id) == user_id
    if keep_token is not None:
        mine = and_(mine, col(SignInSession.token_sha256) != digest(keep_token))
    return _close(session, mine, now)


def remove_ended(*, session: Session, now: datetime | None = None) -> int:
    """Delete the rows of sessions that are closed or expired and return how many there were."""
    return session.exec(delete(SignInSession).where(not_(_is_open(now or utc_now())))).rowcount


def digest(token: str) -> str:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _is_open(moment: datetime) -> ColumnElement[bool]:
    return and_(
        col(SignInSession.closed_at).is_(None),
        col(SignInSession.last_seen_at) > moment - IDLE_LIMIT,
        col(SignInSession.created_at) > moment - ABSOLUTE_LIMIT,
    )


def _close(session: Session, which: ColumnElement[bool], now: datetime | None) -> int:
    statement = update(SignInSession).where(which, col(SignInSession.closed_at).is_(None))
    return session.exec(statement.values(closed_at=now or utc_now())).rowcount
