"""The move from the tables of release 0001 to those of this one, with a clinic's rows in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import select

from clinic_data import audit, jobs, model_registry, patients, recordings
from clinic_data import database as clinic_database
from clinic_data.database import Database
from clinic_data.errors import ConflictError
from clinic_data.tables import Assessment, ClinicTable, ModelVersion, Origin, Report, ReportKind, Stage
from tests.keys import TEST_KEYS

NOW = "2026-11-01 08:00:00+00:00"
USER, PATIENT, RECORDING, JOB, ASSESSMENT = "u" * 32, "a" * 32, "c" * 32, "d" * 32, "e" * 32
STAGES = {"1": "archived", "2": "production", "3": "candidate"}
_ROWS: list[tuple[str, dict[str, Any]]] = [
    (
        "user_account",
        {
            "id": USER,
            "username": "ada",
            "display_name": "Ada",
            "role": "clinician",
            "password_hash": "x",
            "must_change_password": False,
            "active": True,
            "failed_sign_ins": 0,
            "created_at": NOW,
        },
    ),
    (
        "patient",
        {
            "id": PATIENT,
            "record_number": "P-1",
            "record_number_key": "p-1",
            "family_name": "Moreau",
            "given_name": "Zoé",
            "birth_date": "2011-04-02",
            "sex": "female",
            "notes": "",
            "search_text": "moreau zoe p-1 2011-04-02",
            "version": 3,
            "created_by": USER,
            "created_at": NOW,
            "updated_at": NOW,
        },
    ),
    (
        "recording",
        {
            "id": RECORDING,
            "patient_id": PATIENT,
            "original_name": "walk.mp4",
            "storage_key": "k" * 32,
            "size_bytes": 11,
            "sha256": "ab" * 32,
            "created_at": NOW,
        },
    ),
    (
        "job",
        {
            "id": JOB,
            "queue": "cpu",
            "kind": "screening",
            "payload": "{}",
            "state": "done",
            "attempts": 1,
            "max_attempts": 3,
            "lease_s": 30.0,
            "cancel_requested": False,
            "progress": 1.0,
            "message": "",
            "reason": "",
            "patient_id": PATIENT,
            "recording_id": RECORDING,
            "created_at": NOW,
        },
    ),
    *(
        (
            "model_version",
            {
                "id": number * 32,
                "name": "bundled",
                "version": f"{number}.0",
                "sha256": number * 64,
                "simulated": True,
                "metrics": '{"ece": 0.03}',
                "stage": stage,
                "created_at": NOW,
            },
        )
        for number, stage in STAGES.items()
    ),
    (
        "assessment",
        {
            "id": ASSESSMENT,
            "patient_id": PATIENT,
            "recording_id": RECORDING,
            "job_id": JOB,
            "model_version_id": "1" * 32,
            "result": '{"scores": []}',
            "created_at": NOW,
        },
    ),
    (
        "report",
        {
            "id": "f" * 32,
            "number": "FG-2026-000001",
            "assessment_id": ASSESSMENT,
            "storage_key": "r" * 32,
            "size_bytes": 5,
            "sha256": "cd" * 32,
            "language": "en",
            "created_at": NOW,
        },
    ),
    (
        "audit_row",
        {
            "at": NOW,
            "actor_id": USER,
            "action": "patient.created",
            "subject_type": "patient",
            "subject_id": PATIENT,
            "details": "{}",
        },
    ),
]


def _make_tables_of_0001(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(clinic_database._MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")


@pytest.fixture
def old_clinic(empty_database_url: str) -> Iterator[Database]:
    """A database of the release before, in which a clinic has worked."""
    database = Database(empty_database_url, TEST_KEYS)
    with database.engine.connect() as connection:
        _make_tables_of_0001(connection)
        for table, row in _ROWS:
            names = ", ".join(row)
            values = ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row)
        connection.commit()
    yield database
    database.dispose()


def test_a_clinics_rows_survive_and_get_honest_defaults(old_clinic: Database) -> None:
    old_clinic.upgrade()
    with old_clinic.reading() as session:
        patient = patients.get_patient(session=session, patient_id=PATIENT)
        assert (patient.family_name, patient.version, patient.training_consent) == ("Moreau", 3, False)
        recording = recordings.get_recording(session=session, recording_id=RECORDING)
        assert (recording.original_name, recording.site, recording.simulated) == ("walk.mp4", "", False)
        versions = {version.version: version for version in model_registry.list_versions(session=session)}
        assert {number: version.stage for number, version in versions.items()} == {
            "1.0": Stage.RETIRED,
            "2.0": Stage.PRODUCTION,
            "3.0": Stage.CANDIDATE,
        }
        assert {version.origin for version in versions.values()} == {Origin.BUNDLED}
        assert versions["1.0"].metrics == {"ece": 0.03}
        assert versions["1.0"].parent_id is versions["1.0"].gate_report is versions["1.0"].config is None
        assert session.get(Assessment, ASSESSMENT).model_version_id == versions["1.0"].id
        assessment = session.get(Assessment, ASSESSMENT)
        assert (assessment.body_height_cm, assessment.rescored_from_id) == (None, None)
        report = session.exec(select(Report)).one()
        assert (report.number, report.patient_id) == ("FG-2026-000001", PATIENT)
        assert (report.kind, report.version, report.addendum) == (ReportKind.ASSESSMENT, 1, None)
        assert jobs.get_job(session=session, job_id=JOB).state == "done"
        assert audit.list_rows(session=session).total == 1


def test_a_moved_database_is_like_a_new_one(old_clinic: Database, database: Database) -> None:
    old_clinic.upgrade()
    with old_clinic.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, ClinicTable.metadata) == []
    assert _checks(old_clinic) == _checks(database)


def _checks(database: Database) -> dict[str, list[str]]:
    with database.engine.connect() as connection:
        inspector = inspect(connection)
        return {
            table: sorted(str(check["name"]) for check in inspector.get_check_constraints(table))
            for table in ClinicTable.metadata.tables
        }


def test_the_checks_of_the_database_are_those_that_the_code_declares(database: Database) -> None:
    declared = {
        name: sorted(str(item.name) for item in table.constraints if type(item).__name__ == "CheckConstraint")
        for name, table in ClinicTable.metadata.tables.items()
    }
    found = _checks(database)
    for name, names in declared.items():
        assert [check.split(f"ck_{name}_")[-1] for check in found[name]] == [
            check.split(f"ck_{name}_")[-1] for check in names
        ]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE model_version SET stage = 'archived'",
        "UPDATE model_version SET origin = 'found'",
        "UPDATE model_version SET stage = 'production'",
        "UPDATE model_version SET parent_id = 'nobody'",
        "DELETE FROM model_version WHERE version = '1.0'",
        "UPDATE audit_row SET action = 'x'",
        "DELETE FROM audit_row",
        "UPDATE report SET kind = 'letter'",
        "UPDATE assessment SET body_height_cm = 1.7",
        "UPDATE assessment SET rescored_from_id = 'nothing'",
    ],
)
def test_what_the_database_refused_before_it_refuses_after(old_clinic: Database, statement: str) -> None:
    old_clinic.upgrade()
    with pytest.raises((IntegrityError, DBAPIError)), old_clinic.transaction() as session:
        session.exec(text(statement))
    with old_clinic.reading() as session:
        assert session.exec(select(ModelVersion).where(ModelVersion.version == "1.0")).one().stage == Stage.RETIRED


def test_a_second_start_changes_nothing(old_clinic: Database) -> None:
    old_clinic.upgrade()
    old_clinic.upgrade()
    with old_clinic.reading() as session:
        assert len(model_registry.list_versions(session=session)) == len(STAGES)


def test_a_damaged_file_is_not_moved_and_keeps_its_tables(tmp_path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'clinic.sqlite3'}", TEST_KEYS)
    with database.engine.execution_options(foreign_keys_off=True).connect() as connection:
        _make_tables_of_0001(connection)
        table, row = next((table, row) for table, row in _ROWS if table == "assessment")
        connection.execute(text(f"INSERT INTO {table} ({', '.join(row)}) VALUES (:{', :'.join(row)})"), row)
        connection.commit()
    with pytest.raises(ConflictError, match="Nothing was changed"):
        database.upgrade()
    with database.engine.connect() as connection:
        assert "cohort" not in inspect(connection).get_table_names()
    database.dispose()
