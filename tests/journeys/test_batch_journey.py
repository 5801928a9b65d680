"""Many videos at once, in a real browser: from the upload to the choice of the patient, and what goes wrong."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from browser import RunningApp, assert_accessible, choose_password, running_app, sign_in, sign_out
from playwright.sync_api import Page, expect

_WITHIN_MS = 120_000


@pytest.fixture(scope="module")
def clinic_app(root: Path, tmp_path_factory: pytest.TempPathFactory):
    with running_app(root, tmp_path_factory.mktemp("batch")) as app:
        yield app


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_from_many_videos_to_the_choice_of_the_patient(
    page: Page, clinic_app: RunningApp, sample_video: Path, tmp_path: Path
):
    page.add_init_script("HTMLInputElement.prototype.capture = ''")
    _sign_in_as_new_clinician(page, clinic_app)
    _add_patient(page, "R-7", "Okafor")
    _add_patient(page, "R-8", "Lindqvist")
    page.get_by_role("link", name="Filming guide").click()
    expect(page.get_by_role("heading", name="What is refused, and why")).to_be_visible()
    assert_accessible(page)

    page.get_by_role("link", name="Batch").click()
    expect(page.get_by_text("No video waits for its patient")).to_be_visible()
    _camera_opens(page)
    letter, empty = tmp_path / "letter.mp4", tmp_path / "empty.mp4"
    named = tmp_path / "R-7_side.mp4"
    shutil.copyfile(sample_video, named)
    letter.write_bytes(b"Dear colleague, this is no video.")
    empty.write_bytes(b"")
    with page.expect_file_chooser() as chooser:
        page.click(".choose")
    chooser.value.set_files([named, sample_video, letter, empty])
    expect(page.get_by_text("The file is empty")).to_be_visible()
    expect(page.get_by_text("Not queued yet: 3")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Not queued yet: 3")).to_be_visible()
    expect(page.get_by_text("not a video that can be read")).to_be_visible()
    assert_accessible(page)

    page.get_by_role("button", name=re.compile("^R-7 .*Okafor")).click()
    expect(page.get_by_role("button", name="Queue all with a patient (1)")).to_be_visible()
    box = page.get_by_label(f"Patient in {sample_video.name}")
    box.fill("lindq")
    box.press("Enter")
    expect(page.get_by_role("button", name=re.compile("^R-8 .*Lindqvist"))).to_be_visible()
    box.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Queue all with a patient (2)")).to_be_visible()
    page.get_by_role("button", name="Discard").last.click()
    page.get_by_role("button", name="Discard the video").click()
    expect(page.get_by_text("Not queued yet: 2")).to_be_visible()
    page.get_by_role("button", name="Queue all with a patient (2)").click()
    expect(page.get_by_text("No video waits for its patient")).to_be_visible()

    page.get_by_role("link", name="Choose the person").first.click(timeout=_WITHIN_MS)
    expect(page.get_by_text("Several people were found")).to_be_visible()
    expect(page.get_by_role("radio").first).to_be_checked()
    expect(page.get_by_role("button", name="Start the screening")).to_be_visible()
    assert_accessible(page)
    sign_out(page)


def _camera_opens(page: Page) -> None:
    """Browsers of phones and tablets know the attribute `capture`; the test gave it to one that does not."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Film with this device").click()
    assert chooser.value.element.get_attribute("capture") == "environment"
    assert chooser.value.element.get_attribute("accept") == "video/*"


def _sign_in_as_new_clinician(page: Page, app: RunningApp) -> None:
    sign_in(page, app, "admin", app.password)
    choose_password(page, app.password)
    page.get_by_text("New user").click()
    page.get_by_label("User name").fill("clara")
    page.get_by_label("Name as printed on reports").fill("Dr Clara Clinician")
    page.get_by_role("button", name="Create the account").click()
    page.get_by_text("One-time password of").wait_for()
    one_time = page.locator(".fg-password").inner_text()
    sign_out(page)
    sign_in(page, app, "clara", one_time)
    choose_password(page, one_time)
    expect(page.get_by_role("heading", name="Patients").first).to_be_visible()


def _add_patient(page: Page, number: str, name: str) -> None:
    page.get_by_role("link", name="Patients").click()
    page.get_by_role("button", name="New patient").click()
    page.get_by_label("Record number").fill(number)
    page.get_by_label("Family name").fill(name)
    page.get_by_label("Birth date").first.click()
    page.keyboard.type("2001-04-23")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name=re.compile(name)).first).to_be_visible()
