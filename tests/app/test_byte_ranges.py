"""Parts of an open file, as browsers ask for them when they wind a clip."""

from __future__ import annotations

import io
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from app.gateway import byte_ranges
from clinic_data.errors import SealError

CONTENT = bytes(range(256)) * 2400  # more than two pieces


class Told(io.BytesIO):
    """Notes whether it was closed, and reads how much."""

    opened: ClassVar[list[Told]] = []

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.largest = 0
        self.opened.append(self)

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.largest = max(self.largest, len(data))
        return data


def _clip(request: Request) -> Response:
    return byte_ranges.answer(request, Told(CONTENT), "video/mp4", "a-1")


def _empty(request: Request) -> Response:
    return byte_ranges.answer(request, Told(b""), "video/mp4", "a-2")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    path.write_bytes(CONTENT)
    routes = [
        Route("/clip", _clip, methods=["GET"]),
        Route("/empty", _empty, methods=["GET"]),
        Route("/reference", lambda _: FileResponse(path, media_type="video/mp4"), methods=["GET"]),
    ]
    return TestClient(Starlette(routes=routes))


@pytest.fixture(autouse=True)
def _all_closed():
    Told.opened.clear()
    yield
    assert Told.opened
    assert all(file.closed for file in Told.opened)
    assert all(file.largest <= 1 << 18 for file in Told.opened)


def test_without_a_range_the_whole_file_comes(browser: TestClient) -> None:
    whole = browser.get("/clip")
    assert (whole.status_code, whole.content) == (200, CONTENT)
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["content-length"] == str(len(CONTENT))
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["etag"] == '"a-1"'


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-", 0, len(CONTENT)),
        ("bytes=0-0", 0, 1),
        ("bytes=256-511", 256, 512),
        ("bytes=300000-300009", 300_000, 300_010),
        (f"bytes={len(CONTENT) - 1}-", len(CONTENT) - 1, len(CONTENT)),
        ("bytes=100-99999999999", 100, len(CONTENT)),
        ("bytes=-5", len(CONTENT) - 5, len(CONTENT)),
        ("bytes=-99999999999", 0, len(CONTENT)),
        ("Bytes = 7 - 9", 7, 10),
    ],
)
def test_a_part(browser: TestClient, asked: str, start: int, end: int) -> None:
    part = browser.get("/clip", headers={"range": asked})
    assert (part.status_code, part.content) == (206, CONTENT[start:end])
    assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"
    assert part.headers["content-length"] == str(end - start)


@pytest.mark.parametrize(
    "asked", [f"bytes={len(CONTENT)}-", "bytes=999999999-", "bytes=-0", f"bytes={len(CONTENT)}-9999999"]
)
def test_a_part_outside_of_the_file(browser: TestClient, asked: str) -> None:
    refused = browser.get("/clip", headers={"range": asked})
    assert (refused.status_code, refused.content) == (416, b"")
    assert refused.headers["content-range"] == f"bytes */{len(CONTENT)}"


@pytest.mark.parametrize(
    "asked", ["", "bytes", "bytes=-", "bytes=a-b", "items=0-5", "bytes=9-5", "bytes=0-5,9-12", "bytes=--5", "bytes=1-²"]
)
def test_what_is_no_single_range_gets_the_whole_file(browser: TestClient, asked: str) -> None:
    whole = browser.get("/clip", headers={"range": asked.encode()})
    assert (whole.status_code, whole.content) == (200, CONTENT)


def test_the_number_of_a_stranger_may_be_long(browser: TestClient) -> None:
    assert browser.get("/clip", headers={"range": f"bytes={'9' * 5000}-"}).status_code == 200


@pytest.mark.parametrize(("tag", "status"), [('"a-1"', 206), ('"other"', 200), ("Tue, 24 Nov 2026 00:00:00 GMT", 200)])
def test_a_part_of_another_version_is_not_given(browser: TestClient, tag: str, status: int) -> None:
    answer = browser.get("/clip", headers={"range": "bytes=0-9", "if-range": tag})
    assert answer.status_code == status


def test_head_tells_all_but_the_content(browser: TestClient) -> None:
    whole = browser.head("/clip")
    assert (whole.status_code, whole.headers["content-length"], whole.content) == (200, str(len(CONTENT)), b"")
    part = browser.head("/clip", headers={"range": "bytes=0-9"})
    assert (part.status_code, part.headers["content-length"], part.content) == (206, "10", b"")
    assert browser.head("/clip", headers={"range": "bytes=999999999-"}).status_code == 416


def test_an_empty_file(browser: TestClient) -> None:
    assert browser.get("/empty").status_code == 200
    assert browser.get("/empty", headers={"range": "bytes=0-"}).status_code == 416


@given(first=st.integers(0, len(CONTENT) + 10), length=st.integers(1, 3000))
def test_it_answers_as_the_library_does_for_plain_files(browser: TestClient, first: int, length: int) -> None:
    asked = {"range": f"bytes={first}-{first + length - 1}"}
    mine, reference = browser.get("/clip", headers=asked), browser.get("/reference", headers=asked)
    assert mine.status_code == reference.status_code
    assert mine.headers.get("content-range") == reference.headers.get("content-range")
    if mine.status_code == 206:
        assert mine.content == reference.content


def test_damage_at_the_beginning_is_told_before_the_answer_begins() -> None:
    class Damaged(Told):
        def read(self, size: int | None = -1, /) -> bytes:
            raise SealError("A stored file is damaged.")

    request = Request({"type": "http", "method": "GET", "headers": []})
    with pytest.raises(SealError):
        byte_ranges.answer(request, Damaged(CONTENT), "video/mp4", "a")
