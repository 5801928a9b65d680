"""Keys, sealed columns and sealed files; the search by blind index."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import context, op
from sqlmodel import Session

from clinic_data import data_keys
from clinic_data.clock import UtcDateTime

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    _create_tables()
    _make_keys()


def _make_keys() -> None:
    with Session(op.get_bind(), join_transaction_mode="rollback_only") as session:
        data_keys.attach(session, context.config.attributes["keys"])
        data_keys.make_missing(session=session, purposes=data_keys.PURPOSES)
        session.commit()


def _create_tables() -> None:
    op.create_table(
        "data_key",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=True),
        sa.Column("purpose", sa.String(length=20), nullable=True),
        sa.Column("master_key_id", sa.String(length=16), nullable=False),
        sa.Column("wrapped", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("destroyed_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("(patient_id IS NULL) <> (purpose IS NULL)", name=op.f("ck_data_key_patient_or_purpose")),
        sa.CheckConstraint("(wrapped IS NULL) = (destroyed_at IS NOT NULL)", name=op.f("ck_data_key_destroyed")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_key")),
        sa.UniqueConstraint("patient_id", name=op.f("uq_data_key_patient_id")),
        sa.UniqueConstraint("purpose", name=op.f("uq_data_key_purpose")),
    )
    op.create_index(op.f("ix_data_key_master_key_id"), "data_key", ["master_key_id"])
    op.create_table(
        "stored_file",
        sa.Column("storage_key", sa.String(length=64), nullable=False),
        sa.Column("data_key_id", sa.String(length=32), nullable=False),
        sa.Column("wrapped_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sealed_size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sealed_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["data_key_id"], ["data_key.id"], name=op.f("fk_stored_file_data_key_id_data_key")),
        sa.PrimaryKeyConstraint("storage_key", name=op.f("pk_stored_file")),
    )
    op.create_index(op.f("ix_stored_file_data_key_id"), "stored_file", ["data_key_id"])
    op.create_table(
        "patient_token",
        sa.Column("token", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_patient_token_patient_id_patient")),
        sa.PrimaryKeyConstraint("token", "patient_id", name=op.f("pk_patient_token")),
    )
    op.create_index(op.f("ix_patient_token_patient_id"), "patient_token", ["patient_id"])
    op.create_table(
        "change_permit",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_change_permit_one_permit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change_permit")),
    )
