"""Keys, sealed columns and sealed files; the search by blind index."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from alembic import context, op
from pydantic_core import from_json
from sqlmodel import Session

from clinic_data import data_keys, patient_search, patients, plain_remains, sealed_columns
from clinic_data.clock import UtcDateTime
from clinic_data.sealed_columns import JSON_VALUE, TEXT, Codec
from clinic_data.text_rules import search_key

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


# What is sealed, table by table: column -> how it becomes bytes, and the patient whose key seals it.
_OF_ASSESSMENT = "(SELECT assessment.patient_id FROM assessment WHERE assessment.id = {table}.assessment_id)"
_SEALED: tuple[tuple[str, dict[str, Codec], str], ...] = (
    (
        "patient",
        dict.fromkeys(("record_number", "family_name", "given_name", "birth_date", "sex", "notes"), TEXT),
        "id",
    ),
    ("recording", {"original_name": TEXT}, "patient_id"),
    ("job", {"result": JSON_VALUE}, "patient_id"),
    ("assessment", {"result": JSON_VALUE}, "patient_id"),
    ("report", {"addendum": TEXT}, "patient_id"),
    ("patient_note", {"text": TEXT}, "patient_id"),
    ("score_decision", {"reason": TEXT, "phq9_waived_reason": TEXT}, _OF_ASSESSMENT),
    ("confirmed_outcome", {"note": TEXT}, _OF_ASSESSMENT),
)
# Rows that are kept for ever, and which of their columns a permit opens. A later migration that rebuilds one of these
# tables on SQLite drops its triggers and must make them anew.
_KEPT_FOR_EVER = {
    "confirmed_outcome": ("an outcome is corrected by a new row", {"note"}),
    "patient_note": ("a note is corrected by a new row", {"patient_id", "text"}),
    "report": ("a report is never changed, a new version is a new row", {"patient_id", "addendum", "supersedes_id"}),
    "score_decision": ("a decision is changed by a new row", {"reason", "phq9_waived_reason"}),
}
_ROWS_AT_ONCE = 500


def upgrade() -> None:
    _create_tables()
    _drop_triggers()
    _make_room()
    # Not a transaction of its own: closing the session leaves that of the migration as it is.
    with Session(op.get_bind(), join_transaction_mode="rollback_only") as session:
        data_keys.attach(session, context.config.attributes["keys"])
        data_keys.make_missing(session=session, purposes=data_keys.PURPOSES)
        rows = [_seal_table(session, *sealed) for sealed in _SEALED]
    _close_patients()
    _make_triggers()
    if sum(rows):
        plain_remains.mark(op.get_bind())


def _seal_table(session: Session, table: str, columns: dict[str, Codec], owner: str) -> int:
    """Seal the rows that an earlier release stored; how many there are."""
    connection, last, count = session.connection(), "", 0
    read = sa.text(
        f"SELECT id, {owner.format(table=table)} AS owner, {', '.join(columns)} FROM {table} "  # noqa: S608 - our own
        f"WHERE id > :last ORDER BY id LIMIT {_ROWS_AT_ONCE}"
    )
    extra = ("record_number_key", "identity_key") if table == "patient" else ()
    changed = ", ".join(f"{name} = :{name}" for name in (*columns, *extra))
    write = sa.text(f"UPDATE {table} SET {changed} WHERE id = :id")  # noqa: S608 - our own
    while rows := connection.execute(read, {"last": last}).mappings().all():
        keys = data_keys.of_patients(session=session, patient_ids={row["owner"] for row in rows})
        connection.execute(write, [_sealed(session, table, columns, row, keys[row["owner"]]) for row in rows])
        if table == "patient":
            _index(session, rows)
        last, count = rows[-1]["id"], count + len(rows)
    return count


def _sealed(
    session: Session, table: str, columns: dict[str, Codec], row: sa.RowMapping, key: data_keys.DataKey
) -> dict[str, Any]:
    values: dict[str, Any] = {"id": row["id"]}
    for name, codec in columns.items():
        value = row[name]
        if value not in (None, ""):
            plain = codec.to_bytes(from_json(value) if codec is JSON_VALUE else value)
            value = sealed_columns.seal_value(key.id, key.key, plain, f"{table}.{name}.{row['id']}")
        values[name] = value
    if table == "patient":
        number = search_key(row["record_number"])
        who = patients.identity_text(row["family_name"], row["given_name"], date.fromisoformat(row["birth_date"]))
        values["record_number_key"] = data_keys.index_token(session=session, kind="record_number", text=number)
        values["identity_key"] = data_keys.index_token(session=session, kind="identity", text=who)
    return values


def _index(session: Session, rows: Sequence[sa.RowMapping]) -> None:
    key = data_keys.for_purpose(session=session, purpose=data_keys.INDEX).key
    write = sa.text("INSERT INTO patient_token (token, patient_id) VALUES (:token, :patient_id)")
    for row in rows:
        words = (row["family_name"], row["given_name"], row["record_number"])
        found = patient_search.tokens(key, words, row["birth_date"])
        session.connection().execute(write, [{"token": token, "patient_id": row["id"]} for token in sorted(found)])


def _make_room() -> None:
    """Make text columns of those that are sealed, with the plain values in them."""
    with op.batch_alter_table("patient", schema=None) as patient:
        patient.drop_constraint(patient.f("ck_patient_sex"), type_="check")
        patient.drop_index(patient.f("ix_patient_search_text"))
        patient.drop_column("search_text")
        patient.add_column(sa.Column("identity_key", sa.String(length=64), nullable=True))
        for name, kind, using in (
            ("record_number", sa.String(64), None),
            ("family_name", sa.String(120), None),
            ("given_name", sa.String(120), None),
            ("birth_date", sa.Date(), "to_char(birth_date, 'YYYY-MM-DD')"),
            ("sex", sa.String(20), None),
        ):
            patient.alter_column(
                name, existing_type=kind, type_=sa.Text(), existing_nullable=False, postgresql_using=using
            )
    with op.batch_alter_table("recording", schema=None) as recording:
        recording.alter_column("original_name", existing_type=sa.String(200), type_=sa.Text(), existing_nullable=False)
    for table, nullable in (("job", True), ("assessment", False)):
        with op.batch_alter_table(table, schema=None) as batch:
            batch.alter_column(
                "result",
                existing_type=sa.JSON(),
                type_=sa.Text(),
                existing_nullable=nullable,
                postgresql_using="result::text",
            )


def _close_patients() -> None:
    with op.batch_alter_table("patient", schema=None) as patient:
        patient.alter_column(
            "record_number_key", existing_type=sa.String(128), type_=sa.String(64), existing_nullable=False
        )
        patient.alter_column("identity_key", existing_type=sa.String(64), nullable=False)
    op.create_index(op.f("ix_patient_identity_key"), "patient", ["identity_key"])
    op.create_index(op.f("ix_patient_updated_at"), "patient", ["updated_at"])


def _drop_triggers() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table in _KEPT_FOR_EVER:
        for event in ("update", "delete"):
            op.execute(f"DROP TRIGGER {table}_no_{event}" + (f" ON {table}" if postgresql else ""))


def _make_triggers() -> None:
    make = _triggers_of_postgresql if op.get_bind().dialect.name == "postgresql" else _triggers_of_sqlite
    inspector = sa.inspect(op.get_bind())
    for table, (words, opened) in _KEPT_FOR_EVER.items():
        names = [column["name"] for column in inspector.get_columns(table)]
        make(table, words, [name for name in names if name not in opened])


def _triggers_of_sqlite(table: str, words: str, kept: list[str]) -> None:
    refusal = f"BEGIN SELECT RAISE(ABORT, '{words}'); END"
    no_permit = "NOT EXISTS (SELECT 1 FROM change_permit)"
    changed = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in kept)
    op.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} WHEN {no_permit} OR {changed} {refusal}")
    op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} WHEN {no_permit} {refusal}")


def _triggers_of_postgresql(table: str, words: str, kept: list[str]) -> None:
    new, old = (", ".join(f"{row}.{name}" for name in kept) for row in ("NEW", "OLD"))
    op.execute(
        f"CREATE OR REPLACE FUNCTION {table}_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "  # noqa: S608 - our own
        "IF TG_OP <> 'TRUNCATE' AND EXISTS (SELECT 1 FROM change_permit) THEN "
        "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; "
        f"IF ROW({new}) IS NOT DISTINCT FROM ROW({old}) THEN RETURN NEW; END IF; "
        f"END IF; RAISE EXCEPTION '{words}'; END $$"
    )
    for event in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} FOR EACH ROW "
            f"EXECUTE FUNCTION {table}_refuse_change()"
        )


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
