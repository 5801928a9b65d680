"""Two teams in a real browser: who sees whom, the emergency and its review, and a visit that was filed wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from browser import PASSWORD, RunningApp, good_to_read, running_app, sign_in, sign_out
from playwright.sync_api import Page, expect

from app.services.catalogue import Services
from app.settings import Settings
from app.simulated_clinic import CLINICIAN, ClinicOrder, fill_clinic
from clinic_data import assessments, patients, users
from clinic_data.tables import Patient, Role

REASON = "Fell on the stairs, seen in the emergency room."


@dataclass(frozen=True)
class Staffed:
    """A started product with one screened patient, a clinician who has no team yet, and people of each role."""

    app: RunningApp
    patient: Patient
    recording_id: str


@pytest.fixture(scope="module")
def staffed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staffed]:
    folder = tmp_path_factory.mktemp("teams") / "var"
    services = Services.open(Settings(data_dir=folder))
    services.database.upgrade()
    fill_clinic(services, ClinicOrder(1, visits=1))
    with services.database.transaction() as session:
        found = next(user for user in users.list_users(session=session) if user.username == CLINICIAN)
        users.set_password(session=session, user_id=found.id, password=PASSWORD)
        people = (("bea", Role.CLINICIAN), ("adam", Role.ADMINISTRATOR), ("audrey", Role.AUDITOR))
        for name, role in people:
            users.create_user(
                session=session, username=name, display_name=f"Dr {name.title()}", role=role, password=PASSWORD
            )
        patient = patients.search_patients(session=session).rows[0]
        (assessment,) = assessments.list_assessments(session=session, patient_id=patient.id)
    services.database.dispose()
    with running_app(root, folder) as app:
        yield Staffed(app, patient, assessment.recording_id)


def _heading(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", name=name, exact=True).first).to_be_visible()


@pytest.mark.slow
@pytest.mark.timeout(560)
def test_two_teams_an_emergency_and_a_visit_filed_wrongly(page: Page, staffed: Staffed):
    app, patient = staffed.app, staffed.patient
    _make_two_teams(page, app)
    _hand_to_the_first_team(page, app, patient)
    _new_patient_of_the_first_team(page, app)
    _warned_of_a_duplicate(page, app, patient)
    _move_the_visit(page, staffed)
    _break_the_glass(page, app, patient)
    _look_and_review(page, app)


def _make_two_teams(page: Page, app: RunningApp) -> None:
    sign_in(page, app, "adam", PASSWORD)
    _heading(page, "Users")
    page.goto(f"{app.url}/teams")
    expect(page.get_by_text("There are no teams. All clinicians see all patients.")).to_be_visible()
    for name in ("Ward A", "Ward B"):
        if not page.get_by_label("Name of the team").is_visible():
            page.get_by_text("New team").click()
        page.get_by_label("Name of the team").fill(name)
        page.get_by_role("button", name="Create the team").click()
        expect(page.locator("b", has_text=name)).to_be_visible()
    for place, name in enumerate((CLINICIAN, "bea")):
        page.get_by_text("Members", exact=True).nth(place).click()
        _choose(page, "Who is in this team", f"· {name}")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Save the members").nth(0).click()
        expect(page.get_by_text("members: 1")).to_have_count(place + 1)
        page.reload()
    good_to_read(page, "teams")
    sign_out(page)


def _choose(page: Page, label: str, words: str) -> None:
    """Picks from a list, which a page that is still being drawn closes again."""
    option = page.get_by_role("option").filter(has_text=words)
    for _ in range(10):
        page.get_by_role("combobox", name=label).press("ArrowDown")
        page.wait_for_timeout(1000)
        if option.is_visible():
            break
    option.click()


def _hand_to_the_first_team(page: Page, app: RunningApp, patient: Patient) -> None:
    sign_in(page, app, CLINICIAN, PASSWORD)
    _heading(page, "Patients")
    page.goto(f"{app.url}/patient_form?patient={patient.id}")
    _choose_team(page, "Ward A")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name=patient.family_name).first).to_be_visible()
    expect(page.locator("dd", has_text="Ward A")).to_be_visible()
    good_to_read(page, "patient")


def _choose_team(page: Page, name: str) -> None:
    _choose(page, "Team that sees the patient", name)


def _fill_patient(page: Page, family: str, given: str, number: str, born: str) -> None:
    page.get_by_label("Family name").fill(family)
    page.get_by_label("Given name").fill(given)
    page.get_by_label("Record number").fill(number)
    for part, value in zip(("year", "month", "day"), born.split("-"), strict=True):
        page.get_by_role("spinbutton", name=part).click()
        page.keyboard.type(value)


def _new_patient_of_the_first_team(page: Page, app: RunningApp) -> None:
    page.goto(app.url)
    page.get_by_role("button", name="New patient").click()
    _heading(page, "New patient")
    _fill_patient(page, "Okafor", "Ada", "R-77", "2012-05-06")
    expect(page.get_by_role("combobox", name="Team that sees the patient")).to_have_value("Ward A")  # the only own one
    page.get_by_role("button", name="Save", exact=True).click()
    _heading(page, "Okafor, Ada")
    expect(page.locator("dd", has_text="Ward A")).to_be_visible()


def _warned_of_a_duplicate(page: Page, app: RunningApp, patient: Patient) -> None:
    page.goto(app.url)
    page.get_by_role("button", name="New patient").click()
    _heading(page, "New patient")
    _fill_patient(page, patient.given_name, patient.family_name, "R-78", patient.birth_date.isoformat())
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("This patient may be on record already")).to_be_visible()
    expect(page.get_by_text("family and given name the other way round")).to_be_visible()
    good_to_read(page, "duplicate")
    page.get_by_role("link", name="Open the record").click()
    expect(page.get_by_role("heading", name=patient.family_name).first).to_be_visible()


def _move_the_visit(page: Page, staffed: Staffed) -> None:
    patient = staffed.patient
    page.get_by_role("link", name="Wrong patient?").first.click()
    _heading(page, "Move a visit to another patient")
    page.get_by_label("Record number, name or birth date of the other patient").fill("okaf")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Choose", exact=True).click()
    _heading(page, "Compare both patients")
    for name in (patient.family_name, "Okafor, Ada"):
        expect(page.locator(".fg-beside", has_text=name)).to_be_visible()
    page.get_by_label("Why is the visit moved?").fill("Filmed under the wrong name")
    page.get_by_role("button", name="Move the visit").click()
    expect(page.get_by_text("tick the box first")).to_be_visible()
    good_to_read(page, "move")
    page.get_by_text("I have compared both patients").click()
    page.get_by_role("button", name="Move the visit").click()
    _heading(page, "Okafor, Ada")
    expect(page.get_by_text("Open result")).to_have_count(1)
    page.goto(f"{staffed.app.url}/patient?patient={patient.id}")
    expect(page.get_by_text("No assessment yet.")).to_be_visible()
    sign_out(page)


def _break_the_glass(page: Page, app: RunningApp, patient: Patient) -> None:
    sign_in(page, app, "bea", PASSWORD)
    expect(page.get_by_text("There are no patients whom your teams see.")).to_be_visible()
    page.get_by_label("Search").fill(patient.family_name)
    page.keyboard.press("Enter")
    expect(page.get_by_text("No patient matches.")).to_be_visible()
    page.goto(f"{app.url}/patient?patient={patient.id}")
    _heading(page, "Patient of another team")
    expect(page.get_by_text(patient.family_name)).to_have_count(0)
    page.goto(app.url)
    page.get_by_text("Patient of another team, in an emergency").click()
    page.get_by_label("Exact record number").fill(patient.record_number)
    page.get_by_role("button", name="Find", exact=True).click()
    expect(page.get_by_text("This patient is looked after by Ward A")).to_be_visible()
    page.get_by_label("Why do you need this record now?").fill("now")
    page.get_by_role("button", name="Open the record in an emergency").click()
    expect(page.get_by_text("in at least 10 letters")).to_be_visible()
    good_to_read(page, "emergency")
    page.get_by_label("Why do you need this record now?").fill(REASON)
    page.get_by_role("button", name="Open the record in an emergency").click()
    expect(page.get_by_role("heading", name=patient.family_name).first).to_be_visible()
    expect(page.get_by_text("You see this patient in an emergency")).to_be_visible()
    good_to_read(page, "emergency-patient")
    page.goto(app.url)
    expect(page.get_by_role("link", name="Open the record")).to_be_visible()
    sign_out(page)


def _look_and_review(page: Page, app: RunningApp) -> None:
    sign_in(page, app, "audrey", PASSWORD)
    _heading(page, "Audit log")
    page.goto(f"{app.url}/emergencies")
    expect(page.get_by_text(REASON)).to_be_visible()
    expect(page.get_by_role("button", name="Mark as reviewed")).to_have_count(0)
    sign_out(page)
    sign_in(page, app, "adam", PASSWORD)
    _heading(page, "Users")
    page.goto(f"{app.url}/emergencies")
    expect(page.get_by_text("Dr Bea")).to_be_visible()
    good_to_read(page, "emergencies")
    page.get_by_role("button", name="Mark as reviewed").click()
    expect(page.get_by_text("No emergency access waits for a review.")).to_be_visible()
    page.get_by_text("Reviewed", exact=True).click()
    expect(page.get_by_text("Reviewed by")).to_be_visible()
    page.get_by_role("button", name="End the access now").click()
    expect(page.get_by_role("button", name="End the access now")).to_have_count(0)
