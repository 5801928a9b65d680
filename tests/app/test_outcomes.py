"""Confirmed outcomes and consent: who may record them, what is kept, and what the pages show."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from stored import screen
from streamlit.testing.v1 import AppTest
from test_pages import button, healthy, texts

from app import session
from app.services.outcomes import remarks
from app.settings import Settings
from clinic_data import audit
from clinic_data.errors import ConflictError, NotFoundError, PermissionDeniedError, ValidationError
from clinic_data.outcomes import OutcomeData
from clinic_data.patients import PatientData
from clinic_data.retraining_tables import ConfirmedOutcome
from clinic_data.tables import AuditRow

TODAY = datetime.now(UTC).date()
RADIOGRAPH = {"task": "scoliosis", "label": "positive", "method": "radiograph", "examined_on": TODAY}
DIAGNOSIS = {"task": "depression", "label": "yes", "method": "clinical_diagnosis", "examined_on": TODAY}


def _data(known: dict[str, object] = RADIOGRAPH, **fields: object) -> OutcomeData:
    return OutcomeData.checked(**(known | fields))


def _audit_rows(clinic) -> tuple[AuditRow, ...]:
    with clinic.services.database.reading() as session:
        return audit.list_rows(session=session).rows


@pytest.fixture
def assessment_id(clinic) -> str:
    return screen(clinic)


def test_an_outcome_is_recorded_corrected_and_shown_with_who(clinic, assessment_id: str) -> None:
    service = clinic.services.outcomes
    assert service.current(clinic.clinician, assessment_id) == {}
    first = service.record(clinic.clinician, assessment_id, _data(), None)
    second = service.record(clinic.clinician, assessment_id, _data(label="neutral"), first.id)
    service.record(clinic.clinician, assessment_id, _data(DIAGNOSIS, phq9_total=14), None)
    present = service.current(clinic.clinician, assessment_id)
    assert {task: (view.outcome.label, view.confirmed_by) for task, view in present.items()} == {
        "scoliosis": ("neutral", "Clara"),
        "depression": ("yes", "Clara"),
    }
    history = service.history(clinic.clinician, assessment_id, "scoliosis")
    assert [view.outcome.id for view in history] == [second.id, first.id]


def test_every_entry_has_its_audit_row_without_the_finding(clinic, assessment_id: str) -> None:
    service = clinic.services.outcomes
    first = service.record(clinic.clinician, assessment_id, _data(note="Seen at school."), None)
    service.record(clinic.clinician, assessment_id, _data(label="negative"), first.id)
    rows = _audit_rows(clinic)
    assert [row.action for row in rows[:2]] == ["outcome.corrected", "outcome.recorded"]
    assert rows[0].details == {"assessment_id": assessment_id, "task": "scoliosis", "replaces_id": first.id}
    assert not any(word in str(rows[:2]) for word in ("negative", "positive", "school"))


def test_a_refused_entry_leaves_nothing(clinic, assessment_id: str) -> None:
    service = clinic.services.outcomes
    first = service.record(clinic.clinician, assessment_id, _data(), None)
    with pytest.raises(ConflictError, match="Somebody else recorded"):
        service.record(clinic.clinician, assessment_id, _data(label="negative"), None)
    with pytest.raises(ValidationError, match="before the patient's birth"):
        service.record(clinic.clinician, assessment_id, _data(examined_on=date(2011, 4, 22)), first.id)
    with pytest.raises(NotFoundError):
        service.record(clinic.clinician, "0" * 32, _data(), None)
    with pytest.raises(NotFoundError):
        service.current(clinic.clinician, "0" * 32)
    assert [view.outcome.id for view in service.history(clinic.clinician, assessment_id, "scoliosis")] == [first.id]


@pytest.mark.parametrize("role", [None, "administrator"])
def test_only_clinicians_record_and_read_outcomes(clinic, assessment_id: str, role: str | None) -> None:
    service, actor = clinic.services.outcomes, clinic.actor(role)
    with pytest.raises(PermissionDeniedError):
        service.record(actor, assessment_id, _data(), None)
    with pytest.raises(PermissionDeniedError):
        service.current(actor, assessment_id)
    with pytest.raises(PermissionDeniedError):
        service.history(actor, assessment_id, "scoliosis")


@pytest.mark.parametrize(
    ("label", "total", "words"),
    [
        ("no", 10, "at or above the usual cut-off of 10, while the diagnosis is no depression"),
        ("yes", 9, "below the usual cut-off of 10, while the diagnosis is depression"),
        ("no", 9, ""),
        ("yes", 10, ""),
        ("yes", None, ""),
        (None, 20, ""),
    ],
)
def test_a_total_and_a_diagnosis_that_disagree_get_a_plain_note(
    label: str | None, total: int | None, words: str
) -> None:
    outcome = ConfirmedOutcome(assessment_id="a", task="depression", label=label, method="x", phq9_total=total)
    found = remarks(outcome, TODAY)
    assert (words in found[0]) if words else not found


@pytest.mark.parametrize(
    ("task", "days", "words"),
    [
        ("scoliosis", 183, ""),
        ("scoliosis", 184, "184 days after the walk"),
        ("depression", -32, "32 days before the walk"),
        ("depression", 31, ""),
    ],
)
def test_an_examination_far_from_the_walk_gets_a_plain_note(task: str, days: int, words: str) -> None:
    examined_on = TODAY + timedelta(days=days)
    outcome = ConfirmedOutcome(assessment_id="a", task=task, label="x", method="x", examined_on=examined_on)
    found = remarks(outcome, TODAY)
    assert (words in found[0]) if words else not found


def test_a_recording_remembers_where_it_was_taken_in(clinic) -> None:
    named = replace(clinic.services, settings=clinic.services.settings.model_copy(update={"site": "Zürich"}))
    recording = named.recordings.receive(clinic.clinician, clinic.patient.id, "walk.mp4", [b"walk"])
    assert (recording.site, recording.simulated) == ("Zürich", False)
    assert clinic.recording.site == Settings().site == ""


def test_consent_is_audited_when_it_is_given_or_withdrawn(clinic) -> None:
    known = {"record_number": "R-1", "family_name": "Example", "given_name": "Ana", "birth_date": date(2011, 4, 23)}
    for version, consent in enumerate((False, True, True, False), start=1):
        data = PatientData(**known, training_consent=consent)
        clinic.services.patients.update(clinic.clinician, clinic.patient.id, data, version)
    actions = [row.action for row in _audit_rows(clinic) if "consent" in row.action]
    assert actions == ["patient.training_consent_withdrawn", "patient.training_consent_given"]


@pytest.fixture
def open_page(clinic, root: Path, monkeypatch):
    session.opened_services.clear()

    def open_as(view: str, role: str, **query: str) -> AppTest:
        monkeypatch.setattr(session, "signed_in_actor", lambda touch=True: clinic.actor(role))
        monkeypatch.setattr(session, "services", lambda: clinic.services)
        page = AppTest.from_file(str(root / "app" / "main.py"), default_timeout=30)
        page.switch_page(f"views/{view}")
        for name, value in query.items():
            page.query_params[name] = value
        return page.run()

    return open_as


def _open_form(page: AppTest, assessment_id: str, task: str) -> str:
    name = f"outcome:{assessment_id}:{task}"
    page.button(key=f"open-{name}").click().run()
    healthy(page)
    return name


def test_the_result_page_takes_an_outcome_and_its_correction(open_page, clinic, assessment_id: str) -> None:
    page = healthy(open_page("result.py", "clinician", assessment=assessment_id))
    assert texts(page).count("No outcome yet.") == 2
    name = _open_form(page, assessment_id, "scoliosis")
    page.selectbox(key=f"{name}:found").set_value("positive")
    page.selectbox(key=f"{name}:method").set_value("radiograph")
    page.date_input(key=f"{name}:date").set_value(TODAY)
    page.text_area(key=f"{name}:note").set_value("Cobb angle <24°")
    button(page, "Save the outcome").click().run()
    read = texts(healthy(page))
    for words in ("<b>Scoliosis</b> (radiograph)", TODAY.isoformat(), "Recorded by Clara", "&lt;24°"):
        assert words in read
    assert read.count("No outcome yet.") == 1
    name = _open_form(page, assessment_id, "scoliosis")
    assert page.selectbox(key=f"{name}:found").value == "positive"
    page.selectbox(key=f"{name}:found").set_value("not_known")
    page.date_input(key=f"{name}:date").set_value(None)
    button(page, "Save the outcome").click().run()
    read = texts(healthy(page))
    assert "<b>Not known</b>" in read
    assert "<b>Scoliosis</b> (radiograph)" in read  # among the earlier entries
    assert [expander.label for expander in page.expander].count("Earlier entries") == 1
    assert len(clinic.services.outcomes.history(clinic.clinician, assessment_id, "scoliosis")) == 2


def test_depression_takes_total_and_diagnosis_and_says_when_they_disagree(open_page, clinic, assessment_id) -> None:
    page = healthy(open_page("result.py", "clinician", assessment=assessment_id))
    name = _open_form(page, assessment_id, "depression")
    page.selectbox(key=f"{name}:found").set_value("no")
    page.number_input(key=f"{name}:phq9").set_value(17)
    page.date_input(key=f"{name}:date").set_value(TODAY)
    button(page, "Save the outcome").click().run()
    read = texts(healthy(page))
    for words in ("<b>No depression</b> (clinician&#x27;s diagnosis)", "PHQ-9 total 17", "cut-off of 10"):
        assert words in read
    outcome = clinic.services.outcomes.current(clinic.clinician, assessment_id)["depression"].outcome
    assert (outcome.label, outcome.phq9_total, outcome.examined_on) == ("no", 17, TODAY)


def test_an_incomplete_form_says_what_is_missing_and_saves_nothing(open_page, clinic, assessment_id: str) -> None:
    page = healthy(open_page("result.py", "clinician", assessment=assessment_id))
    name = _open_form(page, assessment_id, "scoliosis")
    button(page, "Save the outcome").click().run()
    assert "Choose what was found and how" in texts(healthy(page))
    page.selectbox(key=f"{name}:found").set_value("negative")
    page.selectbox(key=f"{name}:method").set_value("forward_bend_test")
    button(page, "Save the outcome").click().run()
    assert "Enter the date" in texts(healthy(page))
    assert clinic.services.outcomes.current(clinic.clinician, assessment_id) == {}
    button(page, "Close without saving").click().run()
    assert texts(healthy(page)).count("No outcome yet.") == 2


def test_an_outcome_that_a_colleague_recorded_meanwhile_is_not_overwritten(open_page, clinic, assessment_id) -> None:
    page = healthy(open_page("result.py", "clinician", assessment=assessment_id))
    name = _open_form(page, assessment_id, "scoliosis")
    clinic.services.outcomes.record(clinic.clinician, assessment_id, _data(label="neutral"), None)
    page.selectbox(key=f"{name}:found").set_value("not_known")
    button(page, "Save the outcome").click().run()
    assert "Somebody else recorded" in texts(healthy(page))
    button(page, "Show the stored outcome").click().run()
    assert "<b>Borderline</b>" in texts(healthy(page))
    assert clinic.services.outcomes.current(clinic.clinician, assessment_id)["scoliosis"].outcome.label == "neutral"


def test_consent_is_off_by_default_explained_and_shown(open_page, clinic) -> None:
    assert "not given" in texts(healthy(open_page("patient.py", "clinician", patient=clinic.patient.id)))
    page = healthy(open_page("patient_form.py", "clinician", patient=clinic.patient.id))
    assert page.checkbox[0].value is False
    assert "under a pseudonym" in texts(page)
    page.checkbox[0].check()
    button(page, "Save").click().run()
    assert clinic.services.patients.get(clinic.clinician, clinic.patient.id).training_consent is True
    read = texts(healthy(open_page("patient.py", "clinician", patient=clinic.patient.id)))
    assert "not given" not in read
    assert "Consent to training" in read
