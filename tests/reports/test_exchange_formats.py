"""DICOM, FHIR and tables: what other systems read, and what they must not be made to do."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import shutil
import subprocess
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO

import openpyxl
import pydicom
import pytest
from fhir.resources.R4B.bundle import Bundle

from reports import fhir
from reports.data_tables import Column, DataTable, as_csv, as_json, as_xlsx
from reports.dicom import EncapsulatedReport, encapsulate, encapsulated_pdf
from reports.digest import content_sha256
from reports.fhir_codes import wrong_codes
from reports.gait_blocks import GaitBlock, NormBlock, ParameterLine
from reports.record_blocks import DecisionBlock, VerificationBlock

from .conftest import make_patient, make_report, score_for

PDF = b"%PDF-1.7\n" + bytes(range(256)) + b"x"  # an odd number of bytes: DICOM wants an even one
MADE = datetime(2026, 11, 23, 10, 43, tzinfo=UTC)


def _dicom(**changes) -> EncapsulatedReport:
    values = {
        "document": PDF,
        "title": "Gait screening report FG-1",
        "report_id": "a" * 32,
        "assessment_id": "b" * 32,
        "number": "FG-1",
        "made_at": MADE,
        "record_number": "A-10233",
        "family_name": "Müller^=\\",
        "given_name": "Zoë 张",
        "birth_date": date(2011, 5, 2),
        "sex": "female",
        "recorded_at": None,
        "clinic_name": "Clinic",
        "software_version": "FGait 0.1.0",
        "model": "fgait 2.0.0",
    }
    return EncapsulatedReport(**values | changes)


def _decision(task: str, **changes) -> DecisionBlock:
    values = {"verdict": "accepted", "label": None, "reason": "", "decided_by": "Dr Clara", "decided_at": MADE}
    return DecisionBlock(task=task, **values | changes)


def _exchanged(**changes) -> fhir.ExchangedReport:
    return fhir.ExchangedReport(make_report(**changes), PDF, "a" * 32, "b" * 32)


def _resources(bundle: dict, kind: str) -> list[dict]:
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]


def test_the_pdf_comes_out_of_dicom_as_it_went_in():
    content = pydicom.dcmread(BytesIO(encapsulate(_dicom())))
    assert encapsulated_pdf(content) == PDF
    assert content.SOPClassUID == "1.2.840.10008.5.1.4.1.1.104.1"
    assert content.MIMETypeOfEncapsulatedDocument == "application/pdf"
    assert content.BurnedInAnnotation == "YES"
    assert content.PatientID == "A-10233"
    assert (content.PatientName.family_name, content.PatientName.given_name) == ("Müller", "Zoë 张")
    assert content.PatientSex == "F"


def test_the_same_report_is_the_same_object_and_the_same_assessment_the_same_study():
    assert encapsulate(_dicom()) == encapsulate(_dicom())
    one, other = (pydicom.dcmread(BytesIO(encapsulate(_dicom(report_id=each * 32, recorded_at=MADE)))) for each in "ac")
    assert one.StudyInstanceUID == other.StudyInstanceUID
    assert one.SeriesInstanceUID != other.SeriesInstanceUID
    assert one.SOPInstanceUID != other.SOPInstanceUID


def test_dicom_refuses_what_is_no_pdf():
    with pytest.raises(ValueError, match="PDF"):
        _dicom(document=b"walk")


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="the outside validator dciodvfy (dicom3tools) is missing")
@pytest.mark.parametrize("changes", [{}, {"recorded_at": MADE, "sex": "unknown", "given_name": ""}])
def test_an_outside_validator_accepts_the_object(tmp_path, changes):
    path = tmp_path / "report.dcm"
    path.write_bytes(encapsulate(_dicom(**changes)))
    done = subprocess.run(["dciodvfy", "-new", path], capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert "EncapsulatedPDF" in said
    assert "Error" not in said
    assert "Warning" not in said


def test_a_bundle_holds_everything_and_fits_r4():
    bundle = fhir.bundle(_exchanged())
    Bundle.model_validate(bundle)
    assert wrong_codes(bundle) == []
    kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    assert kinds[:3] == ["Patient", "Device", "Media"]
    assert kinds[-1] == "DiagnosticReport"
    urls = {entry["fullUrl"] for entry in bundle["entry"]}
    (report,) = _resources(bundle, "DiagnosticReport")
    referred = [each["reference"] for each in report["result"]] + [report["subject"]["reference"]]
    assert set(referred) <= urls
    form = report["presentedForm"][0]
    assert base64.b64decode(form["data"]) == PDF
    assert base64.b64decode(form["hash"]) == hashlib.sha1(PDF, usedforsecurity=False).digest()


def test_a_score_says_its_interval_method_model_and_what_it_is_not():
    bundle = fhir.bundle(_exchanged())
    score = next(each for each in _resources(bundle, "Observation") if "scoliosis" in str(each["code"]))
    assert score["valueQuantity"]["value"] == pytest.approx(0.72)
    interval = next(each["valueRange"] for each in score["component"] if "valueRange" in each)
    assert (interval["low"]["value"], interval["high"]["value"]) == (0.58, 0.84)
    assert score["interpretation"][0]["coding"][0]["code"] == "POS"
    assert "fgait-bundled 0.1.0" in score["method"]["text"]
    notes = " ".join(note["text"] for note in score["note"])
    assert "SIMULATED" in notes
    assert "not diagnosis" in notes


def test_an_abstention_is_indeterminate_and_an_unlike_recording_has_no_value():
    abstained = fhir.bundle(_exchanged(scores=(score_for("depression", "abstained"),)))
    (score,) = _resources(abstained, "Observation")
    assert score["interpretation"][0]["coding"][0]["code"] == "IND"
    from .conftest import make_typicality

    unlike = _exchanged(
        scores=(score_for("depression", "unlike"),),
        typicality=make_typicality(unlikeness=1.7, typical=False, reason="Unlike."),
    )
    (score,) = _resources(fhir.bundle(unlike), "Observation")
    assert "valueQuantity" not in score
    assert "component" not in score
    assert score["dataAbsentReason"]["coding"][0]["code"] == "unsupported"


def test_the_state_of_a_report_follows_the_clinicians_decision():
    def status(**changes) -> str:
        return _resources(fhir.bundle(_exchanged(**changes)), "DiagnosticReport")[0]["status"]

    both = (_decision("scoliosis"), _decision("depression", phq9_waived_reason="refused"))
    assert status() == "preliminary"
    assert status(decisions=both[:1]) == "preliminary"
    assert status(decisions=both) == "final"
    assert status(decisions=both, version=2) == "amended"
    appended = replace(_exchanged(decisions=both), addendum=True)
    assert _resources(fhir.bundle(appended), "DiagnosticReport")[0]["status"] == "appended"


def test_an_override_is_told_with_its_reason():
    overridden = _decision("scoliosis", verdict="overridden", label="negative", reason="Radiograph <normal>")
    bundle = fhir.bundle(_exchanged(decisions=(overridden,)))
    score = next(each for each in _resources(bundle, "Observation") if "scoliosis" in str(each["code"]))
    assert "overridden to negative. Radiograph <normal>" in score["note"][-1]["text"]
    assert score["note"][-1]["authorString"] == "Dr Clara"


def test_names_are_escaped_in_the_narrative():
    bundle = fhir.bundle(_exchanged(patient=make_patient("<script>alert(1)</script>", "")))
    (patient,) = _resources(bundle, "Patient")
    assert "<script>" not in patient["text"]["div"]
    assert patient["name"] == [{"use": "official", "family": "<script>alert(1)</script>"}]


def test_wrong_codes_are_found_that_the_library_lets_through():
    bundle = fhir.bundle(_exchanged())
    bundle["entry"][1]["resource"]["status"] = "nonsense"
    bundle["entry"][3]["resource"]["interpretation"][0]["coding"][0]["code"] = "MAYBE"
    bundle["entry"][0]["resource"]["gender"] = "Female"
    Bundle.model_validate(bundle)
    found = " ".join(wrong_codes(bundle))
    assert "Device.status" in found
    assert "MAYBE" in found
    assert "Patient.gender" in found


def test_the_same_report_gives_the_same_bundle_and_a_patient_is_needed():
    assert fhir.bundle_json(_exchanged()) == fhir.bundle_json(_exchanged())
    with pytest.raises(ValueError, match="patient"):
        _exchanged(patient=None)


TABLE = DataTable(
    "scores",
    (
        Column("name", "As written"),
        Column("share", "A share"),
        Column("at", "When", "ISO 8601"),
        Column("ok", "Whether"),
    ),
    (
        ("=1+1", 0.25, datetime(2026, 11, 23, tzinfo=UTC), True),
        ("+49 30", -0.5, date(2026, 1, 2), False),
        ("@cmd", None, None, None),
        ("-x\x07", 3, None, True),
        ('Zoë, 张 "quoted"\nsecond line', 1, None, True),
    ),
)


def test_csv_holds_no_formula_and_says_what_columns_mean():
    with zipfile.ZipFile(BytesIO(as_csv([TABLE]))) as archive:
        assert archive.namelist() == ["scores.csv", "data_dictionary.csv"]
        rows = list(csv.reader(io.StringIO(archive.read("scores.csv").decode("utf-8-sig"))))
        dictionary = archive.read("data_dictionary.csv").decode("utf-8-sig")
    assert rows[1] == ["'=1+1", "0.25", "2026-11-23T00:00:00+00:00", "true"]
    assert rows[2][:2] == ["'+49 30", "-0.5"]
    assert rows[3] == ["'@cmd", "", "", ""]
    assert rows[5][0] == 'Zoë, 张 "quoted"\nsecond line'
    assert "scores,at,ISO 8601,When" in dictionary
    assert as_csv([TABLE]) == as_csv([TABLE])


def test_a_workbook_holds_texts_where_texts_were_and_numbers_where_numbers_were():
    book = openpyxl.load_workbook(BytesIO(as_xlsx([TABLE])))
    assert book.sheetnames == ["scores", "data_dictionary"]
    cell = book["scores"]["A2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")
    assert book["scores"]["B2"].value == 0.25
    assert book["scores"]["B3"].data_type == "n"
    assert book["scores"]["A5"].value == "-x"
    assert [row[1].value for row in book["data_dictionary"].rows][1:] == ["name", "share", "at", "ok"]


def test_json_is_as_it_was():
    content = json.loads(as_json([TABLE]))
    assert content["scores"][0] == {"name": "=1+1", "share": 0.25, "at": "2026-11-23T00:00:00+00:00", "ok": True}
    assert {row["column"] for row in content["data_dictionary"]} == {"name", "share", "at", "ok"}


def test_a_row_needs_a_value_for_each_column():
    with pytest.raises(ValueError, match="one value"):
        DataTable("scores", (Column("a", "A"),), ((1, 2),))


def test_the_hash_of_the_content_tells_contents_apart_but_not_how_they_are_verified():
    report = make_report()
    same = replace(report, verification=VerificationBlock("CODE", "http://127.0.0.1/verify/CODE", "0" * 64))
    assert content_sha256(report) == content_sha256(same) == content_sha256(make_report())
    silhouettes = report.silhouettes.copy()
    silhouettes[0, 0, 0] ^= 1
    for changes in ({"created_by": "Dr Else"}, {"silhouettes": silhouettes}, {"scores": report.scores[:1]}):
        assert content_sha256(replace(report, **changes)) != content_sha256(report)


def test_gait_parameters_leave_with_unit_norm_and_doubt():
    lines = (
        ParameterLine(
            "cadence",
            "steps/min",
            112.4,
            n=9,
            standard_error=1.5,
            norm=NormBlock(115.0, 9.0, (18.0, 64.0), "both", "A published table", False),
        ),
        ParameterLine("double_support", "%", 22.0, n=8, validated=False),
        ParameterLine("step_length_m", "m", None, why_not="height_missing"),
    )
    bundle = fhir.bundle(_exchanged(gait=GaitBlock("side", "detector", 9, lines)))
    Bundle.model_validate(bundle)
    assert wrong_codes(bundle) == []
    found = [each for each in _resources(bundle, "Observation") if "gait-parameter" in str(each["code"])]
    cadence, support = found
    assert cadence["valueQuantity"] == {
        "value": 112.4,
        "unit": "steps/min",
        "system": "http://unitsofmeasure.org",
        "code": "/min",
    }
    assert cadence["referenceRange"][0]["low"]["value"] == 97.0
    assert cadence["referenceRange"][0]["text"] == "A published table"
    assert cadence["component"][0]["valueQuantity"]["value"] == 1.5
    assert "Not validated" in support["note"][0]["text"]
