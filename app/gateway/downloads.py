"""Downloads that are made while they are sent: a patient's copy, a research export, the proof of an erasure."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from app.gateway import html_page
from app.gateway.guard import ACTOR_KEY
from app.gateway.language import language_of
from app.services.erasure import Erasures
from app.services.patient_copy import PatientCopies
from app.services.research_export import ResearchExports
from app.translation import translate
from clinic_data.errors import ClinicDataError, NotFoundError, PermissionDeniedError, StorageError

COPY_PATH = "/files/patients/{patient_id}/copy.zip"
RESEARCH_PATH = "/files/research.zip"
PROOF_PATH = "/files/erasures/{erasure_id}.json"
_STATUS: tuple[tuple[type[ClinicDataError], int], ...] = (
    (PermissionDeniedError, 403),
    (NotFoundError, 404),
    (StorageError, 503),
)
_log = logging.getLogger(__name__)


def copy_url(patient_id: str) -> str:
    """Where the copy of a patient's data is made."""
    return COPY_PATH.format(patient_id=patient_id)


def research_url(purpose: str) -> str:
    """Where a research export for a purpose is made."""
    return f"{RESEARCH_PATH}?purpose={quote(purpose, safe='')}"


def proof_url(erasure_id: str) -> str:
    """Where the proof of an erasure is."""
    return PROOF_PATH.format(erasure_id=erasure_id)


class DownloadRoutes:
    """Routes for downloads that a person asked for on a page."""

    def __init__(self, copies: PatientCopies, exports: ResearchExports, erasures: Erasures) -> None:
        self.copies = copies
        self.exports = exports
        self.erasures = erasures

    def routes(self) -> list[Route]:
        """The routes to mount."""
        return [
            Route(COPY_PATH, self.copy, methods=["GET"]),
            Route(RESEARCH_PATH, self.research, methods=["GET"]),
            Route(PROOF_PATH, self.proof, methods=["GET"]),
        ]

    async def copy(self, request: Request) -> Response:
        """The zip of everything that is stored about a patient."""

        def make() -> Response:
            made = self.copies.make(request.scope[ACTOR_KEY], request.path_params["patient_id"], language_of(request))
            return _zip(made.file_name, made.chunks)

        return await _answered(request, make)

    async def research(self, request: Request) -> Response:
        """The zip of pseudonymised sequences."""

        def make() -> Response:
            made = self.exports.make(request.scope[ACTOR_KEY], request.query_params.get("purpose", ""))
            return _zip(made.file_name, made.chunks)

        return await _answered(request, make)

    async def proof(self, request: Request) -> Response:
        """The signed proof of an erasure, byte for byte as it was signed."""
        erasure_id = request.path_params["erasure_id"]

        def read() -> Response:
            content = self.erasures.proof(request.scope[ACTOR_KEY], erasure_id)
            return Response(content, media_type="application/json", headers=_attached(f"erasure-{erasure_id}.json"))

        return await _answered(request, read)


def _zip(name: str, chunks: Iterator[bytes]) -> Response:
    return StreamingResponse(_logged(chunks), media_type="application/zip", headers=_attached(name))


def _logged(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """A zip that breaks off reaches the browser as a broken download, never as a shorter one."""
    try:
        yield from chunks
    except ClinicDataError as error:
        _log.error("A download broke off: %s", error)
        raise


def _attached(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


async def _answered(request: Request, answer: Callable[[], Response]) -> Response:
    """An answer, or a page that says why there is none."""
    try:
        return await run_in_threadpool(answer)
    except ClinicDataError as error:
        language = language_of(request)
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 400)
        text = html_page.message(translate(str(error), language), "error")
        title = translate("This cannot be downloaded", language)
        return HTMLResponse(html_page.page(title, text, "FGait", language), status_code=status)
