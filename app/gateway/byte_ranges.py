"""Answers with a part of an open file, so that a browser can wind a clip. The file may be of any size and encrypted."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

_PIECE_BYTES = 1 << 18
_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", re.ASCII | re.IGNORECASE)
_MOST_DIGITS = 18


def answer(request: Request, file: BinaryIO, media_type: str, tag: str) -> Response:
    """The file, or the part that the request asks for (RFC 9110, section 14). Reads from disk: call it in a thread.

    A request for several parts at once gets the whole file, as the standard allows.

    Args:
        request: GET or HEAD.
        file: open for reading; it is closed once the answer is sent.
        media_type: of its content.
        tag: names the content; another content has another tag.

    Raises:
        ClinicDataError: if the file cannot be read where the answer begins.
    """
    try:
        size = file.seek(0, io.SEEK_END)
        entity_tag = f'"{tag}"'
        headers = {"accept-ranges": "bytes", "etag": entity_tag, "content-disposition": "inline"}
        wanted = _wanted(request, entity_tag, size)
        if wanted is None:
            status, start, end = 200, 0, size
        elif wanted[0] >= wanted[1]:
            file.close()
            return Response(status_code=416, headers={**headers, "content-range": f"bytes */{size}"})
        else:
            status, (start, end) = 206, wanted
            headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
        headers["content-length"] = str(end - start)
        if request.method == "HEAD":
            file.close()
            return Response(status_code=status, headers=headers, media_type=media_type)
        file.seek(start)
        first = file.read(min(_PIECE_BYTES, end - start))  # now: once the answer has begun, no error can be told
    except BaseException:
        file.close()
        raise
    body = chain((first,), _rest(file, end - start - len(first)))
    return StreamingResponse(body, status_code=status, headers=headers, media_type=media_type)


def _wanted(request: Request, entity_tag: str, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last; nothing between them: outside of the file. None: the whole file."""
    if request.headers.get("if-range", entity_tag) != entity_tag:
        return None
    found = _RANGE.fullmatch(request.headers.get("range", ""))
    if found is None or found[1] == found[2] == "" or max(map(len, found.groups())) > _MOST_DIGITS:
        return None
    if not found[1]:
        return max(size - int(found[2]), 0) if int(found[2]) else size, size
    start, end = int(found[1]), int(found[2]) + 1 if found[2] else size
    if found[2] and end <= start:
        return None  # not a range at all
    return start, min(end, size)


def _rest(file: BinaryIO, left: int) -> Iterator[bytes]:
    with file:
        while left > 0 and (piece := file.read(min(_PIECE_BYTES, left))):
            left -= len(piece)
            yield piece
