"""Reports as they live in a clinic: signed, superseded, added to, followed up, exported, under its own certificate."""

from __future__ import annotations

import csv
import io
import json
import stat
import zipfile
from datetime import UTC, date, datetime

import pydicom
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from stored import screen
from streamlit.testing.v1 import AppTest

from app import session
from app.services.reporting import newest_version
from clinic_data import assessments, patient_search, recordings
from clinic_data.clinic_profile import ClinicProfileData
from clinic_data.decisions import DecisionData
from clinic_data.errors import ConflictError, ValidationError
from clinic_data.patients import PatientData
from clinic_data.tables import ReportKind
from reports.dicom import encapsulated_pdf
from reports.identity import make_self_signed
from reports.signature import check_signature


@pytest.fixture
def assessed(clinic):
    """A clinic with one assessment."""
    return clinic, screen(clinic)


@pytest.fixture
def quick(monkeypatch):
    """The page itself is drawn elsewhere; here a small PDF stands for it, told apart by what it tells."""
    from io import BytesIO

    from reportlab.pdfgen.canvas import Canvas

    drawn = []

    def draw(content) -> bytes:
        drawn.append(content)
        out = BytesIO()
        canvas = Canvas(out, invariant=1)
        canvas.drawString(50, 700, content.report_number)
        canvas.showPage()
        canvas.save()
        return out.getvalue()

    monkeypatch.setattr("reports.pdf.render_pdf", draw)
    monkeypatch.setattr("reports.follow_up.render_follow_up_pdf", draw)
    return drawn


def _actions(clinic) -> list[str]:
    return [row.action for row in clinic.services.audit_trail.list_rows(clinic.administrator, 200, 0).rows]


def test_a_report_is_signed_and_carries_its_code(assessed):
    clinic, assessment_id = assessed
    reporting = clinic.services.reporting
    report = reporting.create(clinic.clinician, assessment_id)
    checked = check_signature(reporting.read_pdf(clinic.clinician, report.id))
    assert checked is not None
    assert checked.valid
    assert checked.self_signed
    assert checked.contact.endswith(f"/verify/{report.verification_code}")
    assert report.signer == checked.signer
    assert len(report.content_sha256) == 64


def test_versions_supersede_each_other_and_addenda_are_versions(assessed, quick):
    clinic, assessment_id = assessed
    reporting = clinic.services.reporting
    first = reporting.create(clinic.clinician, assessment_id)
    second = reporting.add_addendum(clinic.clinician, first.id, " Seen again.\n")
    assert (second.kind, second.version, second.supersedes_id) == (ReportKind.ADDENDUM, 2, first.id)
    assert second.addendum == "Seen again."
    assert quick[-1].addendum.to_number == first.number
    assert quick[-1].supersedes == first.number
    third = reporting.create(clinic.clinician, assessment_id, "zh")
    assert (third.version, third.supersedes_id, third.language) == (3, second.id, "zh")
    rows = reporting.list_of_assessment(clinic.clinician, assessment_id)
    assert newest_version(rows).id == third.id
    stored = set(clinic.services.storage.keys())
    with pytest.raises(ConflictError):
        reporting.add_addendum(clinic.clinician, first.id, "Too late.")
    assert set(clinic.services.storage.keys()) == stored
    drawn = len(quick)
    with pytest.raises(ValidationError, match="invisible"):
        reporting.add_addendum(clinic.clinician, third.id, "Bell\x07")
    assert len(quick) == drawn
    with pytest.raises(ValidationError, match="Write what"):
        reporting.add_addendum(clinic.clinician, third.id, "  ")


def test_of_two_who_make_the_first_report_at_once_one_is_told(assessed, quick, monkeypatch):
    clinic, assessment_id = assessed
    reporting, patient_id = clinic.services.reporting, clinic.patient.id
    reporting.create(clinic.clinician, assessment_id)
    reporting.create_follow_up(clinic.clinician, patient_id)
    stored = set(clinic.services.storage.keys())
    # What the second one saw before the first was done:
    monkeypatch.setattr("app.services.reporting.newest_version", lambda reports: None)
    with pytest.raises(ConflictError, match="Somebody else"):
        reporting.create(clinic.clinician, assessment_id)
    with pytest.raises(ConflictError, match="Somebody else"):
        reporting.create_follow_up(clinic.clinician, patient_id)
    assert set(clinic.services.storage.keys()) == stored
    assert len(reporting.list_of_patient(clinic.clinician, patient_id)) == 2


