"""A patient with everything that can be stored about one, each value with words that are found again."""

from __future__ import annotations

import base64
import io
import uuid
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from sqlmodel import Session

from clinic_data import (
    assessment_clips,
    assessments,
    cohorts,
    decisions,
    emergency_access,
    holds,
    jobs,
    model_registry,
    notes,
    outcomes,
    patients,
    recordings,
    reports,
    shadow_scores,
    training_people,
    users,
)
from clinic_data.assessment_clips import ClipFiles
from clinic_data.clock import utc_now
from clinic_data.database import Database
from clinic_data.decisions import DecisionData
from clinic_data.file_vault import FileKind, FileVault
from clinic_data.outcomes import OutcomeData
from clinic_data.patients import PatientData
from clinic_data.tables import Assessment, Job, JobState, ReportKind

MARK = "Zebulonmark"
"""In every text and file of the patient, so that what is left of them can be found."""
PASSWORD = "violet harbour lamp 7"
JPEG = f"{MARK} jpeg".encode()


@dataclass(frozen=True)
class FullPatient:
    """Ids of what was made."""

    patient_id: str
    clinician_id: str
    administrator_id: str
    recording_ids: tuple[str, ...]
    assessment_ids: tuple[str, ...]
    search_job_id: str
    storage_keys: frozenset[str]
    all_ids: frozenset[str]


def silhouettes_npz(frames: int = 60) -> bytes:
    """A file as the engine writes it."""
    out = io.BytesIO()
    times = np.arange(frames) / 25.0
    walk = np.zeros((frames, 64, 44), np.uint8)
    walk[:, 8:60, 14:30] = 255
    np.savez_compressed(
        out, frames=walk, timestamps_s=times, source_frames=np.arange(frames), frame_rate_hz=np.float64(25.0)
    )
    return out.getvalue()


def fill_patient(
    database: Database, vault: FileVault, number: str = f"{MARK}-77", *, in_cohort: bool = True
) -> FullPatient:
    """Stores a patient with everything: three recordings, three assessments, all kinds of reports, and so on."""
    with database.transaction() as session:
        tag = uuid.uuid4().hex[:6]
        clinician = users.create_user(
            session=session, username=f"c{tag}", display_name="C", role="clinician", password=PASSWORD
        ).id
        administrator = users.create_user(
            session=session, username=f"a{tag}", display_name="A", role="administrator", password=PASSWORD
        ).id
        data = PatientData.checked(
            record_number=number,
            family_name=f"{MARK}son",
            given_name=f"{MARK}ine",
            birth_date=date(2011, 4, 23),
            sex="female",
            notes=f"{MARK} remarks",
            training_consent=True,
        )
        patient_id = patients.create_patient(session=session, data=data, actor_id=clinician).id
    made = _Making(database, vault, patient_id, clinician)
    recorded = tuple(made.recording(name) for name in ("front", "side", "alone"))
    alone, search = made.screened(recorded[2])
    rescored = made.rescored(alone)
    several = made.several(recorded[:2])
    made.written(alone)
    made.reports(alone, several)
    with database.transaction() as session:
        holds.release(
            session=session,
            hold_id=holds.place(
                session=session, patient_id=patient_id, reason=f"{MARK} letter of the court", actor_id=administrator
            ).id,
            actor_id=administrator,
        )
        colleague = users.create_user(
            session=session, username=f"e{tag}", display_name="E", role="clinician", password=PASSWORD
        )
        emergency_access.grant(
            session=session, user_id=colleague.id, patient_id=patient_id, reason=f"{MARK} fell in the corridor"
        )
        if in_cohort:
            _freeze(session, patient_id, alone)
    with database.reading() as session:
        assessment_ids = tuple(row.id for row in assessments.list_assessments(session=session, patient_id=patient_id))
    return FullPatient(
        patient_id,
        clinician,
        administrator,
        recorded,
        assessment_ids,
        search,
        frozenset(made.keys),
        frozenset({patient_id, *recorded, *assessment_ids, rescored, *made.ids}),
    )


def _freeze(session: Session, patient_id: str, assessment_id: str) -> None:
    person = training_people.assign_roles(
        session=session, strata={patient_id: "scoliosis positive; female"}, gate_share=0.5, seed=1
    )[patient_id]
    entry = {
        **dict.fromkeys(cohorts.ENTRY_KEYS, ""),
        "key": assessment_id,
        "person": person.code,
        "role": person.role.value,
        "simulated": False,
    }
    manifest = {"format": cohorts.FORMAT, "task": "scoliosis", "entries": [entry], "excluded": []}
    cohorts.freeze(session=session, task="scoliosis", filters={}, manifest=manifest, simulated=False, actor_id=None)


