"""Decisions, notes and the clinic's profile as use cases: who did it, what the audit log says, what is refused."""

from __future__ import annotations

import io

import pytest
from courses import visit
from PIL import Image

from app.services.clinic_profile import LOGO_SIZE_PX
from clinic_data.clinic_profile import ClinicProfileData
from clinic_data.decisions import DecisionData
from clinic_data.errors import ConflictError, NotFoundError, ValidationError

ACCEPT = DecisionData(task="scoliosis", verdict="accepted")
OVERRIDE = DecisionData(task="scoliosis", verdict="overridden", label="negative", reason="Straight on the radiograph.")


def _audited(clinic, subject: str) -> list[tuple[str, str]]:
    rows = clinic.services.audit_trail.list_rows(clinic.administrator, 50, 0).rows
    return [(entry.action, entry.details) for entry in rows if entry.subject_type == subject][::-1]


def _picture(size: tuple[int, int], mode: str = "RGBA", kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    picture = Image.new(mode, size, (200, 0, 0, 0) if mode == "RGBA" else (200, 0, 0))
    exif = Image.Exif()
    exif[0x010E] = "a secret of the photographer"
    picture.save(buffer, kind, exif=exif)
    return buffer.getvalue()


def test_decisions_carry_names_and_are_audited_without_their_reasons(clinic):
    assessment = visit(clinic, None)
    decisions = clinic.services.decisions
    assert decisions.current(clinic.clinician, assessment.id) == {}
    first = decisions.decide(clinic.clinician, assessment.id, OVERRIDE, None)
    decisions.decide(clinic.clinician, assessment.id, ACCEPT, first.id)
    present = decisions.current(clinic.clinician, assessment.id)["scoliosis"]
    assert (present.decision.verdict, present.decided_by_name) == ("accepted", clinic.clinician.display_name)
    history = decisions.history(clinic.clinician, assessment.id, "scoliosis")
    assert [view.decision.verdict for view in history] == ["accepted", "overridden"]
    with pytest.raises(ConflictError):
        decisions.decide(clinic.clinician, assessment.id, ACCEPT, first.id)
    with pytest.raises(NotFoundError):
        decisions.current(clinic.clinician, "0" * 32)
    audited = _audited(clinic, "score_decision")
    assert [action for action, _ in audited] == ["decision.overridden", "decision.accepted"]
    assert "radiograph" not in str(audited)
    assert "negative" in audited[0][1]


def test_notes_carry_names_and_are_audited_without_their_text(clinic):
    notes, ada, patient_id = clinic.services.notes, clinic.clinician, clinic.patient.id
    first = notes.add(ada, patient_id, "Wears a brace.")
    notes.correct(ada, first.id, "Wears no brace.")
    (view,) = notes.of_patient(ada, patient_id)
    assert (view.note.text, view.written_by) == ("Wears no brace.", ada.display_name)
    assert [(each.note.text, each.written_by) for each in view.earlier] == [("Wears a brace.", ada.display_name)]
    with pytest.raises(NotFoundError):
        notes.of_patient(ada, "0" * 32)
    audited = _audited(clinic, "patient_note")
    assert [action for action, _ in audited] == ["note.added", "note.corrected"]
    assert "brace" not in str(audited)


def test_the_profile_begins_with_the_settings_and_is_changed_once_a_version(clinic):
    profiles, adam = clinic.services.clinic_profiles, clinic.administrator
    empty = profiles.read(clinic.clinician)
    assert (empty.name, empty.own_name, empty.version) == (clinic.services.settings.clinic_name, "", 0)
    assert profiles.public_name == clinic.services.settings.clinic_name
    stated = ClinicProfileData.checked(
        name="Harbour clinic", prevalence={"depression": 0.2}, prevalence_source="Counts", report_language="ar"
    )
    profiles.update(adam, stated, 0)
    read = profiles.read(clinic.clinician)
    assert (read.name, read.prevalence, read.report_language, read.version) == (
        "Harbour clinic",
        {"depression": 0.2},
        "ar",
        1,
    )
    assert profiles.public_name == "Harbour clinic"
    with pytest.raises(ConflictError):
        profiles.update(adam, stated, 0)
    with pytest.raises(ValidationError, match="one of: English"):
        profiles.update(adam, ClinicProfileData(report_language="fr"), 1)


@pytest.mark.parametrize(("mode", "kind"), [("RGBA", "PNG"), ("RGB", "JPEG")])
def test_a_logo_is_drawn_anew_smaller_and_without_what_came_with_it(clinic, mode: str, kind: str):
    profiles, adam = clinic.services.clinic_profiles, clinic.administrator
    profiles.set_logo(adam, _picture((3000, 500), mode, kind))
    logo = profiles.read(clinic.clinician).logo_png
    with Image.open(io.BytesIO(logo)) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (LOGO_SIZE_PX[0], 150))
        corner = picture.getpixel((0, 0))
    assert corner == (255, 255, 255) if mode == "RGBA" else corner[0] > 190
    assert b"secret" not in logo


def test_a_replaced_or_removed_logo_leaves_no_file(clinic):
    profiles, adam, storage = clinic.services.clinic_profiles, clinic.administrator, clinic.services.storage
    before = set(storage.keys())
    for size in ((30, 30), (40, 40)):
        profiles.set_logo(adam, _picture(size))
    assert len(set(storage.keys()) - before) == 1
    profiles.remove_logo(adam)
    assert set(storage.keys()) == before
    assert profiles.read(adam).logo_png is None
    actions = [action for action, _ in _audited(clinic, "clinic_profile")]
    assert actions == ["clinic.logo_changed", "clinic.logo_changed", "clinic.logo_removed"]


def test_a_lost_logo_file_does_not_break_reports(clinic):
    profiles, adam = clinic.services.clinic_profiles, clinic.administrator
    clinic.services.storage.delete(profiles.set_logo(adam, _picture((30, 30))).logo_key)
    assert profiles.read(adam).logo_png is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no PNG or JPEG"),
        (b"GIF89a" + b"\0" * 50, "no PNG or JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no PNG or JPEG"),
        (_picture((300, 300))[:200], "no PNG or JPEG"),
        (b"x" * 2_000_001, "larger than 2 MB"),
        (_picture((6001, 2), "RGB"), "6000 pixels"),
    ],
)
def test_what_is_no_logo_is_refused_and_stores_nothing(clinic, content: bytes, sentence: str):
    before = set(clinic.services.storage.keys())
    with pytest.raises(ValidationError, match=sentence):
        clinic.services.clinic_profiles.set_logo(clinic.administrator, content)
    assert set(clinic.services.storage.keys()) == before
