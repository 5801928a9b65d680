"""Retraining: outcomes, roles of people, cohorts, retrainings, promotions; model versions with origin and lineage."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from clinic_data.clock import UtcDateTime

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# A later migration that rebuilds one of these tables on SQLite drops its triggers and must make them anew.
_KEPT_FOR_EVER = {
    "cohort": "a frozen cohort is never changed or deleted",
    "confirmed_outcome": "an outcome is corrected by a new row",
    "training_person": "the training role of a person is never changed or deleted",
}
# Of a person's role only the link to the patient may be cut.
_ROLE_CHANGED = (
    "NEW.code {differs} OLD.code OR NEW.role {differs} OLD.role OR NEW.stratum {differs} OLD.stratum "
    "OR NEW.assigned_at {differs} OLD.assigned_at OR (NEW.patient_id IS NOT NULL AND NEW.patient_id {differs} "
    "OLD.patient_id)"
)


def upgrade() -> None:
    _extend_people_and_recordings()
    _extend_model_versions()
    _create_outcomes_and_cohorts()
    _create_retrainings_and_promotions()
    _create_shadow_scores_and_keys()
    refuse = _refuse_on_postgresql if op.get_bind().dialect.name == "postgresql" else _refuse_on_sqlite
    for table, words in _KEPT_FOR_EVER.items():
        refuse(table, words)


def _refuse_on_sqlite(table: str, words: str) -> None:
    condition = f"WHEN {_ROLE_CHANGED.format(differs='IS NOT')}" if table == "training_person" else ""
    refusal = f"BEGIN SELECT RAISE(ABORT, '{words}'); END"
    op.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {condition} {refusal}")
    op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refusal}")


def _refuse_on_postgresql(table: str, words: str) -> None:
    condition = f"WHEN ({_ROLE_CHANGED.format(differs='IS DISTINCT FROM')})" if table == "training_person" else ""
    function = f"{table}_refuse_change"
    op.execute(
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{words}'; END $$"
    )
    rows, table_as_whole = f"FOR EACH ROW EXECUTE FUNCTION {function}()", f"EXECUTE FUNCTION {function}()"
    op.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} FOR EACH ROW {condition} {table_as_whole}")
    op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {rows}")
    op.execute(f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} {table_as_whole}")


def _extend_people_and_recordings() -> None:
    # With a default in the database SQLite adds the column in place: these large tables are not rebuilt.
    op.add_column("patient", sa.Column("training_consent", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("recording", sa.Column("site", sa.String(length=80), nullable=False, server_default=""))
    op.add_column("recording", sa.Column("simulated", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index(op.f("ix_assessment_created_at"), "assessment", ["created_at"])


def _extend_model_versions() -> None:
    with op.batch_alter_table("model_version", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_model_version_stage"), type_="check")
        batch_op.add_column(sa.Column("origin", sa.String(length=20), nullable=False, server_default="bundled"))
        batch_op.add_column(sa.Column("package_key", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("parent_id", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("manifest_sha256", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("config", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("environment", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("gate_report", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("signer", sa.String(length=120), nullable=True))
        batch_op.add_column(sa.Column("shadow_until", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("created_by", sa.String(length=32), nullable=True))
    op.execute("UPDATE model_version SET stage = 'retired' WHERE stage = 'archived'")
    stages = "stage IN ('quarantine', 'candidate', 'production', 'retired', 'rejected')"
    with op.batch_alter_table("model_version", schema=None) as batch_op:
        batch_op.create_check_constraint(batch_op.f("ck_model_version_stage"), sa.text(stages))
        batch_op.create_check_constraint(
            batch_op.f("ck_model_version_origin"), sa.text("origin IN ('bundled', 'retrained', 'imported')")
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_model_version_created_by_user_account"), "user_account", ["created_by"], ["id"]
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_model_version_parent_id_model_version"), "model_version", ["parent_id"], ["id"]
        )


def _create_outcomes_and_cohorts() -> None:
    op.create_table(
        "confirmed_outcome",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("assessment_id", sa.String(length=32), nullable=False),
        sa.Column("task", sa.String(length=40), nullable=False),
        sa.Column("label", sa.String(length=40), nullable=True),
        sa.Column("method", sa.String(length=40), nullable=False),
        sa.Column("examined_on", sa.Date(), nullable=True),
        sa.Column("phq9_total", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("replaces_id", sa.String(length=32), nullable=True),
        sa.Column("confirmed_by", sa.String(length=32), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "phq9_total IS NULL OR (phq9_total >= 0 AND phq9_total <= 27)",
            name=op.f("ck_confirmed_outcome_phq9_range"),
        ),
        sa.ForeignKeyConstraint(
            ["assessment_id"], ["assessment.id"], name=op.f("fk_confirmed_outcome_assessment_id_assessment")
        ),
        sa.ForeignKeyConstraint(
            ["confirmed_by"], ["user_account.id"], name=op.f("fk_confirmed_outcome_confirmed_by_user_account")
        ),
        sa.ForeignKeyConstraint(
            ["replaces_id"], ["confirmed_outcome.id"], name=op.f("fk_confirmed_outcome_replaces_id_confirmed_outcome")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_confirmed_outcome")),
        sa.UniqueConstraint("replaces_id", name=op.f("uq_confirmed_outcome_replaces_id")),
    )
    op.create_index("ix_confirmed_outcome_assessment_id_task", "confirmed_outcome", ["assessment_id", "task"])
    op.create_index(
        "uq_confirmed_outcome_one_beginning",
        "confirmed_outcome",
        ["assessment_id", "task"],
        unique=True,
        sqlite_where=sa.text("replaces_id IS NULL"),
        postgresql_where=sa.text("replaces_id IS NULL"),
    )
    op.create_table(
        "training_person",
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=True),
        sa.Column(
            "role",
            sa.Enum("development", "gate", name="role", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("stratum", sa.String(length=120), nullable=False),
        sa.Column("assigned_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_training_person_patient_id_patient")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_training_person")),
        sa.UniqueConstraint("patient_id", name=op.f("uq_training_person_patient_id")),
    )
    op.create_table(
        "cohort",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("task", sa.String(length=40), nullable=False),
        sa.Column("filters", sa.JSON(), nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.Column("manifest_sha256", sa.String(length=64), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.String(length=32), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["user_account.id"], name=op.f("fk_cohort_created_by_user_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cohort")),
        sa.UniqueConstraint("number", name=op.f("uq_cohort_number")),
    )


def _create_retrainings_and_promotions() -> None:
    op.create_table(
        "retraining",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("cohort_id", sa.String(length=32), nullable=False),
        sa.Column("base_version_id", sa.String(length=32), nullable=False),
        sa.Column("protocol", sa.JSON(), nullable=False),
        sa.Column("protocol_sha256", sa.String(length=64), nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=True),
        sa.Column("live", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("fitted_sha256", sa.String(length=64), nullable=True),
        sa.Column("candidate_version_id", sa.String(length=32), nullable=True),
        sa.Column("requested_by", sa.String(length=32), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["base_version_id"], ["model_version.id"], name=op.f("fk_retraining_base_version_id_model_version")
        ),
        sa.ForeignKeyConstraint(
            ["candidate_version_id"],
            ["model_version.id"],
            name=op.f("fk_retraining_candidate_version_id_model_version"),
        ),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohort.id"], name=op.f("fk_retraining_cohort_id_cohort")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_retraining_job_id_job")),
        sa.ForeignKeyConstraint(
            ["requested_by"], ["user_account.id"], name=op.f("fk_retraining_requested_by_user_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retraining")),
        sa.UniqueConstraint("job_id", name=op.f("uq_retraining_job_id")),
        sa.UniqueConstraint("number", name=op.f("uq_retraining_number")),
    )
    op.create_index(op.f("ix_retraining_cohort_id"), "retraining", ["cohort_id"])
    op.create_table(
        "promotion",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("promotion", "roll_back", name="kind", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "requested",
                "approved",
                "refused",
                "withdrawn",
                name="promotion_state",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("to_version_id", sa.String(length=32), nullable=False),
        sa.Column("from_version_id", sa.String(length=32), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.String(length=32), nullable=False),
        sa.Column("requested_at", UtcDateTime(), nullable=False),
        sa.Column("decided_by", sa.String(length=32), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("decision_reason", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "kind = 'roll_back' OR state NOT IN ('approved', 'refused') "
            "OR (decided_by IS NOT NULL AND decided_by <> requested_by)",
            name=op.f("ck_promotion_four_eyes"),
        ),
        sa.ForeignKeyConstraint(["decided_by"], ["user_account.id"], name=op.f("fk_promotion_decided_by_user_account")),
        sa.ForeignKeyConstraint(
            ["from_version_id"], ["model_version.id"], name=op.f("fk_promotion_from_version_id_model_version")
        ),
        sa.ForeignKeyConstraint(
            ["requested_by"], ["user_account.id"], name=op.f("fk_promotion_requested_by_user_account")
        ),
        sa.ForeignKeyConstraint(
            ["to_version_id"], ["model_version.id"], name=op.f("fk_promotion_to_version_id_model_version")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promotion")),
    )
    op.create_index(op.f("ix_promotion_to_version_id"), "promotion", ["to_version_id"])
    op.create_index(
        "uq_promotion_one_open",
        "promotion",
        ["state"],
        unique=True,
        sqlite_where=sa.text("state = 'requested'"),
        postgresql_where=sa.text("state = 'requested'"),
    )


def _create_shadow_scores_and_keys() -> None:
    op.create_table(
        "shadow_score",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("assessment_id", sa.String(length=32), nullable=False),
        sa.Column("model_version_id", sa.String(length=32), nullable=False),
        sa.Column("scores", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assessment_id"], ["assessment.id"], name=op.f("fk_shadow_score_assessment_id_assessment")
        ),
        sa.ForeignKeyConstraint(
            ["model_version_id"], ["model_version.id"], name=op.f("fk_shadow_score_model_version_id_model_version")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shadow_score")),
        sa.UniqueConstraint(
            "assessment_id", "model_version_id", name=op.f("uq_shadow_score_assessment_id_model_version_id")
        ),
    )
    op.create_index(op.f("ix_shadow_score_model_version_id"), "shadow_score", ["model_version_id"])
    op.create_table(
        "trusted_key",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("public_key", sa.String(length=64), nullable=False),
        sa.Column("added_by", sa.String(length=32), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["added_by"], ["user_account.id"], name=op.f("fk_trusted_key_added_by_user_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trusted_key")),
        sa.UniqueConstraint("public_key", name=op.f("uq_trusted_key_public_key")),
    )
