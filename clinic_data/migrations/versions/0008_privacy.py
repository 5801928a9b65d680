"""Retention, legal holds and erasure."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from clinic_data.clock import UtcDateTime, utc_now

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_KINDS = ("videos", "inbox", "silhouettes", "records", "jobs", "sessions")
_STATES = ("requested", "withdrawn", "refused", "running", "done")
_GROUNDS = ("patient_wish", "consent_withdrawn", "entered_by_mistake", "other", "retention_over")


def upgrade() -> None:
    op.add_column("recording", sa.Column("video_removed_at", UtcDateTime(), nullable=True))
    _create_rules()
    _keep_what_earlier_releases_kept()
    _create_holds()
    _create_erasures()


def _choice(name: str, values: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=20)


def _user(column: str, table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["user_account.id"], name=op.f(f"fk_{table}_{column}_user_account"))


def _create_rules() -> None:
    op.create_table(
        "retention_rule",
        sa.Column("kind", _choice("data_kind", _KINDS), nullable=False),
        sa.Column("days", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_by", sa.String(length=32), nullable=True),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("days IS NULL OR days >= 1", name=op.f("ck_retention_rule_days_positive")),
        _user("updated_by", "retention_rule"),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_retention_rule")),
    )


def _keep_what_earlier_releases_kept() -> None:
    """An installation that has recordings already: no upgrade removes any before somebody chose for how long."""
    if op.get_bind().execute(sa.text("SELECT 1 FROM recording LIMIT 1")).first() is None:
        return
    rules = sa.table(
        "retention_rule",
        sa.column("kind", sa.String()),
        sa.column("days", sa.Integer()),
        sa.column("version", sa.Integer()),
        sa.column("updated_at", UtcDateTime()),
    )
    rows = [{"kind": kind, "days": None, "version": 1, "updated_at": utc_now()} for kind in ("videos", "inbox")]
    op.bulk_insert(rules, rows)


def _create_holds() -> None:
    op.create_table(
        "legal_hold",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("placed_by", sa.String(length=32), nullable=False),
        sa.Column("placed_at", UtcDateTime(), nullable=False),
        sa.Column("released_by", sa.String(length=32), nullable=True),
        sa.Column("released_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "(released_at IS NULL) = (released_by IS NULL)", name=op.f("ck_legal_hold_released_by_somebody")
        ),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_legal_hold_patient_id_patient")),
        _user("placed_by", "legal_hold"),
        _user("released_by", "legal_hold"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_hold")),
    )
    op.create_index(op.f("ix_legal_hold_patient_id"), "legal_hold", ["patient_id"])
    op.create_index(
        "uq_legal_hold_one_in_force",
        "legal_hold",
        ["patient_id"],
        unique=True,
        sqlite_where=sa.text("released_at IS NULL"),
        postgresql_where=sa.text("released_at IS NULL"),
    )


def _create_erasures() -> None:
    op.create_table(
        "erasure",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("state", _choice("erasure_state", _STATES), nullable=False),
        sa.Column("ground", _choice("erasure_ground", _GROUNDS), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.String(length=32), nullable=True),
        sa.Column("requested_at", UtcDateTime(), nullable=False),
        sa.Column("decided_by", sa.String(length=32), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("counts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("proof", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "state NOT IN ('running', 'done', 'refused') OR (requested_by IS NULL AND ground = 'retention_over') "
            "OR (decided_by IS NOT NULL AND decided_by <> requested_by)",
            name=op.f("ck_erasure_four_eyes"),
        ),
        sa.CheckConstraint("(state = 'done') = (proof IS NOT NULL)", name=op.f("ck_erasure_done_has_its_proof")),
        _user("requested_by", "erasure"),
        _user("decided_by", "erasure"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
    )
    op.create_index(op.f("ix_erasure_patient_id"), "erasure", ["patient_id"])
    op.create_index(
        "uq_erasure_one_open",
        "erasure",
        ["patient_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('requested', 'running')"),
        postgresql_where=sa.text("state IN ('requested', 'running')"),
    )
    op.create_table(
        "file_removal",
        sa.Column("storage_key", sa.String(length=64), nullable=False),
        sa.Column("erasure_id", sa.String(length=32), nullable=True),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["erasure_id"], ["erasure.id"], name=op.f("fk_file_removal_erasure_id_erasure")),
        sa.PrimaryKeyConstraint("storage_key", name=op.f("pk_file_removal")),
    )
    op.create_index(op.f("ix_file_removal_erasure_id"), "file_removal", ["erasure_id"])
