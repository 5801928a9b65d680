"""The way to the organisation's sign-in service and back (OpenID Connect, authorization code with PKCE).

The library checks state, nonce, signature, issuer, audience and life of the ID token. What it must remember until the
visitor is back lies in a signed cookie of ten minutes that goes to these two addresses only.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Awaitable, Mapping
from html import escape
from typing import Any, Protocol
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.gateway import cookies, forms
from app.gateway.guard import ELSEWHERE_PATH, SIGN_IN_PATH, local_path
from app.gateway.visitor import visitor_of
from app.services.accounts import Accounts
from app.services.external_sign_in import NAME_TAKEN, NO_ACCOUNT, NO_ROLE, NOT_ADMITTED, ExternalSignIn
from app.settings import Settings
from app.translation import translate
from clinic_data.errors import ClinicDataError
from clinic_data.users import LAST_ADMINISTRATOR

RETURN_PATH = f"{ELSEWHERE_PATH}/return"
ACCOUNT_PAGE = "/account"
_COOKIE = "fgait_elsewhere"
_LIFE_S = 600
_NEXT, _CONNECT = "fgait_next", "fgait_connect"
# A code in the address, not the sentence: else anybody could make a link that lets the page say anything.
_CODES = {
    NO_ROLE: "no-role",
    NO_ACCOUNT: "no-account",
    NAME_TAKEN: "name-taken",
    NOT_ADMITTED: "not-admitted",
    LAST_ADMINISTRATOR: "last-administrator",
}
_log = logging.getLogger(__name__)


class _Client(Protocol):
    """What is used of the library's client."""

    def authorize_redirect(self, request: Request, redirect_uri: str) -> Awaitable[Response]: ...
    def authorize_access_token(self, request: Request) -> Awaitable[dict[str, Any]]: ...
    def userinfo(self, **arguments: Any) -> Awaitable[Mapping[str, Any]]: ...


class ExternalSignInPages:
    """The routes; none where the settings name no service.

    Args:
        external: the use cases.
        accounts: to know who is signed in.
        settings: for the service and the kind of cookies.
    """

    def __init__(self, external: ExternalSignIn, accounts: Accounts, settings: Settings) -> None:
        self.external = external
        self.accounts = accounts
        self.settings = settings
        self._made: _Client | None = None

    def routes(self) -> list[Route]:
        """The routes to mount."""
        if not self.external.offered:
            return []
        remembering = Middleware(
            SessionMiddleware,
            secret_key=secrets.token_urlsafe(32),
            session_cookie=_COOKIE,
            max_age=_LIFE_S,
            path=ELSEWHERE_PATH,
            same_site="lax",
            https_only=self.settings.secure_cookies,
        )
        return [
            Route(ELSEWHERE_PATH, self.leave, methods=["GET"], middleware=[remembering]),
            Route(RETURN_PATH, self.come_back, methods=["GET"], middleware=[remembering]),
        ]

    async def leave(self, request: Request) -> Response:
        """Leads to the service: `?next=/patients` to sign in, `?connect=MARK` to connect the signed-in account.

        The mark is `cookies.connect_mark` of the session: a link on another site cannot know it.
        """
        request.session.clear()
        mark = request.query_params.get("connect", "")
        if mark and not _is_mark(request, mark):
            return _not_connected()
        request.session[_NEXT] = local_path(request.query_params.get("next", "/"))
        request.session[_CONNECT] = mark
        try:
            return await self._client().authorize_redirect(request, f"{self.settings.resolved_public_url}{RETURN_PATH}")
        except Exception as error:
            # The service is elsewhere: nothing that it does may look like a fault of ours.
            _log.warning("The sign-in service cannot be reached: %s", type(error).__name__)
            return _refused("unreachable")

    async def come_back(self, request: Request) -> Response:
        """Takes what the service says, and signs in or connects."""
        wanted, mark = request.session.get(_NEXT, "/"), str(request.session.get(_CONNECT, ""))
        try:
            claims = await self._claims(request)
        except Exception as error:
            # The library has many errors; a forged or stale answer is one of them. Never say more to a stranger.
            _log.warning("An answer of the sign-in service was refused: %s", type(error).__name__)
            return _refused("elsewhere")
        finally:
            request.session.clear()
        if mark:  # of the session that asked: somebody else may have signed in here meanwhile
            return await self._connect(request, claims) if _is_mark(request, mark) else _not_connected()
        return await self._sign_in(request, claims, wanted)

    async def _claims(self, request: Request) -> dict[str, Any]:
        token = await self._client().authorize_access_token(request)
        claims = dict(token["userinfo"])
        if self.settings.oidc_role_claim.split(".")[0] not in claims:  # some services tell roles only when asked
            more = dict(await self._client().userinfo(token=token))
            if more.get("sub") != claims["sub"]:
                raise ValueError("another person's claims")
            claims = more | claims
        return claims

    async def _sign_in(self, request: Request, claims: Mapping[str, Any], wanted: str) -> Response:
        visitor, earlier_token = visitor_of(request), cookies.session_token(request)

        def sign_in() -> str:
            return self.external.sign_in(claims, visitor, earlier_token=earlier_token)

        try:
            token = await run_in_threadpool(sign_in)
        except ClinicDataError as error:
            return _refused(_CODES.get(str(error), "elsewhere"))
        return forms.signed_in(self.settings, forms.lead_to(local_path(wanted)), token)

    async def _connect(self, request: Request, claims: Mapping[str, Any]) -> Response:
        actor = await run_in_threadpool(self.accounts.actor_of, cookies.session_token(request))
        try:
            await run_in_threadpool(self.external.connect, actor, claims)
        except ClinicDataError:
            return _not_connected()
        return forms.lead_to(f"{ACCOUNT_PAGE}?connected=yes")

    def _client(self) -> _Client:
        if self._made is None:
            from authlib.integrations.starlette_client import OAuth  # pyright: ignore[reportMissingTypeStubs]

            settings = self.settings
            self._made = OAuth().register(
                "clinic",
                client_id=settings.oidc_client_id,
                client_secret=settings.oidc_client_secret.get_secret_value(),
                server_metadata_url=f"{settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration",
                client_kwargs={"scope": settings.oidc_scope, "code_challenge_method": "S256", "timeout": 10.0},
            )
        made = self._made
        if made is None:
            raise RuntimeError("the library made no client")
        return made


def _is_mark(request: Request, mark: str) -> bool:
    own = cookies.connect_mark(cookies.session_token(request))
    return bool(own) and hmac.compare_digest(own.encode(), mark.encode())


def _not_connected() -> Response:
    return forms.lead_to(f"{ACCOUNT_PAGE}?connected=no")


def _refused(why: str) -> Response:
    return forms.lead_to(f"{SIGN_IN_PATH}?why={why}")


def notices(language: str) -> dict[str, str]:
    """What the sign-in page says to who comes back without a session, by the word in its address."""
    return {
        "unreachable": translate(
            "The sign-in service of your organisation does not answer. Try again later.", language
        ),
        "elsewhere": translate("Sign-in at your organisation was not completed. Please try again.", language),
    } | {code: translate(sentence, language) for sentence, code in _CODES.items()}


def offer(settings: Settings, wanted: str, language: str) -> str:
    """The link on the sign-in page, as HTML; empty where there is no service."""
    if not settings.oidc_issuer:
        return ""
    label = translate("Sign in with {name}", language, name=settings.oidc_name)
    return f'<p class="elsewhere"><a href="{ELSEWHERE_PATH}?next={quote(wanted, safe="")}">{escape(label)}</a></p>'
