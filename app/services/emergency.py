"""Access to another team's patient in an emergency: asked for with a reason, open for some hours, reviewed afterwards.

Who sees everybody's patients anyway needs none. The reason is health data perhaps, so it is kept sealed with the
access; the audit log, which outlives an erased patient, only says that there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from app.services.access import is_of_other_team, patient_for, sees
from app.services.permissions import Actor, Permission, may, require
from app.services.user_names import user_names
from clinic_data import audit, emergency_access, patients, teams
from clinic_data.access_tables import EmergencyAccess
from clinic_data.clock import utc_now
from clinic_data.database import Database
from clinic_data.errors import ConflictError, NotFoundError
from clinic_data.paging import Page
from clinic_data.tables import Patient


@dataclass(frozen=True, slots=True)
class Found:
    """What a record number leads to: nobody's name, until the access is open.

    Attributes:
        patient_id: of the patient.
        team: the name of the patient's team; empty: all staff.
        seen: whether the actor sees the patient without an emergency.
    """

    patient_id: str
    team: str
    seen: bool


@dataclass(frozen=True, slots=True)
class OpenAccess:
    """An access of the actor that is not over, with its patient."""

    access_id: str
    patient: Patient
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AccessView:
    """An access as those who review it see it: the patient by id and team only."""

    id: str
    user: str
    patient_id: str
    team: str
    reason: str
    granted_at: datetime
    expires_at: datetime
    over: bool
    reviewed_by: str
    reviewed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Emergencies:
    """Use cases around access in an emergency."""

    database: Database

    def find(self, actor: Actor | None, record_number: str) -> Found | None:
        """Who has exactly this record number, in any team; None: nobody. Writes into the audit log that it was asked.

        A part of a number or a name finds nobody: this is no way to look around.
        """
        actor = require(actor, Permission.BREAK_GLASS)
        with self.database.transaction() as session:
            patient = patients.find_by_record_number(session=session, record_number=record_number)
            _audit(session, actor, "emergency_access.searched", patient.id if patient else None, {})
            if patient is None:
                return None
            return Found(patient.id, _team_name(session, patient), seen=sees(session, actor, patient.id))

    def of_patient(self, actor: Actor | None, patient_id: str) -> Found:
        """The same for a patient whose address the actor has.

        Raises:
            NotFoundError: if there is no such patient.
        """
        actor = require(actor, Permission.BREAK_GLASS)
        with self.database.reading() as session:
            hidden = is_of_other_team(session, actor, patient_id)
            patient = (
                patients.get_patient(session=session, patient_id=patient_id)
                if hidden
                else patient_for(session, actor, Permission.BREAK_GLASS, patient_id)
            )
            return Found(patient.id, _team_name(session, patient), seen=not hidden)

    def open(self, actor: Actor | None, patient_id: str, reason: str) -> EmergencyAccess:
        """Opens the record of another team's patient to the actor for some hours.

        Raises:
            ConflictError: if the actor sees the patient anyway.
            NotFoundError: if there is no such patient.
            ValidationError: if the reason is too short or cannot be stored.
        """
        actor = require(actor, Permission.BREAK_GLASS)
        with self.database.transaction() as session:
            if not is_of_other_team(session, actor, patient_id):
                patient_for(session, actor, Permission.BREAK_GLASS, patient_id)
                raise ConflictError("You see this patient already. No emergency access is needed.")
            patient = patients.get_patient(session=session, patient_id=patient_id)
            access = emergency_access.grant(
                session=session, user_id=actor.user_id, patient_id=patient.id, reason=reason
            )
            details = {"team_id": patient.team_id, "expires_at": access.expires_at.isoformat()}
            _audit(session, actor, "emergency_access.granted", patient.id, {"access_id": access.id} | details)
        return access

    def own(self, actor: Actor | None) -> tuple[OpenAccess, ...]:
        """The accesses of the actor that are not over, each patient once, the one that ends last first."""
        actor = require(actor, Permission.BREAK_GLASS)
        with self.database.reading() as session:
            found: dict[str, OpenAccess] = {}
            for access in emergency_access.list_open(session=session, user_id=actor.user_id):
                if access.patient_id not in found:
                    patient = patients.get_patient(session=session, patient_id=access.patient_id)
                    found[access.patient_id] = OpenAccess(access.id, patient, access.expires_at)
        return tuple(found.values())

    def end(self, actor: Actor | None, access_id: str) -> None:
        """Ends an access now: one's own, or as an administrator anybody's.

        Raises:
            NotFoundError: if there is no such access, or it is somebody else's.
        """
        manages = may(actor, Permission.MANAGE_TEAMS)
        actor = require(actor, Permission.MANAGE_TEAMS if manages else Permission.BREAK_GLASS)
        with self.database.transaction() as session:
            access = emergency_access.get_access(session=session, access_id=access_id)
            if not manages and access.user_id != actor.user_id:
                raise NotFoundError("This emergency access does not exist.")
            emergency_access.end(session=session, access_id=access_id)
            _audit(session, actor, "emergency_access.ended", access.patient_id, {"access_id": access.id})

    def list(self, actor: Actor | None, reviewed: bool | None, limit: int, offset: int) -> Page[AccessView]:
        """All accesses, or those that were reviewed or not, the newest first."""
        require(actor, Permission.READ_AUDIT)
        with self.database.reading() as session:
            page = emergency_access.list_accesses(session=session, reviewed=reviewed, limit=limit, offset=offset)
            rows = tuple(_view(session, access) for access in page.rows)
        return Page(rows=rows, total=page.total, limit=page.limit, offset=page.offset)

    def count_to_review(self, actor: Actor | None) -> int:
        """How many accesses nobody has reviewed."""
        require(actor, Permission.READ_AUDIT)
        with self.database.reading() as session:
            return emergency_access.count_to_review(session=session)

    def review(self, actor: Actor | None, access_id: str) -> None:
        """Writes down that an administrator looked at an access and its reason.

        Raises:
            ConflictError: if somebody else did meanwhile, or it is the actor's own.
            NotFoundError: if there is no such access.
        """
        actor = require(actor, Permission.MANAGE_TEAMS)
        with self.database.transaction() as session:
            access = emergency_access.review(session=session, access_id=access_id, reviewer_id=actor.user_id)
            _audit(session, actor, "emergency_access.reviewed", access.patient_id, {"access_id": access.id})


def _team_name(session: Session, patient: Patient) -> str:
    return teams.get_team(session=session, team_id=patient.team_id).name if patient.team_id else ""


def _view(session: Session, access: EmergencyAccess) -> AccessView:
    names = user_names(session, (access.user_id, access.reviewed_by))
    patient = patients.get_patient(session=session, patient_id=access.patient_id)
    return AccessView(
        id=access.id,
        user=names[access.user_id],
        patient_id=access.patient_id,
        team=_team_name(session, patient),
        reason=access.reason,
        granted_at=access.granted_at,
        expires_at=access.expires_at,
        over=access.expires_at <= utc_now(),
        reviewed_by=names[access.reviewed_by] if access.reviewed_by else "",
        reviewed_at=access.reviewed_at,
    )


def _audit(session: Session, actor: Actor, action: str, patient_id: str | None, details: dict[str, Any]) -> None:
    audit.record(
        session=session,
        actor_id=actor.user_id,
        action=action,
        subject_type="patient",
        subject_id=patient_id,
        details=details,
    )
