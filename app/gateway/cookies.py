"""The cookies: the session token, the token of a sign-in that waits for its code, and the one against other sites."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

SESSION_COOKIE = "fgait_session"
STEP_COOKIE = "fgait_step"
STEP_PATH = "/sign-in"
CSRF_COOKIE = "fgait_csrf"
CSRF_FIELD = "csrf"
CSRF_HEADER = "x-fgait-csrf"


def session_token(connection: HTTPConnection) -> str | None:
    """The token that the browser sent, if any."""
    return connection.cookies.get(SESSION_COOKIE)


def set_session(response: Response, token: str, *, secure: bool) -> None:
    """Signs the browser in; the cookie ends with the browser, the session in the database earlier."""
    _set(response, SESSION_COOKIE, token, secure=secure)


def connect_mark(token: str | None) -> str:
    """What only a page of this session knows: another site's link must not connect somebody's account elsewhere."""
    return hmac.new(token.encode(), b"connect", hashlib.sha256).hexdigest() if token else ""


def clear_session(response: Response) -> None:
    """Makes the browser forget its token."""
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="lax")


def step_token(connection: HTTPConnection) -> str | None:
    """The token of a sign-in that waits for its code, if any."""
    return connection.cookies.get(STEP_COOKIE)


def set_step(response: Response, token: str, *, secure: bool) -> None:
    """Keeps the step between password and code; it goes to the sign-in pages only."""
    response.set_cookie(STEP_COOKIE, token, path=STEP_PATH, httponly=True, samesite="lax", secure=secure)


def clear_step(response: Response) -> None:
    """Makes the browser forget the step."""
    response.delete_cookie(STEP_COOKIE, path=STEP_PATH, httponly=True, samesite="lax")


def renew_csrf(response: Response, *, secure: bool) -> None:
    """Replaces the double-submit token, so that one that somebody planted before the sign-in is worth nothing."""
    _set(response, CSRF_COOKIE, secrets.token_urlsafe(32), secure=secure)


def ensure_csrf(request: Request, response: Response, *, secure: bool) -> None:
    """Gives the browser the double-submit token that `csrf_for` put into the form."""
    _set(response, CSRF_COOKIE, csrf_for(request), secure=secure)


def csrf_for(request: Request) -> str:
    """The browser's double-submit token, or a new one that stays the same during this request."""
    known = request.cookies.get(CSRF_COOKIE, "")
    if len(known) >= 32:
        return known
    if not hasattr(request.state, "new_csrf"):
        request.state.new_csrf = secrets.token_urlsafe(32)
    return request.state.new_csrf


def csrf_matches(request: Request, submitted: str) -> bool:
    """Whether the request was made by a page of this application.

    The submitted token must equal the cookie, which another site can neither read nor set, and a request that names
    its origin must name this host.
    """
    cookie = request.cookies.get(CSRF_COOKIE, "")
    same_token = len(cookie) >= 32 and hmac.compare_digest(cookie.encode(), submitted.encode())
    return same_token and is_same_origin(request)


def is_same_origin(connection: HTTPConnection) -> bool:
    """Whether a connection that names its origin names this host, port included; browsers always name it."""
    origin = connection.headers.get("origin")
    return origin is None or origin.split("://")[-1] == connection.headers.get("host")


def _set(response: Response, name: str, value: str, *, secure: bool) -> None:
    response.set_cookie(name, value, path="/", httponly=True, samesite="lax", secure=secure)
