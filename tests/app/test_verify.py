"""Verification of reports as somebody meets it who only holds a report."""

from __future__ import annotations

import re
import warnings

import pytest
from conftest import make_clinic
from stored import screen

from app.gateway.verify import RateLimit
from app.services.verification import FileVerdict, plain_code

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it prefers the successor of httpx
    from starlette.applications import Starlette
    from starlette.testclient import TestClient


@pytest.fixture(scope="module")
def issued(tmp_path_factory):
    """A clinic with two reports of one assessment, and their PDFs."""
    clinic = make_clinic(tmp_path_factory.mktemp("verify"))
    assessment_id = screen(clinic)
    reporting = clinic.services.reporting
    first = reporting.create(clinic.clinician, assessment_id)
    second = reporting.create(clinic.clinician, assessment_id)
    files = [reporting.read_pdf(clinic.clinician, report.id) for report in (first, second)]
    yield clinic, (first, second), files
    clinic.services.database.dispose()


@pytest.fixture
def visitor(issued):
    """Somebody without an account."""
    from app.gateway.verify import VerificationPages

    pages = VerificationPages(issued[0].services.verification)
    with TestClient(Starlette(routes=pages.routes()), base_url="http://localhost") as client:
        yield client


def _upload(visitor, content: bytes, code: str = ""):
    path = f"/verify/{code}" if code else "/verify"
    return visitor.post(path, files={"file": ("report.pdf", content, "application/pdf")})


def test_a_code_leads_to_the_report_and_to_no_patient(issued, visitor):
    _, (first, second), _ = issued
    page = visitor.get(f"/verify/{second.verification_code}")
    assert page.status_code == 200
    assert second.number in page.text
    assert second.content_sha256 in page.text
    assert "newest version" in page.text
    assert "Example" not in page.text
    assert "R-1" not in page.text
    old = visitor.get(f"/verify/{first.verification_code}").text
    assert f"a newer version exists: {second.number}" in old


def test_a_code_may_be_typed_as_it_is_printed(issued, visitor):
    _, (_, second), _ = issued
    code = second.verification_code
    typed = "-".join(code[start : start + 4] for start in range(0, 26, 4)).lower()
    found = visitor.get("/verify", params={"code": f" {typed} "}, follow_redirects=False)
    assert found.headers["location"] == f"/verify/{code}"
    assert visitor.get("/verify", params={"code": "abc"}).status_code == 400


def test_a_wrong_code_leads_to_nothing(visitor):
    page = visitor.get(f"/verify/{'A' * 26}")
    assert page.status_code == 404
    assert "No report of this clinic has this code" in page.text
    assert visitor.get("/verify/<script>alert(1)</script>").text.count("<script>") == 0


def test_the_stored_file_is_recognised_with_and_without_its_code(issued, visitor):
    _, (_, second), files = issued
    for code in ("", second.verification_code):
        page = _upload(visitor, files[1], code).text
        assert f"This file is the report {second.number}, unchanged." in page
        assert "Self-signed" in page
    superseded = _upload(visitor, files[0]).text
    assert f"a newer version exists: {second.number}" in superseded


def test_a_tampered_file_is_rejected(issued, visitor):
    _, (_, second), files = issued
    at = re.search(rb"/Contents <30", files[1]).start() // 2  # somewhere in the pages
    changed = files[1][:at] + bytes([files[1][at] ^ 1]) + files[1][at + 1 :]
    page = _upload(visitor, changed, second.verification_code).text
    assert f"This file is NOT the report {second.number}" in page
    assert "unchanged" not in page.split("</p>")[1]
    added = _upload(visitor, files[1] + b"\n% more", second.verification_code).text
    assert "it was changed" in added


def test_every_changed_byte_is_found(issued):
    clinic, _, files = issued
    document = files[1]
    check = clinic.services.verification.of_file
    for at in range(0, len(document), len(document) // 40):
        changed = bytearray(document)
        changed[at] ^= 1
        checked = check(bytes(changed))
        assert checked.verdict in {FileVerdict.CHANGED, FileVerdict.UNKNOWN}, at
        assert checked.signature is None or not checked.signature.valid, at


def test_a_file_of_another_report_is_told_apart(issued, visitor):
    _, (first, second), files = issued
    assert "another report" in _upload(visitor, files[0], second.verification_code).text
    assert first.number != second.number


@pytest.mark.parametrize("content", [b"%PDF-1.7 nothing", b"walk", b"x" * 100_000])
def test_files_that_are_no_report(visitor, content):
    assert "cannot be matched with a report" in _upload(visitor, content).text


def test_too_large_and_empty_uploads(issued, visitor, monkeypatch):
    monkeypatch.setattr("app.gateway.verify.MAX_FILE_BYTES", 1000)
    assert _upload(visitor, b"x" * 20_000).status_code == 400
    assert visitor.post("/verify", data={"file": "text"}).status_code == 400
    assert visitor.post("/verify", content=b"no form").status_code == 400


def test_a_broken_form_is_answered_on_the_page(visitor):
    broken = {"content-type": "multipart/form-data; boundary=x"}
    answer = visitor.post("/verify", content=b"--x\r\nno head\r\n", headers=broken)
    assert answer.status_code == 400
    assert "Choose a PDF file" in answer.text


def test_the_page_reads_in_other_languages(visitor):
    page = visitor.get("/verify", headers={"accept-language": "ar"}).text
    assert 'lang="ar" dir="rtl"' in page


def test_who_asks_too_often_has_to_wait(issued):
    from app.gateway.verify import VerificationPages

    pages = VerificationPages(issued[0].services.verification, RateLimit(times=2))
    with TestClient(Starlette(routes=pages.routes())) as client:
        codes = [client.get(f"/verify/{'A' * 26}").status_code for _ in range(3)]
    assert codes == [404, 404, 429]


def test_the_limit_is_for_each_address_and_ends():
    limit = RateLimit(times=1, window_s=10)
    assert [limit.allows("a", 0.0), limit.allows("a", 9.0), limit.allows("b", 9.0), limit.allows("a", 10.5)] == [
        True,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("text", ["", "ABC", "A" * 27, "0" * 26, "A" * 25 + "1"])
def test_what_is_no_code(text):
    assert plain_code(text) is None
