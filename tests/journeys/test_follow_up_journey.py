"""A clinician follows a patient in a real browser: scores old visits again, reads the course, writes a note."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from browser import PASSWORD, RunningApp, assert_accessible, running_app, sign_in
from playwright.sync_api import Page, expect

from app.services.catalogue import Services
from app.settings import Settings
from app.simulated_clinic import CLINICIAN, ClinicOrder, fill_clinic
from clinic_data import assessments, model_registry, patients, users

OLDER = "0" * 63 + "9"


@dataclass(frozen=True)
class FollowedPatient:
    """A started product with a simulated patient who came twice, both times under an older model version."""

    app: RunningApp
    patient_id: str


@pytest.fixture(scope="module")
def followed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FollowedPatient]:
    folder = tmp_path_factory.mktemp("followed") / "var"
    services = Services.open(Settings(data_dir=folder))
    services.database.upgrade()
    fill_clinic(services, ClinicOrder(1, visits=2))
    patient_id = _as_if_an_older_version_had_scored(services)
    services.database.dispose()
    with running_app(root, folder) as app:
        yield FollowedPatient(app, patient_id)


def _as_if_an_older_version_had_scored(services: Services) -> str:
    with services.database.transaction() as session:
        clinician = next(user for user in users.list_users(session=session) if user.username == CLINICIAN)
        users.set_password(session=session, user_id=clinician.id, password=PASSWORD)
        version = model_registry.ensure_version(
            session=session, name="fgait-simulated", version="0.9.0", sha256=OLDER, simulated=True, metrics={}
        )
        patient = patients.search_patients(session=session).rows[0]
        for assessment in assessments.list_assessments(session=session, patient_id=patient.id):
            model = {**assessment.result["model"], "version": "0.9.0", "sha256": OLDER}
            assessment.result = {**assessment.result, "model": model}
            assessment.model_version_id = version.id
    return patient.id


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_score_again_read_the_course_and_write_a_note(page: Page, followed: FollowedPatient):
    app = followed.app
    sign_in(page, app, CLINICIAN, PASSWORD)
    expect(page.locator("h1", has_text="Patients")).to_be_visible()
    page.goto(f"{app.url}/patient?patient={followed.patient_id}")
    page.get_by_role("button", name="Follow-up").click()
    expect(page.get_by_text("2 earlier visits were not scored by the model version")).to_be_visible()

    page.get_by_text("Yes, score these visits again").click()
    page.get_by_role("button", name="Score again").click()
    expect(page.get_by_text("earlier visits were not scored")).to_have_count(0, timeout=120_000)
    expect(page.get_by_text("(scored again)")).to_have_count(2)
    expect(page.locator(".js-plotly-plot .legend").first).to_be_visible()
    for width in (1366, 820):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(1000)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert_accessible(page)

    page.get_by_text("Scoliosis as a table").click()
    table = page.get_by_role("table").first
    expect(table.get_by_text("fgait-simulated 0.9.0")).to_have_count(2)
    page.get_by_text("Compare them").click()
    expect(page.get_by_text("of different model versions")).to_have_count(0)  # those of one version are chosen
    expect(page.get_by_role("link", name="Open the later result")).to_be_visible()

    page.get_by_role("textbox", name="New note").fill("Walks more upright than in spring.")
    page.get_by_role("button", name="Save the note").click()
    expect(page.get_by_text("Walks more upright than in spring.")).to_be_visible()
    expect(page.get_by_role("textbox", name="New note")).to_have_value("")
