"""Files in and out: the streaming upload, and the overlay clip with byte ranges."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from urllib.parse import unquote

import anyio.from_thread
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.gateway import byte_ranges
from app.gateway.cookies import CSRF_HEADER, csrf_matches
from app.gateway.guard import ACTOR_KEY
from app.gateway.language import language_of
from app.services.recordings import DiskFullError, Recordings, UploadTooLargeError
from app.services.screening import Screening
from app.translation import translate
from clinic_data.errors import ClinicDataError, NotFoundError, PermissionDeniedError, SealError, StorageError
from clinic_data.tables import Recording

UPLOAD_PATH = "/api/recordings"
OVERLAY_PATH = "/files/assessments/{assessment_id}/overlay.mp4"
CLIP_OVERLAY_PATH = "/files/assessments/{assessment_id}/overlay-{position:int}.mp4"
REFERENCE_PATH = "/files/references/{reference_id}.png"
PATIENT_HEADER = "x-fgait-patient"
INBOX = "inbox"
"""In place of a patient: nobody has said yet whom the video shows."""
# The name travels in a header, not in the URL: it may hold a patient's name, and URLs are logged.
FILE_NAME_HEADER = "x-fgait-file-name"
_STATUS: tuple[tuple[type[ClinicDataError], int], ...] = (
    (UploadTooLargeError, 413),
    (DiskFullError, 507),
    (PermissionDeniedError, 403),
    (NotFoundError, 404),
    (StorageError, 503),
    (SealError, 500),
)
_PIECE_BYTES = 1 << 20
_log = logging.getLogger(__name__)


def overlay_url(assessment_id: str, position: int | None = None) -> str:
    """Where an overlay clip of an assessment is played from.

    Args:
        assessment_id: the assessment.
        position: which of the result's `clips`; None is the leading one.
    """
    if position is None:
        return OVERLAY_PATH.format(assessment_id=assessment_id)
    return f"/files/assessments/{assessment_id}/overlay-{position}.mp4"


def reference_url(reference_id: str) -> str:
    """Where the picture of a reference walker is."""
    return REFERENCE_PATH.format(reference_id=reference_id)


class FileRoutes:
    """Routes for bytes that do not pass through the pages."""

    def __init__(self, recordings: Recordings, screening: Screening) -> None:
        self.recordings = recordings
        self.screening = screening

    def routes(self) -> list[Route]:
        """The routes to mount."""
        return [
            Route(UPLOAD_PATH, self.upload, methods=["PUT"]),
            Route(OVERLAY_PATH, self.overlay, methods=["GET"]),
            Route(CLIP_OVERLAY_PATH, self.overlay, methods=["GET"]),
            Route(REFERENCE_PATH, self.reference, methods=["GET"]),
        ]

    async def upload(self, request: Request) -> Response:
        """Stores the body as a recording of a patient or into the inbox; never holds more than one piece of it."""
        if not csrf_matches(request, request.headers.get(CSRF_HEADER, "")):
            said = translate("Please reload the page and try again.", language_of(request))
            return JSONResponse({"error": said}, status_code=403)
        try:
            recording = await run_in_threadpool(self._store, request)
        except ClinicDataError as error:
            return _refusal(request, error)
        except ClientDisconnect:
            _log.info("An upload broke off; what had arrived was removed.")
            return Response(status_code=499)
        return JSONResponse(
            {"recording_id": recording.id, "size_bytes": recording.size_bytes, "sha256": recording.sha256},
            status_code=201,
        )

    def _store(self, request: Request) -> Recording:
        declared = request.headers.get("content-length", "")
        patient_id = request.headers.get(PATIENT_HEADER, "")
        return self.recordings.receive(
            request.scope[ACTOR_KEY],
            None if patient_id == INBOX else patient_id,
            unquote(request.headers.get(FILE_NAME_HEADER, "")) or "video",
            _body_from_thread(request),
            int(declared) if declared.isdecimal() else None,
        )

    async def overlay(self, request: Request) -> Response:
        """The clip that shows whom the result is about; answers byte ranges, so that it can be wound."""
        try:
            return await run_in_threadpool(self._overlay, request)
        except ClinicDataError as error:
            return _refusal(request, error)

    def _overlay(self, request: Request) -> Response:
        wanted = request.path_params["assessment_id"], request.path_params.get("position")
        clip = self.screening.overlay(request.scope[ACTOR_KEY], *wanted)
        tag = "-".join(str(part) for part in wanted if part is not None)  # a stored clip never changes
        return byte_ranges.answer(request, clip, "video/mp4", tag)

    async def reference(self, request: Request) -> Response:
        """Silhouettes of a simulated walker of the reference bank."""
        draw = self.screening.reference_png
        try:
            png = await run_in_threadpool(draw, request.scope[ACTOR_KEY], request.path_params["reference_id"])
        except ClinicDataError as error:
            return _refusal(request, error)
        return Response(png, media_type="image/png")


def _body_from_thread(request: Request) -> Iterator[bytes]:
    """The body as a plain iterator, for the worker thread that writes it to disk."""
    stream: AsyncIterator[bytes] = request.stream()

    async def next_pieces() -> bytes:
        pieces = bytearray()  # some pieces at once: each visit to the event loop costs more than its piece
        while len(pieces) < _PIECE_BYTES and (piece := await anext(stream, None)) is not None:
            pieces += piece
        return bytes(pieces)

    while pieces := anyio.from_thread.run(next_pieces):
        yield pieces


def _refusal(request: Request, error: ClinicDataError) -> Response:
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 400)
    said = translate(str(error), language_of(request))  # those whose text holds figures are in English
    return JSONResponse({"error": said}, status_code=status, headers={"Connection": "close"})
