"""How fast the clinic's database answers, and whether that stays so as it grows tenfold.

    ./run benchmark clinic_database --patients 10000 100000 --databases sqlite postgresql --folder /tmp/clinic

Makes a clinic of N patients with 10 visits each (a recording, a job, an assessment and an audit row for each), all
sealed as the app seals them, on SQLite and on a PostgreSQL that is started here with its settings as installed. Then
times what the pages ask of the services: medians over `--rounds` different patients, in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import pwd
import random
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import text
from sqlmodel import Session, func, select, update

from app.services.accounts import actor_of_user
from app.services.catalogue import Services
from app.services.permissions import Actor
from app.settings import Settings
from clinic_data import audit, data_keys, model_registry, patient_search, sealed_columns, users
from clinic_data.audit_chain import COVERED, mac_of, sealed_head
from clinic_data.audit_tables import AuditHead
from clinic_data.audit_verification import verify
from clinic_data.audit_writing import locked_head
from clinic_data.patients import identity_text
from clinic_data.sealed_rows import SEALED, context_of
from clinic_data.sealing import keyed_hash
from clinic_data.tables import (
    Assessment,
    AuditRow,
    ClinicTable,
    Job,
    JobState,
    Patient,
    Recording,
    Role,
    Sex,
    new_id,
)
from clinic_data.text_rules import search_key

VISITS = 10
BATCH = 500
PASSWORD = "walk tall and steady"  # noqa: S105 - of a made-up clinic
SYLLABLES = (
    "ma",
    "mar",
    "ri",
    "ne",
    "sa",
    "lo",
    "ka",
    "be",
    "de",
    "ti",
    "no",
    "ra",
    "vi",
    "el",
    "an",
    "os",
    "ul",
    "ki",
)
START = datetime(2024, 1, 1, 8, 0, tzinfo=UTC)


# A PostgreSQL of its own


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """Starts a server with its settings as installed; `folder` may hold that of an earlier run. Gives its URL."""
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    account: dict[str, Any] = {}
    if os.geteuid() == 0:  # it refuses to run as root
        found = pwd.getpwnam("postgres")
        account = {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    folder.mkdir(parents=True, exist_ok=True)
    if account:
        os.chown(folder, account["user"], account["group"])
    if not (folder / "data").exists():
        make = [binaries / "initdb", "-D", folder / "data", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"]
        subprocess.run(make, check=True, capture_output=True, cwd=folder, **account)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    control = [binaries / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log", "-o", options]
    subprocess.run([*control, "start"], check=True, capture_output=True, cwd=folder, **account)
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}"
    finally:
        subprocess.run([*control, "stop", "-m", "fast"], check=True, capture_output=True, cwd=folder, **account)


# The made-up clinic


@dataclass(slots=True)
class Loader:
    """Writes many rows past the ORM, sealed as the ORM would seal them."""

    session: Session
    is_sqlite: bool

    def load(self, table: type[ClinicTable], rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows whose values are complete."""
        name, columns = table.__tablename__, list(rows[0])
        cursor = self.session.connection().connection.cursor()
        written = [column for column in columns if isinstance(rows[0][column], Enum | dict | datetime)]
        for row in rows:
            for column in written:
                row[column] = self._stored(row[column])
        values = (list(row.values()) for row in rows)
        if self.is_sqlite:
            places = ", ".join("?" * len(columns))
            cursor.executemany(f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({places})", values)  # noqa: S608
        else:
            with cursor.copy(f"COPY {name} ({', '.join(columns)}) FROM STDIN") as copy:
                for each in values:
                    copy.write_row(each)
        cursor.close()

    def _stored(self, value: Any) -> Any:
        if isinstance(value, Enum):
            return value.value
        if isinstance(value, dict):
            return json.dumps(value)
        if isinstance(value, datetime) and self.is_sqlite:
            return value.isoformat(" ", "microseconds").removesuffix("+00:00")
        return value


def template(row: ClinicTable) -> dict[str, Any]:
    """The columns of a row with their defaults."""
    return {column.name: getattr(row, column.key) for column in type(row).__table__.columns}


def sealed(
    row: dict[str, Any], table: type[ClinicTable], key: data_keys.DataKey, plain: dict[str, bytes]
) -> dict[str, Any]:
    """A row with the given values, as bytes, sealed in it."""
    for name, value in plain.items():
        context = context_of(SEALED[table].name, name, row["id"])
        row[name] = sealed_columns.seal_value(key.id, key.key, value, context)
    return row


def as_bytes(table: type[ClinicTable], name: str, value: Any) -> bytes:
    """A value of a sealed column as it is sealed."""
    return SEALED[table].columns[name].to_bytes(value)


class Clinic:
    """Makes patients with their visits, the same for each run.

    Args:
        services: of an installation whose tables are empty.
        seed: of the made-up names and dates.
    """

    def __init__(self, services: Services, seed: int = 7) -> None:
        self.services = services
        self.seed = seed
        self.random = random.Random(seed)
        self.result = as_bytes(Assessment, "result", _result())
        self.job_result = as_bytes(Job, "result", {"assessment_id": "0" * 32})
        with services.database.transaction() as session:
            if not users.count_users(session=session):
                for role in (Role.CLINICIAN, Role.ADMINISTRATOR):
                    users.create_user(
                        session=session, username=role.value, display_name=role.value, role=role, password=PASSWORD
                    )
            self.actors = {Role(user.role): actor_of_user(user) for user in users.list_users(session=session)}
            self.version_id = model_registry.ensure_version(
                session=session, name="bundled", version="1.0", sha256="ab" * 32, simulated=True, metrics={}
            ).id

    def make(self, there: int, count: int) -> None:
        """Adds patients until there are `count`; `there` of them are there."""
        for first in range(there, count, BATCH):
            self.random.seed(self.seed + first)
            self._make_batch(range(first, min(first + BATCH, count)))

    def _make_batch(self, numbers: range) -> None:
        with self.services.database.transaction() as session:
            is_sqlite = session.get_bind().dialect.name == "sqlite"
            if not is_sqlite:
                session.connection().execute(text("SET LOCAL session_replication_role = replica"))
            loader = Loader(session, is_sqlite)
            ids = [new_id() for _ in numbers]
            index_key = data_keys.for_purpose(session=session, purpose=data_keys.INDEX).key
            keys = data_keys.of_patients(session=session, patient_ids=ids)
            people = [
                self._patient(index_key, number, keys[row_id], row_id)
                for number, row_id in zip(numbers, ids, strict=True)
            ]
            loader.load(Patient, [row for row, _ in people])
            tokens = [{"token": token, "patient_id": row["id"]} for row, found in people for token in sorted(found)]
            loader.load(patient_search.PatientToken, tokens)
            visits = [self._visit(row_id, keys[row_id], number) for row_id in ids for number in range(VISITS)]
            for place, table in enumerate((Recording, Job, Assessment)):
                loader.load(table, [visit[place] for visit in visits])
            self._chain(session, loader, [(visit[2]["id"], visit[2]["patient_id"]) for visit in visits])

    def _patient(
        self, index_key: bytes, number: int, key: data_keys.DataKey, row_id: str
    ) -> tuple[dict[str, Any], set[int]]:
        number_text, family, given = f"R-{number:06d}", self._name(3), self._name(2)
        born = date(1940, 1, 1) + timedelta(days=self.random.randrange(30_000))
        changed = START + timedelta(minutes=number)
        row = template(
            Patient(
                id=row_id,
                record_number_key=keyed_hash(index_key, f"record_number\n{search_key(number_text)}").hex(),
                identity_key=keyed_hash(index_key, f"identity\n{identity_text(family, given, born)}").hex(),
                record_number="",
                family_name="",
                birth_date=born,
                created_at=changed,
                updated_at=changed,
            )
        )
        values = {"record_number": number_text, "family_name": family, "given_name": given, "birth_date": born}
        plain = {name: as_bytes(Patient, name, value) for name, value in (values | {"sex": Sex.FEMALE}).items()}
        return sealed(row, Patient, key, plain), patient_search.tokens(index_key, (family, given, number_text), born)

    def _name(self, syllables: int) -> str:
        return "".join(self.random.choice(SYLLABLES) for _ in range(syllables)).capitalize()

    def _visit(self, patient_id: str, key: data_keys.DataKey, number: int) -> tuple[dict[str, Any], ...]:
        at = START + timedelta(days=30 * number, seconds=self.random.randrange(2_000_000))
        recording = {
            **_RECORDING,
            "id": new_id(),
            "patient_id": patient_id,
            "storage_key": new_id(),
            "sha256": new_id() * 2,
            "created_at": at,
        }
        job = {
            **_JOB,
            "id": new_id(),
            "patient_id": patient_id,
            "recording_id": recording["id"],
            "state": JobState.FAILED if self.random.random() < 0.02 else JobState.DONE,
            "created_at": at,
            "finished_at": at,
        }
        assessment = {
            **_ASSESSMENT,
            "id": new_id(),
            "patient_id": patient_id,
            "recording_id": recording["id"],
            "job_id": job["id"],
            "model_version_id": self.version_id,
            "created_at": at,
        }
        return (
            sealed(recording, Recording, key, {"original_name": b"walk.mp4"}),
            sealed(job, Job, key, {"result": self.job_result}),
            sealed(assessment, Assessment, key, {"result": self.result}),
        )

    def _chain(self, session: Session, loader: Loader, opened: list[tuple[str, str]]) -> None:
        key = data_keys.for_purpose(session=session, purpose=data_keys.AUDIT).key
        head = locked_head(session, key)
        number, mac, rows = head.last_id, head.last_mac, []
        at = max(head.at, START) + timedelta(seconds=30)
        for subject_id, patient_id in opened:
            number += 1
            row = {
                **_AUDIT,
                "id": number,
                "at": at,
                "actor_id": self.actors[Role.CLINICIAN].user_id,
                "subject_id": subject_id,
                "patient_id": patient_id,
                "previous_mac": mac,
            }
            mac = mac_of(key, {name: row[name] for name in COVERED})
            rows.append({**row, "mac": mac})
        loader.load(AuditRow, rows)
        after = sealed_head(key, number, mac, at)
        values = {"last_id": number, "last_mac": mac, "at": at, "seal": after.seal}
        session.connection().execute(update(AuditHead).values(values))


def _result() -> dict[str, Any]:
    """As large as a result without its curves: four scores with intervals, checks and parameters."""
    score = {"task": "scoliosis", "positive_probability": 0.31, "interval": {"low": 0.2, "high": 0.44}, "outcome": "no"}
    checks = [{"name": f"check {number}", "value": 0.5 + number, "passed": True} for number in range(12)]
    parameters = [{"name": f"parameter {number}", "value": 1.1 * number, "error": 0.2} for number in range(15)]
    return {"scores": [score] * 4, "checks": checks, "parameters": parameters}


_RECORDING = template(
    Recording(original_name="", storage_key="", size_bytes=11_000_000, sha256="", patient_id=None, uploaded_by=None)
)
_JOB = template(Job(queue="cpu", kind="screening", payload={"recording_id": "0" * 32}, progress=1.0))
_ASSESSMENT = template(Assessment(patient_id=None, recording_id="", job_id="", model_version_id="", result={}))
_AUDIT = template(
    AuditRow(
        action="assessment.opened", subject_type="assessment", details={}, previous_mac="", mac="", address="192.0.2.7"
    )
)


# What is timed


@dataclass(frozen=True)
class Sample:
    """Patients and words that the questions are about."""

    ids: list[str]
    names: list[tuple[str, str]]


def questions(
    services: Services, clinician: Actor, administrator: Actor, sample: Sample
) -> dict[str, Callable[[int], Any]]:
    """What is asked, by name; each takes the number of the round."""
    search = services.patients.search

    def patient_page(turn: int) -> Any:
        patient_id = sample.ids[turn]
        found = services.patients.open(clinician, patient_id)
        assessments = services.screening.assessments_of_patient(clinician, patient_id)
        services.decisions.current_of(clinician, [each.id for each in assessments])
        services.follow_ups.recordings_with_result(clinician, patient_id)
        services.recordings.list_of_patient(clinician, patient_id)
        services.notes.of_patient(clinician, patient_id)
        services.teams.choice(clinician)
        return found

    def audit_insert(turn: int) -> None:
        with services.database.transaction() as session:
            audit.record(
                session=session,
                actor_id=clinician.user_id,
                action="patient.opened",
                subject_type="patient",
                subject_id=sample.ids[turn],
            )

    trail = services.audit_trail
    return {
        "patients, no word": lambda turn: search(clinician, "", 50, 0),
        "search, 1 word": lambda turn: search(clinician, sample.names[turn][0], 50, 0),
        "search, 2 words": lambda turn: search(clinician, " ".join(sample.names[turn]), 50, 0),
        "search, common beginning (ma)": lambda turn: search(clinician, "ma", 50, 0),
        "search, one letter (m)": lambda turn: search(clinician, "m", 50, 0),
        "search, 2 common beginnings (ma r)": lambda turn: search(clinician, "ma r", 50, 0),
        "patient's page": patient_page,
        "job list": lambda turn: services.operations.list_jobs(administrator, None, 50, 0),
        "job list, failed": lambda turn: services.operations.list_jobs(administrator, JobState.FAILED, 50, 0),
        "audit insert": audit_insert,
        "audit log": lambda turn: trail.list_rows(administrator, 50, 0),
        "audit log of a patient": lambda turn: trail.list_rows(
            administrator, 50, 0, audit.AuditFilter(patient_id=sample.ids[turn])
        ),
        "audit log of a day": lambda turn: trail.list_rows(
            administrator, 50, 0, audit.AuditFilter(since=START, until=START + timedelta(days=1))
        ),
        "audit log, choices": lambda turn: trail.choices(administrator),
    }


def measure(services: Services, rounds: int) -> dict[str, float]:
    """Medians in milliseconds."""
    with services.database.reading() as session:
        people = {user.role: actor_of_user(user) for user in users.list_users(session=session)}
        numbers = random.Random(1).sample(
            range(session.exec(select(func.count()).select_from(Patient)).one()), rounds + 3
        )
        keys = [
            data_keys.index_token(session=session, kind="record_number", text=search_key(f"R-{number:06d}"))
            for number in numbers
        ]
        rows = [session.exec(select(Patient).where(Patient.record_number_key == key)).one() for key in keys]
    sample = Sample([row.id for row in rows], [(row.family_name, row.given_name) for row in rows])
    medians: dict[str, float] = {}
    for name, ask in questions(services, people[Role.CLINICIAN], people[Role.ADMINISTRATOR], sample).items():
        times: list[float] = []
        computed: list[float] = []
        for turn in range(rounds + 3):
            began, used = time.perf_counter(), time.process_time()
            ask(turn)
            times.append(1000 * (time.perf_counter() - began))
            computed.append(1000 * (time.process_time() - used))
        medians[name] = statistics.median(times[3:])  # the first ones fill caches
        own = f"fastest {min(times[3:]):.1f} ms, processor of this process {statistics.median(computed[3:]):.1f} ms"
        print(f"    {name}: {medians[name]:.1f} ms, {own}", flush=True)
    return medians


def verification(services: Services) -> str:
    """How long it takes to verify the audit trail."""
    began, used = time.perf_counter(), time.process_time()
    with services.database.reading() as session:
        found = verify(session=session)
    seconds, computed = time.perf_counter() - began, time.process_time() - used
    assert found.is_intact, found.problems
    share = 100_000 / found.rows
    return (
        f"{found.rows} audit rows verified in {seconds:.1f} s ({computed:.1f} s of the processor): "
        f"{share * seconds:.2f} s ({share * computed:.2f} s) for 100,000"
    )


def prepared(url: str, folder: Path, count: int) -> Services:
    """An installation with `count` patients; what the folder does not hold yet is made, also after a kill."""
    settings = Settings(data_dir=folder, database_url=url, min_free_disk_mb=0)
    services = Services.open(settings)
    services.database.upgrade()
    with services.database.reading() as session:
        there = session.exec(select(func.count()).select_from(Patient)).one()
    if there < count:
        began = time.perf_counter()
        Clinic(services).make(there, count)
        made = f"{count - there} patients, {VISITS * (count - there)} assessments"
        print(f"    {made} made in {time.perf_counter() - began:.0f} s", flush=True)
        with services.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
    return services


def run(database: str, count: int, folder: Path, rounds: int) -> dict[str, float]:
    """One database of one size."""
    print(f"{database}, {count} patients", flush=True)
    place = folder / f"{database}-{count}"
    place.mkdir(parents=True, exist_ok=True)
    if database == "sqlite":
        return _measured(prepared("", place, count), rounds)
    with postgresql(folder / "server") as server:
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            name = f"clinic_{count}"
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
                connection.execute(f"CREATE DATABASE {name}")
        return _measured(prepared(f"{server}/{name}", place, count), rounds)


def _measured(services: Services, rounds: int) -> dict[str, float]:
    medians = measure(services, rounds)
    print(f"    {verification(services)}", flush=True)
    services.database.dispose()
    return medians


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--databases", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"])
    parser.add_argument("--folder", type=Path, required=True, help="keeps the databases; a second run measures again")
    parser.add_argument("--rounds", type=int, default=40)
    asked = parser.parse_args()
    for database in asked.databases:
        found = {count: run(database, count, asked.folder, asked.rounds) for count in asked.patients}
        small, large = min(found), max(found)
        print(f"\n| {database}, median ms | " + " | ".join(f"{count:,} patients" for count in found) + " | ratio |")
        print("|---|" + "---|" * (len(found) + 1))
        for name in found[small]:
            cells = " | ".join(f"{found[count][name]:.1f}" for count in found)
            print(f"| {name} | {cells} | {found[large][name] / found[small][name]:.1f} |")
        print(flush=True)


if __name__ == "__main__":
    main()
