"""A report is made, sent out, verified by somebody without an account, and a tampered copy is rejected."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import PASSWORD, assert_accessible, running_app, sign_in, sign_out
from conftest import make_clinic
from playwright.sync_api import Page, expect
from stored import screen


@pytest.fixture(scope="module")
def clinic_with_a_result(root: Path, tmp_path_factory: pytest.TempPathFactory):
    """The product on a clinic with one assessment; gives it and the id of the assessment."""
    folder = tmp_path_factory.mktemp("verified")
    clinic = make_clinic(folder)
    assessment_id = screen(clinic)
    clinic.services.database.dispose()
    with running_app(root, folder) as app:
        yield app, assessment_id


def _download(page: Page, button: str) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=True).first.click()
    return Path(download.value.path())


def _check(page: Page, path: Path) -> None:
    page.set_input_files("#file", path)
    page.get_by_role("button", name="Check the file").click()


@pytest.mark.slow
def test_a_report_is_verified_and_a_tampered_one_rejected(page: Page, clinic_with_a_result, tmp_path: Path):
    app, assessment_id = clinic_with_a_result
    sign_in(page, app, "clara", PASSWORD)
    page.goto(f"{app.url}/result?assessment={assessment_id}")
    page.get_by_role("button", name="Create the report").click()
    page.get_by_role("button", name="Make a new version").wait_for(timeout=60_000)
    report, dicom = _download(page, "Download"), _download(page, "DICOM")
    assert report.read_bytes() in dicom.read_bytes()
    address = page.get_by_role("link", name="Verification page").get_attribute("href")
    page.get_by_text("Add an addendum").click()
    page.get_by_label("What shall be added").fill("A sprained ankle on the day of the recording.")
    page.get_by_role("button", name="Make the version with the addendum").click()
    page.get_by_text("Earlier versions (1)").wait_for(timeout=60_000)
    latest = page.get_by_role("link", name="Verification page").first.get_attribute("href")
    newest = _download(page, "Download")
    sign_out(page)

    page.goto(f"{app.url}{address}")
    expect(page.get_by_text("a newer version exists")).to_be_visible()
    page.goto(f"{app.url}{latest}")
    expect(page.get_by_text("is the newest version")).to_be_visible()
    assert_accessible(page)
    _check(page, newest)
    expect(page.locator(".message.good")).to_contain_text("unchanged")
    expect(page.get_by_text("nobody but the clinic vouches")).to_be_visible()
    assert "Example" not in page.content()

    content = bytearray(newest.read_bytes())
    content[len(content) // 3] ^= 1
    tampered = tmp_path / "tampered.pdf"
    tampered.write_bytes(content)
    _check(page, tampered)
    expect(page.locator(".message.error")).to_contain_text("NOT the report")
    _check(page, report)
    expect(page.locator(".message.error")).to_contain_text("another report")
    assert_accessible(page)

    page.get_by_role("link", name="العربية").click()
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    for width in (1366, 820):
        page.set_viewport_size({"width": width, "height": 1000})
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
