"""Visits and follow-up: clips, decisions, notes, the clinic's profile; rescored assessments; versions of reports."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from clinic_data.clock import UtcDateTime

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# A later migration that rebuilds one of these tables on SQLite drops its triggers and must make them anew.
_KEPT_FOR_EVER = {
    "patient_note": "a note is corrected by a new row",
    "report": "a report is never changed, a new version is a new row",
    "score_decision": "a decision is changed by a new row",
}
# Columns that are empty at first can be added in place on both databases, with their constraints: no table with a
# clinic's results is rebuilt, and nothing that refers to it has to be looked at. SQLAlchemy reads the constraints of a
# SQLite table line by line, hence the new lines.
_ADDED = {
    "assessment": (
        "body_height_cm FLOAT\nCONSTRAINT ck_assessment_height "
        "CHECK (body_height_cm IS NULL OR (body_height_cm >= 40 AND body_height_cm <= 260))",
        "rescored_from_id VARCHAR(32)\nCONSTRAINT fk_assessment_rescored_from_id_assessment REFERENCES assessment (id)",
    ),
    "report": (
        "patient_id VARCHAR(32)\nCONSTRAINT fk_report_patient_id_patient REFERENCES patient (id)",
        "kind VARCHAR(20) DEFAULT 'assessment' NOT NULL\nCONSTRAINT ck_report_kind "
        "CHECK (kind IN ('assessment', 'addendum', 'follow_up'))",
        "version INTEGER DEFAULT 1 NOT NULL",
        "supersedes_id VARCHAR(32)\nCONSTRAINT fk_report_supersedes_id_report REFERENCES report (id)",
        "addendum TEXT\nCONSTRAINT ck_report_addendum_text CHECK ((kind = 'addendum') = (addendum IS NOT NULL))",
        "verification_code VARCHAR(43)",
        "content_sha256 VARCHAR(64)",
        "signer VARCHAR(120)",
    ),
}


def upgrade() -> None:
    _extend_assessments_and_reports()
    _create_clips()
    _create_decisions_and_notes()
    _create_clinic_profile()
    refuse = _refuse_on_postgresql if op.get_bind().dialect.name == "postgresql" else _refuse_on_sqlite
    for table, words in _KEPT_FOR_EVER.items():
        refuse(table, words)


def _refuse_on_sqlite(table: str, words: str) -> None:
    refusal = f"BEGIN SELECT RAISE(ABORT, '{words}'); END"
    op.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refusal}")
    op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refusal}")


def _refuse_on_postgresql(table: str, words: str) -> None:
    function = f"{table}_refuse_change"
    op.execute(
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{words}'; END $$"
    )
    for event, scope in (("UPDATE", "FOR EACH ROW "), ("DELETE", "FOR EACH ROW "), ("TRUNCATE", "")):
        op.execute(
            f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} {scope}EXECUTE FUNCTION {function}()"
        )


def _extend_assessments_and_reports() -> None:
    for table, columns in _ADDED.items():
        for column in columns:
            op.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
    op.execute(
        "UPDATE report SET patient_id = "
        "(SELECT assessment.patient_id FROM assessment WHERE assessment.id = report.assessment_id)"
    )
    op.create_index(
        "uq_assessment_rescored_from_id_model_version_id",
        "assessment",
        ["rescored_from_id", "model_version_id"],
        unique=True,
    )
    op.create_index(op.f("ix_report_patient_id"), "report", ["patient_id"])
    op.create_index("uq_report_supersedes_id", "report", ["supersedes_id"], unique=True)
    op.create_index("uq_report_verification_code", "report", ["verification_code"], unique=True)


def _create_clips() -> None:
    op.create_table(
        "assessment_clip",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("assessment_id", sa.String(length=32), nullable=False),
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("silhouettes_key", sa.String(length=64), nullable=True),
        sa.Column("overlay_key", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["assessment_id"], ["assessment.id"], name=op.f("fk_assessment_clip_assessment_id_assessment")
        ),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recording.id"], name=op.f("fk_assessment_clip_recording_id_recording")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assessment_clip")),
        sa.UniqueConstraint("assessment_id", "position", name=op.f("uq_assessment_clip_assessment_id_position")),
    )
    op.create_index(op.f("ix_assessment_clip_recording_id"), "assessment_clip", ["recording_id"])


def _create_decisions_and_notes() -> None:
    op.create_table(
        "score_decision",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("assessment_id", sa.String(length=32), nullable=False),
        sa.Column("task", sa.String(length=40), nullable=False),
        sa.Column(
            "verdict",
            sa.Enum("accepted", "overridden", name="verdict", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("label", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("phq9_waived_reason", sa.Text(), nullable=False),
        sa.Column("replaces_id", sa.String(length=32), nullable=True),
        sa.Column("decided_by", sa.String(length=32), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "(verdict = 'accepted' AND label IS NULL) "
            "OR (verdict = 'overridden' AND label IS NOT NULL AND reason <> '' AND phq9_waived_reason = '')",
            name=op.f("ck_score_decision_override_has_its_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["assessment_id"], ["assessment.id"], name=op.f("fk_score_decision_assessment_id_assessment")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["user_account.id"], name=op.f("fk_score_decision_decided_by_user_account")
        ),
        sa.ForeignKeyConstraint(
            ["replaces_id"], ["score_decision.id"], name=op.f("fk_score_decision_replaces_id_score_decision")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_score_decision")),
        sa.UniqueConstraint("replaces_id", name=op.f("uq_score_decision_replaces_id")),
    )
    op.create_index("ix_score_decision_assessment_id_task", "score_decision", ["assessment_id", "task"])
    op.create_index(
        "uq_score_decision_one_beginning",
        "score_decision",
        ["assessment_id", "task"],
        unique=True,
        sqlite_where=sa.text("replaces_id IS NULL"),
        postgresql_where=sa.text("replaces_id IS NULL"),
    )
    op.create_table(
        "patient_note",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("assessment_id", sa.String(length=32), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("replaces_id", sa.String(length=32), nullable=True),
        sa.Column("created_by", sa.String(length=32), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assessment_id"], ["assessment.id"], name=op.f("fk_patient_note_assessment_id_assessment")
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["user_account.id"], name=op.f("fk_patient_note_created_by_user_account")
        ),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_patient_note_patient_id_patient")),
        sa.ForeignKeyConstraint(
            ["replaces_id"], ["patient_note.id"], name=op.f("fk_patient_note_replaces_id_patient_note")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_note")),
        sa.UniqueConstraint("replaces_id", name=op.f("uq_patient_note_replaces_id")),
    )
    op.create_index(op.f("ix_patient_note_patient_id"), "patient_note", ["patient_id"])


def _create_clinic_profile() -> None:
    op.create_table(
        "clinic_profile",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("logo_key", sa.String(length=64), nullable=True),
        sa.Column("prevalence", sa.JSON(), nullable=False),
        sa.Column("prevalence_source", sa.Text(), nullable=False),
        sa.Column("report_language", sa.String(length=10), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_by", sa.String(length=32), nullable=True),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_clinic_profile_one_clinic")),
        sa.ForeignKeyConstraint(
            ["updated_by"], ["user_account.id"], name=op.f("fk_clinic_profile_updated_by_user_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clinic_profile")),
    )
