"""Two-step sign-in: switched on with a QR code, renewed and switched off, as a plain route.

It is no page of the framework, because it must be reachable where the clinic asks for two steps and the user has not
set them up yet, and because each change gives the browser a new session.
"""

from __future__ import annotations

import io
from html import escape

import segno
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.gateway import forms, html_page
from app.gateway.guard import ACTOR_KEY, SIGN_OUT_PATH, TWO_STEP_PATH
from app.gateway.language import language_of
from app.gateway.visitor import visitor_of
from app.services.own_account import NewCodes, OwnAccounts, TwoStepSetup, TwoStepState
from app.services.permissions import Actor
from app.settings import Settings
from app.translation import translate
from clinic_data.errors import ClinicDataError

ACCOUNT_PATH = "/account"


class TwoStepPages:
    """The routes around the authenticator app.

    Args:
        own_accounts: the use cases.
        settings: for the clinic's name and the kind of cookies.
    """

    def __init__(self, own_accounts: OwnAccounts, settings: Settings) -> None:
        self.own_accounts = own_accounts
        self.settings = settings

    def routes(self) -> list[Route]:
        """The routes to mount."""
        return [
            Route(TWO_STEP_PATH, self.show, methods=["GET"]),
            Route(TWO_STEP_PATH, self.change, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """How it stands, with the forms that change it."""
        return await self._state_page(request)

    async def change(self, request: Request) -> Response:
        """Does what the button says that was pressed: "on", "renew" or "off"."""
        actor: Actor = request.scope[ACTOR_KEY]
        language = language_of(request)
        fields = await forms.read_form(request)
        if not forms.is_genuine(request, fields):
            return await self._state_page(request, error=forms.stale_form(language), status=403)
        given = (actor, fields.get("password", ""), fields.get("code", ""), visitor_of(request))
        try:
            if fields.get("action") == "off":
                token = await run_in_threadpool(self.own_accounts.switch_two_step_off, *given)
                return forms.signed_in(self.settings, forms.lead_to(ACCOUNT_PATH), token)
            use = self.own_accounts
            made = await run_in_threadpool(
                use.renew_recovery_codes if fields.get("action") == "renew" else use.confirm_two_step, *given
            )
        except ClinicDataError as error:
            return await self._state_page(request, error=forms.told(error, language), status=400)
        return forms.signed_in(self.settings, self._codes_page(request, made), made.token)

    async def _state_page(self, request: Request, *, error: str = "", status: int = 200) -> Response:
        actor: Actor = request.scope[ACTOR_KEY]
        state = await run_in_threadpool(self.own_accounts.two_step_state, actor)
        if state.on:
            body = self._on(request, state)
        else:
            body = self._off(request, actor, await run_in_threadpool(self.own_accounts.begin_two_step, actor))
        title = translate("Two-step sign-in", language_of(request))
        return forms.page(request, self.settings, title, html_page.message(error, "error") + body, status)

    def _off(self, request: Request, actor: Actor, setup: TwoStepSetup) -> str:
        language = language_of(request)
        why = translate("Your clinic asks for two-step sign-in in your role. Please set it up now.", language)
        steps = translate(
            "Open an authenticator app on your phone, scan this picture, and type the six digits that the app shows.",
            language,
        )
        by_hand = translate("Without a camera, type this key into the app:", language)
        spaced = " ".join(setup.secret[i : i + 4] for i in range(0, len(setup.secret), 4))
        return (
            html_page.message(why if actor.must_set_up_totp else "", "notice")
            + f"<p>{escape(steps)}</p>{_qr(setup.uri, translate('QR code for the authenticator app', language))}"
            + f'<p class="hint">{escape(by_hand)}</p><code class="secret">{escape(spaced)}</code>'
            + forms.form(
                request,
                TWO_STEP_PATH,
                html_page.hidden("action", "on") + _fields(actor, language, code_label=_app_code(language)),
                translate("Switch on", language),
            )
            + _way_out(actor, language)
        )

    def _on(self, request: Request, state: TwoStepState) -> str:
        language, actor = language_of(request), request.scope[ACTOR_KEY]
        told = translate(
            "Sign-in asks for a code of your authenticator app. {left} recovery codes are left.",
            language,
            left=state.codes_left,
        )
        label = translate("Code of the app, or a recovery code", language)
        off = translate("Switch off", language)
        if state.required:
            kept = translate("Your clinic asks for two-step sign-in in your role, so it stays on.", language)
            more = f'<p class="hint">{escape(kept)}</p>'
        else:
            more = f'<button type="submit" class="danger" name="action" value="off">{escape(off)}</button>'
        renew = translate("Make new recovery codes", language)
        # The first button is what the Enter key presses: not the one that switches off.
        buttons = f'<button type="submit" class="second" name="action" value="renew">{escape(renew)}</button>{more}'
        fields = _fields(actor, language, code_label=label)
        return (
            f"<p>{escape(told)}</p>"
            + forms.form_with_buttons(request, TWO_STEP_PATH, fields, buttons)
            + _way_out(actor, language)
        )

    def _codes_page(self, request: Request, made: NewCodes) -> Response:
        language = language_of(request)
        told = translate(
            "These are your recovery codes. Each lets you in once if you do not have your phone. They are shown only "
            "now: print this page or write them down, and keep them where nobody else finds them.",
            language,
        )
        done = translate("Two-step sign-in is on. You were signed out in all other browsers.", language)
        codes = "".join(f"<li>{escape(code)}</li>" for code in made.recovery_codes)
        go = translate("I have kept them", language)
        body = (
            html_page.message(done, "notice")
            + f'<p>{escape(told)}</p><ul class="codes">{codes}</ul><a class="go" href="/">{escape(go)}</a>'
        )
        return forms.page(request, self.settings, translate("Recovery codes", language), body)


def _app_code(language: str) -> str:
    return translate("Code that the app shows now", language)


def _fields(actor: Actor, language: str, *, code_label: str) -> str:
    return (
        html_page.username_for_password_keepers(actor.username)
        + html_page.password_field("password", translate("Your password", language), autocomplete="current-password")
        + html_page.text_field("code", code_label, autocomplete="one-time-code")
    )


def _way_out(actor: Actor, language: str) -> str:
    path, words = (
        (SIGN_OUT_PATH, translate("Sign out", language))
        if actor.must_set_up_totp
        else (ACCOUNT_PATH, translate("Back to your account", language))
    )
    return f'<p class="hint"><a href="{path}">{escape(words)}</a></p>'


def _qr(text: str, label: str) -> str:
    drawn = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        drawn, kind="svg", xmldecl=False, svgclass="qr", lineclass=None, omitsize=True, border=4, light="#fff"
    )
    return drawn.getvalue().decode().replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1)
