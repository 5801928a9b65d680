"""The tables of a visit and its follow-up: clips, decisions, notes, the clinic's profile. Written to like `tables`."""

# pyright: reportAssignmentType=false
# (SQLModel types __tablename__ as a declared_attr and documents a plain text.)
# No "from __future__ import annotations": SQLModel reads the annotations while it builds the tables.
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, Text, UniqueConstraint, text
from sqlmodel import Field

from clinic_data.clock import UtcDateTime, utc_now
from clinic_data.sealed_columns import SealedColumn
from clinic_data.tables import ClinicTable, choice, new_id


class Verdict(StrEnum):
    """What a clinician made of a score."""

    ACCEPTED = "accepted"
    OVERRIDDEN = "overridden"


class AssessmentClip(ClinicTable, table=True):
    """One of several recordings that were assessed together; ``position`` is its place in the result's ``clips``.

    An assessment of one recording has no such row: everything about it is in its own.
    """

    __tablename__ = "assessment_clip"
    __table_args__ = (UniqueConstraint("assessment_id", "position"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    assessment_id: str = Field(foreign_key="assessment.id", max_length=32)
    recording_id: str = Field(foreign_key="recording.id", max_length=32, index=True)
    position: int
    silhouettes_key: str | None = Field(default=None, max_length=64)
    overlay_key: str | None = Field(default=None, max_length=64)


class ScoreDecision(ClinicTable, table=True):
    """Whether a clinician accepts a score or overrides it. A change of mind is a new row that replaces the older one.

    ``label`` is the class that the clinician sets instead, for an overridden score only. ``phq9_waived_reason`` says
    why a depression score was accepted without a PHQ-9 total on record.
    """

    __tablename__ = "score_decision"
    __table_args__ = (
        Index("ix_score_decision_assessment_id_task", "assessment_id", "task"),
        Index(
            "uq_score_decision_one_beginning",
            "assessment_id",
            "task",
            unique=True,
            sqlite_where=text("replaces_id IS NULL"),
            postgresql_where=text("replaces_id IS NULL"),
        ),
        CheckConstraint(
            "(verdict = 'accepted' AND label IS NULL) "
            "OR (verdict = 'overridden' AND label IS NOT NULL AND reason <> '' AND phq9_waived_reason = '')",
            name="override_has_its_reason",
        ),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    assessment_id: str = Field(foreign_key="assessment.id", max_length=32)
    task: str = Field(max_length=40)
    verdict: Verdict = Field(sa_type=choice(Verdict, "verdict"))
    label: str | None = Field(default=None, max_length=40)
    reason: str = Field(default="", sa_type=SealedColumn, repr=False)
    phq9_waived_reason: str = Field(default="", sa_type=SealedColumn, repr=False)
    replaces_id: str | None = Field(default=None, foreign_key="score_decision.id", max_length=32, unique=True)
    decided_by: str | None = Field(default=None, foreign_key="user_account.id", max_length=32)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class PatientNote(ClinicTable, table=True):
    """A note on a patient, or on one of the patient's assessments. A correction is a new row."""

    __tablename__ = "patient_note"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    patient_id: str = Field(foreign_key="patient.id", max_length=32, index=True)
    assessment_id: str | None = Field(default=None, foreign_key="assessment.id", max_length=32)
    text: str = Field(sa_type=SealedColumn, repr=False)
    replaces_id: str | None = Field(default=None, foreign_key="patient_note.id", max_length=32, unique=True)
    created_by: str | None = Field(default=None, foreign_key="user_account.id", max_length=32)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class ClinicProfile(ClinicTable, table=True):
    """What the clinic says of itself; there is one row at most. ``version`` grows by one with each change.

    ``prevalence`` is the share of the clinic's patients who have what a task screens for, by task.
    """

    __tablename__ = "clinic_profile"
    __table_args__ = (CheckConstraint("id = 1", name="one_clinic"),)

    id: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    name: str = Field(default="", max_length=120)
    address: str = Field(default="", sa_type=Text)
    logo_key: str | None = Field(default=None, max_length=64)
    prevalence: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    prevalence_source: str = Field(default="", sa_type=Text)
    report_language: str = Field(default="en", max_length=10)
    version: int = 1
    updated_by: str | None = Field(default=None, foreign_key="user_account.id", max_length=32)
    updated_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
