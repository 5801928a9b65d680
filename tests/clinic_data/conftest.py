"""Every test of the clinic's records runs on SQLite and on a real PostgreSQL, which is started here."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import argon2
import psycopg
import pytest
from sqlmodel import Session

from clinic_data import assessments, jobs, model_registry, passwords, patients, recordings, users
from clinic_data.database import Database
from clinic_data.storage import StoredFile
from clinic_data.tables import Assessment, ClinicTable, Job, ModelVersion, Patient, Recording, User

PASSWORD = "violet harbour lamp 7"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def _postgresql_binaries() -> Path:
    """The folder of initdb and postgres: Debian's newest, or wherever PATH has them."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    on_path = shutil.which("initdb")
    candidates = [*reversed(folders), *([Path(on_path).parent] if on_path else [])]
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise RuntimeError("These tests need PostgreSQL's server programs: install the package `postgresql`.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _account() -> dict[str, Any]:
    """Arguments of Popen: PostgreSQL refuses to run as root, Debian's package has an account for it."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("postgres")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _wait_until_ready(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if server.poll() is not None:
                break
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A PostgreSQL of its own on a free port; gives the URL without the database's name."""
    binaries = _postgresql_binaries()
    folder = Path(tempfile.mkdtemp(prefix="fgait-postgresql-"))
    account = _account()
    if account:
        os.chown(folder, account["user"], account["group"])
    port = _free_port()
    log = folder / "log"
    common = {"cwd": folder, "stdin": subprocess.DEVNULL, **account}
    initdb = [binaries / "initdb", "-D", folder / "data", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"]
    subprocess.run(initdb, check=True, capture_output=True, **common)
    options = ["-p", str(port), "-k", str(folder), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [binaries / "postgres", "-D", folder / "data", *options], stdout=output, stderr=output, **common
        )
    try:
        url = f"postgresql://postgres@127.0.0.1:{port}"
        _wait_until_ready(f"{url}/postgres", server, log)
        yield url
    finally:
        server.send_signal(signal.SIGQUIT)  # "immediate shutdown": nothing of it is needed any more
        server.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_url(postgresql_server: str) -> str:
    """A database with all tables, which is emptied for each test (a fresh one would take 0.25 s each time)."""
    with psycopg.connect(f"{postgresql_server}/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE clinic")
    url = f"{postgresql_server}/clinic"
    database = Database(url)
    database.upgrade()
    database.dispose()
    return url


def _empty(url: str) -> None:
    tables = ", ".join(ClinicTable.metadata.tables)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '20s'")
        connection.execute("SET session_replication_role = replica")  # the audit trail's triggers refuse this otherwise
        connection.execute(f"TRUNCATE {tables} RESTART IDENTITY")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with all tables, which each test copies."""
    file = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    database = Database(f"sqlite:///{file}")
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
    url = request.getfixturevalue("postgresql_url")
    _empty(url)
    yield url


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
    database = Database(database_url)
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
