"""Erasure: two people, all rows, the key, and nothing of the patient left."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import String, Text, cast, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col
from sqlmodel import select as select_rows

from clinic_data import data_keys, erased_rows, erasures, holds, jobs, patients, removals
from clinic_data.database import Database
from clinic_data.encryption_tables import SealedFile, WrappedKey
from clinic_data.errors import (
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    SealError,
    ValidationError,
)
from clinic_data.file_vault import FileKind, FileVault
from clinic_data.privacy_tables import Erasure, ErasureGround, ErasureState
from clinic_data.retraining_tables import TrainingPerson
from clinic_data.schema import METADATA
from clinic_data.storage import FolderStorage
from clinic_data.tables import Report
from tests.clinic_data.full_patient import MARK, FullPatient, fill_patient

WISH = ErasureGround.PATIENT_WISH
KEPT = {
    ("erasure", "patient_id"),
    ("data_key", "patient_id"),
    ("audit_row", "subject_id"),
    ("audit_row", "patient_id"),
    ("audit_row", "details"),
    ("cohort", "manifest"),  # a pseudonym that leads nowhere any more
}
"""Columns in which a random id may stay: it names nobody once the patient is gone."""


@pytest.fixture
def vault(database: Database, tmp_path: Path) -> FileVault:
    return FileVault(FolderStorage(tmp_path / "files"), database)


@pytest.fixture
def full(database: Database, vault: FileVault) -> FullPatient:
    return fill_patient(database, vault)


def _ask(database: Database, full: FullPatient, note: str = "") -> str:
    with database.transaction() as session:
        return erasures.request(
            session=session, patient_id=full.patient_id, ground=WISH, note=note, actor_id=full.clinician_id
        ).id


def _carry_out(database: Database, full: FullPatient, erasure_id: str) -> None:
    with database.transaction() as session:
        erasures.carry_out(session=session, erasure_id=erasure_id, actor_id=full.administrator_id)


def _remove_files(database: Database, vault: FileVault, erasure_id: str) -> None:
    with database.reading() as session:
        keys = removals.waiting_files(session=session, erasure_id=erasure_id)
    for key in keys:
        vault.delete(key)
        with database.transaction() as session:
            removals.file_gone(session=session, storage_key=key)


def _columns_with(database: Database, words: set[str]) -> set[tuple[str, str, str]]:
    """Table, column and word wherever one of the words stands in the database, whatever the column's type."""
    found: set[tuple[str, str, str]] = set()
    with database.reading() as session:
        for table in METADATA.sorted_tables:
            for column in table.columns:
                plain = cast(column, Text)
                for word in words:
                    statement = select(func.count()).select_from(table).where(plain.contains(word))
                    if session.connection().execute(statement).scalar():
                        found.add((table.name, column.name, word))
    return found


def test_an_erasure_leaves_no_row_and_no_file(database: Database, vault: FileVault, full: FullPatient) -> None:
    other = fill_patient(database, vault, "OTHER-1", in_cohort=False)
    before = _sealed_values(database, full.patient_id)
    assert len(before) > 15, "the test looks at every sealed value of the patient"
    erasure_id = _ask(database, full, f"{MARK} wrote a letter")
    _carry_out(database, full, erasure_id)
    _remove_files(database, vault, erasure_id)

    left = {(table, column) for table, column, _ in _columns_with(database, set(full.all_ids))}
    assert left <= KEPT, left - KEPT
    assert not _columns_with(database, before)
    assert not _columns_with(database, {MARK})
    assert not full.storage_keys & set(vault.keys())
    assert not _columns_with(database, set(full.storage_keys))
    with database.reading() as session:
        with pytest.raises(NotFoundError):
            patients.get_patient(session=session, patient_id=full.patient_id)
        # The other patient has everything still.
        assert patients.get_patient(session=session, patient_id=other.patient_id).family_name == f"{MARK}son"
        person = session.exec(select_rows(TrainingPerson)).one()
        assert person.patient_id is None
    assert other.storage_keys <= set(vault.keys())
    assert all(vault.read_bytes(key) for key in other.storage_keys)


def _sealed_values(database: Database, patient_id: str) -> set[str]:
    """The sealed text of every value under the patient's key."""
    with database.reading() as session:
        key_id = session.exec(select_rows(WrappedKey.id).where(WrappedKey.patient_id == patient_id)).one()
        values: set[str] = set()
        for table in METADATA.sorted_tables:
            for column in table.columns:
                plain = cast(column, String)
                found = session.connection().execute(select(plain).where(plain.startswith(f"s1.{key_id}.")))
                values |= set(found.scalars())
    return values


