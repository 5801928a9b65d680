"""In which language a browser reads: its own choice in a cookie, else what it asks for, else English."""

from __future__ import annotations

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.gateway.guard import LANGUAGE_PATH, local_path
from reports.catalogues import LANGUAGES

LANGUAGE_COOKIE = "fgait_language"
_A_YEAR_S = 365 * 86_400


def chosen_language(cookie: str | None, asked_for: str | None) -> str:
    """The language to use.

    Args:
        cookie: the browser's choice, if it made one.
        asked_for: as in the header Accept-Language: "zh-CN,zh;q=0.9".
    """
    if cookie is not None and cookie in LANGUAGES:
        return cookie
    for wish in (asked_for or "").split(","):
        tag = wish.split(";")[0].strip().lower().split("-")[0]
        if tag in LANGUAGES:
            return tag
    return "en"


def language_of(connection: HTTPConnection) -> str:
    """The language of a request."""
    return chosen_language(connection.cookies.get(LANGUAGE_COOKIE), connection.headers.get("accept-language"))


class LanguageChoice:
    """The route behind the choice of a language: keeps it in a cookie and goes back to the page.

    Args:
        secure: send the cookie over HTTPS only.
    """

    def __init__(self, *, secure: bool) -> None:
        self.secure = secure

    def routes(self) -> list[Route]:
        """The routes to mount."""
        return [Route(LANGUAGE_PATH, self.choose, methods=["GET"])]

    async def choose(self, request: Request) -> Response:
        """`?to=zh&next=/patients`; a language that there is not changes nothing."""
        response = RedirectResponse(local_path(request.query_params.get("next", "/")), status_code=303)
        wanted = request.query_params.get("to", "")
        if wanted in LANGUAGES:
            response.set_cookie(
                LANGUAGE_COOKIE, wanted, max_age=_A_YEAR_S, path="/", httponly=True, samesite="lax", secure=self.secure
            )
        return response