@dataclass
class _Making:
    database: Database
    vault: FileVault
    patient_id: str
    clinician: str

    def __post_init__(self) -> None:
        self.keys: list[str] = []
        self.ids: list[str] = []

    def _file(self, kind: FileKind, content: bytes | None = None):
        body = content or f"{MARK} {kind.value} {uuid.uuid4().hex}".encode() * 300
        stored = self.vault.write_bytes(body, patient_id=self.patient_id, kind=kind)
        self.keys.append(stored.key)
        return stored

    def recording(self, name: str) -> str:
        stored = self._file(FileKind.VIDEO)
        with self.database.transaction() as session:
            row = recordings.add_recording(
                session=session,
                patient_id=self.patient_id,
                original_name=f"{MARK} {name}.mp4",
                stored=stored,
                uploaded_by=self.clinician,
                recorded_at=utc_now() - timedelta(days=3),
            )
            return row.id

    def _done(self, session: Session, kind: str, recording_id: str, result: dict) -> str:
        job = jobs.enqueue(
            session=session,
            kind=kind,
            payload={"recording_id": recording_id},
            created_by=self.clinician,
            patient_id=self.patient_id,
            recording_id=recording_id,
        )
        job.state, job.finished_at, job.result = JobState.DONE, utc_now(), result
        session.flush()
        self.ids.append(job.id)
        return job.id

    def _version(self, session: Session) -> str:
        sha256 = (uuid.uuid4().hex * 2)[:64]
        return model_registry.ensure_version(
            session=session, name="bundled", version=uuid.uuid4().hex[:8], sha256=sha256, simulated=True, metrics={}
        ).id

    def screened(self, recording_id: str) -> tuple[str, str]:
        silhouettes = self._file(FileKind.SILHOUETTES, silhouettes_npz())
        overlay = self._file(FileKind.OVERLAY)
        picture = base64.b64encode(JPEG).decode()
        with self.database.transaction() as session:
            person = {"number": 1, "travel_body_heights": 4.0, "visible_s": 5.0, "in_full_view": True}
            search = self._done(
                session, "find_people", recording_id, {"people": [{**person, "thumbnail_jpeg": picture}]}
            )
            row = self._assessment(session, recording_id, silhouettes.key, overlay.key)
            shadow_scores.add(
                session=session,
                assessment_id=row.id,
                model_version_id=self._version(session),
                scores=[{"task": "scoliosis"}],
            )
            return row.id, search

    def _assessment(self, session: Session, recording_id: str, silhouettes: str, overlay: str, **more) -> Assessment:
        row = assessments.add_assessment(
            session=session,
            patient_id=self.patient_id,
            recording_id=recording_id,
            job_id=self._done(session, "screen", recording_id, {"assessment_id": "-"}),
            model_version_id=self._version(session),
            result={
                "scores": [{"task": "scoliosis"}],
                "simulated": False,
                "note": f"{MARK} result",
                "quality": {"view": "side"},
            },
            silhouettes_key=silhouettes,
            overlay_key=overlay,
            body_height_cm=151.0,
            created_by=self.clinician,
            **more,
        )
        return row

    def rescored(self, assessment_id: str) -> str:
        with self.database.transaction() as session:
            first = assessments.get_assessment(session=session, assessment_id=assessment_id)
            row = self._assessment(
                session,
                first.recording_id,
                first.silhouettes_key or "",
                first.overlay_key or "",
                rescored_from_id=first.id,
            )
            return row.id

    def several(self, recording_ids: tuple[str, ...]) -> str:
        files = [
            ClipFiles(each, self._file(FileKind.SILHOUETTES, silhouettes_npz()).key, self._file(FileKind.OVERLAY).key)
            for each in recording_ids
        ]
        with self.database.transaction() as session:
            row = self._assessment(
                session, recording_ids[0], files[0].silhouettes_key or "", files[0].overlay_key or ""
            )
            assessment_clips.add_clips(session=session, assessment_id=row.id, clips=files)
            return row.id

    def written(self, assessment_id: str) -> None:
        with self.database.transaction() as session:
            first = decisions.decide(
                session=session,
                assessment_id=assessment_id,
                data=DecisionData.checked(task="scoliosis", verdict="accepted"),
                expected_id=None,
                actor_id=self.clinician,
            )
            second = decisions.decide(
                session=session,
                assessment_id=assessment_id,
                data=DecisionData.checked(
                    task="scoliosis", verdict="overridden", label="positive", reason=f"{MARK} seen on the radiograph"
                ),
                expected_id=first.id,
                actor_id=self.clinician,
            )
            outcome = outcomes.record_outcome(
                session=session,
                assessment_id=assessment_id,
                data=_outcome("negative", f"{MARK} first reading"),
                expected_id=None,
                actor_id=self.clinician,
            )
            corrected = outcomes.record_outcome(
                session=session,
                assessment_id=assessment_id,
                data=_outcome("positive", f"{MARK} second reading"),
                expected_id=outcome.id,
                actor_id=self.clinician,
            )
            note = notes.add_note(
                session=session,
                patient_id=self.patient_id,
                assessment_id=assessment_id,
                text=f"{MARK} limps",
                actor_id=self.clinician,
            )
            newer = notes.correct_note(
                session=session, note_id=note.id, text=f"{MARK} limps on the left", actor_id=self.clinician
            )
            self.ids += [first.id, second.id, outcome.id, corrected.id, note.id, newer.id]

    def reports(self, assessment_id: str, newest_id: str) -> None:
        before = None
        for kind, about in (
            (ReportKind.ASSESSMENT, assessment_id),
            (ReportKind.ADDENDUM, assessment_id),
            (ReportKind.FOLLOW_UP, newest_id),
        ):
            stored = self._file(FileKind.REPORT)
            with self.database.transaction() as session:
                row = reports.add_report(
                    session=session,
                    assessment_id=about,
                    stored=stored,
                    created_by=self.clinician,
                    kind=kind,
                    patient_id=self.patient_id,
                    supersedes_id=before if kind is ReportKind.ADDENDUM else None,
                    addendum=f"{MARK} adds this" if kind is ReportKind.ADDENDUM else None,
                    verification_code=uuid.uuid4().hex,
                )
                before = row.id
                self.ids.append(row.id)


def _outcome(label: str, note: str) -> OutcomeData:
    return OutcomeData.checked(
        task="scoliosis", label=label, method="radiograph", examined_on=date(2026, 10, 1), note=note
    )


def queued_job(session: Session, patient_id: str, recording_id: str) -> Job:
    """A job that waits for a worker."""
    return jobs.enqueue(session=session, kind="screen", payload={}, patient_id=patient_id, recording_id=recording_id)