def test_every_table_that_leads_to_a_patient_is_followed(database: Database, vault: FileVault) -> None:
    """A table of a later release that refers to a patient, even over others, is part of the erasure by itself."""
    reached, before = {"patient"}, set[str]()
    while reached != before:
        before = set(reached)
        for table in METADATA.sorted_tables:
            for key in table.foreign_keys:
                if key.column.table.name in reached and (table.name, key.parent.name) not in erased_rows.CUT:
                    reached.add(table.name)
    full = fill_patient(database, vault)
    with database.transaction() as session:
        ids = erased_rows.dependants(session=session, start={"patient": {full.patient_id}})
        removed = erased_rows.remove(session=session, ids=ids)
    # A retraining leads to a job, but a patient's jobs are no retrainings.
    assert set(removed.rows) == reached - {"retraining", "promotion"} & set(METADATA.tables), reached - set(
        removed.rows
    )
    assert removed.rows["recording"] == 3
    assert removed.rows["assessment"] == 3
    assert removed.rows["report"] == 3
    assert removed.cut == {"training_person": 1}
    assert removed.files["video"]["files"] == 3
    assert removed.files["report"]["bytes"] > 0


def test_what_the_destroyed_key_sealed_opens_no_more(database: Database, vault: FileVault, full: FullPatient) -> None:
    with database.reading() as session:
        row = session.get(SealedFile, min(full.storage_keys))
        assert row is not None
    blob = vault.storage.path(row.storage_key).read_bytes()
    erasure_id = _ask(database, full)
    _carry_out(database, full, erasure_id)
    with database.reading() as session:
        key = session.exec(select_rows(WrappedKey).where(WrappedKey.patient_id == full.patient_id)).one()
        assert key.wrapped is None
        assert key.destroyed_at is not None
        with pytest.raises(SealError, match="erased"):
            data_keys.by_id(session=session, key_id=key.id)
    with pytest.raises(SealError):
        vault.open(row.storage_key)
    assert MARK.encode() not in blob
    with database.transaction() as session, pytest.raises(SealError):
        data_keys.of_patient(session=session, patient_id=full.patient_id)


def test_who_asked_cannot_carry_it_out(database: Database, full: FullPatient) -> None:
    erasure_id = _ask(database, full)
    with pytest.raises(PermissionDeniedError, match="Another person"), database.transaction() as session:
        erasures.carry_out(session=session, erasure_id=erasure_id, actor_id=full.clinician_id)
    with database.reading() as session:
        assert patients.get_patient(session=session, patient_id=full.patient_id)


def test_the_database_itself_wants_two_people(database: Database, full: FullPatient) -> None:
    erasure_id = _ask(database, full)
    values = {"state": ErasureState.RUNNING, "decided_by": full.clinician_id}
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.connection().execute(update(Erasure).where(col(Erasure.id) == erasure_id).values(values))


def test_a_legal_hold_refuses_request_and_erasure(database: Database, full: FullPatient) -> None:
    erasure_id = _ask(database, full)
    with database.transaction() as session:
        hold_id = holds.place(
            session=session, patient_id=full.patient_id, reason="order of the court", actor_id=full.administrator_id
        ).id
    with pytest.raises(ConflictError, match="legal hold"):
        _carry_out(database, full, erasure_id)
    with database.transaction() as session:
        erasures.withdraw(session=session, erasure_id=erasure_id)
    with pytest.raises(ConflictError, match="legal hold"):
        _ask(database, full)
    with database.transaction() as session:
        holds.release(session=session, hold_id=hold_id, actor_id=full.administrator_id)
    _carry_out(database, full, _ask(database, full))


def test_a_running_job_refuses_the_erasure_and_a_waiting_one_goes_with_it(
    database: Database, full: FullPatient
) -> None:
    with database.transaction() as session:
        job = jobs.enqueue(
            session=session, kind="screen", payload={}, patient_id=full.patient_id, recording_id=full.recording_ids[0]
        )
    erasure_id = _ask(database, full)
    with database.transaction() as session:
        assert jobs.claim(session=session, worker="w", queues=["cpu"]).id == job.id
    with pytest.raises(ConflictError, match="being screened"):
        _carry_out(database, full, erasure_id)
    with database.transaction() as session:
        jobs.release(session=session, job_id=job.id, worker="w")
    _carry_out(database, full, erasure_id)
    with database.reading() as session, pytest.raises(NotFoundError):
        jobs.get_job(session=session, job_id=job.id)


