"""The change of one's own password, as a plain route."""

from __future__ import annotations

from html import escape

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.gateway import forms, html_page
from app.gateway.guard import ACTOR_KEY, CHANGE_PASSWORD_PATH, SIGN_OUT_PATH
from app.gateway.language import language_of
from app.gateway.visitor import visitor_of
from app.services.accounts import Accounts
from app.services.permissions import Actor
from app.settings import Settings
from app.translation import translate
from clinic_data.errors import ClinicDataError


class OwnPasswordPages:
    """The form that also replaces a one-time password.

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
            Route(CHANGE_PASSWORD_PATH, self.show, methods=["GET"]),
            Route(CHANGE_PASSWORD_PATH, self.change, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """The form for one's own password."""
        return self._form(request, request.scope[ACTOR_KEY])

    async def change(self, request: Request) -> Response:
        """Replaces the password and closes every other session of the user."""
        actor: Actor = request.scope[ACTOR_KEY]
        language = language_of(request)
        fields = await forms.read_form(request)
        if not forms.is_genuine(request, fields):
            return self._form(request, actor, error=forms.stale_form(language), status=403)
        new = fields.get("new", "")
        if new != fields.get("again", ""):
            return self._form(request, actor, error=translate("The two new passwords differ.", language), status=400)
        change = self.accounts.change_own_password
        try:
            token = await run_in_threadpool(change, actor, fields.get("current", ""), new, visitor_of(request))
        except ClinicDataError as error:
            return self._form(request, actor, error=forms.told(error, language), status=400)
        return forms.signed_in(self.settings, forms.lead_to("/"), token)

    def _form(self, request: Request, actor: Actor, *, error: str = "", status: int = 200) -> Response:
        language = language_of(request)
        why = translate("Your password is for one use only. Please choose your own.", language)
        hint = translate("At least 12 characters; a few unrelated words work well.", language)
        fields = (
            html_page.username_for_password_keepers(actor.username)
            + html_page.password_field(
                "current", translate("Current password", language), autocomplete="current-password", autofocus=True
            )
            + html_page.password_field("new", translate("New password", language), autocomplete="new-password")
            + f'<p class="hint">{escape(hint)}</p>'
            + html_page.password_field("again", translate("New password, again", language), autocomplete="new-password")
        )
        body = (
            html_page.message(error, "error")
            + html_page.message(why if actor.must_change_password else "", "notice")
            + forms.form(request, CHANGE_PASSWORD_PATH, fields, translate("Change password", language))
            + f'<p class="hint"><a href="{SIGN_OUT_PATH}">{escape(translate("Sign out", language))}</a></p>'
        )
        return forms.page(request, self.settings, translate("Choose a password", language), body, status)
