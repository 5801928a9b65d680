"""The tables of retraining: confirmed outcomes, cohorts, retrainings, promotions. Written to like those of `tables`."""

# pyright: reportAssignmentType=false
# (SQLModel types __tablename__ as a declared_attr and documents a plain text.)
# No "from __future__ import annotations": SQLModel reads the annotations while it builds the tables.
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, Text, UniqueConstraint, text
from sqlmodel import Field

from clinic_data.clock import UtcDateTime, utc_now
from clinic_data.sealed_columns import SealedColumn
from clinic_data.tables import ClinicTable, choice, new_id, optional_json


class TrainingRole(StrEnum):
    """What a person's outcomes are for, once and for all retrainings: ``gate`` people are never trained on."""

    DEVELOPMENT = "development"
    GATE = "gate"


class PromotionKind(StrEnum):
    """Why a version goes into production."""

    PROMOTION = "promotion"
    ROLL_BACK = "roll_back"


class PromotionState(StrEnum):
    """Where a request stands; a roll-back is approved from its beginning."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class ConfirmedOutcome(ClinicTable, table=True):
    """What turned out to be true of an assessment's task. A correction is a new row that replaces the older one.

    ``label`` is a class of the task, or None: it is known that nothing is known.
    """

    __tablename__ = "confirmed_outcome"
    __table_args__ = (
        Index("ix_confirmed_outcome_assessment_id_task", "assessment_id", "task"),
        Index(
            "uq_confirmed_outcome_one_beginning",
            "assessment_id",
            "task",
            unique=True,
            sqlite_where=text("replaces_id IS NULL"),
            postgresql_where=text("replaces_id IS NULL"),
        ),
        CheckConstraint("phq9_total IS NULL OR (phq9_total >= 0 AND phq9_total <= 27)", name="phq9_range"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    assessment_id: str = Field(foreign_key="assessment.id", max_length=32)
    task: str = Field(max_length=40)
    label: str | None = Field(default=None, max_length=40)
    method: str = Field(max_length=40)
    examined_on: date | None = None
    phq9_total: int | None = None
    note: str = Field(default="", sa_type=SealedColumn, repr=False)
    replaces_id: str | None = Field(default=None, foreign_key="confirmed_outcome.id", max_length=32, unique=True)
    confirmed_by: str | None = Field(default=None, foreign_key="user_account.id", max_length=32)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class TrainingPerson(ClinicTable, table=True):
    """The role of a person in all retrainings, given once; the database refuses to change or delete it.

    ``code`` is the pseudonym under which manifests and training data know the person. Only ``patient_id`` may become
    empty, when the patient is erased.
    """

    __tablename__ = "training_person"

    code: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    patient_id: str | None = Field(default=None, foreign_key="patient.id", max_length=32, unique=True)
    role: TrainingRole = Field(sa_type=choice(TrainingRole, "role"))
    stratum: str = Field(max_length=120)
    assigned_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Cohort(ClinicTable, table=True):
    """Recordings with outcomes that were frozen for retraining; the database refuses to change or delete it."""

    __tablename__ = "cohort"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    number: int = Field(unique=True)
    task: str = Field(max_length=40)
    filters: dict[str, Any] = Field(sa_type=JSON)
    manifest: dict[str, Any] = Field(sa_type=JSON)
    manifest_sha256: str = Field(max_length=64)
    simulated: bool
    created_by: str | None = Field(default=None, foreign_key="user_account.id", max_length=32)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Retraining(ClinicTable, table=True):
    """One retraining: its protocol as it was before the run, how the run goes, and what came of it."""

    __tablename__ = "retraining"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    number: int = Field(unique=True)
    cohort_id: str = Field(foreign_key="cohort.id", max_length=32, index=True)
    base_version_id: str = Field(foreign_key="model_version.id", max_length=32)
    protocol: dict[str, Any] = Field(sa_type=JSON)
    protocol_sha256: str = Field(max_length=64)
    job_id: str | None = Field(default=None, foreign_key="job.id", max_length=32, unique=True)
    live: dict[str, Any] | None = Field(default=None, sa_type=optional_json())
    fitted_sha256: str | None = Field(default=None, max_length=64)  # of the weights, before the gate was opened
    candidate_version_id: str | None = Field(default=None, foreign_key="model_version.id", max_length=32)
    requested_by: str | None = Field(default=None, foreign_key="user_account.id", max_length=32)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Promotion(ClinicTable, table=True):
    """A request to put a version into production and what became of it; two people are needed, but for a roll-back."""

    __tablename__ = "promotion"
    __table_args__ = (
        CheckConstraint(
            "kind = 'roll_back' OR state NOT IN ('approved', 'refused') "
            "OR (decided_by IS NOT NULL AND decided_by <> requested_by)",
            name="four_eyes",
        ),
        Index(
            "uq_promotion_one_open",
            "state",
            unique=True,
            sqlite_where=text("state = 'requested'"),
            postgresql_where=text("state = 'requested'"),
        ),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    kind: PromotionKind = Field(sa_type=choice(PromotionKind, "kind"))
    state: PromotionState = Field(sa_type=choice(PromotionState, "promotion_state"))
    to_version_id: str = Field(foreign_key="model_version.id", max_length=32, index=True)
    from_version_id: str | None = Field(default=None, foreign_key="model_version.id", max_length=32)
    reason: str = Field(sa_type=Text)
    requested_by: str = Field(foreign_key="user_account.id", max_length=32)
    requested_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    decided_by: str | None = Field(default=None, foreign_key="user_account.id", max_length=32)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decision_reason: str = Field(default="", sa_type=Text)


class ShadowScore(ClinicTable, table=True):
    """What a candidate says of an assessment beside the version in production; no clinician sees it."""

    __tablename__ = "shadow_score"
    __table_args__ = (UniqueConstraint("assessment_id", "model_version_id"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    assessment_id: str = Field(foreign_key="assessment.id", max_length=32)
    model_version_id: str = Field(foreign_key="model_version.id", max_length=32, index=True)
    scores: list[dict[str, Any]] = Field(sa_type=JSON)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class TrustedKey(ClinicTable, table=True):
    """The public signing key of a clinic whose packages this clinic accepts into quarantine."""

    __tablename__ = "trusted_key"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    name: str = Field(max_length=120)
    public_key: str = Field(max_length=64, unique=True)  # Ed25519, 64 hexadecimal digits
    added_by: str | None = Field(default=None, foreign_key="user_account.id", max_length=32)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
