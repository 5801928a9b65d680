"""A clinician reads a result in a real browser: winds the player, overrides a score, and compares two visits."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from browser import PASSWORD, RunningApp, assert_accessible, running_app, sign_in
from playwright.sync_api import Page, expect

from app.services.accounts import actor_of_user
from app.services.catalogue import Services
from app.services.permissions import Actor
from app.settings import Settings
from clinic_data import users
from clinic_data.patients import PatientData
from clinic_data.tables import Patient, Role

BUILDERS = Path(__file__).parents[1] / "app"


@dataclass(frozen=True)
class ScreenedClinic:
    """A started product with one patient and two visits.

    Attributes:
        app: where it answers.
        earlier, later: ids of the assessments.
    """

    app: RunningApp
    earlier: str
    later: str


@dataclass(frozen=True)
class _Clinic:
    """What the builder of results stores into."""

    services: Services
    clinician: Actor
    patient: Patient


@pytest.fixture(scope="module")
def screened(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScreenedClinic]:
    folder = tmp_path_factory.mktemp("screened") / "var"
    clinic = _clinic(folder)
    sys.path.append(str(BUILDERS))
    from explained import explained, store

    earlier = store(clinic, explained(), clip=_clip())
    later = store(clinic, explained(cadence=104.0), clip=_clip())
    clinic.services.database.dispose()
    with running_app(root, folder) as app:
        yield ScreenedClinic(app, earlier, later)


def _clinic(folder: Path) -> _Clinic:
    services = Services.open(Settings(data_dir=folder))
    services.database.upgrade()
    with services.database.transaction() as session:
        user = users.create_user(
            session=session,
            username="clara",
            display_name="Clara Clinician",
            role=Role.CLINICIAN,
            password=PASSWORD,
            must_change_password=False,
        )
    clinician = actor_of_user(user)
    data = PatientData(record_number="R-1", family_name="Example", given_name="Ana", birth_date=date(2011, 4, 23))
    return _Clinic(services, clinician, services.patients.create(clinician, data))


def _clip() -> bytes:
    """Three seconds of a grey that brightens, in the format of overlay clips."""
    target = BytesIO()
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(20), options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for number in range(60):
            picture = np.full((120, 160, 3), 4 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return target.getvalue()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_read_wind_override_and_compare(page: Page, screened: ScreenedClinic):
    app = screened.app
    sign_in(page, app, "clara", PASSWORD)
    expect(page.locator("h1", has_text="Patients")).to_be_visible()
    page.goto(f"{app.url}/result?assessment={screened.later}")
    expect(page.get_by_text("what moved the number, not why")).to_be_visible()
    _wind(page)
    for width in (1366, 820):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(1000)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert_accessible(page)
    _override(page)
    _waive_phq9(page)

    page.goto(f"{app.url}/result?assessment={screened.later}&compare={screened.earlier}")
    expect(page.get_by_text("more than measurement error", exact=True)).to_be_visible()
    _wind_both(page)


def _wind_both(page: Page) -> None:
    """Of the two players that stand side by side each winds the other."""
    sliders = page.get_by_role("slider", name="Gait cycle, from heel strike to heel strike")
    expect(sliders).to_have_count(3)
    _settled(page)
    sliders.nth(1).focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    expect(sliders.nth(2)).to_have_attribute("aria-valuetext", re.compile("^10 % of the gait cycle"))
    expect(sliders.nth(0)).to_have_attribute("aria-valuetext", re.compile("^0 % of the gait cycle"))


def _wind(page: Page) -> None:
    """The arrow keys wind the video through the stride."""
    slider = page.get_by_role("slider", name="Gait cycle, from heel strike to heel strike")
    slider.focus()
    for _ in range(25):
        page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "25 % of the gait cycle, left foot on the ground, "
                                     "right foot in the air")  # fmt: skip
    video = page.locator("video")
    page.wait_for_function("video => !video.seeking", arg=video.element_handle())
    assert video.evaluate("video => video.currentTime") == pytest.approx(0.1 + 0.25 * 1.1, abs=0.03)
    page.get_by_role("button", name="Repeat this stride").click()
    page.wait_for_function("video => !video.paused && video.currentTime > 0.5", arg=video.element_handle())
    page.get_by_role("button", name="Repeat this stride").click()
    page.wait_for_function("video => video.paused", arg=video.element_handle())


def _override(page: Page) -> None:
    page.get_by_role("button", name="Accept or override").first.click()
    page.get_by_text("Override the result").click()
    page.get_by_label("What you set instead").click()
    page.get_by_role("option", name="no scoliosis").click()
    _settled(page)
    page.get_by_label("Reason").fill("Forward-bend test normal; a bag on one shoulder.")
    page.get_by_role("button", name="Save the decision").click()
    expect(page.get_by_text("Overridden: no scoliosis", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Change the decision")).to_be_visible()
    _settled(page)
    expect(page.get_by_test_id("stHtml").filter(has_text="a bag on one shoulder")).to_be_visible()


def _settled(page: Page) -> None:
    """Waits until the page is as it will stay: while it is drawn anew, old parts stand beside new ones."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def _waive_phq9(page: Page) -> None:
    """A depression score is not accepted in passing."""
    page.get_by_role("button", name="Accept or override").click()
    page.get_by_text("Accept the result").click()
    expect(page.get_by_role("textbox", name="Why is it accepted")).to_be_visible()
    _settled(page)
    page.get_by_role("button", name="Save the decision").click()
    expect(page.get_by_text("A depression score never stands alone.").first).to_be_visible()
    _settled(page)
    page.get_by_role("button", name="Record the PHQ-9 total").click()
    expect(page.get_by_label("PHQ-9 total", exact=True)).to_be_visible()
    _settled(page)
    page.get_by_label("PHQ-9 total", exact=True).fill("12")
    page.get_by_role("button", name="Save the PHQ-9 total").click()
    expect(page.get_by_text("PHQ-9 total on record:")).to_be_visible()
    _settled(page)
    page.get_by_role("button", name="Save the decision").click()
    expect(page.get_by_role("button", name="Change the decision")).to_have_count(2)
