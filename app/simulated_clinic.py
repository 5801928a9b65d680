"""`python -m app.simulated_clinic`: fills an installation with simulated patients, to try everything out on.

Patients, walks and outcomes are simulated (`fgait_core.simulation.dataset.clinic`); the scores are what the model in
production really says of the simulated silhouettes. An installation that holds anything real is refused.
"""

from __future__ import annotations

import argparse
import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from sqlmodel import Session

from app.services import model_store
from app.services.accounts import one_time_password
from app.services.catalogue import Services
from app.services.screening import SCREEN
from app.services.simulated_patients import PREFIX, outcomes_of, patient_of, result_of
from app.settings import Settings
from clinic_data import assessments, audit, jobs, outcomes, patients, recordings, users
from clinic_data.errors import ClinicDataError
from clinic_data.file_vault import FileKind
from clinic_data.storage import StoredFile
from clinic_data.tables import Patient, Recording, Role
from fgait_core.commands.progress_bar import progress_bar
from fgait_core.errors import FGaitError
from fgait_core.model_package import ModelPackage, bundled_package_dir
from fgait_core.progress import Progress, ignore_progress
from fgait_core.screening_result import ScreeningResult
from fgait_core.sequence import SilhouetteSequence
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.dataset.clinic import ClinicFacts, ClinicPlan, simulate_clinic_person
from fgait_core.simulation.walker import Recording as SimulatedRecording

CLINICIAN = "sim-clinician"
ACCOUNTS = {
    "sim-admin-1": (Role.ADMINISTRATOR, "Simulated administrator 1"),
    "sim-admin-2": (Role.ADMINISTRATOR, "Simulated administrator 2"),
    CLINICIAN: (Role.CLINICIAN, "Simulated clinician"),
}
QUEUE = "simulated"
"""No worker serves it: these jobs are done where they are made."""

_PAGE = 200
_FRAMES = 75
_WEEKS_BETWEEN_VISITS = 8.0
_IDS = uuid.UUID("1b0dbe6e-6b0a-4f3e-9d5c-0c9e5f7ad2a1")


class NotSimulatedError(ClinicDataError):
    """The installation holds something real."""


@dataclass(frozen=True, slots=True)
class ClinicOrder:
    """What is wanted.

    Attributes:
        patients: how many there shall be in the end.
        seed: of the clinic.
        weeks: over how many weeks, up to today, the patients came.
        depression: share of patients with a depression.
        scoliosis: share with a scoliosis.
        visits: the most that a patient has, the last one where a clinic of one visit has the only one; as many
            patients have one, two ... of them.
    """

    patients: int
    seed: int = 1
    weeks: float = 26.0
    depression: float = 0.4
    scoliosis: float = 0.4
    visits: int = 1

    def plan(self, number: int) -> ClinicPlan:
        """What the simulator is asked for to make a patient."""
        return ClinicPlan(
            self.patients,
            recordings=self.visits_of(number),
            frames=_FRAMES,
            seed=self.seed,
            depression=self.depression,
            scoliosis=self.scoliosis,
        )

    def patient_id(self, number: int) -> str:
        """The same in each clinic of this seed, and with it what is drawn by id: who is in the gate."""
        return uuid.uuid5(_IDS, f"{self.seed} {number}").hex

    def visits_of(self, number: int) -> int:
        """How often a patient came."""
        return self.visits - number % self.visits

    def filmed_at(self, number: int, visit: int, now: datetime) -> datetime:
        """When a patient came: last visits evenly over the weeks, in consulting hours, the last of all yesterday."""
        rng = np.random.default_rng((self.seed, number))
        back_days = 1.0 + 7.0 * self.weeks * (1.0 - (number + 0.5) / self.patients)
        back_days += 7.0 * _WEEKS_BETWEEN_VISITS * (self.visits_of(number) - 1 - visit)
        day = (now - timedelta(days=back_days)).replace(hour=8, minute=0, second=0, microsecond=0)
        return day + timedelta(minutes=int(rng.integers(0, 540)))


@dataclass(frozen=True, slots=True)
class FilledClinic:
    """What was done.

    Attributes:
        added: patients of this run.
        patients: simulated patients altogether.
        passwords: one-time passwords of new accounts, by user name.
    """

    added: int
    patients: int
    passwords: Mapping[str, str]


