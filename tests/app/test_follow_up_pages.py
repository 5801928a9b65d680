"""The pages of a patient's course, of notes and of the clinic, run by the framework's own test runner."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import add_user
from courses import gait, parameter, visit
from model_packages import freeze_cohort, make_package, make_promotable, promote, register_bundled
from stored import do_next_job, screen
from streamlit.testing.v1 import AppTest

from app import session
from clinic_data.clinic_profile import ClinicProfileData
from clinic_data.decisions import DecisionData
from clinic_data.tables import Role

SPRING, SUMMER = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 6))


@pytest.fixture
def open_page(clinic, root: Path, monkeypatch):
    """Opens a page as somebody."""
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


def read(page: AppTest) -> str:
    """All that can be read on a page that works."""
    assert not page.exception
    kinds = ("title", "subheader", "markdown", "caption", "info", "error", "warning", "success")
    parts = [str(element.value) for kind in kinds for element in page.get(kind)]
    found = "\n".join([*parts, *(element.proto.body for element in page.get("html"))])
    assert "incident" not in found
    return found


def button(page: AppTest, label: str):
    return next(button for button in page.button if button.label == label)


def _course(clinic):
    measured = [gait("side", parameter("cadence", value), parameter("step_length", None)) for value in (100.0, 120.0)]
    spring = visit(clinic, SPRING, positive=0.71, measured=measured[0])
    visit(clinic, SUMMER, positive=0.44, version="2.0", measured=measured[1])
    return spring


def test_a_patient_without_a_visit_and_with_one(open_page, clinic):
    assert "no result yet" in read(open_page("follow_up.py", "clinician", patient=clinic.patient.id))
    visit(clinic, SPRING, measured=gait("side", parameter("cadence", 100.0)))
    page = open_page("follow_up.py", "clinician", patient=clinic.patient.id)
    found = read(page)
    for words in ("one visit so far", "SIMULATED", "71\u00a0% (95 % interval", "Cadence", "100.0\u00a0steps/min"):
        assert words in found
    assert not page.get("plotly_chart")
    assert "Two visits side by side" not in found


def test_a_course_shows_charts_tables_versions_and_changes(open_page, clinic):
    _course(clinic)
    page = open_page("follow_up.py", "clinician", patient=clinic.patient.id)
    found = read(page)
    for words in (
        "never joined",
        "drawn 2.0",
        "20.0\u00a0steps/min, changed by more than measurement error",
        "6.0\u00a0steps/min",
        "first from this view",
        "not decided yet",
    ):
        assert words in found
    charts = [element.proto.spec for element in page.get("plotly_chart")]
    assert len(charts) == 3  # two tasks, one parameter with values
    scoliosis = charts[0]
    assert "from here: drawn 2.0" in scoliosis
    assert '"name":"drawn 1.0, from the side"' in scoliosis.replace('": "', '":"')
    assert "Step length" not in found


def test_two_visits_stand_side_by_side_on_request(open_page, clinic):
    _course(clinic)
    page = open_page("follow_up.py", "clinician", patient=clinic.patient.id)
    page.toggle(key="compare-shown").set_value(True).run()
    assert "of different model versions" in read(page)
    later = page.selectbox(key="compare-now")
    page.selectbox(key="compare-before").set_value(later.value).run()
    assert "Choose two different visits" in read(page)


def test_the_patients_page_tells_decisions_and_what_was_scored_again(open_page, clinic):
    spring = _course(clinic)
    visit(clinic, None, version="2.0", rescored_from=spring)
    decided = DecisionData(task="scoliosis", verdict="overridden", label="negative", reason="Straight.")
    clinic.services.decisions.decide(clinic.clinician, spring.id, decided, None)
    found = read(open_page("patient.py", "clinician", patient=clinic.patient.id))
    for words in ("overridden: no scoliosis", "not decided yet", "scored again from", "Recordings without a result"):
        assert words in found


def test_old_visits_are_scored_again_by_the_version_in_production(open_page, clinic, tmp_path: Path):
    register_bundled(clinic)
    first = screen(clinic)
    version = make_promotable(clinic, make_package(tmp_path / "newer", "9.1"), freeze_cohort(clinic))
    promote(clinic, version, add_user(clinic.services, "anna", Role.ADMINISTRATOR))
    page = open_page("follow_up.py", "clinician", patient=clinic.patient.id)
    assert "1 earlier visit was not scored" in read(page)
    assert button(page, "Score again").disabled
    page.checkbox(key="rescore-agreed").check().run()
    button(page, "Score again").click().run()
    assert "the work goes on" in read(page)
    again = do_next_job(clinic).result["assessment_id"]
    found = read(open_page("follow_up.py", "clinician", patient=clinic.patient.id))
    assert "9.1 (scored again)" in found
    assert "not scored by the model version" not in found
    (visit_,) = clinic.services.follow_ups.visits(clinic.clinician, clinic.patient.id)
    assert [each.assessment.id for each in visit_.scorings] == [first, again]


def test_a_note_is_written_corrected_and_kept(open_page, clinic):
    page = open_page("patient.py", "clinician", patient=clinic.patient.id)
    button(page, "Save the note").click().run()
    assert "Write something" in read(page)
    page.text_area[0].set_value("Wears a <b>brace</b>.")
    button(page, "Save the note").click().run()
    assert "Wears a &lt;b&gt;brace&lt;/b&gt;." in read(page)
    assert page.text_area[0].value == ""
    button(page, "Correct").click().run()
    page.text_area[0].set_value("Wears no brace.")
    button(page, "Save the correction").click().run()
    found = read(page)
    assert "Wears no brace." in found
    assert "Wears a &lt;b&gt;brace&lt;/b&gt;." in found
    assert ", corrected" in found
    (view,) = clinic.services.notes.of_patient(clinic.clinician, clinic.patient.id)
    assert (view.note.text, len(view.earlier)) == ("Wears no brace.", 1)


def test_of_two_who_correct_one_note_the_second_is_told(open_page, clinic):
    note = clinic.services.notes.add(clinic.clinician, clinic.patient.id, "First.")
    page = open_page("patient.py", "clinician", patient=clinic.patient.id)
    button(page, "Correct").click().run()
    clinic.services.notes.correct(clinic.clinician, note.id, "Theirs.")
    page.text_area[0].set_value("Mine.")
    button(page, "Save the correction").click().run()
    assert "Somebody else corrected this note" in read(page)
    assert page.text_area[0].value == "Mine."
    button(page, "Show the stored note").click().run()
    assert "Theirs." in read(page)
    (view,) = clinic.services.notes.of_patient(clinic.clinician, clinic.patient.id)
    assert view.note.text == "Theirs."


def test_the_administrator_states_what_the_clinic_is(open_page, clinic):
    page = open_page("clinic.py", "administrator")
    page.text_input(key="clinic-name:0").set_value("Harbour clinic")
    page.number_input(key="clinic-prevalence-scoliosis:0").set_value(3.0)
    button(page, "Save").click().run()
    assert "Say where the prevalence comes from" in read(page)
    page.text_area(key="clinic-prevalence-source:0").set_value("Counts of 2025")
    button(page, "Save").click().run()
    read(page)
    stored = clinic.services.clinic_profiles.read(clinic.administrator)
    assert (stored.name, stored.prevalence, stored.version) == ("Harbour clinic", {"scoliosis": 0.03}, 1)


def test_a_profile_that_somebody_else_saved_is_not_overwritten(open_page, clinic):
    page = open_page("clinic.py", "administrator")
    clinic.services.clinic_profiles.update(clinic.administrator, ClinicProfileData(name="Theirs"), 0)
    page.text_input(key="clinic-name:0").set_value("Mine")
    button(page, "Save").click().run()
    assert "Somebody else saved" in read(page)
    assert clinic.services.clinic_profiles.read(clinic.administrator).name == "Theirs"
    button(page, "Load the stored data").click().run()
    assert page.text_input(key="clinic-name:1").value == "Theirs"


@pytest.mark.parametrize("language", ["zh", "ar"])
def test_every_language_shows_the_course(open_page, clinic, monkeypatch, language: str):
    monkeypatch.setattr(session, "language", lambda: language)
    _course(clinic)
    page = open_page("follow_up.py", "clinician", patient=clinic.patient.id)
    assert page.title
    read(page)
    assert len(page.get("plotly_chart")) == 3
