"""The tables, one class each. Write to them through the module named after the table, never directly.

``Patient`` rows come from ``patients`` only, ``AuditRow`` rows from ``audit.record`` only: encryption and
tamper-evidence have one place to go. Columns of the type ``SealedColumn`` are sealed and opened by `sealed_rows`.
"""

# pyright: reportAssignmentType=false
# (SQLModel types __tablename__ as a declared_attr and documents a plain text.)
# No "from __future__ import annotations": SQLModel reads the annotations while it builds the tables.
import uuid
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Index, Integer, MetaData, Text, UniqueConstraint, text
from sqlalchemy import Enum as ChoiceType
from sqlmodel import Field, SQLModel

from clinic_data.clock import UtcDateTime, utc_now
from clinic_data.sealed_columns import SealedColumn


def new_id() -> str:
    """A random identifier of 32 hexadecimal digits."""
    return uuid.uuid4().hex


class Role(StrEnum):
    """What a user may do; the permissions of each role are declared by the app."""

    CLINICIAN = "clinician"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


class Sex(StrEnum):
    """Sex as the patient's record states it."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"
    UNKNOWN = "unknown"


class JobState(StrEnum):
    """Where a job stands. ``refused`` means: it ran, and the recording cannot be scored."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"


class Stage(StrEnum):
    """Where a model version stands; at most one is in production.

    A package of another clinic is in ``quarantine`` until it was evaluated on this clinic's own locked people.
    ``retired`` versions were in production once; ``rejected`` ones did not meet their criteria or were turned down.
    """

    QUARANTINE = "quarantine"
    CANDIDATE = "candidate"
    PRODUCTION = "production"
    RETIRED = "retired"
    REJECTED = "rejected"


class Origin(StrEnum):
    """Where a model version came from."""

    BUNDLED = "bundled"
    RETRAINED = "retrained"
    IMPORTED = "imported"


def _values(choices: type[StrEnum]) -> list[str]:
    return [choice.value for choice in choices]


def choice(choices: type[StrEnum], name: str) -> ChoiceType:
    """A text column that holds only the values of ``choices``, and says so in the database too."""
    return ChoiceType(
        choices,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=20,
        values_callable=_values,
    )


# SQLModel types the kind of a column as a class and takes one with arguments as well: hence Any.
def _growing_number() -> Any:
    """A number that the database gives out; SQLite does so for its own integers only."""
    return BigInteger().with_variant(Integer(), "sqlite")


def optional_json() -> Any:
    """JSON, or nothing at all where the value is None."""
    return JSON(none_as_null=True)


