"""The export for research: consent, random codes, shifted dates, and `fgait data import` reads it."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from conftest import Clinic
from typer.testing import CliRunner

from app.services.research_export import COLUMNS
from clinic_data import patients
from clinic_data.audit import AuditFilter
from clinic_data.errors import PermissionDeniedError, ValidationError
from clinic_data.tables import Recording
from fgait_core import cli as engine_cli
from fgait_core.data.shards import read_shards
from tests.clinic_data.full_patient import MARK, FullPatient, fill_patient, silhouettes_npz

PURPOSE = "study GAIT-2, ethics committee no. 2026-114"


@pytest.fixture
def full(clinic: Clinic) -> FullPatient:
    return fill_patient(clinic.services.database, clinic.services.storage)


def _export(clinic: Clinic) -> dict[str, bytes]:
    made = clinic.services.research_exports.make(clinic.administrator, PURPOSE)
    with zipfile.ZipFile(io.BytesIO(b"".join(made.chunks))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _rows(files: dict[str, bytes]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files["recordings.csv"].decode())))


def test_fgait_data_import_reads_it(clinic: Clinic, full: FullPatient, tmp_path: Path) -> None:
    fill_patient(clinic.services.database, clinic.services.storage, "SECOND-1", in_cohort=False)
    files = _export(clinic)
    for name, content in files.items():
        path = tmp_path / "export" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    folder = str(tmp_path / "export")
    table = str(tmp_path / "export" / "recordings.csv")
    out = tmp_path / "shards"
    options = ["--format", "recordings", "--table", table, "--name", "study", "--frame-rate-hz", "25"]
    said = CliRunner().invoke(engine_cli.build(), ["data", "import", folder, *options, "--out", str(out)])
    assert said.exit_code == 0, said.output
    shards = read_shards(out, verify=True)
    rows = _rows(files)
    assert len(shards) == len(rows) == 6
    assert set(shards.people) == {f"study-{row['person']}" for row in rows}
    assert len(shards.people) == 2
    assert sorted(shards.column("scoliosis")) == sorted(row["scoliosis"] for row in rows)


def test_it_names_nobody_and_nothing_leads_back(clinic: Clinic, full: FullPatient) -> None:
    files = _export(clinic)
    everything = b"\n".join(files.values()) + "\n".join(files).encode()
    secrets = [MARK, *full.all_ids, *full.storage_keys, "2011-04-23", clinic.clinician.user_id]
    with clinic.services.database.reading() as session:
        from sqlmodel import select

        secrets += list(session.exec(select(Recording.sha256)).all())
        filmed = {
            row.recorded_at.date().isoformat() for row in session.exec(select(Recording)).all() if row.recorded_at
        }
    for secret in secrets:
        assert secret.encode() not in everything, secret
    rows = _rows(files)
    assert tuple(rows[0]) == COLUMNS
    assert len({row["person"] for row in rows}) == 1
    assert not {row["filmed_on"] for row in rows} & filmed
    again = _rows(_export(clinic))
    assert {row["person"] for row in rows}.isdisjoint({row["person"] for row in again}), "codes are new in each export"
    assert {row["file"] for row in rows}.isdisjoint({row["file"] for row in again})


def test_times_between_recordings_of_a_person_stay(clinic: Clinic, full: FullPatient) -> None:
    days = sorted(date.fromisoformat(row["filmed_on"]) for row in _rows(_export(clinic)))
    assert len(set(days)) == 1, "all were filmed on one day, and all moved alike"
    today = date.today()
    assert 30 - 4 <= abs((days[0] - today).days) <= 365 + 4


def test_labels_and_silhouettes_come_along(clinic: Clinic, full: FullPatient) -> None:
    files = _export(clinic)
    rows = _rows(files)
    assert sorted(row["scoliosis"] for row in rows) == ["", "", "positive"]
    assert {row["sex"] for row in rows} == {"female"}
    expected = np.load(io.BytesIO(silhouettes_npz()))
    for row in rows:
        sequence = np.load(io.BytesIO(files[row["file"]]), allow_pickle=False)
        assert np.array_equal(sequence["frames"], expected["frames"])
    facts = json.loads(files["export.json"])
    assert (facts["people"], facts["recordings"], facts["purpose"]) == (1, 3, PURPOSE)


def test_who_did_not_consent_is_left_out(clinic: Clinic, full: FullPatient) -> None:
    before = clinic.services.research_exports.preview(clinic.administrator)
    assert (before.people, before.recordings, before.labelled["scoliosis"]) == (1, 3, 1)
    with clinic.services.database.transaction() as session:
        patients.get_patient(session=session, patient_id=full.patient_id).training_consent = False
    after = clinic.services.research_exports.preview(clinic.administrator)
    assert (after.people, after.recordings, after.without_consent) == (0, 0, 1)
    with pytest.raises(ValidationError, match="nothing to export"):
        clinic.services.research_exports.make(clinic.administrator, PURPOSE)


def test_a_purpose_is_needed_and_kept_in_the_trail(clinic: Clinic, full: FullPatient) -> None:
    for purpose in ("", "short", "x" * 501):
        with pytest.raises(ValidationError, match="Name the study"):
            clinic.services.research_exports.make(clinic.administrator, purpose)
    with pytest.raises(PermissionDeniedError):
        clinic.services.research_exports.make(clinic.clinician, PURPOSE)
    _export(clinic)
    rows = clinic.services.audit_trail.list_rows(
        clinic.administrator, 5, 0, AuditFilter(action="research.exported")
    ).rows
    assert PURPOSE in rows[0].details


def test_very_old_people_are_one_group(clinic: Clinic, full: FullPatient) -> None:
    with clinic.services.database.transaction() as session:
        patient = patients.get_patient(session=session, patient_id=full.patient_id)
        patient.birth_date = date(1921, 1, 1)
    assert {row["age_years"] for row in _rows(_export(clinic))} == {"90"}
