"""From the first start to the downloaded report, in a real browser with a real walking video."""

from __future__ import annotations

import json
import re
from io import BytesIO
from pathlib import Path

import pypdf
import pytest
from browser import RunningApp, choose_password, keep_picture, sign_in, sign_out
from playwright.sync_api import Page, expect

from fgait_core.model_package import bundled_package_dir


def _heading(page: Page, name: str | re.Pattern[str]) -> None:
    expect(page.get_by_role("heading", name=name).first).to_be_visible()


@pytest.fixture(scope="module")
def model_version() -> str:
    """The version of the bundled package, read without loading it."""
    return json.loads((bundled_package_dir() / "package.json").read_text())["version"]


@pytest.mark.slow
@pytest.mark.timeout(560)
def test_from_first_sign_in_to_downloaded_report(page: Page, app: RunningApp, sample_video: Path, model_version: str):
    sign_in(page, app, "admin", app.password)
    choose_password(page, app.password)
    _heading(page, "Users")
    one_time = _create_clinician(page)
    sign_out(page)

    sign_in(page, app, "clara", "not the password")
    expect(page.locator(".error")).to_be_visible()
    sign_in(page, app, "clara", one_time)
    choose_password(page, one_time)
    _heading(page, "Patients")
    _create_patient(page)

    page.get_by_role("button", name="New assessment").click()
    with page.expect_file_chooser() as chooser:
        page.click(".choose")
    chooser.value.set_files(sample_video)
    start = page.get_by_role("button", name="Start the screening")
    start.wait_for(timeout=180_000)
    page.reload()
    height = page.get_by_role("spinbutton", name="Body height today")
    height.fill("152")
    height.press("Enter")
    start.click(timeout=60_000)
    page.get_by_role("button", name="Cancel the screening").wait_for()
    page.reload()
    expect(page.locator("h1", has_text="Result")).to_be_visible(timeout=240_000)

    expect(page.get_by_text("SIMULATED MODEL").first).to_be_visible()
    expect(page.get_by_text("95 % interval").first).to_be_visible()
    expect(page.get_by_text("What to do next").first).to_be_visible()
    expect(page.get_by_text(model_version).first).to_be_visible()
    loaded = "video => video.readyState > 0 || new Promise(done => video.onloadedmetadata = () => done(true))"
    assert page.locator("video").evaluate(loaded)
    keep_picture(page, "result")

    page.get_by_role("button", name="Create the report").click()
    first, second = _download(page), _download(page)
    assert first == second
    text = "\n".join(sheet.extract_text() for sheet in pypdf.PdfReader(BytesIO(first)).pages)
    for words in (
        "Muñoz",
        "Ana María",
        "R-2041",
        model_version,
        "Scoliosis",
        "Depression",
        "95 % interval",
        "simulated",
    ):
        assert words in text.replace("\u00a0", " ")

    page.goto(f"{app.url}/users")
    expect(page.get_by_role("heading", name="Users")).to_have_count(0)
    sign_out(page)
    page.goto(f"{app.url}/patients")
    page.wait_for_url("**/sign-in*")


def _create_clinician(page: Page) -> str:
    page.get_by_text("New user").click()
    page.get_by_label("User name").fill("clara")
    page.get_by_label("Name as printed on reports").fill("Dr Clara Clinician")
    page.get_by_role("button", name="Create the account").click()
    page.get_by_text("One-time password of").wait_for()
    return page.locator(".fg-password").inner_text()


def _create_patient(page: Page) -> None:
    page.get_by_role("button", name="New patient").click()
    page.get_by_label("Record number").fill("R-2041")
    page.get_by_label("Family name").fill("Muñoz")
    page.get_by_label("Given name").fill("Ana María")
    page.get_by_label("Birth date").first.click()
    page.keyboard.type("2011-04-23")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Save").click()
    _heading(page, re.compile("Muñoz"))


def _download(page: Page) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").first.click()
    return Path(download.value.path()).read_bytes()