class ClinicTable(SQLModel):
    """Base of all tables: one metadata with a naming convention, so that migrations can name constraints."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class User(ClinicTable, table=True):
    """A person who signs in."""

    __tablename__ = "user_account"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    username: str = Field(max_length=64, unique=True)
    display_name: str = Field(max_length=120)
    role: Role = Field(sa_type=choice(Role, "role"))
    password_hash: str = Field(max_length=300, repr=False)
    must_change_password: bool = False
    password_expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # of a one-time password
    active: bool = True
    failed_sign_ins: int = 0
    locked_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_sign_in_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class SignInSession(ClinicTable, table=True):
    """A signed-in browser; only the SHA-256 of its token is kept."""

    __tablename__ = "sign_in_session"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    token_sha256: str = Field(max_length=64, unique=True, repr=False)
    user_id: str = Field(foreign_key="user_account.id", max_length=32, index=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
    last_seen_at: datetime = Field(sa_type=UtcDateTime)
    address: str = Field(default="", max_length=64)
    browser: str = Field(default="", max_length=200)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Patient(ClinicTable, table=True):
    """A person who is screened. ``version`` grows by one with each change (optimistic lock).

    What identifies the person is sealed (`sealed_rows`). Keyed hashes find a record number, and the same names with
    the same birth date; the words of a search are in `encryption_tables.PatientToken`.

    Its ``repr`` tells nothing about the person, because it may end in a log.
    """

    __tablename__ = "patient"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    record_number: str = Field(sa_type=SealedColumn, repr=False)
    record_number_key: str = Field(max_length=64, unique=True, repr=False)
    identity_key: str = Field(max_length=64, index=True, repr=False)
    family_name: str = Field(sa_type=SealedColumn, repr=False)
    given_name: str = Field(sa_type=SealedColumn, repr=False)
    birth_date: date = Field(sa_type=SealedColumn, repr=False)
    sex: Sex = Field(sa_type=SealedColumn, repr=False)
    notes: str = Field(default="", sa_type=SealedColumn, repr=False)
    training_consent: bool = False
    team_id: str | None = Field(default=None, foreign_key="team.id", max_length=32, index=True)  # None: all staff
    version: int = 1
    created_by: str | None = Field(default=None, foreign_key="user_account.id", max_length=32)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)


class Recording(ClinicTable, table=True):
    """A video file; its bytes are in ``storage.Storage`` under ``storage_key``."""

    __tablename__ = "recording"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    patient_id: str | None = Field(default=None, foreign_key="patient.id", max_length=32, index=True)
    original_name: str = Field(sa_type=SealedColumn, repr=False)  # often a patient's name
    storage_key: str = Field(max_length=64, unique=True)
    size_bytes: int = Field(sa_type=BigInteger)
    sha256: str = Field(max_length=64, index=True)
    site: str = Field(default="", max_length=80)
    simulated: bool = False
    recorded_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    video_removed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # by the retention clock
    uploaded_by: str | None = Field(default=None, foreign_key="user_account.id", max_length=32)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Job(ClinicTable, table=True):
    """A piece of work that survives a restart; ``worker`` and ``lease_until`` say who works on it now."""

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_state_queue_created_at", "state", "queue", "created_at"),
        Index("ix_job_state_created_at", "state", "created_at"),
        Index("ix_job_created_at", "created_at"),
        CheckConstraint("progress >= 0 AND progress <= 1", name="progress_range"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    queue: str = Field(max_length=20)
    kind: str = Field(max_length=40)
    payload: dict[str, Any] = Field(sa_type=JSON)
    state: JobState = Field(default=JobState.QUEUED, sa_type=choice(JobState, "state"))
    attempts: int = 0
    max_attempts: int = 3
    worker: str | None = Field(default=None, max_length=120)
    lease_s: float = 30.0
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    cancel_requested: bool = False
    progress: float = 0.0
    message: str = Field(default="", max_length=300)
    reason: str = Field(default="", sa_type=Text)
    result: dict[str, Any] | None = Field(default=None, sa_type=SealedColumn, repr=False)
    patient_id: str | None = Field(default=None, foreign_key="patient.id", max_length=32, index=True)
    recording_id: str | None = Field(default=None, foreign_key="recording.id", max_length=32, index=True)
    created_by: str | None = Field(default=None, foreign_key="user_account.id", max_length=32)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ModelVersion(ClinicTable, table=True):
    """A model package that scored, or may score, recordings; its identity is the SHA-256."""

    __tablename__ = "model_version"
    __table_args__ = (
        UniqueConstraint("name", "version"),
        Index(
            "uq_model_version_one_in_production",
            "stage",
            unique=True,
            sqlite_where=text("stage = 'production'"),
            postgresql_where=text("stage = 'production'"),
        ),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    name: str = Field(max_length=80)
    version: str = Field(max_length=40)
    sha256: str = Field(max_length=64, unique=True)
    simulated: bool
    metrics: dict[str, Any] = Field(sa_type=JSON)
    stage: Stage = Field(default=Stage.CANDIDATE, sa_type=choice(Stage, "stage"))
    origin: Origin = Field(default=Origin.BUNDLED, sa_type=choice(Origin, "origin"))
    package_key: str | None = Field(default=None, max_length=64)  # the package as one file in storage.Storage
    parent_id: str | None = Field(default=None, foreign_key="model_version.id", max_length=32)
    manifest_sha256: str | None = Field(default=None, max_length=64)  # of the cohort that it was retrained on
    config: dict[str, Any] | None = Field(default=None, sa_type=optional_json())
    environment: dict[str, Any] | None = Field(default=None, sa_type=optional_json())
    gate_report: dict[str, Any] | None = Field(default=None, sa_type=optional_json())
    signer: str | None = Field(default=None, max_length=120)
    shadow_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_by: str | None = Field(default=None, foreign_key="user_account.id", max_length=32)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class ReportKind(StrEnum):
    """What a report tells: one assessment, an addition to an earlier report, or the course over all visits."""

    ASSESSMENT = "assessment"
    ADDENDUM = "addendum"
    FOLLOW_UP = "follow_up"


class Assessment(ClinicTable, table=True):
    """What the engine found in the recordings of a visit, as the JSON that it gave; one per job.

    ``recording_id`` is the leading recording; where there were several, all are in ``visit_tables.AssessmentClip``.
    ``rescored_from_id`` names the assessment of whose stored silhouettes another model version made this one.
    """

    __tablename__ = "assessment"
    __table_args__ = (
        CheckConstraint("body_height_cm IS NULL OR (body_height_cm >= 40 AND body_height_cm <= 260)", name="height"),
        Index("uq_assessment_rescored_from_id_model_version_id", "rescored_from_id", "model_version_id", unique=True),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    patient_id: str | None = Field(default=None, foreign_key="patient.id", max_length=32, index=True)
    recording_id: str = Field(foreign_key="recording.id", max_length=32, index=True)
    job_id: str = Field(foreign_key="job.id", max_length=32, unique=True)
    model_version_id: str = Field(foreign_key="model_version.id", max_length=32, index=True)
    result: dict[str, Any] = Field(sa_type=SealedColumn, repr=False)
    silhouettes_key: str | None = Field(default=None, max_length=64)
    overlay_key: str | None = Field(default=None, max_length=64)
    body_height_cm: float | None = None
    rescored_from_id: str | None = Field(default=None, foreign_key="assessment.id", max_length=32)
    created_by: str | None = Field(default=None, foreign_key="user_account.id", max_length=32)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)


class ReportCounter(ClinicTable, table=True):
    """The last report number given out in each year."""

    __tablename__ = "report_counter"

    year: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    last: int


class Report(ClinicTable, table=True):
    """A finished report; its PDF is in ``storage.Storage`` under ``storage_key``. The database keeps it as it is.

    A new version is a new row that supersedes the older one. ``content_sha256`` is that of what the PDF tells, before
    it was signed; ``verification_code`` leads to this row on the public page.
    """

    __tablename__ = "report"
    __table_args__ = (
        Index("uq_report_supersedes_id", "supersedes_id", unique=True),
        Index("uq_report_verification_code", "verification_code", unique=True),
        CheckConstraint("(kind = 'addendum') = (addendum IS NOT NULL)", name="addendum_text"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    number: str = Field(max_length=20, unique=True)
    assessment_id: str = Field(foreign_key="assessment.id", max_length=32, index=True)
    storage_key: str = Field(max_length=64, unique=True)
    size_bytes: int = Field(sa_type=BigInteger)
    sha256: str = Field(max_length=64)
    language: str = Field(default="en", max_length=10)
    patient_id: str | None = Field(default=None, foreign_key="patient.id", max_length=32, index=True)
    kind: ReportKind = Field(default=ReportKind.ASSESSMENT, sa_type=choice(ReportKind, "kind"))
    version: int = 1
    supersedes_id: str | None = Field(default=None, foreign_key="report.id", max_length=32)
    addendum: str | None = Field(default=None, sa_type=SealedColumn, repr=False)
    verification_code: str | None = Field(default=None, max_length=43, repr=False)
    content_sha256: str | None = Field(default=None, max_length=64)
    signer: str | None = Field(default=None, max_length=120)
    created_by: str | None = Field(default=None, foreign_key="user_account.id", max_length=32)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class AuditRow(ClinicTable, table=True):
    """Who did what to which row, when, from where and why. The database refuses to change or delete these rows.

    Written by ``audit.write_pending`` only, which numbers them without gaps and chains them: ``mac`` covers the row
    and ``previous_mac``. ``actor_id`` is no foreign key, so that writing the trail waits for no row but its head.
    """

    __tablename__ = "audit_row"
    __table_args__ = (
        Index("ix_audit_row_actor_id_id", "actor_id", "id"),
        Index("ix_audit_row_action_id", "action", "id"),
        Index("ix_audit_row_subject_type_subject_id_id", "subject_type", "subject_id", "id"),
        Index("ix_audit_row_patient_id_id", "patient_id", "id"),
        Index("ix_audit_row_address_id", "address", "id"),
        Index("ix_audit_row_at_id", "at", "id"),
        CheckConstraint("length(mac) = 64 AND length(previous_mac) = 64", name="chained"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=_growing_number())
    at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    actor_id: str | None = Field(default=None, max_length=32)
    action: str = Field(max_length=60)
    subject_type: str = Field(max_length=40)
    subject_id: str | None = Field(default=None, max_length=64)
    patient_id: str | None = Field(default=None, max_length=32)
    address: str = Field(default="", max_length=64)
    session_id: str = Field(default="", max_length=16)
    why: str = Field(default="", max_length=500)
    details: dict[str, Any] = Field(sa_type=JSON)
    previous_mac: str = Field(max_length=64)
    mac: str = Field(max_length=64)
