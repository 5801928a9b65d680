"""From where a request comes, as the audit trail keeps it."""

from __future__ import annotations

import hashlib

from starlette.requests import HTTPConnection

from app.gateway.cookies import session_token
from app.gateway.visitor import visitor_of
from clinic_data.audit import Origin

_MARK_LENGTH = 12


def origin_of(connection: HTTPConnection) -> Origin:
    """Address and sign-in session of a connection."""
    return Origin(visitor_of(connection).address, session_mark(session_token(connection)))


def session_mark(token: str | None) -> str:
    """What tells sign-in sessions apart and opens none: the beginning of the hash under which the session is stored."""
    return hashlib.sha256(token.encode()).hexdigest()[:_MARK_LENGTH] if token else ""
