"""Two layers around everything: who may come in, and which headers every answer carries.

Both are pure ASGI, because a middleware of another kind would buffer uploads and not see the websocket.
"""

from __future__ import annotations

from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.gateway.cookies import is_same_origin, session_token
from app.gateway.origin import origin_of
from app.services.accounts import Accounts
from app.services.permissions import Actor
from app.settings import VERIFY_PATH
from clinic_data import audit

ACTOR_KEY = "fgait.actor"
SIGN_IN_PATH = "/sign-in"
CHANGE_PASSWORD_PATH = "/change-password"  # noqa: S105 - an address
SIGN_OUT_PATH = "/sign-out"
SIGN_IN_CODE_PATH = "/sign-in/code"
TWO_STEP_PATH = "/two-step"
ELSEWHERE_PATH = "/sign-in/elsewhere"
HEALTH_PATH = "/healthz"
LANGUAGE_PATH = "/language"
_PUBLIC_PATHS = frozenset(
    {SIGN_IN_PATH, SIGN_IN_CODE_PATH, SIGN_OUT_PATH, HEALTH_PATH, LANGUAGE_PATH, "/favicon.ico", "/favicon.png"}
)
# The bundles of the page's framework: public software, the same for everyone.
_PUBLIC_PREFIXES = ("/static/",)


def is_public(path: str) -> bool:
    """Whether a path is served to somebody who is not signed in."""
    roots = (VERIFY_PATH, ELSEWHERE_PATH)
    below = (*_PUBLIC_PREFIXES, *(f"{root}/" for root in roots))
    return path in _PUBLIC_PATHS or path in roots or path.startswith(below)


class SessionGuard:
    """Lets only signed-in users through to pages, media, uploads and the websocket."""

    def __init__(self, app: ASGIApp, accounts: Accounts) -> None:
        self.app = app
        self.accounts = accounts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection; the audit trail knows from where it comes."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        before = audit.origin.set(origin_of(connection))
        try:
            await self._handle(connection, scope, receive, send)
        finally:
            audit.origin.reset(before)

    async def _handle(self, connection: HTTPConnection, scope: Scope, receive: Receive, send: Send) -> None:
        if is_public(scope["path"]):
            await self.app(scope, receive, send)
            return
        if scope["type"] == "websocket" and not is_same_origin(connection):
            # The framework would let in other ports of this computer, and ask the internet for its own address.
            await _refuse_websocket(receive, send)
            return
        actor = await run_in_threadpool(self.accounts.actor_of, session_token(connection))
        if actor is not None and _left_to_do(actor) in {None, scope["path"]}:
            scope[ACTOR_KEY] = actor
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await _refuse_websocket(receive, send)
        else:
            await _turn_away(connection, actor)(scope, receive, send)


def _left_to_do(actor: Actor) -> str | None:
    """The only page that is open to somebody whose sign-in is not complete, or None."""
    if actor.must_change_password:
        return CHANGE_PASSWORD_PATH
    return TWO_STEP_PATH if actor.must_set_up_totp else None


async def _refuse_websocket(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close", "code": 4401, "reason": "sign in"})


def _turn_away(connection: HTTPConnection, actor: Actor | None) -> Response:
    wants_page = connection.scope["method"] == "GET" and "text/html" in connection.headers.get("accept", "")
    if not wants_page:
        text = _words(actor)
        return JSONResponse({"error": text}, status_code=401 if actor is None else 403)
    if actor is not None:
        return RedirectResponse(_left_to_do(actor) or "/", status_code=303)
    wanted = connection.url.path + (f"?{connection.url.query}" if connection.url.query else "")
    return RedirectResponse(f"{SIGN_IN_PATH}?next={quote(wanted, safe='')}", status_code=303)


def _words(actor: Actor | None) -> str:
    if actor is None:
        return "Please sign in first."
    wanted = "choose your own password" if actor.must_change_password else "set up two-step sign-in"
    return f"Please {wanted} first."


def local_path(wanted: str) -> str:
    """The wanted path if it is one of this application, else the start page (no open redirect)."""
    bad = not wanted.startswith("/") or wanted.startswith("//") or "\\" in wanted or "\n" in wanted or "\r" in wanted
    return "/" if bad else wanted


class SecurityHeaders:
    """Adds the security headers to every answer."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self.app = app
        self.https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        host = HTTPConnection(scope).headers.get("host", "")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add(MutableHeaders(scope=message), host, scope["path"])
            await send(message)

        await self.app(scope, receive, send_with_headers)

    def _add(self, headers: MutableHeaders, host: str, path: str) -> None:
        headers["Content-Security-Policy"] = content_security_policy(host, https=self.https)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        # Not "no-referrer": browsers then send "Origin: null" with our own forms.
        headers["Referrer-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(), payment=()"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        if self.https:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        if not path.startswith(_PUBLIC_PREFIXES):
            headers["Cache-Control"] = "no-store"


def content_security_policy(host: str, *, https: bool) -> str:
    """Everything from this server only. The page's framework needs inline scripts and styles, but no eval."""
    websocket = f"{'wss' if https else 'ws'}://{host}"
    return "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline' blob:",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            "font-src 'self' data:",
            f"connect-src 'self' {websocket}",
            "worker-src 'self' blob:",
            "form-action 'self'",
            "base-uri 'self'",
            "frame-ancestors 'none'",
            "object-src 'none'",
        )
    )
