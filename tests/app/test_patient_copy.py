"""The copy of all data of one patient."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from html.parser import HTMLParser

import pytest
from conftest import Clinic
from full_clinic import fill_shown_patient

from app.services.zip_stream import ZipFileEntry, stream_zip
from clinic_data import removals
from clinic_data.audit import AuditFilter
from clinic_data.errors import NotFoundError, PermissionDeniedError
from tests.clinic_data.full_patient import MARK, FullPatient


@pytest.fixture
def full(clinic: Clinic) -> FullPatient:
    return fill_shown_patient(clinic.services)


def _unpacked(clinic: Clinic, patient_id: str, language: str = "en") -> tuple[str, dict[str, bytes]]:
    made = clinic.services.patient_copies.make(clinic.clinician, patient_id, language)
    with zipfile.ZipFile(io.BytesIO(b"".join(made.chunks))) as archive:
        assert archive.testzip() is None
        return made.file_name, {name: archive.read(name) for name in archive.namelist()}


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.targets: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.targets |= {value for name, value in attrs if name == "href" and tag == "a"}


def test_everything_is_in_it_and_the_index_leads_to_every_file(clinic: Clinic, full: FullPatient) -> None:
    name, files = _unpacked(clinic, full.patient_id)
    assert MARK not in name, "the name of the file names nobody"
    vault = clinic.services.storage
    stored = {vault.sha256(key) for key in full.storage_keys}
    sent = {hashlib.sha256(content).hexdigest() for path, content in files.items() if "/" in path}
    assert sent == stored, "every stored file, byte for byte, and no other"
    links = _Links()
    index = files["index.html"].decode()
    links.feed(index)
    assert links.targets == {path for path in files if "/" in path}
    facts = json.loads(files["data.json"])
    assert facts["patient"]["family_name"] == f"{MARK}son"
    counts = {name: len(rows) for name, rows in facts.items() if isinstance(rows, list)}
    assert counts == {
        "recordings": 3,
        "assessments": 3,
        "assessment_recordings": 2,
        "decisions": 2,
        "outcomes": 2,
        "notes": 2,
        "reports": 3,
        "jobs": 4,
        "missing_files": 0,
    }
    for words in ("remarks", "seen on the radiograph", "second reading", "limps on the left", "front.mp4"):
        assert f"{MARK} {words}" in index
    assert "storage_key" not in files["data.json"].decode()


def test_it_holds_nothing_of_others(clinic: Clinic, full: FullPatient) -> None:
    _, files = _unpacked(clinic, clinic.patient.id)
    assert all(MARK.encode() not in content for content in files.values())
    assert {path for path in files if "/" in path} == {"recordings/001/video.mp4"}


def test_a_removed_video_is_said_not_missed(clinic: Clinic, full: FullPatient) -> None:
    with clinic.services.database.transaction() as session:
        keys = removals.remove_video(session=session, recording_id=full.recording_ids[2])
    for key in keys:
        clinic.services.storage.delete(key)
    _, files = _unpacked(clinic, full.patient_id)
    assert "The video was removed at" in files["index.html"].decode()
    facts = json.loads(files["data.json"])
    assert len(facts["missing_files"]) == 1


def test_texts_cannot_become_markup(clinic: Clinic) -> None:
    evil = "<script>alert(1)</script>"
    clinic.services.notes.add(clinic.clinician, clinic.patient.id, evil)
    _, files = _unpacked(clinic, clinic.patient.id)
    assert evil not in files["index.html"].decode()
    assert "&lt;script&gt;" in files["index.html"].decode()


def test_it_is_in_the_trail_and_only_for_clinicians(clinic: Clinic) -> None:
    clinic.services.patient_copies.make(clinic.clinician, clinic.patient.id)
    rows = clinic.services.audit_trail.list_rows(clinic.administrator, 5, 0, AuditFilter(action="patient.copied")).rows
    assert len(rows) == 1
    with pytest.raises(PermissionDeniedError):
        clinic.services.patient_copies.make(clinic.administrator, clinic.patient.id)
    with pytest.raises(NotFoundError):
        clinic.services.patient_copies.make(clinic.clinician, "0" * 32)


def test_a_file_that_cannot_be_read_breaks_the_zip_off() -> None:
    def broken() -> io.BytesIO:
        raise NotFoundError("gone")

    good = ZipFileEntry("a.txt", lambda: io.BytesIO(b"a" * 10))
    with pytest.raises(NotFoundError):
        list(stream_zip([good, ZipFileEntry("b.txt", broken)]))


def test_a_large_file_passes_in_pieces() -> None:
    size = 40 << 20
    entry = ZipFileEntry("big.mp4", lambda: io.BytesIO(bytes(size)))
    pieces = list(stream_zip([entry]))
    assert max(map(len, pieces)) < 3 << 20
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.getinfo("big.mp4").file_size == size
