"""Recordings: videos that were uploaded, with the patient whom they show."""

from __future__ import annotations

import ntpath
import posixpath
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from sqlmodel import Session, col, select

from clinic_data import assessment_clips, change_permit, sealed_rows
from clinic_data.database import conflict_as
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.retraining_tables import ConfirmedOutcome
from clinic_data.storage import StoredFile
from clinic_data.tables import Assessment, ClinicTable, Job, Recording
from clinic_data.text_rules import one_line
from clinic_data.visit_tables import ScoreDecision

RowT = TypeVar("RowT", Job, Assessment)
_MANY = 500  # values in one question to the database


def add_recording(
    *,
    session: Session,
    patient_id: str | None,
    original_name: str,
    stored: StoredFile,
    uploaded_by: str | None,
    recorded_at: datetime | None = None,
    site: str = "",
    simulated: bool = False,
) -> Recording:
    """Register a file that ``Storage`` accepted.

    Args:
        session: a session of ``Database.transaction()``.
        patient_id: whom it shows, or None while that is not known.
        original_name: the file name that the user sees; folders and control characters are dropped.
        stored: what ``Storage`` returned.
        uploaded_by: the user, or None.
        recorded_at: when it was filmed, where that is known.
        site: where it was taken in; at most 80 characters are kept.
        simulated: whether it shows a simulated walker.

    Raises:
        ConflictError: the patient or user does not exist, or the file is registered already.
    """
    recording = Recording(
        patient_id=patient_id,
        original_name=_file_name(original_name),
        storage_key=stored.key,
        size_bytes=stored.size_bytes,
        sha256=stored.sha256,
        site=one_line(site, 80),
        simulated=simulated,
        recorded_at=recorded_at,
        uploaded_by=uploaded_by,
    )
    with conflict_as(session, "This recording refers to a patient who does not exist, or is registered already."):
        session.add(recording)
    return recording


def get_recording(*, session: Session, recording_id: str) -> Recording:
    """Read one recording.

    Raises:
        NotFoundError: there is no such recording.
    """
    recording = session.get(Recording, recording_id)
    if recording is None:
        raise NotFoundError("This recording does not exist.")
    return recording


def require_videos(recordings: Iterable[Recording]) -> None:
    """Refuse work on a recording whose video is gone.

    Raises:
        ValidationError: a retention rule removed one of the videos.
    """
    if any(recording.video_removed_at is not None for recording in recordings):
        raise ValidationError(VIDEO_REMOVED)


VIDEO_REMOVED = (
    "The video of this recording was removed, because its time was over. Silhouettes and results of earlier "
    "assessments stay; for a new assessment film the patient again."
)


def lock_recordings(*, session: Session, recording_ids: Sequence[str]) -> list[Recording]:
    """Read recordings for who queues work for them: until the transaction ends nobody else can.

    Raises:
        NotFoundError: there is no such recording.
    """
    # In one order, so that two who want the same recordings wait for each other once and not for ever.
    statement = select(Recording).where(col(Recording.id).in_(recording_ids)).order_by(col(Recording.id))
    session.exec(statement.with_for_update().execution_options(populate_existing=True)).all()
    return [get_recording(session=session, recording_id=recording_id) for recording_id in recording_ids]


def list_recordings(*, session: Session, patient_id: str | None) -> list[Recording]:
    """The recordings of a patient (None: of nobody yet), newest first."""
    statement = select(Recording).where(col(Recording.patient_id) == patient_id)
    return list(session.exec(statement.order_by(col(Recording.created_at).desc(), col(Recording.id))).all())


def patients_by_file(*, session: Session, sha256s: Collection[str]) -> dict[str, set[str | None]]:
    """Whom recordings of the same bytes show, by the SHA-256 of the bytes; None: nobody yet.

    The same film under two patients would let one person stand on both sides of a split.
    """
    found: dict[str, set[str | None]] = {}
    wanted = sorted(sha256s)
    for start in range(0, len(wanted), _MANY):
        statement = select(Recording.sha256, Recording.patient_id)
        for sha256, patient_id in session.exec(
            statement.where(col(Recording.sha256).in_(wanted[start : start + _MANY]))
        ).all():
            found.setdefault(sha256, set()).add(patient_id)
    return found


def assign_patient(*, session: Session, recording_id: str, patient_id: str) -> Recording:
    """Say whom the recording shows, or correct it; its jobs and assessments move along.

    Reports that were already printed keep what they said. The caller writes the audit row.

    Raises:
        NotFoundError: there is no such recording.
        ConflictError: there is no such patient, or the recording was assessed together with others, which would stay.
    """
    recording = get_recording(session=session, recording_id=recording_id)
    if assessment_clips.list_for_recording(session=session, recording_id=recording_id):
        raise ConflictError(
            "This recording was assessed together with others and cannot move alone. Upload it again for the other "
            "patient."
        )
    with change_permit.permitted(session=session, purpose="recording assigned"):
        with conflict_as(session, "This patient does not exist."):
            recording.patient_id = patient_id
        for row in (*_made_from(session, Job, recording_id), *_made_from(session, Assessment, recording_id)):
            row.patient_id = patient_id  # row by row, so that each is sealed with the key of its new patient
        session.flush()
        sealed_rows.reseal(session=session, rows=_said_of(session, recording_id))
    return recording


def _made_from(session: Session, table: type[RowT], recording_id: str) -> Sequence[RowT]:
    return session.exec(select(table).where(col(table.recording_id) == recording_id)).all()


def _said_of(session: Session, recording_id: str) -> list[ClinicTable]:
    """The decisions and outcomes of a recording's assessments: they have the patient of their assessment."""
    mine = select(Assessment.id).where(col(Assessment.recording_id) == recording_id)
    decisions = session.exec(select(ScoreDecision).where(col(ScoreDecision.assessment_id).in_(mine))).all()
    outcomes = session.exec(select(ConfirmedOutcome).where(col(ConfirmedOutcome.assessment_id).in_(mine))).all()
    return [*decisions, *outcomes]


def _file_name(name: str) -> str:
    # A browser on Windows may send a whole path, and this server may run elsewhere.
    bare = posixpath.basename(ntpath.basename(name))
    stem, extension = posixpath.splitext(one_line(bare, 10_000))
    return (stem[: 200 - len(extension[:20])] + extension[:20]) or "recording"
