"""Erasures: a request, a second person's decision, the removal of all rows and of the key, and the proof.

``carry_out`` removes all rows and destroys the key in one transaction. From then on nothing of the patient can be
opened; the files, which nobody can read any more, go next, and the proof is signed last. Whoever is killed in between
is followed by ``unfinished``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select, update

from clinic_data import data_keys, erased_rows, holds
from clinic_data.clock import utc_now
from clinic_data.database import conflict_as
from clinic_data.erased_rows import Removed
from clinic_data.errors import ConflictError, NotFoundError, PermissionDeniedError, ValidationError
from clinic_data.json_values import checked_json
from clinic_data.paging import Page, read_page
from clinic_data.privacy_tables import Erasure, ErasureGround, ErasureState
from clinic_data.tables import Assessment, Job, JobState, Patient, Report
from clinic_data.text_rules import one_line

NOTE_MAX = 500
_ANSWERED = "This erasure was decided already. Load the page again."


@dataclass(frozen=True, slots=True)
class ErasedPatient:
    """What an erasure removed.

    Attributes:
        removed: rows and files.
        data_key_id: the key that was destroyed; None if there never was one.
    """

    removed: Removed
    data_key_id: str | None


def request(*, session: Session, patient_id: str, ground: ErasureGround | str, note: str, actor_id: str) -> Erasure:
    """Ask for a patient's erasure. The caller writes the audit row.

    Raises:
        ConflictError: it was asked for already, or the patient is under a legal hold.
        NotFoundError: there is no such patient.
        ValidationError: there is no such ground, or the note is too long or missing.
    """
    if ground not in set(ErasureGround) - {ErasureGround.RETENTION_OVER}:
        raise ValidationError("Choose why the patient is to be erased.")
    ground = ErasureGround(ground)
    said = one_line(note, NOTE_MAX + 1)
    if len(said) > NOTE_MAX:
        raise ValidationError(f"The note has at most {NOTE_MAX} characters.")
    if ground is ErasureGround.OTHER and len(said) < 10:
        raise ValidationError("Say in some words why the patient is to be erased.")
    _locked_patient(session, patient_id)
    holds.require_none(session=session, patient_id=patient_id)
    erasure = Erasure(patient_id=patient_id, ground=ground, note=said, requested_by=actor_id)
    with conflict_as(session, "The erasure of this patient was asked for already. An administrator decides on it."):
        session.add(erasure)
    return erasure


def withdraw(*, session: Session, erasure_id: str) -> Erasure:
    """Take a request back. The caller writes the audit row.

    Raises:
        ConflictError: it was decided already.
        NotFoundError: there is no such request.
    """
    return _close(session, erasure_id, ErasureState.WITHDRAWN, None)


def refuse(*, session: Session, erasure_id: str, actor_id: str) -> Erasure:
    """Turn a request down. The caller writes the audit row.

    Raises:
        ConflictError: it was decided already.
        NotFoundError: there is no such request.
        PermissionDeniedError: the same person asked for it.
    """
    return _close(session, erasure_id, ErasureState.REFUSED, actor_id)


def _close(session: Session, erasure_id: str, state: ErasureState, actor_id: str | None) -> Erasure:
    erasure = locked(session=session, erasure_id=erasure_id)
    if erasure.state is not ErasureState.REQUESTED:
        raise ConflictError(_ANSWERED)
    if actor_id is not None:
        _require_second_person(erasure, actor_id)
        erasure.decided_by, erasure.decided_at = actor_id, utc_now()
    erasure.state, erasure.finished_at, erasure.note = state, utc_now(), ""
    session.flush()
    return erasure


def carry_out(*, session: Session, erasure_id: str, actor_id: str) -> Erasure:
    """Remove all rows of the patient and destroy the key, as a second person decided. The caller writes the audit row.

    Raises:
        ConflictError: it was decided already, a legal hold is in force, or work on a recording is still running.
        NotFoundError: there is no such request, or the patient is gone.
        PermissionDeniedError: the same person asked for it.
    """
    erasure = locked(session=session, erasure_id=erasure_id)
    if erasure.state is not ErasureState.REQUESTED:
        raise ConflictError(_ANSWERED)
    _require_second_person(erasure, actor_id)
    erasure.decided_by = actor_id
    return _begin(session, erasure)


def begin_by_rule(*, session: Session, patient_id: str) -> Erasure:
    """Remove all rows of a patient whose time is over by the rule for records, and destroy the key.

    Raises:
        ConflictError: a legal hold is in force, an erasure is open, or work on a recording is still running.
        NotFoundError: there is no such patient.
    """
    _locked_patient(session, patient_id)  # before the row, as `request` does: in one order nobody waits for ever
    erasure = Erasure(patient_id=patient_id, ground=ErasureGround.RETENTION_OVER)
    with conflict_as(session, "The erasure of this patient was asked for already. An administrator decides on it."):
        session.add(erasure)
    return _begin(session, erasure)


def _begin(session: Session, erasure: Erasure) -> Erasure:
    _locked_patient(session, erasure.patient_id)  # first: a hold that is placed at this moment is waited for
    holds.require_none(session=session, patient_id=erasure.patient_id)
    _require_no_hold_on_reports(session, erasure.patient_id)
    _require_no_work(session, erasure.patient_id)
    erasure.note = ""  # sealed with the key that goes now
    erasure.decided_at = utc_now()
    erasure.state = ErasureState.RUNNING
    session.flush()
    erasure_id = erasure.id
    found = erase_rows(session=session, patient_id=erasure.patient_id, erasure_id=erasure_id)
    erasure = locked(session=session, erasure_id=erasure_id)
    erasure.counts = checked_json(
        {
            "rows": found.removed.rows,
            "cut": found.removed.cut,
            "files": found.removed.files,
            "data_key_id": found.data_key_id,
        }
    )
    session.flush()
    return erasure


def erase_rows(*, session: Session, patient_id: str, erasure_id: str | None = None) -> ErasedPatient:
    """Delete every row of a patient, destroy the key, and note which files must go. Writes no audit row.

    Raises:
        ConflictError: something was added for the patient in this moment.
        NotFoundError: there is no such patient.
    """
    _locked_patient(session, patient_id)
    with conflict_as(session, "Something was added for this patient in this moment. Try again."):
        ids = erased_rows.dependants(session=session, start={"patient": {patient_id}})
        removed = erased_rows.remove(session=session, ids=ids, erasure_id=erasure_id)
        _close_requests(session, patient_id)
        key_id = data_keys.destroy(session=session, patient_id=patient_id)
    return ErasedPatient(removed, key_id)


def _close_requests(session: Session, patient_id: str) -> None:
    """A request that a restored backup brought back has nobody to erase any more, and its note no key."""
    closed = {"state": ErasureState.WITHDRAWN, "note": "", "finished_at": utc_now()}
    waiting = (col(Erasure.patient_id) == patient_id, col(Erasure.state) == ErasureState.REQUESTED)
    session.connection().execute(update(Erasure).where(*waiting).values(closed))
    session.expire_all()


def finish(*, session: Session, erasure_id: str, proof: dict[str, Any], now: datetime | None = None) -> Erasure:
    """Store the proof of an erasure whose files are gone. The caller writes the audit row.

    Raises:
        ConflictError: it is not running.
    """
    erasure = locked(session=session, erasure_id=erasure_id)
    if erasure.state is not ErasureState.RUNNING:
        raise ConflictError(_ANSWERED)
    erasure.state, erasure.proof, erasure.finished_at = ErasureState.DONE, checked_json(proof), now or utc_now()
    session.flush()
    return erasure


def unfinished(*, session: Session) -> list[Erasure]:
    """Erasures whose rows are gone and whose proof is still missing, oldest first."""
    statement = select(Erasure).where(Erasure.state == ErasureState.RUNNING).order_by(col(Erasure.requested_at))
    return list(session.exec(statement).all())


def get_erasure(*, session: Session, erasure_id: str) -> Erasure:
    """One erasure.

    Raises:
        NotFoundError: there is no such erasure.
    """
    erasure = session.get(Erasure, erasure_id)
    if erasure is None:
        raise NotFoundError("This erasure does not exist.")
    return erasure


def open_request(*, session: Session, patient_id: str) -> Erasure | None:
    """The erasure of a patient that somebody asked for and nobody decided yet."""
    statement = select(Erasure).where(Erasure.patient_id == patient_id, Erasure.state == ErasureState.REQUESTED)
    return session.exec(statement).first()


def list_erasures(*, session: Session, limit: int = 50, offset: int = 0) -> Page[Erasure]:
    """Erasures: those that wait first, then the newest first."""
    order = (
        col(Erasure.state) != ErasureState.REQUESTED,
        col(Erasure.requested_at).desc(),
        col(Erasure.id),
    )
    return read_page(session, select(Erasure), order=order, limit=limit, offset=offset)


def locked(*, session: Session, erasure_id: str) -> Erasure:
    """An erasure, read anew and locked until the transaction ends.

    Raises:
        NotFoundError: there is no such erasure.
    """
    erasure = session.get(Erasure, erasure_id, with_for_update=True, populate_existing=True)
    if erasure is None:
        raise NotFoundError("This erasure does not exist.")
    return erasure


def _require_second_person(erasure: Erasure, actor_id: str) -> None:
    if erasure.requested_by == actor_id:
        raise PermissionDeniedError("You asked for this erasure. Another person must decide on it.")


def _locked_patient(session: Session, patient_id: str) -> None:
    """Until the transaction ends nobody can add anything for the patient (PostgreSQL; SQLite has one writer)."""
    statement = select(Patient.id).where(Patient.id == patient_id).with_for_update()
    if session.exec(statement).first() is None:
        raise NotFoundError("This patient does not exist.")


def _require_no_hold_on_reports(session: Session, patient_id: str) -> None:
    """A visit that was moved to this patient goes, and with it the reports that its former patient keeps about it."""
    statement = (
        select(Report.id)
        .join(Assessment, col(Assessment.id) == col(Report.assessment_id))
        .where(Assessment.patient_id == patient_id, col(Report.patient_id) != patient_id)
        .where(holds.on_hold(col(Report.patient_id)))
    )
    if session.exec(statement).first() is not None:
        raise ConflictError(
            "A visit of this patient was filed under another patient before, who is under a legal hold and has a "
            "report about it: it may not be removed. Release that hold first, if it is over."
        )


def _require_no_work(session: Session, patient_id: str) -> None:
    unfinished_jobs = select(Job.id).where(Job.patient_id == patient_id, Job.state == JobState.RUNNING)
    if session.exec(unfinished_jobs).first() is not None:
        raise ConflictError("A recording of this patient is being screened. Wait until it is done, or cancel it.")