def fill_clinic(services: Services, order: ClinicOrder, progress: Progress = ignore_progress) -> FilledClinic:
    """Adds the patients who are still missing; each is there wholly or not at all.

    Args:
        services: of the installation, its database up to date.
        order: what is wanted.
        progress: told after each patient.

    Raises:
        NotSimulatedError: if the installation holds a patient or a recording that is not simulated.
        ModelPackageError: if the model in production cannot be loaded.
    """
    present = _require_simulated(services)
    passwords = _ensure_accounts(services)
    model_store.register_bundled(services.database, services.storage, bundled_package_dir())
    version = model_store.production(services.database)
    folder = model_store.package_folder(services.settings, services.database, services.storage, version.id)
    maker = _Maker(services, order, ModelPackage.load(folder), version.id, _account(services, CLINICIAN), _now())
    bank = BodyBank.packaged()
    for number in range(present, order.patients):
        maker.add(number, list(simulate_clinic_person(order.plan(number), bank, number)))
        progress((number + 1 - present) / (order.patients - present), f"patient {number + 1} of {order.patients}")
    return FilledClinic(max(order.patients - present, 0), max(order.patients, present), passwords)


def _now() -> datetime:
    return datetime.now(UTC)


def _require_simulated(services: Services) -> int:
    """How many simulated patients there are; real ones are an error."""
    with services.database.reading() as session:
        found = _all_patients(session)
        strangers = [each for each in found if not each.record_number.startswith(PREFIX)]
        filmed: list[Recording] = recordings.list_recordings(session=session, patient_id=None)
        for each in found:
            filmed += recordings.list_recordings(session=session, patient_id=each.id)
    real = sum(not each.simulated for each in filmed)
    if strangers or real:
        raise NotSimulatedError(
            f"This installation holds {len(strangers)} patients and {real} recordings that are not simulated. "
            "Simulated patients are never put among real ones. Set FGAIT_DATA_DIR (and FGAIT_DATABASE_URL, where it is "
            "set) to an installation of its own, such as FGAIT_DATA_DIR=var/simulated, and begin again."
        )
    return len(found)


def _all_patients(session: Session) -> list[Patient]:
    found: list[Patient] = []
    while True:
        page = patients.search_patients(session=session, limit=_PAGE, offset=len(found))
        found += page.rows
        if len(page.rows) < _PAGE:
            return found


def _ensure_accounts(services: Services) -> dict[str, str]:
    """Two administrators, because a promotion needs two, and a clinician, where there are none."""
    passwords: dict[str, str] = {}
    with services.database.transaction() as session:
        present = {user.username for user in users.list_users(session=session)}
        for name, (role, display_name) in ACCOUNTS.items():
            if name in present:
                continue
            passwords[name] = one_time_password()
            user = users.create_user(
                session=session,
                username=name,
                display_name=display_name,
                role=role,
                password=passwords[name],
                must_change_password=True,
            )
            audit.record(
                session=session,
                actor_id=None,
                action="user.created",
                subject_type="user",
                subject_id=user.id,
                details={"role": role.value, "from": "the simulated clinic"},
            )
    return passwords


def _account(services: Services, username: str) -> str:
    with services.database.reading() as session:
        return next(user.id for user in users.list_users(session=session) if user.username == username)


@dataclass(frozen=True, slots=True)
class _Visit:
    """One visit before it is stored in the database; its silhouettes are in the storage already."""

    known: ClinicFacts
    name: str
    stored: StoredFile
    result: ScreeningResult
    filmed_at: datetime
    last: bool


