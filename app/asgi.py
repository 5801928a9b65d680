"""The web application: `uvicorn app.asgi:app`. One process, because sessions of the pages live in it."""

from __future__ import annotations

import logging
from html import escape
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from app.gateway import html_page
from app.gateway.downloads import DownloadRoutes
from app.gateway.external_sign_in import ExternalSignInPages
from app.gateway.files import FileRoutes
from app.gateway.guard import HEALTH_PATH, SecurityHeaders, SessionGuard
from app.gateway.language import LanguageChoice, language_of
from app.gateway.own_password import OwnPasswordPages
from app.gateway.page_shell import PageShell
from app.gateway.sign_in import SignInPages
from app.gateway.two_step import TwoStepPages
from app.gateway.verify import VerificationPages
from app.services.catalogue import Services
from app.services.incidents import log_incident
from app.settings import CLONE_ROOT, Settings
from app.translation import translate
from app.views.parts import words

SCRIPT = CLONE_ROOT / "app" / "main.py"
_INDEX = Path(st.__file__).parent / "static" / "index.html"


def _incident_text(language: str, incident: str) -> str:
    return translate(
        "Something went wrong that should not have. Nothing was lost that was stored before. "
        "Please tell your administrator the incident number {incident}.",
        language,
        incident=incident,
    )


def create_app(settings: Settings) -> st.App:
    """Builds the application; the database must have been upgraded already.

    Args:
        settings: of this installation.
    """
    services = Services.open(settings)
    _keep_framework_quiet()

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def fault(request: Request, error: Exception) -> Response:
        language = language_of(request)
        start = translate("Go to the start page", language)
        text = html_page.message(_incident_text(language, log_incident(error)), "error")
        body = f'{text}<p class="hint"><a href="/">{escape(start)}</a></p>'
        title = translate("A fault occurred", language)
        return HTMLResponse(html_page.page(title, body, settings.clinic_name, language), status_code=500)

    return st.App(
        SCRIPT,
        routes=[
            Route(HEALTH_PATH, health),
            *PageShell(_INDEX, _page_names()).routes(),
            *SignInPages(services.accounts, settings).routes(),
            *OwnPasswordPages(services.accounts, settings).routes(),
            *TwoStepPages(services.own_accounts, settings).routes(),
            *ExternalSignInPages(services.external_sign_in, services.accounts, settings).routes(),
            *LanguageChoice(secure=settings.secure_cookies).routes(),
            *VerificationPages(services.verification).routes(),
            *FileRoutes(services.recordings, services.screening).routes(),
            *DownloadRoutes(services.patient_copies, services.research_exports, services.erasures).routes(),
        ],
        middleware=[
            Middleware(SecurityHeaders, https=settings.secure_cookies),
            Middleware(TrustedHostMiddleware, allowed_hosts=_host_names(settings), www_redirect=False),
            Middleware(SessionGuard, accounts=services.accounts),
        ],
        exception_handlers={Exception: fault},
        on_script_error=show_incident,
    )


def show_incident(error: Exception) -> bool:
    """Shows a number in place of a fault of a page."""
    st.error(_incident_text(words.language(), log_incident(error)))
    return True


def _page_names() -> list[str]:
    return [path.stem for path in sorted((SCRIPT.parent / "views").glob("[a-z]*.py"))]


def _host_names(settings: Settings) -> list[str]:
    return [form for name in settings.allowed_hosts for form in (name, name.strip("[]"))]


def _keep_framework_quiet() -> None:
    """The framework logs a fault with its traceback a second time, without our number."""
    logging.getLogger("streamlit.error_util").setLevel(logging.CRITICAL)


app = create_app(Settings())
