"""The audit trail as a chain: who, what, when, from where and why, each row bound to the one before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import context, op
from sqlmodel import Session

from clinic_data import data_keys
from clinic_data.audit_chain import FIRST_MAC, Head, empty_head, mac_of, sealed_head
from clinic_data.clock import UtcDateTime

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_OLD = "audit_row_before_0007"
_AT_ONCE = 2_000
_OLD_COLUMNS = ("id", "at", "actor_id", "action", "subject_type", "subject_id", "details")
_NEW_TEXTS: dict[str, str] = {"address": "", "session_id": "", "why": ""}
_INDEXES = (
    ("actor_id",),
    ("action",),
    ("subject_type", "subject_id"),
    ("patient_id",),
    ("address",),
    ("at",),
)
# A later migration that rebuilds audit_row on SQLite drops these and must make them anew.
_SQLITE_TRIGGERS = (
    """CREATE TRIGGER audit_row_no_update BEFORE UPDATE ON audit_row
    BEGIN SELECT RAISE(ABORT, 'audit rows are append-only'); END""",
    """CREATE TRIGGER audit_row_no_delete BEFORE DELETE ON audit_row
    BEGIN SELECT RAISE(ABORT, 'audit rows are append-only'); END""",
)
_POSTGRESQL_TRIGGERS = (  # the function is that of 0001
    """CREATE TRIGGER audit_row_append_only BEFORE UPDATE OR DELETE ON audit_row
    FOR EACH ROW EXECUTE FUNCTION audit_row_refuse_change()""",
    """CREATE TRIGGER audit_row_no_truncate BEFORE TRUNCATE ON audit_row
    FOR EACH STATEMENT EXECUTE FUNCTION audit_row_refuse_change()""",
)


def upgrade() -> None:
    _set_the_old_table_aside()
    _create_tables()
    _chain(_audit_key())
    op.drop_table(_OLD)
    for columns in _INDEXES:
        op.create_index("_".join(["ix_audit_row", *columns, "id"]), "audit_row", [*columns, "id"])
    for statement in _POSTGRESQL_TRIGGERS if _is_postgresql() else _SQLITE_TRIGGERS:
        op.execute(statement)
    # The list of jobs, of a state or of all: a million rows were sorted for each page.
    op.create_index("ix_job_created_at", "job", ["created_at"])
    op.create_index("ix_job_state_created_at", "job", ["state", "created_at"])


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _set_the_old_table_aside() -> None:
    if _is_postgresql():
        op.execute("DROP TRIGGER audit_row_append_only ON audit_row")
        op.execute("DROP TRIGGER audit_row_no_truncate ON audit_row")
        op.execute(f"ALTER TABLE audit_row RENAME CONSTRAINT pk_audit_row TO pk_{_OLD}")
    else:
        op.execute("DROP TRIGGER audit_row_no_update")
        op.execute("DROP TRIGGER audit_row_no_delete")
    op.rename_table("audit_row", _OLD)


def _create_tables() -> None:
    op.create_table(
        "audit_row",
        # The numbers come from the head of the trail, not from the database: they have no gaps.
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor_id", sa.String(length=32), nullable=True),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject_type", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=True),
        sa.Column("patient_id", sa.String(length=32), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=16), nullable=False),
        sa.Column("why", sa.String(length=500), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("previous_mac", sa.String(length=64), nullable=False),
        sa.Column("mac", sa.String(length=64), nullable=False),
        sa.CheckConstraint("length(mac) = 64 AND length(previous_mac) = 64", name=op.f("ck_audit_row_chained")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_row")),
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.Column("last_mac", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_one_head")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )


def _audit_key() -> bytes:
    with Session(op.get_bind(), join_transaction_mode="rollback_only") as session:
        data_keys.attach(session, context.config.attributes["keys"])
        key = data_keys.for_purpose(session=session, purpose=data_keys.AUDIT).key
        session.commit()
    return key


def _chain(key: bytes) -> None:
    """Copy the rows of earlier releases, each with its place in the chain."""
    connection, new = (
        op.get_bind(),
        _table("audit_row", *_OLD_COLUMNS, *_NEW_TEXTS, "patient_id", "previous_mac", "mac"),
    )
    head, mac = empty_head(key), FIRST_MAC
    for rows in _old_rows(connection):
        copies: list[dict[str, Any]] = []
        for row in rows:
            copy = {**row, **_NEW_TEXTS, "patient_id": _patient_of(row), "previous_mac": mac}
            mac = mac_of(key, copy)
            copies.append({**copy, "mac": mac})
            head = sealed_head(key, row["id"], mac, max(head.at, row["at"]))
        connection.execute(new.insert(), copies)
    values = _values(head)
    connection.execute(_table("audit_head", *values).insert(), values)


def _table(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(column, _TYPES.get(column, sa.String())) for column in columns))


_TYPES: dict[str, Any] = {
    "id": sa.BigInteger(),
    "last_id": sa.BigInteger(),
    "at": UtcDateTime(),
    "details": sa.JSON(),
}


def _values(head: Head) -> dict[str, Any]:
    return {"id": 1, "last_id": head.last_id, "last_mac": head.last_mac, "at": head.at, "seal": head.seal}


def _old_rows(connection: sa.Connection) -> Iterator[list[dict[str, Any]]]:
    old = _table(_OLD, *_OLD_COLUMNS)
    last = 0
    while True:
        chosen = sa.select(old).where(old.c.id > last).order_by(old.c.id).limit(_AT_ONCE)
        rows = [dict(row) for row in connection.execute(chosen).mappings()]
        if not rows:
            return
        yield rows
        last = rows[-1]["id"]


def _patient_of(row: Mapping[str, Any]) -> str | None:
    """Whom a row concerns, where it says so itself."""
    told = row["details"].get("patient_id")
    if row["subject_type"] == "patient":
        return row["subject_id"]
    return told if isinstance(told, str) and len(told) <= 32 else None
