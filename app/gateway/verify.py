"""The public page on which anybody who holds a report can verify it: by its code, or with the file itself."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from html import escape

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Message

from app.gateway import html_page
from app.gateway.language import language_of
from app.gateway.verify_words import answer_to_code, answer_to_file, facts_of_report, facts_of_signature
from app.services.verification import MAX_FILE_BYTES, Verification, VerifiedReport, plain_code
from app.settings import VERIFY_PATH
from app.translation import translate

_FORM_BYTES = 10_000
_LIMIT, _WINDOW_S, _ADDRESSES = 30, 60.0, 10_000
_STYLE = """<style>
main{max-width:620px}
dl{display:grid;grid-template-columns:minmax(110px,34%) 1fr;gap:6px 16px;margin:18px 0}
dt{color:#4a5f66}dd{margin:0;overflow-wrap:anywhere}
.hash{font:13px/1.45 ui-monospace,"DejaVu Sans Mono",monospace}
h2{font-size:18px;margin:26px 0 4px}
input[type=file]{width:100%;padding:9px;border:1px solid #9db1b7;border-radius:6px;font:inherit;background:#fff}
input[type=file]:focus-visible{outline:3px solid #0b6e7566;outline-offset:1px}
.good{background:#e6f4ea;color:#14532d;border:1px solid #a9d5b5}
.warning{background:#fff6e0;color:#6b4700;border:1px solid #e8cf94}
</style>"""


class RateLimit:
    """How often one address may ask: a number of times in a window that moves on.

    Args:
        times: in the window.
        window_s: its length in seconds.
    """

    def __init__(self, times: int = _LIMIT, window_s: float = _WINDOW_S) -> None:
        self.times, self.window_s = times, window_s
        self._asked: OrderedDict[str, deque[float]] = OrderedDict()

    def allows(self, address: str, now_s: float) -> bool:
        """Whether this address may ask now; counts it if so."""
        asked = self._asked.setdefault(address, deque())
        self._asked.move_to_end(address)
        while len(self._asked) > _ADDRESSES:  # whoever asked longest ago is forgotten first
            self._asked.popitem(last=False)
        while asked and asked[0] <= now_s - self.window_s:
            asked.popleft()
        if len(asked) >= self.times:
            return False
        asked.append(now_s)
        return True


class VerificationPages:
    """The routes of the page.

    Args:
        verification: the use cases.
        limit: how often one address may ask.
    """

    def __init__(self, verification: Verification, limit: RateLimit | None = None) -> None:
        self.verification = verification
        self.limit = limit or RateLimit()

    def routes(self) -> list[Route]:
        """The routes to mount."""
        return [
            Route(VERIFY_PATH, self.show, methods=["GET"]),
            Route(VERIFY_PATH, self.check_file, methods=["POST"]),
            Route(f"{VERIFY_PATH}/{{code}}", self.show_code, methods=["GET"]),
            Route(f"{VERIFY_PATH}/{{code}}", self.check_file, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """The empty form; a code typed into it leads to the code's own address."""
        typed = request.query_params.get("code", "")[:200]
        code = plain_code(typed)
        if code:
            return RedirectResponse(f"{VERIFY_PATH}/{code}", status_code=303)
        problem = ""
        if typed:
            problem = translate("This is no code of a report. It has 26 letters and digits.", language_of(request))
        return await self._page(request, html_page.message(problem, "error"), "", status=400 if problem else 200)

    async def show_code(self, request: Request) -> Response:
        """What a code leads to."""
        if not self._may_ask(request):
            return await self._too_often(request)
        language = language_of(request)
        code = request.path_params["code"]
        report = await run_in_threadpool(self.verification.of_code, code)
        kind, text = answer_to_code(report, language)
        top = _message(text, kind) + (_list(facts_of_report(report, language)) if report else "")
        return await self._page(request, top, code if report else "", report, status=200 if report else 404)

    async def check_file(self, request: Request) -> Response:
        """Compares an uploaded file with what was stored."""
        if not self._may_ask(request):
            return await self._too_often(request)
        language, code = language_of(request), request.path_params.get("code", "")
        try:
            content = await _uploaded(request)
        except ClientDisconnect:
            return Response(status_code=499)
        if not content:
            limit = MAX_FILE_BYTES // 1_000_000
            problem = translate("Choose a PDF file of at most {limit} MB.", language, limit=limit)
            return await self._page(request, html_page.message(problem, "error"), code, status=400)
        checked = await run_in_threadpool(self.verification.of_file, content, code)
        kind, text = answer_to_file(checked, language)
        facts = facts_of_report(checked.report, language) if checked.report else ()
        top = _message(text, kind) + _list([*facts, *facts_of_signature(checked, language)])
        return await self._page(request, top, code, checked.report)

    def _may_ask(self, request: Request) -> bool:
        return self.limit.allows(request.client.host if request.client else "", time.monotonic())

    async def _too_often(self, request: Request) -> Response:
        text = translate("Too many questions from your address. Please wait a minute.", language_of(request))
        return await self._page(request, html_page.message(text, "error"), "", status=429)

    async def _page(
        self, request: Request, top: str, code: str, report: VerifiedReport | None = None, status: int = 200
    ) -> Response:
        language = language_of(request)
        clinic_name = await run_in_threadpool(self.verification.clinic_name)
        body = _STYLE + top + _file_form(code, report, language) + _code_form(language)
        title = translate("Verify a report", language)
        path = f"{VERIFY_PATH}/{plain_code(code)}" if plain_code(code) else VERIFY_PATH
        return HTMLResponse(html_page.page(title, body, clinic_name, language, path), status_code=status)


def _message(text: str, kind: str) -> str:
    return f'<p class="message {kind}" role="status">{escape(text)}</p>'


def _list(facts: Sequence[tuple[str, str]]) -> str:
    rows = (
        f"<dt>{escape(name)}</dt><dd{_HASH if len(value) == 64 else ''}><bdi>{escape(value)}</bdi></dd>"
        for name, value in facts
    )
    return f"<dl>{''.join(rows)}</dl>"


_HASH = ' class="hash"'


def _file_form(code: str, report: VerifiedReport | None, language: str) -> str:
    plain = plain_code(code)
    action = f"{VERIFY_PATH}/{plain}" if plain else VERIFY_PATH
    title = translate("Check the file", language)
    if report:
        hint = translate(
            "Is your PDF the stored report {number}, unchanged? Choose it here.", language, number=report.number
        )
    else:
        hint = translate("Choose the PDF of the report as you received it. It is compared and not kept.", language)
    label, button = translate("PDF of the report", language), translate("Check the file", language)
    return (
        f'<h2>{escape(title)}</h2><p class="hint">{escape(hint)}</p>'
        f'<form method="post" action="{escape(action)}" enctype="multipart/form-data">'
        f'<label for="file">{escape(label)}</label>'
        '<input type="file" id="file" name="file" accept="application/pdf,.pdf" required>'
        f'<button type="submit">{escape(button)}</button></form>'
    )


def _code_form(language: str) -> str:
    title = translate("Look up a code", language)
    hint = translate("The code stands beside the QR code at the foot of the report.", language)
    return (
        f'<h2>{escape(title)}</h2><p class="hint">{escape(hint)}</p><form method="get" action="{VERIFY_PATH}">'
        + html_page.text_field("code", translate("Code", language), autocomplete="off")
        + f'<button type="submit">{escape(translate("Look it up", language))}</button></form>'
    )


async def _uploaded(request: Request) -> bytes:
    """The file of a form, or nothing if there is none or it is too large; never more than the limit is read."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_FILE_BYTES + _FORM_BYTES:
            return b""
    whole = bytes(content)

    async def once() -> Message:
        return {"type": "http.request", "body": whole, "more_body": False}

    try:
        async with Request(request.scope, once).form(max_files=1, max_fields=2) as form:
            file = form.get("file")
            return await file.read() if isinstance(file, UploadFile) else b""
    except (HTTPException, MultiPartException, ValueError, KeyError):
        return b""
