"""Screened patients with confirmed outcomes, stored without video or network: walkers whose lean tells the label."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
from fast_engine import result

from app.services.model_store import register_bundled
from clinic_data import assessments, jobs, model_registry, outcomes, patients, recordings
from clinic_data.file_vault import FileKind
from clinic_data.outcomes import OutcomeData
from clinic_data.patients import PatientData
from clinic_data.storage import StoredFile
from fgait_core.sequence import SilhouetteSequence

SECRET_NAME = "Quirinalis"
SECRET_NUMBER = "RX-998877"


@dataclass(frozen=True, slots=True)
class Person:
    """One screened person; what a test does not name is ordinary."""

    number: int
    label: str | None = "negative"
    task: str = "scoliosis"
    consent: bool = True
    known: bool = True
    sex: str = "female"
    site: str = ""
    view: str = "side"
    frames: int = 60
    typical: bool = True
    content: bytes = b""
    simulated: bool = True
    recorded_at: datetime = datetime(2026, 10, 1, tzinfo=UTC)


def walker(number: int, *, positive: bool, frames: int) -> SilhouetteSequence:
    """Silhouettes of a walker; the trunk of a positive one leans."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[0:64, 0:44].astype(float)
    girth, lean, step = rng.uniform(5, 9), rng.normal(6 if positive else 0, 1.5), rng.uniform(5, 9)
    swing = step * np.sin(np.arange(frames)[:, None, None] / 4 + rng.uniform(0, 6))
    body = (np.abs(x - 22 - lean * (40 - y) / 40) < girth) & (y < 38)
    clip = np.broadcast_to(body, (frames, 64, 44)).copy()
    for side in (1, -1):
        clip |= (np.abs(x - 22 - side * swing * (y - 34) / 30) < 3) & (y >= 34)
    return SilhouetteSequence(np.uint8(255) * clip, np.arange(frames) / 25.0, np.arange(frames, dtype=np.int64))


def production_id(services) -> str:
    """The bundled model, registered as the worker does it."""
    from fgait_core.model_package import bundled_package_dir

    return register_bundled(services.database, services.storage, bundled_package_dir()).id


def drawn_version_id(session) -> str:
    """A model version that no test loads."""
    return model_registry.ensure_version(
        session=session, name="drawn", version="0.0.1", sha256="a" * 64, simulated=True, metrics={}
    ).id


def confirm(clinic, *people: Person) -> list[str]:
    """Stores the people with recording, assessment and outcome; gives the ids of the assessments."""
    storage = clinic.services.storage
    files = {person.number: _store(storage, person) for person in people}
    with clinic.services.database.transaction() as session:
        version_id = drawn_version_id(session)
        return [_confirm(session, clinic, person, files[person.number], version_id) for person in people]


def again(clinic, assessment_id: str, *, label: str | None = None) -> str:
    """A later assessment of the same recording, with an outcome where a label is given."""
    with clinic.services.database.transaction() as session:
        old = assessments.get_assessment(session=session, assessment_id=assessment_id)
        job = jobs.enqueue(session=session, kind="screen", payload={}, recording_id=old.recording_id, queue="none")
        new = assessments.add_assessment(
            session=session,
            patient_id=old.patient_id,
            recording_id=old.recording_id,
            job_id=job.id,
            model_version_id=old.model_version_id,
            result=old.result,
            silhouettes_key=old.silhouettes_key,
        )
        if label is not None:
            _outcome(session, clinic, new.id, Person(0, label))
    return new.id


def _store(storage, person: Person) -> tuple[StoredFile, StoredFile]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "silhouettes.npz"
        walker(person.number, positive=person.label in ("positive", "yes"), frames=person.frames).save(path)
        content = person.content or f"video {person.number}".encode()
        video = storage.write_bytes(content, patient_id=None, kind=FileKind.VIDEO)
        return video, storage.write_file(path, patient_id=None, kind=FileKind.SILHOUETTES)


def _confirm(session, clinic, person: Person, files: tuple[StoredFile, StoredFile], version_id: str) -> str:
    data = PatientData(
        record_number=f"{SECRET_NUMBER}-{person.number}",
        family_name=SECRET_NAME,
        given_name=f"Given{person.number}",
        birth_date=date(2010, 1, 1) + timedelta(days=20 * (person.number % 50)),
        sex=person.sex,
        training_consent=person.consent,
    )
    patient = patients.create_patient(session=session, data=data, actor_id=clinic.clinician.user_id)
    clinic.services.storage.give_to(session=session, keys=[file.key for file in files], patient_id=patient.id)
    recording = recordings.add_recording(
        session=session,
        patient_id=patient.id,
        original_name=f"{SECRET_NAME}.mp4",
        stored=files[0],
        uploaded_by=clinic.clinician.user_id,
        recorded_at=person.recorded_at,
        site=person.site,
        simulated=person.simulated,
    )
    job = jobs.enqueue(session=session, kind="screen", payload={}, recording_id=recording.id, queue="none")
    found = result(f"{SECRET_NAME}.mp4").model_dump(mode="json")
    found["quality"]["view"] = person.view
    found["sequence"]["frames"] = person.frames
    found["typicality"]["typical"] = person.typical
    assessment = assessments.add_assessment(
        session=session,
        patient_id=patient.id,
        recording_id=recording.id,
        job_id=job.id,
        model_version_id=version_id,
        result=found,
        silhouettes_key=files[1].key,
    )
    if person.known:
        _outcome(session, clinic, assessment.id, person)
    return assessment.id


def _outcome(session, clinic, assessment_id: str, person: Person) -> None:
    method = {"scoliosis": "radiograph", "depression": "clinical_diagnosis"}[person.task]
    known = person.label is not None
    data = OutcomeData(
        task=person.task,
        label=person.label,
        method=method if known else "not_known",
        examined_on=date(2026, 10, 2) if known else None,
    )
    outcomes.record_outcome(
        session=session, assessment_id=assessment_id, data=data, expected_id=None, actor_id=clinic.clinician.user_id
    )


def several(count: int, *, first: int = 1, positive_every: int = 2, **fields) -> list[Person]:
    """Ordinary people, every second of them positive, of both sexes."""
    return [
        Person(
            number,
            "positive" if number % positive_every == 0 else "negative",
            sex="female" if (number // 2) % 2 else "male",
            **fields,
        )
        for number in range(first, first + count)
    ]


def patient_of(clinic, assessment_id: str) -> str:
    """Whose assessment it is."""
    with clinic.services.database.reading() as session:
        return assessments.get_assessment(session=session, assessment_id=assessment_id).patient_id


def withdraw(clinic, patient_id: str) -> None:
    """Takes back the consent to training."""
    with clinic.services.database.transaction() as session:
        row = patients.get_patient(session=session, patient_id=patient_id)
        data = PatientData(**{name: getattr(row, name) for name in PatientData.model_fields})
        patients.update_patient(
            session=session,
            patient_id=patient_id,
            data=data.model_copy(update={"training_consent": False}),
            expected_version=row.version,
            actor_id=None,
        )
