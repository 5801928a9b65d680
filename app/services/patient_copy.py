"""A copy of all data of one patient, on the patient's request: a zip with a readable index.

`index.html` is for people, `data.json` holds every stored fact, beside them lie the files as they were stored: videos,
overlay clips, silhouettes and reports. Nothing of it is kept here; it is made while it is sent.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from sqlmodel import Session, SQLModel, col, or_, select

from app.services.access import patient_for
from app.services.patient_copy_index import CopiedFile, index_html
from app.services.permissions import Actor, Permission, require
from app.services.zip_stream import ZipFileEntry, stream_zip
from clinic_data import audit
from clinic_data.clock import utc_now
from clinic_data.database import Database
from clinic_data.errors import NotFoundError
from clinic_data.file_vault import FileVault
from clinic_data.retraining_tables import ConfirmedOutcome, TrainingPerson
from clinic_data.tables import Assessment, Job, Patient, Recording, Report
from clinic_data.visit_tables import AssessmentClip, PatientNote, ScoreDecision

_HIDDEN = frozenset(
    {"record_number_key", "identity_key", "storage_key", "silhouettes_key", "overlay_key", "verification_code"}
)
_VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi"})


@dataclass(frozen=True, slots=True)
class PatientCopy:
    """A copy that is about to be sent.

    Attributes:
        file_name: for the browser; it names no patient.
        chunks: the zip.
    """

    file_name: str
    chunks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class PatientCopies:
    """The use case of the copy."""

    database: Database
    storage: FileVault

    def make(self, actor: Actor | None, patient_id: str, language: str = "en") -> PatientCopy:
        """Everything that is stored about a patient; writes into the audit log that it was given out.

        Raises:
            NotFoundError: if there is no such patient, or it is another team's.
        """
        with self.database.transaction() as session:
            patient = patient_for(session, actor, Permission.EXPORT, patient_id)
            actor = require(actor, Permission.EXPORT)
            facts, files = _facts(session, patient)
            audit.record(
                session=session,
                actor_id=actor.user_id,
                action="patient.copied",
                subject_type="patient",
                subject_id=patient.id,
                details={"files": len(files)},
            )
        there = [file for file in files if self._is_there(file)]
        missing = [file.path for file in files if file not in there]
        facts["missing_files"] = missing
        index = index_html(facts, there, language)
        entries = [
            ZipFileEntry("index.html", lambda: io.BytesIO(index.encode())),
            ZipFileEntry("data.json", lambda: io.BytesIO(_json(facts))),
            *(ZipFileEntry(file.path, self._opener(file)) for file in there),
        ]
        return PatientCopy(f"copy-{utc_now():%Y-%m-%d}-{patient.id[:8]}.zip", stream_zip(entries))

    def _is_there(self, file: CopiedFile) -> bool:
        """A video whose time was over is gone, and the index says so."""
        try:
            self.storage.size_bytes(file.key)
        except NotFoundError:
            return False
        return True

    def _opener(self, file: CopiedFile) -> Any:
        def open_file() -> BinaryIO:
            return self.storage.open(file.key)

        return open_file


def _json(facts: dict[str, Any]) -> bytes:
    return json.dumps(facts, ensure_ascii=False, indent=1, sort_keys=True).encode()


def _facts(session: Session, patient: Patient) -> tuple[dict[str, Any], list[CopiedFile]]:
    """All stored facts of a patient as JSON, and the files that belong to them."""
    recordings = _of(session, Recording, patient.id)
    assessments = _of(session, Assessment, patient.id)
    ids = [row.id for row in assessments]
    clips = session.exec(select(AssessmentClip).where(col(AssessmentClip.assessment_id).in_(ids))).all()
    reports = session.exec(
        select(Report)
        .where(or_(col(Report.patient_id) == patient.id, col(Report.assessment_id).in_(ids)))
        .order_by(col(Report.created_at))
    ).all()
    own = [report for report in reports if report.patient_id in {None, patient.id}]  # others name another patient
    person = session.exec(select(TrainingPerson).where(TrainingPerson.patient_id == patient.id)).first()
    facts = {
        "made_at": utc_now().isoformat(),
        "patient": _plain(patient),
        "recordings": [_plain(row) for row in recordings],
        "assessments": [_plain(row) for row in assessments],
        "assessment_recordings": [_plain(row) for row in clips],
        "decisions": _plain_of(session, ScoreDecision, ids),
        "outcomes": _plain_of(session, ConfirmedOutcome, ids),
        "notes": [_plain(row) for row in _of(session, PatientNote, patient.id)],
        "reports": [_plain(row) for row in own],
        "jobs": [_plain(row) for row in _of(session, Job, patient.id)],
        "training": {"role": person.role.value, "stratum": person.stratum} if person is not None else None,
    }
    return facts, [*_recorded_files(recordings, assessments, clips), *_report_files(own)]


def _of(session: Session, table: Any, patient_id: str) -> list[Any]:
    return list(session.exec(select(table).where(table.patient_id == patient_id).order_by(table.created_at)).all())


def _plain_of(session: Session, table: Any, assessment_ids: list[str]) -> list[dict[str, Any]]:
    statement = select(table).where(col(table.assessment_id).in_(assessment_ids)).order_by(table.created_at)
    return [_plain(row) for row in session.exec(statement).all()]


def _plain(row: SQLModel) -> dict[str, Any]:
    return row.model_dump(mode="json", exclude=set(_HIDDEN))


def _recorded_files(
    recordings: Iterable[Recording], assessments: Iterable[Assessment], clips: Iterable[AssessmentClip]
) -> Iterator[CopiedFile]:
    places = {row.id: f"recordings/{number:03d}" for number, row in enumerate(recordings, 1)}
    for row in recordings:
        suffix = PurePosixPath(row.original_name).suffix.lower()
        name = f"video{suffix if suffix in _VIDEO_SUFFIXES else '.bin'}"
        yield CopiedFile(f"{places[row.id]}/{name}", row.storage_key, "video", row.id)
    seen: set[str] = set()
    for row in (*clips, *assessments):
        place = places.get(row.recording_id)
        for key, name, kind in (
            (row.silhouettes_key, "silhouettes", "silhouettes"),
            (row.overlay_key, "overlay", "overlay"),
        ):
            if key is None or place is None or key in seen:
                continue
            seen.add(key)
            end = "npz" if kind == "silhouettes" else "mp4"
            yield CopiedFile(f"{place}/{name}-{key[:8]}.{end}", key, kind, row.recording_id)


def _report_files(reports: Iterable[Report]) -> Iterator[CopiedFile]:
    for row in reports:
        yield CopiedFile(f"reports/{row.number}.pdf", row.storage_key, "report", row.id)
