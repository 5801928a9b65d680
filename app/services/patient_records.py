"""Patients: search, create, edit."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session

from app.services.permissions import Actor, Permission, require
from clinic_data import audit, patients
from clinic_data.database import Database
from clinic_data.paging import Page
from clinic_data.patients import PatientData
from clinic_data.tables import Patient


@dataclass(frozen=True, slots=True)
class PatientRecords:
    """Use cases around the demographic data of patients."""

    database: Database

    def search(self, actor: Actor | None, text: str, limit: int, offset: int) -> Page[Patient]:
        """Patients whose name, record number or birth date holds each word of the text."""
        require(actor, Permission.READ_PATIENTS)
        with self.database.reading() as session:
            return patients.search_patients(session=session, text=text, limit=limit, offset=offset)

    def get(self, actor: Actor | None, patient_id: str) -> Patient:
        """One patient.

        Raises:
            NotFoundError: if there is no such patient.
        """
        require(actor, Permission.READ_PATIENTS)
        with self.database.reading() as session:
            return patients.get_patient(session=session, patient_id=patient_id)

    def note_opened(self, actor: Actor | None, patient_id: str) -> None:
        """Writes into the audit log that the actor looked at a patient's record."""
        actor = require(actor, Permission.READ_PATIENTS)
        with self.database.transaction() as session:
            self._audit(session, actor, "patient.opened", patient_id)

    def create(self, actor: Actor | None, data: PatientData) -> Patient:
        """Adds a patient.

        Raises:
            ConflictError: if the record number is taken.
        """
        actor = require(actor, Permission.WRITE_PATIENTS)
        with self.database.transaction() as session:
            patient = patients.create_patient(session=session, data=data, actor_id=actor.user_id)
            self._audit(session, actor, "patient.created", patient.id)
            self._audit_consent(session, actor, patient.id, before=False, after=patient.training_consent)
        return patient

    def update(self, actor: Actor | None, patient_id: str, data: PatientData, expected_version: int) -> Patient:
        """Replaces what is stored, unless somebody else changed it since it was read.

        Raises:
            ConflictError: if somebody did, or the record number is taken.
        """
        actor = require(actor, Permission.WRITE_PATIENTS)
        with self.database.transaction() as session:
            before = patients.get_patient(session=session, patient_id=patient_id).training_consent
            patient = patients.update_patient(
                session=session,
                patient_id=patient_id,
                data=data,
                expected_version=expected_version,
                actor_id=actor.user_id,
            )
            self._audit(session, actor, "patient.changed", patient.id)
            self._audit_consent(session, actor, patient.id, before=before, after=patient.training_consent)
        return patient

    def _audit_consent(self, session: Session, actor: Actor, patient_id: str, *, before: bool, after: bool) -> None:
        if before != after:
            self._audit(session, actor, f"patient.training_consent_{'given' if after else 'withdrawn'}", patient_id)

    def _audit(self, session: Session, actor: Actor, action: str, patient_id: str) -> None:
        audit.record(
            session=session, actor_id=actor.user_id, action=action, subject_type="patient", subject_id=patient_id
        )
