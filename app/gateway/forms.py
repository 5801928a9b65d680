"""What the plain pages with forms share: the frame, the token against other sites, and errors in words."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.gateway import cookies, html_page
from app.gateway.language import language_of
from app.settings import Settings
from app.translation import translate
from clinic_data.errors import ClinicDataError, SlowDownError

_MAX_FORM_BYTES = 16_384


def page(request: Request, settings: Settings, title: str, body: str, status: int = 200) -> Response:
    """A whole page in the reader's language, with the cookie that belongs to its forms."""
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    text = html_page.page(title, body, settings.clinic_name, language_of(request), path)
    response = HTMLResponse(text, status_code=status)
    cookies.ensure_csrf(request, response, secure=settings.secure_cookies)
    return response


def form(request: Request, action: str, fields: str, button: str) -> str:
    """A form with its button; the token against other sites is added."""
    return form_with_buttons(request, action, fields, f'<button type="submit">{escape(button)}</button>')


def form_with_buttons(request: Request, action: str, fields: str, buttons: str) -> str:
    """A form with buttons as HTML; the token against other sites is added."""
    token = html_page.hidden(cookies.CSRF_FIELD, cookies.csrf_for(request))
    return f'<form method="post" action="{action}">{fields}{token}{buttons}</form>'


def is_genuine(request: Request, fields: dict[str, str]) -> bool:
    """Whether a form was sent by a page of this application."""
    return cookies.csrf_matches(request, fields.get(cookies.CSRF_FIELD, ""))


def stale_form(language: str) -> str:
    """What is told about a form that is not genuine."""
    return translate("This page was open for too long or cookies are blocked. Please try again.", language)


def told(error: ClinicDataError, language: str) -> str:
    """An error in the reader's language."""
    if isinstance(error, SlowDownError):
        return translate(SlowDownError.SENTENCE, language, seconds=error.wait_s)
    return translate(str(error), language)


def signed_in(settings: Settings, response: Response, token: str) -> Response:
    """Gives the browser its new session, and a new token for forms: nothing from before the sign-in goes on."""
    cookies.set_session(response, token, secure=settings.secure_cookies)
    cookies.renew_csrf(response, secure=settings.secure_cookies)
    cookies.clear_step(response)
    return response


def lead_to(path: str) -> RedirectResponse:
    """The answer to a form that was accepted."""
    return RedirectResponse(path, status_code=303)


async def read_form(request: Request) -> dict[str, str]:
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
