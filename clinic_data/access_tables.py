"""The tables of who may see whom: teams and access in an emergency. Written to like those of `tables`."""

# pyright: reportAssignmentType=false
# (SQLModel types __tablename__ as a declared_attr and documents a plain text.)
# No "from __future__ import annotations": SQLModel reads the annotations while it builds the tables.
from datetime import datetime

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field

from clinic_data.clock import UtcDateTime, utc_now
from clinic_data.sealed_columns import SealedColumn
from clinic_data.tables import ClinicTable, new_id


class Team(ClinicTable, table=True):
    """Staff who look after the same patients. ``name_key`` is the name without case and accents.

    An inactive team has no patients and gets none; its row stays, because the audit log names it.
    """

    __tablename__ = "team"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    name: str = Field(max_length=80)
    name_key: str = Field(max_length=160, unique=True)
    active: bool = True
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class TeamMember(ClinicTable, table=True):
    """That a user belongs to a team; one may belong to several."""

    __tablename__ = "team_member"

    team_id: str = Field(primary_key=True, foreign_key="team.id", max_length=32)
    user_id: str = Field(primary_key=True, foreign_key="user_account.id", max_length=32, index=True)


class EmergencyAccess(ClinicTable, table=True):
    """That a user opened the record of another team's patient, why, until when, and who looked at that afterwards.

    An access that was ended early has its end in ``expires_at``.
    """

    __tablename__ = "emergency_access"
    __table_args__ = (
        Index("ix_emergency_access_user_id_patient_id", "user_id", "patient_id"),
        Index("ix_emergency_access_granted_at", "granted_at"),
        CheckConstraint("(reviewed_by IS NULL) = (reviewed_at IS NULL)", name="review_is_whole"),
        CheckConstraint("reviewed_by IS NULL OR reviewed_by <> user_id", name="nobody_reviews_themselves"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    user_id: str = Field(foreign_key="user_account.id", max_length=32)
    patient_id: str = Field(foreign_key="patient.id", max_length=32, index=True)
    reason: str = Field(sa_type=SealedColumn, repr=False)
    granted_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    reviewed_by: str | None = Field(default=None, foreign_key="user_account.id", max_length=32)
    reviewed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
