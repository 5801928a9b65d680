"""SQL, markup and spreadsheet formulas in every text that people can enter: each comes back as the text that it is."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import logging
import zipfile
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from conftest import PASSWORD, Clinic
from sqlalchemy import inspect
from stored import screen
from streamlit.testing.v1 import AppTest

from app import session
from app.services.incidents import log_incident
from clinic_data.clinic_profile import ClinicProfileData
from clinic_data.decisions import DecisionData
from clinic_data.errors import ClinicDataError, SignInError
from clinic_data.outcomes import OutcomeData
from clinic_data.patients import PatientData

SQL = (
    "'; DROP TABLE patient; --",
    "x' OR '1'='1",
    '" UNION SELECT password_hash FROM user_account --',
    "%' ESCAPE '",
    "100%_\\",
    "Robert'); DELETE FROM audit_row;--",
    "$1 :name {0} %(x)s",
)
MARKUP = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "</style><svg onload=alert(1)>",
    "{{7*7}} ${7*7} :material/delete:",
)
FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-2+3+cmd", "@SUM(1)", '=HYPERLINK("http://evil.example","x")')
ALL = (*SQL, *MARKUP, *FORMULAS)
_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _patient(clinic: Clinic, number: int, text: str):
    data = PatientData.checked(
        record_number=f"A-{number} {text}",
        family_name=f"{text} Family",
        given_name=text,
        birth_date=date(2001, 1, 1),
        notes=text,
    )
    return clinic.services.patients.create(clinic.clinician, data)


def test_patients_come_back_as_they_were_typed_and_are_found(clinic: Clinic) -> None:
    services, clara = clinic.services, clinic.clinician
    tables = set(inspect(services.database.engine).get_table_names())
    for number, text in enumerate(ALL):
        patient = _patient(clinic, number, text)
        stored = services.patients.get(clara, patient.id)
        assert (stored.given_name, stored.notes, stored.record_number) == (text, text, f"A-{number} {text}")
        assert patient.id in {row.id for row in services.patients.search(clara, f"family A-{number}", 50, 0).rows}
        for searched in (text, f"{text}%", f"%{text}"):
            found = {row.id for row in services.patients.search(clara, searched, 50, 0).rows}
            assert clinic.patient.id not in found  # no text matches everybody
    assert set(inspect(services.database.engine).get_table_names()) == tables
    assert services.patients.get(clara, clinic.patient.id).family_name == "Example"


def test_sign_in_is_refused_in_the_same_words(clinic: Clinic) -> None:
    for text in SQL:
        with pytest.raises(SignInError, match=r"Sign-in failed|wait"):
            clinic.services.accounts.sign_in(text, PASSWORD)
    with pytest.raises(SignInError, match=r"Sign-in failed|wait"):
        clinic.services.accounts.sign_in("clara", SQL[1])


def test_ids_that_are_no_ids_find_nothing(clinic: Clinic) -> None:
    for text in ALL:
        _finds_nothing(clinic, text)


def _finds_nothing(clinic: Clinic, text: str) -> None:
    services, clara, adam = clinic.services, clinic.clinician, clinic.administrator
    for read in (services.patients.get, services.recordings.get, services.screening.job, services.reporting.read_pdf):
        with pytest.raises(ClinicDataError, match="does not exist"):
            read(clara, text)
    with pytest.raises(ClinicDataError):
        services.storage.read_bytes(text)
    with pytest.raises(ClinicDataError):
        services.operations.cancel_job(adam, text)


def _everything(clinic: Clinic, text: str) -> str:
    """A result with a note, a decision and an outcome that hold the text, of a patient and a file that do, too."""
    services, clara = clinic.services, clinic.clinician
    patient = _patient(clinic, 1, text)
    recording = services.recordings.receive(clara, patient.id, f"{text}.mp4", [b"walk ", text.encode()])
    assessment_id = screen(clinic, recording.id)
    services.notes.add(clara, patient.id, text)
    decision = DecisionData(task="scoliosis", verdict="overridden", label="negative", reason=f"{text} was the reason")
    services.decisions.decide(clara, assessment_id, decision, None)
    outcome = OutcomeData(task="depression", method="not_known", note=text)
    services.outcomes.record(clara, assessment_id, outcome, None)
    profile = ClinicProfileData(name=text[:120], address=text, prevalence={"scoliosis": 0.1}, prevalence_source=text)
    services.clinic_profiles.update(clinic.administrator, profile, 0)
    return patient.id


def _csv_cells(content: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [name for name in archive.namelist() if name.endswith(".csv")]
        texts = [archive.read(name).decode("utf-8-sig") for name in names]
    return [cell for text in texts for row in csv.reader(io.StringIO(text)) for cell in row]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("text", FORMULAS[::2])
def test_no_cell_of_an_export_is_a_formula(clinic: Clinic, text: str) -> None:
    patient_id = _everything(clinic, text)
    exchange, clara = clinic.services.exchange, clinic.clinician
    cells = _csv_cells(exchange.patient_tables(clara, patient_id, "csv").content)
    assert any(text in cell for cell in cells)
    assert not [cell for cell in cells if cell.startswith(_BEGINS_FORMULA) and not _is_number(cell)]
    book = openpyxl.load_workbook(io.BytesIO(exchange.patient_tables(clara, patient_id, "xlsx").content))
    kinds = {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row}
    assert "f" not in kinds
    assert text in json.dumps(json.loads(exchange.patient_tables(clara, patient_id, "json").content)).replace(
        '\\"', '"'
    )


@pytest.mark.parametrize("text", MARKUP[1:3])
def test_reports_and_pages_hold_texts_only(clinic: Clinic, root: Path, monkeypatch, text: str) -> None:
    patient_id = _everything(clinic, text)
    services, clara = clinic.services, clinic.clinician
    (assessment,) = services.screening.assessments_of_patient(clara, patient_id)
    monkeypatch.setattr(session, "signed_in_actor", lambda touch=True: clara)
    monkeypatch.setattr(session, "services", lambda: services)
    for view, query in {
        "patients": {},
        "patient": {"patient": patient_id},
        "result": {"assessment": assessment.id},
        "follow_up": {"patient": patient_id},
    }.items():
        page = AppTest.from_file(str(root / "app" / "main.py"), default_timeout=60)
        page.switch_page(f"views/{view}.py")
        page.query_params.update(query)
        drawn = page.run().get("html")
        assert not page.exception
        assert drawn
        assert text not in "".join(element.proto.body for element in drawn) or not text.startswith("<")
    report = services.reporting.create(clara, assessment.id)
    pdf = services.reporting.read_pdf(clara, report.id)
    assert pdf.startswith(b"%PDF")
    for danger in (b"/JavaScript", b"/JS ", b"/Launch", b"/OpenAction", b"javascript:"):
        assert danger not in pdf


@pytest.mark.parametrize(
    "text", ["wrong\n2026-11-24 INFO app: user admin signed in", "a\r\nSet-Cookie: x=1", "a\x00b\x1b[2J"]
)
def test_no_text_of_a_visitor_makes_a_line_of_the_log(clinic: Clinic, text: str, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    services, clara = clinic.services, clinic.clinician
    with pytest.raises(SignInError):
        services.accounts.sign_in(text, text)
    for attempt in (
        lambda: _patient(clinic, 1, text),
        lambda: services.recordings.receive(clara, clinic.patient.id, text, [b"walking"]),
        lambda: services.patients.search(clara, text, 10, 0),
        lambda: services.patients.get(clara, text),
    ):
        with contextlib.suppress(ClinicDataError):
            attempt()
    for line in caplog.text.splitlines():
        assert "signed in" not in line
        assert "Set-Cookie" not in line


def test_an_incident_is_logged_without_names_passwords_or_parameters(clinic: Clinic, caplog) -> None:
    secret = "Zebedee-Canary"
    patient = _patient(clinic, 1, secret)

    def fault() -> None:
        password = PASSWORD
        with clinic.services.database.transaction() as session:
            session.connection().exec_driver_sql("INSERT INTO patient (id, notes) VALUES (?, ?)", (patient.id, secret))
        raise AssertionError(password)

    try:
        fault()
    except Exception as error:
        log_incident(error)
    assert "incident" in caplog.text.lower()
    assert secret not in caplog.text
    assert PASSWORD not in caplog.text
    assert secret not in repr(patient)
