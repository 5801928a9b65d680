"""Erasure: asked for by a clinician, carried out by an administrator, proven, and finished after any kill."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import Clinic, add_user, make_clinic
from killing import killed_at, through
from typer.testing import CliRunner

from app.clinic_cli import build
from app.services.catalogue import Services
from app.services.erasure_proof import proof_bytes, sign_proof, verify_proof
from app.services.package_signature import own_key
from app.services.permissions import Actor
from app.services.retention_work import RetentionWork
from clinic_data import data_keys, erasures, holds, patients, removals
from clinic_data.audit import AuditFilter
from clinic_data.clock import utc_now
from clinic_data.database import Database
from clinic_data.errors import (
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    SealError,
    ValidationError,
)
from clinic_data.privacy_tables import ErasureGround, ErasureState
from clinic_data.tables import Patient, Role
from tests.clinic_data.full_patient import MARK, FullPatient, fill_patient

NUMBER = f"{MARK}-77"
WISH = ErasureGround.PATIENT_WISH


@dataclass(frozen=True)
class Case:
    services: Services
    clinician: Actor
    administrator: Actor
    full: FullPatient

    def ask(self) -> str:
        return self.services.erasures.request(self.clinician, self.full.patient_id, NUMBER, WISH, "a letter").id

    def carry_out(self, erasure_id: str):
        return self.services.erasures.carry_out(self.administrator, erasure_id, NUMBER)


@pytest.fixture
def case(clinic: Clinic) -> Case:
    full = fill_patient(clinic.services.database, clinic.services.storage)
    return Case(clinic.services, clinic.clinician, clinic.administrator, full)


def _bytes_below(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_people_erase_a_patient_and_nothing_is_left_on_the_disk(case: Case) -> None:
    data_dir = case.services.settings.data_dir
    sealed = _sealed_texts(case)
    assert sealed
    before = _bytes_below(data_dir)
    assert any(value in content for content in before.values() for value in sealed), "the test looks at the database"
    done = case.carry_out(case.ask())
    assert (done.state, done.has_proof) == (ErasureState.DONE, True)
    assert done.rows > 20
    assert done.files == len(case.full.storage_keys)
    for path, content in _bytes_below(data_dir).items():
        assert MARK.encode() not in content, path
        assert not any(value in content for value in sealed), path
        assert path.name not in case.full.storage_keys
    with case.services.database.reading() as session:
        assert removals.count_waiting_files(session=session) == 0


def _sealed_texts(case: Case) -> list[bytes]:
    """The sealed names, notes and results of the patient, as they stand in the file of the database."""
    file = case.services.settings.data_dir / "clinic.sqlite3"
    with sqlite3.connect(file) as connection:
        found = connection.execute(
            "SELECT family_name, given_name, record_number, notes FROM patient WHERE id = ?", [case.full.patient_id]
        ).fetchone()
        key = connection.execute("SELECT wrapped FROM data_key WHERE patient_id = ?", [case.full.patient_id]).fetchone()
        notes = connection.execute("SELECT text FROM patient_note").fetchall()
    connection.close()
    return [value.encode() for value in (*found, *key, *(row[0] for row in notes)) if value]


def test_who_asks_types_the_number_and_cannot_decide(case: Case, clinic: Clinic) -> None:
    service = case.services.erasures
    with pytest.raises(ValidationError, match="not the record number"):
        service.request(case.clinician, case.full.patient_id, "R-1", WISH)
    erasure_id = case.ask()
    assert service.open_request(case.clinician, case.full.patient_id).id == erasure_id
    with pytest.raises(PermissionDeniedError):
        service.carry_out(case.clinician, erasure_id, NUMBER)
    both = add_user(case.services, "twofold", Role.ADMINISTRATOR)
    with case.services.database.transaction() as session:
        erasures.locked(session=session, erasure_id=erasure_id).requested_by = both.user_id
    with pytest.raises(PermissionDeniedError, match="Another person"):
        service.carry_out(both, erasure_id, NUMBER)
    with pytest.raises(ValidationError, match="not the record number"):
        service.carry_out(case.administrator, erasure_id, "R-1")
    case.carry_out(erasure_id)
    with pytest.raises(ConflictError, match="decided already"):
        case.carry_out(erasure_id)


def test_a_request_can_be_refused_or_withdrawn(case: Case) -> None:
    service = case.services.erasures
    service.refuse(case.administrator, case.ask())
    service.withdraw(case.clinician, case.ask())
    assert service.open_request(case.clinician, case.full.patient_id) is None
    states = [view.state for view in service.list(case.administrator).rows]
    assert sorted(states) == ["refused", "withdrawn"]
    with pytest.raises(NotFoundError, match="no proof"):
        service.proof(case.administrator, service.list(case.administrator).rows[0].id)
    with case.services.database.reading() as session:
        assert patients.get_patient(session=session, patient_id=case.full.patient_id)


def test_a_legal_hold_stops_it(case: Case) -> None:
    erasure_id = case.ask()
    case.services.privacy.place_hold(case.administrator, NUMBER.lower(), "order of the court")
    with pytest.raises(ConflictError, match="legal hold"):
        case.carry_out(erasure_id)
    (hold, *_) = case.services.privacy.holds(case.administrator)
    case.services.privacy.release_hold(case.administrator, hold.id)
    assert case.carry_out(erasure_id).state is ErasureState.DONE
    with pytest.raises(NotFoundError, match="No patient"):
        case.services.privacy.place_hold(case.administrator, NUMBER, "order of the court")


def test_the_proof_says_what_was_removed_and_names_nobody(case: Case) -> None:
    done = case.carry_out(case.ask())
    content = case.services.erasures.proof(case.administrator, done.id)
    found = verify_proof(content, own_key(case.services.settings.data_dir).public_key)
    facts = found.facts
    assert facts["patient_id"] == case.full.patient_id
    assert facts["rows_removed"]["recording"] == 3
    assert facts["files_removed"]["video"]["files"] == 3
    assert facts["links_cut"] == {"training_person": 1}
    assert (facts["requested_by"], facts["carried_out_by"]) == ("clara", "adam")
    assert len(facts["audit_head_sha256"]) == 64
    assert MARK.encode() not in content
    file = case.services.settings.data_dir / "erasures" / f"{done.id}.json"
    assert file.read_bytes() == content


def test_a_proof_in_which_a_byte_was_changed_is_refused(case: Case) -> None:
    content = case.services.erasures.proof(case.administrator, case.carry_out(case.ask()).id)
    public_key = own_key(case.services.settings.data_dir).public_key
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        with pytest.raises(ValidationError):
            verify_proof(bytes(changed), public_key)
    for other in (b"", b"{}", b"[]", b"null", content + b"\n", content[:-1], b" " + content, b"[" * 100_000):
        with pytest.raises(ValidationError):
            verify_proof(other, public_key)


def test_a_proof_of_another_clinic_is_not_taken_for_ones_own(case: Case, tmp_path: Path) -> None:
    content = proof_bytes(sign_proof(tmp_path / "elsewhere", {"erasure_id": "1"}))
    assert verify_proof(content).own is None
    with pytest.raises(ValidationError, match="another key"):
        verify_proof(content, own_key(case.services.settings.data_dir).public_key)


def test_the_command_verifies_a_proof(case: Case, tmp_path: Path) -> None:
    done = case.carry_out(case.ask())
    file = tmp_path / "proof.json"
    file.write_bytes(case.services.erasures.proof(case.administrator, done.id))
    runner = CliRunner()
    said = runner.invoke(build(), ["erasure", "verify", str(file)])
    assert said.exit_code == 0, said.output
    assert "The proof is sound" in said.output
    file.write_bytes(file.read_bytes().replace(b'"recording": 3', b'"recording": 2'))
    said = runner.invoke(build(), ["erasure", "verify", str(file)])
    assert isinstance(said.exception, ValidationError)
    listed = runner.invoke(build(), ["erasure", "list"])
    assert done.id in listed.output
    assert "done" in listed.output
    assert "Finished 0" in runner.invoke(build(), ["erasure", "finish"]).output


def test_the_trail_tells_of_it(case: Case) -> None:
    done = case.carry_out(case.ask())
    case.services.erasures.proof(case.administrator, done.id)
    rows = case.services.audit_trail.list_rows(case.administrator, 50, 0, AuditFilter(subject_type="erasure")).rows
    actions = {row.action for row in rows}
    assert actions == {"erasure.requested", "patient.erased", "erasure.finished", "erasure.proof_downloaded"}
    assert all(MARK not in row.details for row in rows)


def test_a_copy_of_the_database_from_before_opens_with_its_own_key_only(case: Case, tmp_path: Path) -> None:
    """What an old backup can do, honestly: together with the master key it still opens. Without the data key of the
    patient, which the living database has destroyed, it does not."""
    file = case.services.settings.data_dir / "clinic.sqlite3"
    with sqlite3.connect(file) as source, sqlite3.connect(tmp_path / "old.sqlite3") as target:
        source.backup(target)
    source.close()
    target.close()
    shutil.copytree(case.services.settings.data_dir / "files", tmp_path / "files")
    case.carry_out(case.ask())
    old = Database(f"sqlite:///{tmp_path / 'old.sqlite3'}", data_keys.KeyRing(case.services.database.keys.master))
    with old.reading() as session:
        assert session.get(Patient, case.full.patient_id).family_name == f"{MARK}son"
    with sqlite3.connect(file) as living, sqlite3.connect(tmp_path / "old.sqlite3") as target:
        wrapped, destroyed = living.execute(
            "SELECT wrapped, destroyed_at FROM data_key WHERE patient_id = ?", [case.full.patient_id]
        ).fetchone()
        assert wrapped is None
        target.execute(
            "UPDATE data_key SET wrapped = NULL, destroyed_at = ? WHERE patient_id = ?",
            [destroyed, case.full.patient_id],
        )
    living.close()
    target.close()
    old.dispose()
    without = Database(f"sqlite:///{tmp_path / 'old.sqlite3'}", data_keys.KeyRing(case.services.database.keys.master))
    with without.reading() as session, pytest.raises(SealError, match="erased"):
        session.get(Patient, case.full.patient_id)
    assert MARK.encode() not in (tmp_path / "old.sqlite3").read_bytes()
    without.dispose()


@dataclass(frozen=True)
class Interrupted:
    """An installation in which an erasure was killed, or not."""

    folder: Path
    clinic: Clinic
    erasure_id: str
    storage_key: str

    def services(self) -> Services:
        return Services.open(self.clinic.services.settings.model_copy(update={"data_dir": self.folder}))

    def erase(self) -> None:
        self.services().erasures.carry_out(self.clinic.administrator, self.erasure_id, "R-1")

    def start_again(self) -> None:
        """Looks at what the kill left, starts as the worker starts, and looks whether it is finished."""
        services = self.services()
        with services.database.reading() as session:
            state = erasures.get_erasure(session=session, erasure_id=self.erasure_id).state
            assert (session.get(Patient, self.clinic.patient.id) is None) == (state is not ErasureState.REQUESTED)
            if state is ErasureState.DONE:
                assert self.storage_key not in set(services.storage.keys())
        (self.folder / "state").write_text(state.value)
        RetentionWork(services.settings, services.database, services.storage).finish_interrupted()
        if state is ErasureState.REQUESTED:  # nothing was done: the administrator does it again
            self.erase()
        with services.database.reading() as session:
            done = erasures.get_erasure(session=session, erasure_id=self.erasure_id)
            assert done.state is ErasureState.DONE
            assert session.get(Patient, self.clinic.patient.id) is None
            assert removals.count_waiting_files(session=session) == 0
        assert self.storage_key not in set(services.storage.keys())
        file = self.folder / "erasures" / f"{self.erasure_id}.json"
        verify_proof(file.read_bytes(), own_key(self.folder).public_key)


@pytest.mark.slow
def test_killed_at_each_step_it_is_finished_at_the_next_start_and_never_half_shown_as_done(
    clinic: Clinic, tmp_path: Path
) -> None:
    services = clinic.services
    erasure_id = services.erasures.request(clinic.clinician, clinic.patient.id, "R-1", WISH).id
    services.database.dispose()
    steps, states, killed = 0, set[ErasureState](), True
    while killed:
        steps += 1
        folder = tmp_path / f"step-{steps}"
        shutil.copytree(services.settings.data_dir, folder)
        here = Interrupted(folder, clinic, erasure_id, clinic.recording.storage_key)
        killed = killed_at(steps, folder, here.erase)
        through(folder, here.start_again)
        states.add(ErasureState((folder / "state").read_text()))
        shutil.rmtree(folder)
    assert steps > 20
    assert states == {ErasureState.REQUESTED, ErasureState.RUNNING, ErasureState.DONE}


def test_hold_of_another_patient_changes_nothing(case: Case, clinic: Clinic) -> None:
    case.services.privacy.place_hold(case.administrator, "R-1", "order of the court")
    with case.services.database.reading() as session:
        assert holds.hold_of(session=session, patient_id=clinic.patient.id)
    assert case.carry_out(case.ask()).state is ErasureState.DONE


def test_a_proof_is_json_for_people(case: Case) -> None:
    content = case.services.erasures.proof(case.administrator, case.carry_out(case.ask()).id)
    assert json.loads(content)["facts"]["what"].startswith("All rows and files of one patient")


def test_an_erasure_frees_the_record_number(case: Case) -> None:
    case.carry_out(case.ask())
    assert replace(case, full=fill_patient(case.services.database, case.services.storage, in_cohort=False))


def test_on_postgresql_the_rows_the_key_and_the_files_go_too(
    tmp_path: Path, postgresql_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    clinic = make_clinic(tmp_path / "var", postgresql_url)
    full = fill_patient(clinic.services.database, clinic.services.storage)
    case = Case(clinic.services, clinic.clinician, clinic.administrator, full)
    assert case.carry_out(case.ask()).state is ErasureState.DONE
    assert "not yet taken off the disk" not in caplog.text, "the vacuum ran"
    assert not full.storage_keys & set(clinic.services.storage.keys())
    with clinic.services.database.reading() as session, pytest.raises(NotFoundError):
        patients.get_patient(session=session, patient_id=full.patient_id)
    counts = RetentionWork(clinic.services.settings, clinic.services.database, clinic.services.storage).run(
        now=utc_now() + timedelta(days=91)
    )
    assert counts["videos"] == 1
    clinic.services.database.dispose()