def test_a_report_speaks_of_whom_it_was_made_for(assessed, quick):
    clinic, assessment_id = assessed
    services = clinic.services
    report = services.reporting.create(clinic.clinician, assessment_id)
    other = services.patients.create(
        clinic.clinician, PatientData(record_number="R-2", family_name="Other", birth_date=date(2000, 1, 1))
    )
    with services.database.transaction() as session:
        recording_id = assessments.get_assessment(session=session, assessment_id=assessment_id).recording_id
        recordings.assign_patient(session=session, recording_id=recording_id, patient_id=other.id)
    content = pydicom.dcmread(io.BytesIO(services.exchange.dicom(clinic.clinician, report.id).content))
    assert content.PatientID == clinic.patient.record_number
    with pytest.raises(ValidationError, match="moved to another patient"):
        services.exchange.fhir(clinic.clinician, report.id)


def test_a_report_tells_the_decision_and_the_letterhead(assessed, quick):
    clinic, assessment_id = assessed
    services = clinic.services
    profile = ClinicProfileData.checked(
        name="Clinic of the Town", report_language="ar", prevalence={"scoliosis": 0.03}, prevalence_source="Our counts"
    )
    services.clinic_profiles.update(clinic.administrator, profile, 0)
    overridden = DecisionData.checked(task="scoliosis", verdict="overridden", label="negative", reason="Radiograph.")
    services.decisions.decide(clinic.clinician, assessment_id, overridden, None)
    report = services.reporting.create(clinic.clinician, assessment_id)
    told = quick[-1]
    assert report.language == told.language == "ar"
    assert told.clinic.name == "Clinic of the Town"
    assert told.clinic.prevalence == {"scoliosis": 0.03}
    assert [(each.verdict, each.label, each.reason) for each in told.decisions] == [
        ("overridden", "negative", "Radiograph.")
    ]
    assert told.verification.content_sha256 == report.content_sha256


def test_a_follow_up_report_tells_all_visits_and_has_its_own_versions(assessed, quick):
    clinic, assessment_id = assessed
    reporting = clinic.services.reporting
    reporting.create(clinic.clinician, assessment_id)
    clinic.services.notes.add(clinic.clinician, clinic.patient.id, "Walks with a stick.")
    first = reporting.create_follow_up(clinic.clinician, clinic.patient.id)
    assert len(quick[-1].visits) == 1
    assert [note.text for note in quick[-1].notes] == ["Walks with a stick."]
    second = reporting.create_follow_up(clinic.clinician, clinic.patient.id)
    assert (first.version, second.version, second.supersedes_id) == (1, 2, first.id)
    assert reporting.list_of_assessment(clinic.clinician, assessment_id)[0].kind is ReportKind.ASSESSMENT
    with pytest.raises(ValidationError, match="no addendum"):
        reporting.add_addendum(clinic.clinician, second.id, "More.")


def test_without_a_result_there_is_no_follow_up_report(clinic):
    with pytest.raises(ValidationError, match="no result"):
        clinic.services.reporting.create_follow_up(clinic.clinician, clinic.patient.id)


def test_the_certificate_is_made_once_for_its_owner_alone(clinic):
    certificates = clinic.services.certificates
    view = certificates.read(clinic.administrator)
    assert view.self_signed
    assert view.name.endswith("(self-signed)")
    path = clinic.services.settings.data_dir / "keys" / "report_identity.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert certificates.read(clinic.clinician).fingerprint == view.fingerprint
    assert _actions(clinic).count("certificate.made") == 1
    renewed = certificates.renew_self_signed(clinic.administrator)
    assert renewed.fingerprint != view.fingerprint
    assert _actions(clinic).count("certificate.made") == 2