@dataclass(frozen=True, slots=True)
class _Maker:
    """Stores simulated patients.

    Attributes:
        services: of the installation.
        order: what is wanted.
        package: the model in production.
        version_id: its row.
        actor_id: the clinician who is said to have done it.
        now: of this run.
    """

    services: Services
    order: ClinicOrder
    package: ModelPackage
    version_id: str
    actor_id: str
    now: datetime

    def add(self, number: int, made: Sequence[tuple[ClinicFacts, SimulatedRecording]]) -> None:
        """Patient, recordings, assessments and outcomes in one transaction."""
        visits = [self._visit(number, place, *each) for place, each in enumerate(made)]
        with self.services.database.transaction() as session:
            patient = patients.create_patient(
                session=session,
                data=patient_of(number, visits[0].known.row, visits[0].filmed_at),
                actor_id=self.actor_id,
                patient_id=self.order.patient_id(number),
            )
            for visit in visits:
                self._add_visit(session, patient, visit)

    def _visit(self, number: int, place: int, known: ClinicFacts, made: SimulatedRecording) -> _Visit:
        seconds = np.arange(len(made.silhouettes)) / self.order.plan(number).frame_rate_hz
        walk = SilhouetteSequence(made.silhouettes, seconds, np.arange(len(seconds)))
        name = f"simulated_walk_{number + 1:04d}{'' if self.order.visits == 1 else f'_{place + 1}'}.npz"
        stored = self._stored(walk)
        result = result_of(self.package, known, walk, name, stored)
        last = place == self.order.visits_of(number) - 1
        return _Visit(known, name, stored, result, self.order.filmed_at(number, place, self.now), last)

    def _add_visit(self, session: Session, patient: Patient, visit: _Visit) -> None:
        self.services.storage.give_to(session=session, keys=[visit.stored.key], patient_id=patient.id)
        recording = recordings.add_recording(
            session=session,
            patient_id=patient.id,
            original_name=visit.name,
            stored=visit.stored,
            uploaded_by=self.actor_id,
            recorded_at=visit.filmed_at,
            site=visit.known.site,
            simulated=True,
        )
        assessment_id = self._assess(session, patient, recording, visit)
        known_at = self._known_at(visit.filmed_at, visit.known.row.seed)
        for data in outcomes_of(visit.known.row, known_at.date(), np.random.default_rng(visit.known.row.seed)):
            if data.task == "scoliosis" and not visit.last:
                continue  # a PHQ-9 is filled in at every visit, a radiograph is taken once
            outcomes.record_outcome(
                session=session,
                assessment_id=assessment_id,
                data=data,
                expected_id=None,
                actor_id=self.actor_id,
                confirmed_at=known_at,
            )
        audit.record(
            session=session,
            actor_id=self.actor_id,
            action="patient.simulated",
            subject_type="patient",
            subject_id=patient.id,
            details={"recording_id": recording.id, "assessment_id": assessment_id},
        )

    def _known_at(self, filmed_at: datetime, seed: int) -> datetime:
        """One to four weeks after the walk, and never after now."""
        days = int(np.random.default_rng((seed, 1)).integers(7, 29))
        return min(filmed_at + timedelta(days=days), self.now)

    def _stored(self, walk: SilhouetteSequence) -> StoredFile:
        with self.services.storage.temporary_file() as made:
            walk.save(made)
            return self.services.storage.write_file(made, patient_id=None, kind=FileKind.SILHOUETTES)

    def _assess(self, session: Session, patient: Patient, recording: Recording, visit: _Visit) -> str:
        job = jobs.enqueue(
            session=session,
            kind=SCREEN,
            payload={"recording_id": recording.id, "person": 1, "tasks": list(self.package.tasks)},
            queue=QUEUE,
            created_by=self.actor_id,
            patient_id=patient.id,
            recording_id=recording.id,
        )
        jobs.claim(session=session, worker=QUEUE, queues=(QUEUE,))
        assessment = assessments.add_assessment(
            session=session,
            patient_id=patient.id,
            recording_id=recording.id,
            job_id=job.id,
            model_version_id=self.version_id,
            result=visit.result.to_json(),
            silhouettes_key=visit.stored.key,
            body_height_cm=round(100.0 * visit.known.row.height_m, 1),
            created_by=self.actor_id,
            created_at=visit.filmed_at + timedelta(minutes=5),
        )
        jobs.finish(session=session, job_id=job.id, worker=QUEUE, result={"assessment_id": assessment.id})
        return assessment.id


def main() -> None:
    """Entry point of `python -m app.simulated_clinic`."""
    order = _order()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    services = Services.open(Settings())
    try:
        services.database.upgrade()
        with progress_bar() as progress:
            filled = fill_clinic(services, order, progress)
    except (ClinicDataError, FGaitError) as error:
        raise SystemExit(str(error)) from error
    finally:
        services.database.dispose()
    lines = [f"{filled.added} simulated patients were added; there are {filled.patients}."]
    if filled.passwords:
        lines += ["", "New accounts, each with a one-time password that is shown only now:"]
        lines += [f"  {name:<14} {password}" for name, password in filled.passwords.items()]
    print("\n".join([*lines, "", "Start with ./run app"]), flush=True)


def _order() -> ClinicOrder:
    parser = argparse.ArgumentParser(
        prog="./run simulated-clinic",
        description="Fills an installation with simulated patients, their assessments and confirmed outcomes.",
    )
    parser.add_argument("--patients", type=int, default=100, help="how many there shall be (default 100)")
    parser.add_argument("--seed", type=int, default=1, help="of the clinic (default 1)")
    parser.add_argument("--weeks", type=float, default=26.0, help="over which they came, up to today (default 26)")
    parser.add_argument("--depression", type=float, default=0.4, help="share with a depression (default 0.4)")
    parser.add_argument("--scoliosis", type=float, default=0.4, help="share with a scoliosis (default 0.4)")
    parser.add_argument("--visits", type=int, default=4, help="at most, of a patient, eight weeks apart (default 4)")
    given = parser.parse_args()
    if min(given.patients, given.visits) < 1 or given.weeks <= 0 or given.seed < 0:
        parser.error("Patients, visits and weeks must be positive, the seed not negative.")
    return ClinicOrder(given.patients, given.seed, given.weeks, given.depression, given.scoliosis, given.visits)


if __name__ == "__main__":
    main()
