"""The tables of privacy: retention rules, legal holds, erasures, files that must go. Written to like `tables`."""

# pyright: reportAssignmentType=false
# (SQLModel types __tablename__ as a declared_attr and documents a plain text.)
# No "from __future__ import annotations": SQLModel reads the annotations while it builds the tables.
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field

from clinic_data.clock import UtcDateTime, utc_now
from clinic_data.sealed_columns import SealedColumn
from clinic_data.tables import ClinicTable, choice, new_id, optional_json


class DataKind(StrEnum):
    """What has a retention clock of its own. ``clinic_data.retention`` says when each begins to run."""

    VIDEOS = "videos"
    INBOX = "inbox"
    SILHOUETTES = "silhouettes"
    RECORDS = "records"
    JOBS = "jobs"
    SESSIONS = "sessions"


class ErasureState(StrEnum):
    """Where an erasure stands. ``running`` means: the rows and the key are gone, files may still be going."""

    REQUESTED = "requested"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"
    RUNNING = "running"
    DONE = "done"


class ErasureGround(StrEnum):
    """Why a patient is erased; it stands in the proof."""

    PATIENT_WISH = "patient_wish"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    ENTERED_BY_MISTAKE = "entered_by_mistake"
    OTHER = "other"
    RETENTION_OVER = "retention_over"


class RetentionRule(ClinicTable, table=True):
    """How long one kind of data is kept; ``days`` None: for ever. Without a row the rule is the default one.

    ``version`` grows by one with each change (optimistic lock).
    """

    __tablename__ = "retention_rule"
    __table_args__ = (CheckConstraint("days IS NULL OR days >= 1", name="days_positive"),)

    kind: DataKind = Field(sa_type=choice(DataKind, "data_kind"), primary_key=True)
    days: int | None = None
    version: int = 1
    updated_by: str | None = Field(default=None, foreign_key="user_account.id", max_length=32)
    updated_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class LegalHold(ClinicTable, table=True):
    """A patient whose data must not go, whatever a rule or an erasure says, until the hold is released."""

    __tablename__ = "legal_hold"
    __table_args__ = (
        Index(
            "uq_legal_hold_one_in_force",
            "patient_id",
            unique=True,
            sqlite_where=text("released_at IS NULL"),
            postgresql_where=text("released_at IS NULL"),
        ),
        CheckConstraint("(released_at IS NULL) = (released_by IS NULL)", name="released_by_somebody"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    patient_id: str = Field(foreign_key="patient.id", max_length=32, index=True)
    reason: str = Field(sa_type=SealedColumn, repr=False)
    placed_by: str = Field(foreign_key="user_account.id", max_length=32)
    placed_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    released_by: str | None = Field(default=None, foreign_key="user_account.id", max_length=32)
    released_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Erasure(ClinicTable, table=True):
    """The erasure of a patient, from the request to the signed proof. It outlives the patient, hence no foreign key.

    Two people are needed; only what the retention clock erased has neither. ``counts`` is what was there, ``proof``
    what was signed. ``note`` is emptied when the patient is erased.
    """

    __tablename__ = "erasure"
    __table_args__ = (
        Index(
            "uq_erasure_one_open",
            "patient_id",
            unique=True,
            sqlite_where=text("state IN ('requested', 'running')"),
            postgresql_where=text("state IN ('requested', 'running')"),
        ),
        CheckConstraint(
            "state NOT IN ('running', 'done', 'refused') OR (requested_by IS NULL AND ground = 'retention_over') "
            "OR (decided_by IS NOT NULL AND decided_by <> requested_by)",
            name="four_eyes",
        ),
        CheckConstraint("(state = 'done') = (proof IS NOT NULL)", name="done_has_its_proof"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    patient_id: str = Field(max_length=32, index=True)
    state: ErasureState = Field(default=ErasureState.REQUESTED, sa_type=choice(ErasureState, "erasure_state"))
    ground: ErasureGround = Field(sa_type=choice(ErasureGround, "erasure_ground"))
    note: str = Field(default="", sa_type=SealedColumn, repr=False)
    requested_by: str | None = Field(default=None, foreign_key="user_account.id", max_length=32)
    requested_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    decided_by: str | None = Field(default=None, foreign_key="user_account.id", max_length=32)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    counts: dict[str, Any] | None = Field(default=None, sa_type=optional_json())
    proof: dict[str, Any] | None = Field(default=None, sa_type=optional_json())
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class FileRemoval(ClinicTable, table=True):
    """A stored file that no row refers to any more and that must go; the row goes after the file."""

    __tablename__ = "file_removal"

    storage_key: str = Field(primary_key=True, max_length=64)
    erasure_id: str | None = Field(default=None, foreign_key="erasure.id", max_length=32, index=True)
    asked_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