def test_a_request_is_made_once_and_can_be_withdrawn_or_refused(database: Database, full: FullPatient) -> None:
    erasure_id = _ask(database, full, f"{MARK} note")
    with pytest.raises(ConflictError, match="asked for already"):
        _ask(database, full)
    with database.transaction() as session:
        withdrawn = erasures.withdraw(session=session, erasure_id=erasure_id)
        assert (withdrawn.state, withdrawn.note) == (ErasureState.WITHDRAWN, "")
    again = _ask(database, full)
    with database.transaction() as session:
        erasures.refuse(session=session, erasure_id=again, actor_id=full.administrator_id)
    with pytest.raises(ConflictError, match="decided already"):
        _carry_out(database, full, again)
    with database.reading() as session:
        assert patients.get_patient(session=session, patient_id=full.patient_id)


def test_a_request_names_a_patient_and_a_reason(database: Database, full: FullPatient) -> None:
    with database.transaction() as session:
        for ground, note in (("", ""), ("retention_over", ""), ("other", ""), ("patient_wish", "x" * 501)):
            with pytest.raises(ValidationError):
                erasures.request(
                    session=session, patient_id=full.patient_id, ground=ground, note=note, actor_id=full.clinician_id
                )
        with pytest.raises(NotFoundError):
            erasures.request(session=session, patient_id="0" * 32, ground=WISH, note="", actor_id=full.clinician_id)


def test_a_request_that_a_restored_backup_brought_back_is_closed(database: Database, full: FullPatient) -> None:
    """Its note is sealed with the key that goes, so it must not stay."""
    _ask(database, full, f"{MARK} wrote a letter")
    with database.transaction() as session:
        erasures.erase_rows(session=session, patient_id=full.patient_id)
    with database.reading() as session:
        (request,) = erasures.list_erasures(session=session).rows
        assert (request.state, request.note) == (ErasureState.WITHDRAWN, "")


def test_another_patients_report_that_supersedes_one_of_the_erased_stays(
    database: Database, vault: FileVault, full: FullPatient
) -> None:
    other = fill_patient(database, vault, "OTHER-1", in_cohort=False)
    stored = vault_file(vault, other.patient_id)
    with database.transaction() as session:
        row = Report(
            number="FG-2099-000001",
            assessment_id=other.assessment_ids[0],
            storage_key=stored,
            size_bytes=3,
            sha256="ab" * 32,
            patient_id=other.patient_id,
            version=2,
            supersedes_id=_unsuperseded(session, full.patient_id),
        )
        session.add(row)
    _carry_out(database, full, _ask(database, full))
    with database.reading() as session:
        kept = session.exec(select_rows(Report).where(Report.number == "FG-2099-000001")).one()
        assert kept.supersedes_id is None
        assert kept.version == 2


def test_a_hold_that_is_placed_at_the_same_moment_refuses_the_erasure(database: Database, full: FullPatient) -> None:
    erasure_id = _ask(database, full)
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as session:
            holds.place(
                session=session, patient_id=full.patient_id, reason="order of the court", actor_id=full.administrator_id
            )
            erasing = pool.submit(_carry_out, database, full, erasure_id)
            time.sleep(0.5)  # it waits for this transaction now
        with pytest.raises(ConflictError, match="legal hold"):
            erasing.result()
    with database.reading() as session:
        assert patients.get_patient(session=session, patient_id=full.patient_id)


def test_a_hold_keeps_the_reports_about_a_visit_that_was_moved_away(
    database: Database, vault: FileVault, full: FullPatient
) -> None:
    """They name the held patient, and would go with the visit of the other one."""
    held = fill_patient(database, vault, "HELD-1", in_cohort=False)
    stored = vault_file(vault, held.patient_id)
    with database.transaction() as session:
        row = Report(
            number="FG-2099-000002",
            assessment_id=full.assessment_ids[0],
            storage_key=stored,
            size_bytes=3,
            sha256="ab" * 32,
            patient_id=held.patient_id,
            version=9,
        )
        session.add(row)
        hold_id = holds.place(
            session=session, patient_id=held.patient_id, reason="order of the court", actor_id=full.administrator_id
        ).id
    erasure_id = _ask(database, full)
    with pytest.raises(ConflictError, match="Release that hold first"):
        _carry_out(database, full, erasure_id)
    with database.transaction() as session:
        holds.release(session=session, hold_id=hold_id, actor_id=full.administrator_id)
    _carry_out(database, full, erasure_id)


def vault_file(vault: FileVault, patient_id: str) -> str:
    return vault.write_bytes(b"pdf", patient_id=patient_id, kind=FileKind.REPORT).key


def _unsuperseded(session, patient_id: str) -> str:
    newer = select_rows(Report.supersedes_id).where(col(Report.supersedes_id).is_not(None))
    statement = select_rows(Report.id).where(Report.patient_id == patient_id, col(Report.id).not_in(newer))
    return session.exec(statement).first()
