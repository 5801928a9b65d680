"""Sign-in, sign-out and the change of one's own password, as plain routes."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from app.gateway import cookies, html_page
from app.gateway.guard import ACTOR_KEY, CHANGE_PASSWORD_PATH, SIGN_IN_PATH, SIGN_OUT_PATH, local_path
from app.gateway.language import language_of
from app.services.accounts import Accounts
from app.services.permissions import Actor
from app.settings import Settings
from app.translation import translate
from clinic_data.errors import ClinicDataError, SignInError

_MAX_FORM_BYTES = 16_384


def _stale_form(language: str) -> str:
    return translate("This page was open for too long or cookies are blocked. Please try again.", language)


class SignInPages:
    """The routes that need no page of the framework.

    Args:
        accounts: the use cases around users.
        settings: for the clinic's name and the kind of cookies.
    """

    def __init__(self, accounts: Accounts, settings: Settings) -> None:
        self.accounts = accounts
        self.settings = settings

    def routes(self) -> list[Route]:
        """The routes to mount."""
        return [
            Route(SIGN_IN_PATH, self.show_sign_in, methods=["GET"]),
            Route(SIGN_IN_PATH, self.sign_in, methods=["POST"]),
            Route(SIGN_OUT_PATH, self.show_sign_out, methods=["GET"]),
            Route(SIGN_OUT_PATH, self.sign_out, methods=["POST"]),
            Route(CHANGE_PASSWORD_PATH, self.show_change_password, methods=["GET"]),
            Route(CHANGE_PASSWORD_PATH, self.change_password, methods=["POST"]),
        ]

    async def show_sign_in(self, request: Request) -> Response:
        """The sign-in form; whoever is signed in already goes on."""
        actor = await run_in_threadpool(self.accounts.actor_of, cookies.session_token(request))
        wanted = local_path(request.query_params.get("next", "/"))
        if actor is not None:
            return RedirectResponse(wanted, status_code=303)
        language = language_of(request)
        notice = {
            "signed-out": translate("You are signed out.", language),
            "expired": translate("Your session has ended. Please sign in again.", language),
        }
        response = self._sign_in_form(request, wanted, notice=notice.get(request.query_params.get("why", ""), ""))
        cookies.clear_session(response)
        return response

    async def sign_in(self, request: Request) -> Response:
        """Checks the password."""
        form = await _form(request)
        wanted = local_path(form.get("next", "/"))
        username = form.get("username", "").strip()
        if not cookies.csrf_matches(request, form.get(cookies.CSRF_FIELD, "")):
            return self._sign_in_form(request, wanted, username, error=_stale_form(language_of(request)), status=403)
        try:
            token = await run_in_threadpool(self.accounts.sign_in, username, form.get("password", ""))
        except SignInError as error:
            return self._sign_in_form(
                request, wanted, username, error=translate(str(error), language_of(request)), status=401
            )
        return self._signed_in(token, wanted)

    def _signed_in(self, token: str, path: str) -> Response:
        response = RedirectResponse(path, status_code=303)
        cookies.set_session(response, token, secure=self.settings.secure_cookies)
        return response

    def _sign_in_form(
        self, request: Request, wanted: str, username: str = "", *, error: str = "", notice: str = "", status: int = 200
    ) -> Response:
        language = language_of(request)
        body = (
            html_page.message(error, "error")
            + html_page.message(notice, "notice")
            + f'<form method="post" action="{SIGN_IN_PATH}">'
            + html_page.hidden("next", wanted)
            + html_page.text_field(
                "username",
                translate("User name", language),
                autocomplete="username",
                value=username,
                autofocus=not username,
            )
            + html_page.password_field(
                "password", translate("Password", language), autocomplete="current-password", autofocus=bool(username)
            )
            + html_page.hidden(cookies.CSRF_FIELD, cookies.csrf_for(request))
            + f'<button type="submit">{escape(translate("Sign in", language))}</button></form>'
        )
        return self._page(request, translate("Sign in", language), body, status)

    async def show_sign_out(self, request: Request) -> Response:
        """Asks once; a link alone must not sign anybody out."""
        return self._page(request, translate("Sign out", language_of(request)), self._sign_out_form(request), 200)

    async def sign_out(self, request: Request) -> Response:
        """Closes the session in the database and in the browser."""
        form = await _form(request)
        if not cookies.csrf_matches(request, form.get(cookies.CSRF_FIELD, "")):
            language = language_of(request)
            body = html_page.message(_stale_form(language), "error") + self._sign_out_form(request)
            return self._page(request, translate("Sign out", language), body, 403)
        await run_in_threadpool(self.accounts.sign_out, cookies.session_token(request))
        response = RedirectResponse(f"{SIGN_IN_PATH}?why=signed-out", status_code=303)
        cookies.clear_session(response)
        return response

    def _sign_out_form(self, request: Request) -> str:
        language = language_of(request)
        token = html_page.hidden(cookies.CSRF_FIELD, cookies.csrf_for(request))
        label, back = escape(translate("Sign out", language)), escape(translate("Go back", language))
        return (
            f'<form method="post" action="{SIGN_OUT_PATH}">{token}<button type="submit">{label}</button></form>'
            f'<p class="hint"><a href="/">{back}</a></p>'
        )

    async def show_change_password(self, request: Request) -> Response:
        """The form for one's own password."""
        return self._password_form(request, request.scope[ACTOR_KEY])

    async def change_password(self, request: Request) -> Response:
        """Replaces the password and closes every other session of the user."""
        actor: Actor = request.scope[ACTOR_KEY]
        form = await _form(request)
        if not cookies.csrf_matches(request, form.get(cookies.CSRF_FIELD, "")):
            return self._password_form(request, actor, error=_stale_form(language_of(request)), status=403)
        new = form.get("new", "")
        if new != form.get("again", ""):
            differ = translate("The two new passwords differ.", language_of(request))
            return self._password_form(request, actor, error=differ, status=400)
        change: Callable[[Actor, str, str], str] = self.accounts.change_own_password
        try:
            token = await run_in_threadpool(change, actor, form.get("current", ""), new)
        except ClinicDataError as error:
            told = translate(str(error), language_of(request))
            return self._password_form(request, actor, error=told, status=400)
        return self._signed_in(token, "/")

    def _password_form(self, request: Request, actor: Actor, *, error: str = "", status: int = 200) -> Response:
        language = language_of(request)
        why = translate("Your password is for one use only. Please choose your own.", language)
        hint = translate("At least 12 characters; a few unrelated words work well.", language)
        body = (
            html_page.message(error, "error")
            + html_page.message(why if actor.must_change_password else "", "notice")
            + f'<form method="post" action="{CHANGE_PASSWORD_PATH}">'
            + html_page.username_for_password_keepers(actor.username)
            + html_page.password_field(
                "current", translate("Current password", language), autocomplete="current-password", autofocus=True
            )
            + html_page.password_field("new", translate("New password", language), autocomplete="new-password")
            + f'<p class="hint">{escape(hint)}</p>'
            + html_page.password_field("again", translate("New password, again", language), autocomplete="new-password")
            + html_page.hidden(cookies.CSRF_FIELD, cookies.csrf_for(request))
            + f'<button type="submit">{escape(translate("Change password", language))}</button></form>'
            + f'<p class="hint"><a href="{SIGN_OUT_PATH}">{escape(translate("Sign out", language))}</a></p>'
        )
        return self._page(request, translate("Choose a password", language), body, status)

    def _page(self, request: Request, title: str, body: str, status: int) -> Response:
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        text = html_page.page(title, body, self.settings.clinic_name, language_of(request), path)
        response = HTMLResponse(text, status_code=status)
        cookies.ensure_csrf(request, response, secure=self.settings.secure_cookies)
        return response


async def _form(request: Request) -> dict[str, str]:
    """The fields of a small urlencoded form; anything else reads as an empty form."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > _MAX_FORM_BYTES:
            return {}
    fields = parse_qs(content.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in fields.items()}
