"""A report as DICOM Encapsulated PDF (PS3.3 A.45.1), for archives of pictures.

Identifiers are made from the clinic's own ids, so that the same report gives the same object, byte for byte, whenever
it is exported, and an archive that gets it twice keeps one. Patient and report stand in the pixels of the pages, which
the object says (Burned In Annotation).
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime
from io import BytesIO

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, EncapsulatedPDFStorage, ExplicitVRLittleEndian

from reports.checks import require, require_aware, require_text

_MEANING = ("47045-0", "LN", "Study report")
_SEX = {"female": "F", "male": "M", "other": "O"}
_IMPLEMENTATION = "FGAIT"
_FORBIDDEN_IN_NAMES = str.maketrans("\\^=", "   ")
_LONG = 64


@dataclass(frozen=True, slots=True)
class EncapsulatedReport:
    """What a DICOM object says of a report.

    Attributes:
        document: the PDF.
        title: of the document, e.g. "Gait screening report FG-2026-000001".
        report_id, assessment_id: the clinic's ids, 32 hexadecimal digits; the study is the assessment.
        number: of the report, shown as the study's id.
        made_at: with a time zone.
        record_number: the clinic's number of the patient; the patient's id in DICOM.
        family_name, given_name: of the patient, in any script.
        birth_date, sex: of the patient.
        recorded_at: when the walk was filmed; None where nobody knows.
        clinic_name: institution, and issuer of the patient's id.
        software_version: for example "FGait 0.1.0".
        model: name and version, said in the series' description.
    """

    document: bytes
    title: str
    report_id: str
    assessment_id: str
    number: str
    made_at: datetime
    record_number: str
    family_name: str
    given_name: str
    birth_date: date
    sex: str
    recorded_at: datetime | None
    clinic_name: str
    software_version: str
    model: str

    def __post_init__(self) -> None:
        require(self.document.startswith(b"%PDF"), "The document must be a PDF.")
        require_text(self.record_number, "The record number")
        require_aware(self.made_at, "The time of the report")


def encapsulate(report: EncapsulatedReport) -> bytes:
    """The DICOM file."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = EncapsulatedPDFStorage
    meta.MediaStorageSOPInstanceUID = _uid("instance", report.report_id)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = _uid("software", "FGait")
    meta.ImplementationVersionName = _IMPLEMENTATION
    content = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    content.SpecificCharacterSet = "ISO_IR 192"
    content.SOPClassUID = EncapsulatedPDFStorage
    content.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    _add_patient(content, report)
    _add_study(content, report)
    _add_equipment(content, report)
    _add_document(content, report)
    out = BytesIO()
    content.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _add_patient(content: Dataset, report: EncapsulatedReport) -> None:
    content.PatientName = _person_name(report.family_name, report.given_name)
    content.PatientID = _short(report.record_number)
    content.IssuerOfPatientID = _short(report.clinic_name)
    content.PatientBirthDate = f"{report.birth_date:%Y%m%d}"
    content.PatientSex = _SEX.get(report.sex, "")


def _add_study(content: Dataset, report: EncapsulatedReport) -> None:
    at = (report.recorded_at or report.made_at).astimezone(UTC)
    content.StudyInstanceUID = _uid("study", report.assessment_id)
    content.StudyDate, content.StudyTime = f"{at:%Y%m%d}", f"{at:%H%M%S}"
    content.ReferringPhysicianName = ""
    content.StudyID = report.assessment_id[:16]
    content.AccessionNumber = ""
    content.StudyDescription = "Gait screening from video"
    content.Modality = "DOC"
    content.SeriesInstanceUID = _uid("series", report.report_id)
    content.SeriesNumber = 1
    content.SeriesDescription = _short(f"Report; model {report.model}")


def _add_equipment(content: Dataset, report: EncapsulatedReport) -> None:
    content.Manufacturer = "FGait"
    content.ManufacturerModelName = "FGait"
    content.SoftwareVersions = _short(report.software_version)
    content.InstitutionName = _short(report.clinic_name)
    content.ConversionType = "WSD"
    content.TimezoneOffsetFromUTC = "+0000"


def _add_document(content: Dataset, report: EncapsulatedReport) -> None:
    at = report.made_at.astimezone(UTC)
    meaning = Dataset()
    meaning.CodeValue, meaning.CodingSchemeDesignator, meaning.CodeMeaning = _MEANING
    content.InstanceNumber = 1
    content.ContentDate, content.ContentTime = f"{at:%Y%m%d}", f"{at:%H%M%S}"
    filmed = report.recorded_at.astimezone(UTC) if report.recorded_at else None
    content.AcquisitionDateTime = f"{filmed:%Y%m%d%H%M%S}" if filmed else ""
    content.BurnedInAnnotation = "YES"
    content.DocumentTitle = report.title[:1024]
    content.VerificationFlag = "UNVERIFIED"
    content.ConceptNameCodeSequence = [meaning]
    content.MIMETypeOfEncapsulatedDocument = "application/pdf"
    content.EncapsulatedDocument = report.document + b"\0" * (len(report.document) % 2)
    content.EncapsulatedDocumentLength = len(report.document)


def encapsulated_pdf(content: Dataset) -> bytes:
    """The PDF in an object, without the byte that makes its length even."""
    document: bytes = content.EncapsulatedDocument
    return document[: int(content.get("EncapsulatedDocumentLength", len(document)))]


def _uid(kind: str, identifier: str) -> UID:
    """A UID of the form 2.25.UUID (PS3.5 B.2) that is the same for the same thing."""
    digest = hashlib.sha256(f"FGait {kind} {identifier}".encode()).digest()[:16]
    return UID(f"2.25.{uuid.UUID(bytes=digest, version=4).int}")


def _short(text: str) -> str:
    """A text that fits DICOM's long strings: 64 characters, no backslash."""
    return " ".join(text.replace("\\", " ").split())[:_LONG]


def _person_name(family_name: str, given_name: str) -> str:
    family, given = (" ".join(name.translate(_FORBIDDEN_IN_NAMES).split()) for name in (family_name, given_name))
    return f"{family[: _LONG - 1 - min(len(given), 31)]}^{given[:31]}"
