"""An installation in a temporary folder, with users, a patient and a recording."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest

from app.services.accounts import actor_of_user
from app.services.catalogue import Services
from app.services.permissions import Actor
from app.settings import Settings
from clinic_data import users
from clinic_data.patients import PatientData
from clinic_data.tables import Patient, Recording, Role
from tests.keys import give_test_keys

sys.path.insert(0, str(Path(__file__).parent))

PASSWORD = "walk tall and steady"


@dataclass(frozen=True)
class Clinic:
    """What most tests start from."""

    services: Services
    clinician: Actor
    administrator: Actor
    patient: Patient
    recording: Recording

    def actor(self, role: str | None) -> Actor | None:
        return {None: None, "clinician": self.clinician, "administrator": self.administrator}[role]

    def add_recording(self, content: bytes) -> Recording:
        return self.services.recordings.receive(self.clinician, self.patient.id, "walk.mp4", [content])


def add_user(services: Services, username: str, role: Role, *, must_change: bool = False) -> Actor:
    with services.database.transaction() as session:
        user = users.create_user(
            session=session,
            username=username,
            display_name=username.title(),
            role=role,
            password=PASSWORD,
            must_change_password=must_change,
        )
    return actor_of_user(user)


def make_clinic(folder: Path, database_url: str = "") -> Clinic:
    give_test_keys(folder)
    settings = Settings(data_dir=folder, database_url=database_url, max_upload_mb=1, min_free_disk_mb=0)
    services = Services.open(settings)
    services.database.upgrade()
    clinician = add_user(services, "clara", Role.CLINICIAN)
    data = PatientData(record_number="R-1", family_name="Example", given_name="Ana", birth_date=date(2011, 4, 23))
    patient = services.patients.create(clinician, data)
    recording = services.recordings.receive(clinician, patient.id, "walk.mp4", [b"walk", b"ing"])
    return Clinic(services, clinician, add_user(services, "adam", Role.ADMINISTRATOR), patient, recording)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    """Made once, because migrations and password hashes take time; each test gets a copy of its folder."""
    clinic = make_clinic(tmp_path_factory.mktemp("template"))
    clinic.services.database.dispose()
    return clinic


@pytest.fixture
def clinic(template: Clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "var"
    shutil.copytree(template.services.settings.data_dir, folder)
    monkeypatch.setenv("FGAIT_DATA_DIR", str(folder))
    services = Services.open(template.services.settings.model_copy(update={"data_dir": folder}))
    yield replace(template, services=services)
    services.database.dispose()


@pytest.fixture(scope="session")
def two_teams_template(tmp_path_factory: pytest.TempPathFactory):
    """The clinic of `two_teams`, made once; each test gets a copy of its folder."""
    from two_teams import build

    made = build(tmp_path_factory.mktemp("two-teams"))
    made.services.database.dispose()
    return made


@pytest.fixture
def world(two_teams_template, tmp_path: Path):
    folder = tmp_path / "teams"
    shutil.copytree(two_teams_template.services.settings.data_dir, folder)
    copied = two_teams_template.at(folder)
    yield copied
    copied.services.database.dispose()
