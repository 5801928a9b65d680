"""Patients: search, open, create, edit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from sqlmodel import Session

from app.services.access import PatientOfOtherTeamError, is_of_other_team, patient_for
from app.services.permissions import Actor, Permission, may, require
from app.services.reads import note_read
from clinic_data import audit, patients, teams
from clinic_data.database import Database
from clinic_data.errors import NotFoundError, ValidationError
from clinic_data.paging import Page
from clinic_data.patients import PatientData
from clinic_data.tables import Patient


class _Keep(Enum):
    TEAM = "as it is"


KEEP_TEAM: Final = _Keep.TEAM
"""In place of a team: the patient stays where they are."""


@dataclass(frozen=True, slots=True)
class PatientRecords:
    """Use cases around the demographic data of patients."""

    database: Database

    def search(self, actor: Actor | None, text: str, limit: int, offset: int) -> Page[Patient]:
        """Patients of the actor's teams and of all staff whose names, number or birth date begin like each word."""
        actor = require(actor, Permission.READ_PATIENTS)
        with self.database.reading() as session:
            mine = teams.visible_team_ids(session=session, user_id=actor.user_id)
            found = patients.search_patients(session=session, text=text, limit=limit, offset=offset, team_ids=mine)
        if found.rows:  # how many, but no words: they are names
            note_read(self.database, actor, "patients.searched", "patient", None, {"found": found.total})
        return found

    def get(self, actor: Actor | None, patient_id: str) -> Patient:
        """One patient.

        Raises:
            NotFoundError: if there is no such patient, or it is one of another team.
        """
        actor = require(actor, Permission.READ_PATIENTS)
        with self.database.reading() as session:
            patient = patient_for(session, actor, Permission.READ_PATIENTS, patient_id)
        note_read(self.database, actor, "patient.opened", "patient", patient_id)
        return patient

    def open(self, actor: Actor | None, patient_id: str) -> Patient:
        """One patient, for the page that can ask for access in an emergency.

        Raises:
            NotFoundError: if there is no such patient.
            PatientOfOtherTeamError: if it is one of another team, and the actor may break the glass.
        """
        actor = require(actor, Permission.READ_PATIENTS)
        try:
            return self.get(actor, patient_id)
        except NotFoundError:
            with self.database.reading() as session:
                hidden = may(actor, Permission.BREAK_GLASS) and is_of_other_team(session, actor, patient_id)
            if not hidden:
                raise
        raise PatientOfOtherTeamError(
            "This patient is looked after by another team. In an emergency you can open the record and say why."
        )

    def create(self, actor: Actor | None, data: PatientData, team_id: str | None = None) -> Patient:
        """Adds a patient.

        Args:
            actor: who adds.
            data: what is known of the patient.
            team_id: one of the actor's own teams, or None for all staff.

        Raises:
            ConflictError: if the record number is taken.
            ValidationError: if the team is not one of the actor's.
        """
        actor = require(actor, Permission.WRITE_PATIENTS)
        with self.database.transaction() as session:
            _check_own_team(session, actor, team_id)
            patient = patients.create_patient(session=session, data=data, actor_id=actor.user_id)
            if team_id is not None:
                teams.give_patient(session=session, patient_id=patient.id, team_id=team_id)
            _audit(session, actor, "patient.created", patient.id, {"team_id": team_id} if team_id else {})
            _audit_consent(session, actor, patient.id, before=False, after=patient.training_consent)
        return patient

    def update(
        self,
        actor: Actor | None,
        patient_id: str,
        data: PatientData,
        expected_version: int,
        team_id: str | _Keep | None = KEEP_TEAM,
    ) -> Patient:
        """Replaces what is stored, unless somebody else changed it since it was read.

        Args:
            actor: who edits.
            patient_id: the patient.
            data: what is known now.
            expected_version: as it was read.
            team_id: any open team, None for all staff, or `KEEP_TEAM`.

        Raises:
            ConflictError: if somebody did, the record number is taken, or the team is closed.
            NotFoundError: if there is no such patient or team, or the patient is one of another team.
            ValidationError: if the actor sees the patient in an emergency only and wants to change the team.
        """
        actor = require(actor, Permission.WRITE_PATIENTS)
        with self.database.transaction() as session:
            consent = patient_for(session, actor, Permission.WRITE_PATIENTS, patient_id).training_consent
            patient = patients.update_patient(
                session=session,
                patient_id=patient_id,
                data=data,
                expected_version=expected_version,
                actor_id=actor.user_id,
            )
            _audit(session, actor, "patient.changed", patient.id)
            if not isinstance(team_id, _Keep) and team_id != patient.team_id:
                _check_member(session, actor, patient.team_id)
                before = teams.give_patient(session=session, patient_id=patient_id, team_id=team_id)
                _audit(session, actor, "patient.team_changed", patient.id, {"before": before, "team_id": team_id})
            _audit_consent(session, actor, patient.id, before=consent, after=patient.training_consent)
        return patient


def _check_own_team(session: Session, actor: Actor, team_id: str | None) -> None:
    own = {team.id for team in teams.teams_of(session=session, user_id=actor.user_id)}
    if team_id is not None and team_id not in own:
        raise ValidationError("Choose one of your own teams, or all staff.")


def _check_member(session: Session, actor: Actor, team_id: str | None) -> None:
    if team_id is not None and team_id not in teams.visible_team_ids(session=session, user_id=actor.user_id):
        raise ValidationError("You see this patient in an emergency only. Ask the patient's team to change the team.")


def _audit_consent(session: Session, actor: Actor, patient_id: str, *, before: bool, after: bool) -> None:
    if before != after:
        _audit(session, actor, f"patient.training_consent_{'given' if after else 'withdrawn'}", patient_id)


def _audit(
    session: Session, actor: Actor, action: str, patient_id: str, details: dict[str, str | None] | None = None
) -> None:
    audit.record(
        session=session,
        actor_id=actor.user_id,
        action=action,
        subject_type="patient",
        subject_id=patient_id,
        details=dict(details or {}),
    )