@pytest.mark.parametrize("form", ["pkcs12", "pem"])
def test_the_clinics_own_certificate_signs_from_then_on(assessed, quick, form: str):
    clinic, assessment_id = assessed
    own = make_self_signed("Own", datetime.now(UTC))
    encryption = serialization.BestAvailableEncryption(b"secret")
    if form == "pkcs12":
        content = pkcs12.serialize_key_and_certificates(b"own", own.key, own.certificate, None, encryption)
    else:
        key = own.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        content = key + own.certificates_pem()
    certificates = clinic.services.certificates
    with pytest.raises(ValidationError, match="password"):
        certificates.install(clinic.administrator, content, "wrong")
    assert certificates.install(clinic.administrator, content, "secret").name == "Own (self-signed)"
    kept = (clinic.services.settings.data_dir / "keys" / "report_identity.pem").read_bytes()
    assert b"secret" not in kept
    report = clinic.services.reporting.create(clinic.clinician, assessment_id)
    assert report.signer == "Own (self-signed)"
    assert _actions(clinic).count("certificate.installed") == 1


def test_a_certificate_that_ended_signs_nothing(assessed, quick):
    clinic, assessment_id = assessed
    ended = make_self_signed("Old", datetime(2001, 1, 1, tzinfo=UTC))
    path = clinic.services.settings.data_dir / "keys" / "report_identity.pem"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(ended.key_pem() + ended.certificates_pem())
    assert clinic.services.certificates.read(clinic.administrator).expired
    with pytest.raises(ValidationError, match="not valid any more"):
        clinic.services.reporting.create(clinic.clinician, assessment_id)
    path.write_bytes(b"damaged")
    with pytest.raises(ValidationError, match="damaged"):
        clinic.services.reporting.create(clinic.clinician, assessment_id)
    with pytest.raises(ValidationError, match="too large"):
        clinic.services.certificates.install(clinic.administrator, b"x" * 300_000, "")


def test_a_report_leaves_as_dicom_and_fhir(assessed, quick):
    clinic, assessment_id = assessed
    services = clinic.services
    report = services.reporting.create(clinic.clinician, assessment_id)
    dicom = services.exchange.dicom(clinic.clinician, report.id)
    content = pydicom.dcmread(io.BytesIO(dicom.content))
    assert encapsulated_pdf(content) == services.storage.read_bytes(report.storage_key)
    assert services.exchange.dicom(clinic.clinician, report.id).content == dicom.content
    fhir = services.exchange.fhir(clinic.clinician, report.id)
    assert json.loads(fhir.content)["identifier"]["value"] == report.number
    for exported in (dicom, fhir):
        assert exported.name.startswith(report.number)
    follow_up = services.reporting.create_follow_up(clinic.clinician, clinic.patient.id)
    with pytest.raises(ValidationError, match="PDF or DICOM"):
        services.exchange.fhir(clinic.clinician, follow_up.id)
    assert _actions(clinic).count("report.exported") == 3


def _tables(exported) -> dict[str, list[dict[str, str]]]:
    with zipfile.ZipFile(io.BytesIO(exported.content)) as archive:
        return {
            name.removesuffix(".csv"): list(csv.DictReader(io.StringIO(archive.read(name).decode("utf-8-sig"))))
            for name in archive.namelist()
        }


def test_results_leave_as_tables_without_names(assessed):
    clinic, assessment_id = assessed
    services = clinic.services
    waived = DecisionData.checked(
        task="depression", verdict="accepted", label=None, reason="=HYPERLINK(1)", phq9_waived_reason="Asked elsewhere."
    )
    services.decisions.decide(clinic.clinician, assessment_id, waived, None)
    found = _tables(services.exchange.assessment_tables(clinic.clinician, [assessment_id], "csv"))
    scores = {row["task"]: row for row in found["scores"]}
    assert float(scores["scoliosis"]["probability"]) == pytest.approx(0.71)
    assert scores["scoliosis"]["result"] == "positive"
    assert scores["scoliosis"]["simulated"] == "true"
    assert scores["depression"]["prediction_set"] == "no+yes"
    assert scores["depression"]["record_number"] == "R-1"
    assert found["decisions"][0]["reason"] == "'=HYPERLINK(1)"
    assert "Example" not in json.dumps(found)
    explained = {(row["table"], row["column"]) for row in found["data_dictionary"]}
    for table, rows in found.items():
        assert table == "data_dictionary" or all((table, column) in explained for row in rows for column in row)
    assert "results.exported" in _actions(clinic)


