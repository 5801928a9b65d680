"""Erasure of a patient: a clinician asks, an administrator carries it out, everybody can verify the proof."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from app.services.access import patient_for
from app.services.erasure_proof import proof_bytes
from app.services.erasure_work import ErasureWork, require_no_training
from app.services.permissions import Actor, Permission, require
from app.services.user_names import user_names
from app.settings import Settings
from clinic_data import audit, erasures, patients
from clinic_data.database import Database
from clinic_data.errors import NotFoundError, PermissionDeniedError, ValidationError
from clinic_data.file_vault import FileVault
from clinic_data.paging import Page
from clinic_data.privacy_tables import Erasure, ErasureGround, ErasureState
from clinic_data.tables import Patient
from clinic_data.text_rules import search_key

WRONG_NUMBER = "This is not the record number of the patient to be erased. Look it up in the written request."


@dataclass(frozen=True, slots=True)
class ErasureView:
    """An erasure as administrators and auditors see it: without the patient's name or number.

    Attributes:
        id: of the erasure.
        patient_id: the random id of the patient.
        state: where it stands.
        ground: why.
        note: what the clinician added; empty once it was decided.
        requested_by, decided_by: names of people; empty where the retention rule decided.
        requested_by_id: to tell whether the reader asked for it.
        requested_at, decided_at, finished_at: when.
        rows, files: how many were removed; 0 before.
        has_proof: whether there is a proof to download.
    """

    id: str
    patient_id: str
    state: ErasureState
    ground: ErasureGround
    note: str
    requested_by: str
    requested_by_id: str | None
    requested_at: datetime
    decided_by: str
    decided_at: datetime | None
    finished_at: datetime | None
    rows: int
    files: int
    has_proof: bool


@dataclass(frozen=True, slots=True)
class Erasures:
    """Use cases around erasures."""

    settings: Settings
    database: Database
    storage: FileVault

    def request(
        self, actor: Actor | None, patient_id: str, record_number: str, ground: ErasureGround | str, note: str = ""
    ) -> Erasure:
        """Asks for the erasure of a patient.

        Args:
            actor: a clinician.
            patient_id: whom.
            record_number: typed again, so that nobody erases the wrong patient.
            ground: why.
            note: more about it; an administrator reads it, and it goes with the patient.

        Raises:
            ConflictError: if it was asked for already, or a legal hold is in force.
            NotFoundError: if there is no such patient, or it is another team's.
            ValidationError: if the record number is another one, or the ground is missing.
        """
        with self.database.transaction() as session:
            patient = patient_for(session, actor, Permission.REQUEST_ERASURE, patient_id)
            actor = require(actor, Permission.REQUEST_ERASURE)
            if not _is_number_of(patient, record_number):
                raise ValidationError("This is not the record number of this patient. Type it as it stands above.")
            erasure = erasures.request(
                session=session, patient_id=patient.id, ground=ground, note=note, actor_id=actor.user_id
            )
            _record(session, actor, "erasure.requested", erasure)
        return erasure

    def open_request(self, actor: Actor | None, patient_id: str) -> Erasure | None:
        """The request for this patient that waits for an administrator."""
        with self.database.reading() as session:
            patient_for(session, actor, Permission.REQUEST_ERASURE, patient_id)
            return erasures.open_request(session=session, patient_id=patient_id)

    def withdraw(self, actor: Actor | None, erasure_id: str) -> None:
        """Takes a request back; any clinician who sees the patient may.

        Raises:
            ConflictError: if it was decided already.
            NotFoundError: if there is no such request, or the patient is another team's.
        """
        with self.database.transaction() as session:
            actor = require(actor, Permission.REQUEST_ERASURE)
            erasure = erasures.get_erasure(session=session, erasure_id=erasure_id)
            try:
                patient_for(session, actor, Permission.REQUEST_ERASURE, erasure.patient_id)
            except NotFoundError:
                raise NotFoundError("This erasure does not exist.") from None
            _record(session, actor, "erasure.withdrawn", erasures.withdraw(session=session, erasure_id=erasure_id))

    def refuse(self, actor: Actor | None, erasure_id: str) -> None:
        """Turns a request down.

        Raises:
            ConflictError: if it was decided already.
            PermissionDeniedError: if the actor asked for it.
        """
        actor = require(actor, Permission.ERASE)
        with self.database.transaction() as session:
            erasure = erasures.refuse(session=session, erasure_id=erasure_id, actor_id=actor.user_id)
            _record(session, actor, "erasure.refused", erasure)

    def carry_out(self, actor: Actor | None, erasure_id: str, record_number: str) -> ErasureView:
        """Erases the patient for good, as the second person.

        Args:
            actor: an administrator, not who asked for it.
            erasure_id: the request.
            record_number: of the patient, from the written request: so the second person checks who it is.

        Raises:
            ConflictError: if it was decided already, a legal hold is in force, or work on a recording is running.
            PermissionDeniedError: if the actor asked for it.
            ValidationError: if the record number is another one.
        """
        actor = require(actor, Permission.ERASE)
        with self.database.transaction() as session:
            erasure = erasures.locked(session=session, erasure_id=erasure_id)
            self._check_second_person(session, actor, erasure, record_number)
            require_no_training(session, erasure.patient_id)
            erasure = erasures.carry_out(session=session, erasure_id=erasure_id, actor_id=actor.user_id)
            _record(session, actor, "patient.erased", erasure, dict(erasure.counts or {}))
        done = ErasureWork(self.settings, self.database, self.storage).finish(erasure_id)
        with self.database.reading() as session:
            return _view(session, done)

    def _check_second_person(self, session: Session, actor: Actor, erasure: Erasure, record_number: str) -> None:
        if erasure.state is not ErasureState.REQUESTED:
            return  # the rules below say so
        if erasure.requested_by == actor.user_id:
            raise PermissionDeniedError("You asked for this erasure. Another person must decide on it.")
        patient = patients.get_patient(session=session, patient_id=erasure.patient_id)
        if not _is_number_of(patient, record_number):
            raise ValidationError(WRONG_NUMBER)

    def list(self, actor: Actor | None, limit: int = 20, offset: int = 0) -> Page[ErasureView]:
        """Erasures, those that wait first."""
        require(actor, Permission.READ_PRIVACY)
        with self.database.reading() as session:
            found = erasures.list_erasures(session=session, limit=limit, offset=offset)
            return Page(tuple(_view(session, row) for row in found.rows), found.total, found.limit, found.offset)

    def proof(self, actor: Actor | None, erasure_id: str) -> bytes:
        """The file of a signed proof.

        Raises:
            NotFoundError: if there is no such erasure, or it has no proof yet.
        """
        actor = require(actor, Permission.READ_PRIVACY)
        with self.database.transaction() as session:
            erasure = erasures.get_erasure(session=session, erasure_id=erasure_id)
            if erasure.proof is None:
                raise NotFoundError("This erasure has no proof yet.")
            _record(session, actor, "erasure.proof_downloaded", erasure)
            return proof_bytes(erasure.proof)


def _is_number_of(patient: Patient, record_number: str) -> bool:
    return search_key(record_number) == search_key(patient.record_number)


def _record(
    session: Session, actor: Actor, action: str, erasure: Erasure, details: dict[str, object] | None = None
) -> None:
    audit.record(
        session=session,
        actor_id=actor.user_id,
        action=action,
        subject_type="erasure",
        subject_id=erasure.id,
        details={"patient_id": erasure.patient_id, "ground": erasure.ground.value, **(details or {})},
    )


def _view(session: Session, erasure: Erasure) -> ErasureView:
    names = user_names(session, [erasure.requested_by, erasure.decided_by])
    counts = erasure.counts or {}
    return ErasureView(
        id=erasure.id,
        patient_id=erasure.patient_id,
        state=erasure.state,
        ground=erasure.ground,
        note=erasure.note,
        requested_by=names[erasure.requested_by] if erasure.requested_by else "",
        requested_by_id=erasure.requested_by,
        requested_at=erasure.requested_at,
        decided_by=names[erasure.decided_by] if erasure.decided_by else "",
        decided_at=erasure.decided_at,
        finished_at=erasure.finished_at,
        rows=sum(counts.get("rows", {}).values()),
        files=sum(kind["files"] for kind in counts.get("files", {}).values()),
        has_proof=erasure.proof is not None,
    )
