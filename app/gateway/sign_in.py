"""Sign-in with password and code, and sign-out, as plain routes."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.gateway import cookies, external_sign_in, forms, html_page
from app.gateway.guard import SIGN_IN_CODE_PATH, SIGN_IN_PATH, SIGN_OUT_PATH, local_path
from app.gateway.language import language_of
from app.gateway.visitor import visitor_of
from app.services.accounts import Accounts, CodeNeededError
from app.settings import Settings
from app.translation import translate
from clinic_data.errors import SignInError, StepEndedError


class SignInPages:
    """The routes of who is not signed in yet, or not any more.

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
            Route(SIGN_IN_CODE_PATH, self.show_code, methods=["GET"]),
            Route(SIGN_IN_CODE_PATH, self.send_code, methods=["POST"]),
            Route(SIGN_OUT_PATH, self.show_sign_out, methods=["GET"]),
            Route(SIGN_OUT_PATH, self.sign_out, methods=["POST"]),
        ]

    async def show_sign_in(self, request: Request) -> Response:
        """The sign-in form; whoever is signed in already goes on."""
        actor = await run_in_threadpool(self.accounts.actor_of, cookies.session_token(request))
        wanted = local_path(request.query_params.get("next", "/"))
        if actor is not None:
            return forms.lead_to(wanted)
        language = language_of(request)
        notice = {
            "signed-out": translate("You are signed out.", language),
            "expired": translate("Your session has ended. Please sign in again.", language),
        } | external_sign_in.notices(language)
        response = self._sign_in_form(request, wanted, notice=notice.get(request.query_params.get("why", ""), ""))
        cookies.clear_session(response)
        return response

    async def sign_in(self, request: Request) -> Response:
        """Checks the password."""
        fields = await forms.read_form(request)
        wanted, language = local_path(fields.get("next", "/")), language_of(request)
        username = fields.get("username", "").strip()
        if not forms.is_genuine(request, fields):
            return self._sign_in_form(request, wanted, username, error=forms.stale_form(language), status=403)
        try:
            token = await run_in_threadpool(
                self.accounts.sign_in,
                username,
                fields.get("password", ""),
                visitor_of(request),
                earlier_token=cookies.session_token(request),
            )
        except SignInError as error:
            return self._sign_in_form(request, wanted, username, error=forms.told(error, language), status=401)
        except CodeNeededError as needed:
            response = forms.lead_to(f"{SIGN_IN_CODE_PATH}?next={quote(wanted, safe='')}")
            cookies.set_step(response, needed.step_token, secure=self.settings.secure_cookies)
            cookies.clear_session(response)
            return response
        return forms.signed_in(self.settings, forms.lead_to(wanted), token)

    def _sign_in_form(
        self, request: Request, wanted: str, username: str = "", *, error: str = "", notice: str = "", status: int = 200
    ) -> Response:
        language = language_of(request)
        fields = (
            html_page.hidden("next", wanted)
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
        )
        body = (
            html_page.message(error, "error")
            + html_page.message(notice, "notice")
            + forms.form(request, SIGN_IN_PATH, fields, translate("Sign in", language))
            + external_sign_in.offer(self.settings, wanted, language)
        )
        return forms.page(request, self.settings, translate("Sign in", language), body, status)

    async def show_code(self, request: Request) -> Response:
        """Asks for the code of the authenticator app; without a password before it, leads to the sign-in."""
        wanted = local_path(request.query_params.get("next", "/"))
        if not await run_in_threadpool(self.accounts.step_is_open, cookies.step_token(request)):
            return forms.lead_to(f"{SIGN_IN_PATH}?next={quote(wanted, safe='')}")
        return self._code_form(request, wanted)

    async def send_code(self, request: Request) -> Response:
        """Checks the code."""
        fields = await forms.read_form(request)
        wanted, language = local_path(fields.get("next", "/")), language_of(request)
        if not forms.is_genuine(request, fields):
            return self._code_form(request, wanted, error=forms.stale_form(language), status=403)
        try:
            token = await run_in_threadpool(
                self.accounts.finish_sign_in,
                cookies.step_token(request) or "",
                fields.get("code", ""),
                visitor_of(request),
                earlier_token=cookies.session_token(request),
            )
        except StepEndedError as error:
            response = self._sign_in_form(request, wanted, error=forms.told(error, language), status=401)
            cookies.clear_step(response)
            return response
        except SignInError as error:
            return self._code_form(request, wanted, error=forms.told(error, language), status=401)
        return forms.signed_in(self.settings, forms.lead_to(wanted), token)

    def _code_form(self, request: Request, wanted: str, *, error: str = "", status: int = 200) -> Response:
        language = language_of(request)
        label = translate("Code of your authenticator app", language)
        hint = translate("Six digits. Without your phone, type one of your recovery codes instead.", language)
        fields = (
            html_page.hidden("next", wanted)
            + html_page.text_field("code", label, autocomplete="one-time-code", autofocus=True)
            + f'<p class="hint">{escape(hint)}</p>'
        )
        back = translate("Sign in as somebody else", language)
        body = (
            html_page.message(error, "error")
            + forms.form(request, SIGN_IN_CODE_PATH, fields, translate("Sign in", language))
            + f'<p class="hint"><a href="{SIGN_IN_PATH}">{escape(back)}</a></p>'
        )
        return forms.page(request, self.settings, translate("Second step", language), body, status)

    async def show_sign_out(self, request: Request) -> Response:
        """Asks once; a link alone must not sign anybody out."""
        return self._sign_out_page(request)

    async def sign_out(self, request: Request) -> Response:
        """Closes the session in the database and in the browser."""
        fields = await forms.read_form(request)
        if not forms.is_genuine(request, fields):
            return self._sign_out_page(request, error=forms.stale_form(language_of(request)), status=403)
        await run_in_threadpool(self.accounts.sign_out, cookies.session_token(request))
        response = forms.lead_to(f"{SIGN_IN_PATH}?why=signed-out")
        cookies.clear_session(response)
        return response

    def _sign_out_page(self, request: Request, *, error: str = "", status: int = 200) -> Response:
        language = language_of(request)
        label, back = translate("Sign out", language), escape(translate("Go back", language))
        body = (
            html_page.message(error, "error")
            + forms.form(request, SIGN_OUT_PATH, "", label)
            + f'<p class="hint"><a href="/">{back}</a></p>'
        )
        return forms.page(request, self.settings, label, body, status)
