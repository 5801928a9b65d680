"""Receiving videos: limits, the sample, and the check of a file."""

from __future__ import annotations

import hashlib
from collections import namedtuple

import pytest

from app.services.recordings import DiskFullError, UploadTooLargeError
from clinic_data import teams
from clinic_data.errors import NotFoundError, ValidationError
from fgait_core.errors import AssetError


def _files(clinic) -> list:
    return [path for path in clinic.services.settings.storage_dir.rglob("*") if path.is_file()]


def test_a_video_is_stored_as_it_came(clinic):
    recording = clinic.services.recordings.receive(
        clinic.clinician, clinic.patient.id, "C:\\videos\\Ana walks.mp4", [b"one", b"two"]
    )
    assert recording.original_name == "Ana walks.mp4"
    assert recording.sha256 == hashlib.sha256(b"onetwo").hexdigest()
    assert clinic.services.storage.read_bytes(recording.storage_key) == b"onetwo"
    assert "Ana" not in recording.storage_key


def test_the_limit_holds_while_the_video_arrives_and_leaves_nothing(clinic):
    before = _files(clinic)
    served = 0

    def chunks():
        nonlocal served
        for _ in range(100):
            served += 1
            yield b"x" * 100_000

    with pytest.raises(UploadTooLargeError, match="1 MB"):
        clinic.services.recordings.receive(clinic.clinician, clinic.patient.id, "w.mp4", chunks())
    assert served == 11
    assert _files(clinic) == before


def test_an_announced_size_is_refused_before_the_first_byte(clinic):
    def chunks():
        pytest.fail("a byte was read")
        yield b""

    with pytest.raises(UploadTooLargeError):
        clinic.services.recordings.receive(clinic.clinician, clinic.patient.id, "w.mp4", chunks(), 2_000_000)


def test_a_full_disk_is_said(clinic, monkeypatch):
    usage = namedtuple("usage", "total used free")(10, 10, -1)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(DiskFullError):
        clinic.services.recordings.receive(clinic.clinician, clinic.patient.id, "w.mp4", [b"x"])


def test_empty_files_and_unknown_patients_are_refused(clinic):
    before = _files(clinic)
    with pytest.raises(ValidationError):
        clinic.services.recordings.receive(clinic.clinician, clinic.patient.id, "w.mp4", [])
    with pytest.raises(NotFoundError):
        clinic.services.recordings.receive(clinic.clinician, "f" * 32, "w.mp4", [b"x"])
    assert _files(clinic) == before


def test_a_patient_who_goes_to_another_team_meanwhile_gets_no_video(clinic):
    services, before = clinic.services, _files(clinic)

    def chunks():
        yield b"one"
        team = services.teams.create(clinic.administrator, "Others")
        with services.database.transaction() as session:
            teams.give_patient(session=session, patient_id=clinic.patient.id, team_id=team.id)
        yield b"two"

    with pytest.raises(NotFoundError, match="This patient does not exist"):
        services.recordings.receive(clinic.clinician, clinic.patient.id, "w.mp4", chunks())
    assert _files(clinic) == before


def test_what_is_no_video_is_said_in_a_sentence(clinic):
    check = clinic.services.recordings.check_file(clinic.clinician, clinic.recording.id)
    assert check.info is None
    assert "video" in check.problem


def test_the_sample_can_be_read(clinic, sample_video):
    services = clinic.services
    roomy = services.recordings.__class__(
        services.settings.model_copy(update={"max_upload_mb": 100}), services.database, services.storage
    )
    recording = roomy.add_sample(clinic.clinician, clinic.patient.id)
    info = roomy.check_file(clinic.clinician, recording.id).info
    assert info is not None
    assert info.duration_s > 5


def test_a_sample_that_cannot_be_fetched_says_what_to_do(clinic, monkeypatch):
    def offline(name: str):
        raise AssetError("Connect this computer.")

    monkeypatch.setattr("app.services.recordings.fetch_asset", offline)
    with pytest.raises(ValidationError, match="Connect"):
        clinic.services.recordings.add_sample(clinic.clinician, clinic.patient.id)
