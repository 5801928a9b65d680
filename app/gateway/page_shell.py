"""The HTML document in which the pages run: the framework's own, told where its server is and who reads it.

Without being told, the framework first looks for its server below the page's own address and logs an error for each
try. Screen readers and the layout need the language and the direction of reading from the first moment.
"""

from __future__ import annotations

import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from app.gateway.guard import ACTOR_KEY
from app.gateway.language import language_of
from app.services.permissions import Actor
from clinic_data.tables import Role
from reports.catalogues import LANGUAGES, direction

_TELL = "<script>window.__streamlit={BACKEND_BASE_URL:window.location.origin}</script>"
_HTML_TAG = re.compile(r"<html[^>]*>")
# As in app/main.py. Who has it as start page finds it at "/" only: at its own address the framework says "not found".
_START_PAGES = {Role.CLINICIAN: "/patients", Role.ADMINISTRATOR: "/users", Role.AUDITOR: "/audit_log"}


class PageShell:
    """Serves the document for the start page and for each page's address.

    Args:
        index: the framework's `index.html`.
        page_names: the addresses of the pages.
    """

    def __init__(self, index: Path, page_names: list[str]) -> None:
        text = index.read_text(encoding="utf-8").replace("<title>Streamlit</title>", "<title>FGait</title>")
        text = text.replace("<head>", f"<head>{_TELL}", 1)
        self._documents = {
            language: _HTML_TAG.sub(f'<html lang="{language}" dir="{direction(language)}">', text, count=1)
            for language in LANGUAGES
        }
        self._page_names = page_names

    def routes(self) -> list[Route]:
        """The routes to mount."""
        return [Route(f"/{name}", self.show, methods=["GET"]) for name in ["", *self._page_names]]

    async def show(self, request: Request) -> Response:
        """The document; what it shows comes through the websocket, which is guarded too."""
        actor: Actor = request.scope[ACTOR_KEY]
        if request.url.path == _START_PAGES[actor.role]:
            return RedirectResponse(f"/?{request.url.query}" if request.url.query else "/", status_code=303)
        return HTMLResponse(self._documents[language_of(request)])
