"""The auditor, one-time passwords that expire, slow sign-in, one-time codes, sessions that say where."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from clinic_data.clock import UtcDateTime

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ONE_TIME_PASSWORD_LIFE = timedelta(hours=72)


def upgrade() -> None:
    _extend_accounts()
    _extend_sessions()
    _create_throttle_and_steps()
    _create_codes()


def _extend_accounts() -> None:
    with op.batch_alter_table("user_account", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_user_account_role"), type_="check")
        batch_op.add_column(sa.Column("password_expires_at", UtcDateTime(), nullable=True))
        batch_op.create_check_constraint(
            batch_op.f("ck_user_account_role"), sa.text("role IN ('clinician', 'administrator', 'auditor')")
        )
    user = sa.table(
        "user_account",
        sa.column("must_change_password", sa.Boolean()),
        sa.column("password_expires_at", UtcDateTime()),
    )
    expiry = datetime.now(UTC) + _ONE_TIME_PASSWORD_LIFE  # those given out before this release never expired
    op.execute(user.update().where(user.c.must_change_password).values(password_expires_at=expiry))


def _extend_sessions() -> None:
    op.add_column("sign_in_session", sa.Column("address", sa.String(length=64), nullable=False, server_default=""))
    op.add_column("sign_in_session", sa.Column("browser", sa.String(length=200), nullable=False, server_default=""))


def _create_throttle_and_steps() -> None:
    op.create_table(
        "sign_in_throttle",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_failure_at", UtcDateTime(), nullable=False),
        sa.Column("wait_until", UtcDateTime(), nullable=True),
        sa.Column("refusal_noted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sign_in_throttle")),
    )
    op.create_index(op.f("ix_sign_in_throttle_last_failure_at"), "sign_in_throttle", ["last_failure_at"])
    op.create_table(
        "sign_in_step",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_sign_in_step_user_id_user_account")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_sign_in_step")),
    )
    op.create_index(op.f("ix_sign_in_step_user_id"), "sign_in_step", ["user_id"])
    op.create_index(op.f("ix_sign_in_step_created_at"), "sign_in_step", ["created_at"])


def _create_codes() -> None:
    op.create_table(
        "totp_credential",
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_totp_credential_user_id_user_account")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_totp_credential")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("code_key", sa.String(length=64), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_recovery_code_user_id_user_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
        sa.UniqueConstraint("code_key", name=op.f("uq_recovery_code_code_key")),
    )
    op.create_index(op.f("ix_recovery_code_user_id"), "recovery_code", ["user_id"])