def test_a_score_without_an_answer_leaves_without_figures(clinic):
    recording = clinic.add_recording(b"unlike the others")
    assessment_id = screen(clinic, recording.id)
    (row, *_) = _tables(clinic.services.exchange.assessment_tables(clinic.clinician, [assessment_id], "csv"))["scores"]
    assert row["result"] == "unlike"
    assert row["probability"] == row["interval_low"] == row["prediction_set"] == ""
    assert row["unlikeness"] == "1.731"


def test_patients_and_the_whole_clinic_leave_alike(assessed):
    clinic, assessment_id = assessed
    exchange = clinic.services.exchange
    one = json.loads(exchange.patient_tables(clinic.clinician, clinic.patient.id, "json").content)
    whole = json.loads(exchange.clinic_tables(clinic.clinician, "json").content)
    assert one == whole
    assert {row["assessment"] for row in whole["scores"]} == {assessment_id}
    assert exchange.clinic_tables(clinic.clinician, "xlsx").content.startswith(b"PK")


def test_the_whole_clinic_leaves_though_the_count_of_its_patients_stops_early(assessed, monkeypatch):
    clinic, assessment_id = assessed
    for number in range(4):
        data = PatientData(record_number=f"LATER-{number}", family_name="Later", birth_date=date(2000, 1, 1))
        clinic.services.patients.create(clinic.clinician, data)
    monkeypatch.setattr(patient_search, "MAX_COUNTED_OF_ALL", 3)
    monkeypatch.setattr("app.services.exchange._PATIENTS_AT_ONCE", 2)
    whole = json.loads(clinic.services.exchange.clinic_tables(clinic.clinician, "json").content)
    assert {row["assessment"] for row in whole["scores"]} == {assessment_id}


@pytest.fixture
def open_page(clinic, root, monkeypatch):
    """A page as an administrator or a clinician sees it."""
    session.opened_services.clear()

    def open_as(actor, view: str = "clinic.py", **query: str) -> AppTest:
        monkeypatch.setattr(session, "signed_in_actor", lambda touch=True: actor)
        monkeypatch.setattr(session, "services", lambda: clinic.services)
        page = AppTest.from_file(str(root / "app" / "main.py"), default_timeout=30)
        page.switch_page(f"views/{view}")
        for name, value in query.items():
            page.query_params[name] = value
        return page.run()

    return open_as


def test_an_administrator_makes_another_certificate_on_the_page(clinic, open_page):
    before = clinic.services.certificates.read(clinic.administrator).fingerprint
    page = open_page(clinic.administrator)
    assert "Self-signed" in " ".join(info.value for info in page.info)
    assert page.button(key="certificate-renew").disabled
    page.checkbox(key="certificate-sure").check().run()
    page.button(key="certificate-renew").click().run()
    assert not page.exception
    assert clinic.services.certificates.read(clinic.administrator).fingerprint != before


def test_installing_nothing_is_answered(clinic, open_page):
    page = open_page(clinic.administrator)
    next(button for button in page.button if button.label == "Install").click().run()
    assert "Choose the file first." in [error.value for error in page.error]


def test_an_addendum_to_a_version_that_is_no_longer_the_newest_keeps_its_text(assessed, quick, open_page):
    clinic, assessment_id = assessed
    reporting = clinic.services.reporting
    reporting.create(clinic.clinician, assessment_id)
    page = open_page(clinic.clinician, "result.py", assessment=assessment_id)
    theirs = reporting.create(clinic.clinician, assessment_id)

    def add() -> None:
        next(button for button in page.button if button.label == "Make the version with the addendum").click().run()
        assert not page.exception

    field = f"addendum-text-{assessment_id}-0"
    page.text_area(key=field).set_value("Seen again in June.")
    add()
    assert any("newer version" in error.value for error in page.error)
    assert page.text_area(key=field).value == "Seen again in June."
    add()
    newest = newest_version(reporting.list_of_assessment(clinic.clinician, assessment_id))
    assert (newest.addendum, newest.supersedes_id) == ("Seen again in June.", theirs.id)
    assert page.text_area(key=f"addendum-text-{assessment_id}-1").value == ""
