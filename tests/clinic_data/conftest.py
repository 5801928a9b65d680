"""Every test of the clinic's records runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import argon2
import psycopg
import pytest
from sqlmodel import Session

from clinic_data import assessments, jobs, model_registry, passwords, patients, recordings, users
from clinic_data.database import Database
from clinic_data.storage import StoredFile
from clinic_data.tables import Assessment, Job, ModelVersion, Patient, Recording, User
from tests.keys import TEST_KEYS

PASSWORD = "violet harbour lamp 7"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with all tables, which each test copies."""
    file = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    database = Database(f"sqlite:///{file}", TEST_KEYS)
    database.upgrade()
    database.dispose()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with all tables and no rows."""
    if request.param == "sqlite":
        file = tmp_path / "clinic.sqlite3"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), file)
        yield f"sqlite:///{file}"
        return
    yield request.getfixturevalue("postgresql_url")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
        return
    server = request.getfixturevalue("postgresql_server")
    name = f"empty_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{server}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with all tables and no rows, on SQLite and on PostgreSQL."""
    database = Database(database_url, TEST_KEYS)
    yield database
    database.dispose()


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """A session that may write; what it writes is committed at the end of the test."""
    with database.transaction() as session:
        yield session


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that a test needs but does not look at."""

    def user(self, session: Session, username: str = "ada", role: str = "clinician") -> User:
        return users.create_user(
            session=session, username=username, display_name=username.title(), role=role, password=PASSWORD
        )

    def patient(self, session: Session, record_number: str = "P-1", **fields: Any) -> Patient:
        known = {"family_name": "Moreau", "given_name": "Zoé", "birth_date": date(2011, 4, 2), "sex": "female"}
        data = patients.PatientData(record_number=record_number, **(known | fields))
        return patients.create_patient(session=session, data=data, actor_id=None)

    def stored(self) -> StoredFile:
        return StoredFile(key=uuid.uuid4().hex, size_bytes=11, sha256="ab" * 32)

    def recording(self, session: Session, patient_id: str | None = None) -> Recording:
        return recordings.add_recording(
            session=session,
            patient_id=patient_id,
            original_name="walk.mp4",
            stored=self.stored(),
            uploaded_by=None,
        )

    def job(self, session: Session, recording_id: str | None = None, **options: Any) -> Job:
        return jobs.enqueue(session=session, kind="screening", payload={}, recording_id=recording_id, **options)

    def model_version(self, session: Session, version: str = "1.0", **options: Any) -> ModelVersion:
        sha256 = (uuid.uuid4().hex * 2)[:64]
        return model_registry.ensure_version(
            session=session, name="bundled", version=version, sha256=sha256, simulated=True, metrics={}, **options
        )

    def assessment(self, session: Session, patient_id: str | None = None) -> Assessment:
        recording = self.recording(session, patient_id)
        return assessments.add_assessment(
            session=session,
            patient_id=patient_id,
            recording_id=recording.id,
            job_id=self.job(session, recording.id).id,
            model_version_id=self.model_version(session, uuid.uuid4().hex[:8]).id,
            result={"scores": []},
        )


@pytest.fixture
def rows() -> Rows:
    """Makes rows that a test needs but does not look at."""
    return Rows()


@pytest.fixture(autouse=True)
def _quick_hashes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id with small parameters: the real ones are slow on purpose (test_passwords checks those)."""
    if request.module.__name__.endswith("test_passwords"):
        return
    monkeypatch.setattr(passwords, "_HASHER", argon2.PasswordHasher(time_cost=2, memory_cost=1024, parallelism=1))
    # Another test of this process may have made it with the real parameters, and one that follows needs those.
    monkeypatch.setattr(passwords, "_hash_of_nobody", cache(passwords._hash_of_nobody.__wrapped__))


@pytest.fixture
def password() -> str:
    """The password of every user that ``rows`` makes."""
    return PASSWORD


@pytest.fixture
def now() -> datetime:
    """A fixed moment."""
    return NOW


@pytest.fixture
def in_threads() -> Callable[[Callable[[int], Any], int], list[Any]]:
    """Run a function with the numbers 0 .. n-1 at the same time and return its results."""
    from concurrent.futures import ThreadPoolExecutor

    def run(function: Callable[[int], Any], count: int) -> list[Any]:
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(function, range(count)))

    return run
