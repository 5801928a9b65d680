"""Accepting and overriding scores on the result page, and the PHQ-9 that a depression score asks for."""

from __future__ import annotations

from datetime import date

import pytest
from explained import store
from fast_engine import result
from streamlit.testing.v1 import AppTest
from test_pages import button, healthy, open_page, texts

from clinic_data.decisions import DecisionData
from clinic_data.outcomes import OutcomeData
from clinic_data.visit_tables import Verdict

__all__ = ["open_page"]


@pytest.fixture
def assessment_id(clinic) -> str:
    return store(clinic, result())


@pytest.fixture
def opened(open_page, assessment_id: str):
    """The result page with the form of a task's decision open."""

    def open_form(task: str) -> AppTest:
        page = healthy(open_page("result.py", "clinician", assessment=assessment_id))
        page.button(key=f"open-decision:{assessment_id}:{task}").click().run()
        return healthy(page)

    return open_form


def field(page: AppTest, kind: str, assessment_id: str, task: str, name: str):
    return getattr(page, kind)(key=f"decision:{assessment_id}:{task}:{name}")


def save(page: AppTest, assessment_id: str, task: str) -> AppTest:
    page.button(key=f"save-decision:{assessment_id}:{task}").click().run()
    return healthy(page)


def decisions(clinic, assessment_id: str) -> dict[str, Verdict]:
    found = clinic.services.decisions.current(clinic.clinician, assessment_id)
    return {task: view.decision.verdict for task, view in found.items()}


def test_accepting_a_score(opened, clinic, assessment_id: str):
    page = opened("scoliosis")
    page = save(page, assessment_id, "scoliosis")
    assert "Choose to accept or to override" in texts(page)
    field(page, "radio", assessment_id, "scoliosis", "verdict").set_value(Verdict.ACCEPTED).run()
    page = save(page, assessment_id, "scoliosis")
    assert decisions(clinic, assessment_id) == {"scoliosis": Verdict.ACCEPTED}
    read = texts(page)
    assert "Accepted" in read
    assert "Clara" in read


def test_overriding_needs_a_class_and_a_reason_and_keeps_its_history(opened, clinic, assessment_id: str):
    clinic.services.decisions.decide(
        clinic.clinician, assessment_id, DecisionData(task="scoliosis", verdict=Verdict.ACCEPTED), None
    )
    page = opened("scoliosis")
    field(page, "radio", assessment_id, "scoliosis", "verdict").set_value(Verdict.OVERRIDDEN).run()
    page = save(page, assessment_id, "scoliosis")
    assert "Choose what you set instead of the score." in texts(page)
    field(page, "selectbox", assessment_id, "scoliosis", "label").set_value("negative").run()
    field(page, "text_area", assessment_id, "scoliosis", "reason").set_value(
        "Bend test normal, walks with a bag."
    ).run()
    page = save(page, assessment_id, "scoliosis")
    assert decisions(clinic, assessment_id) == {"scoliosis": Verdict.OVERRIDDEN}
    read = texts(page)
    assert "overridden: no scoliosis" in read
    assert "Bend test normal" in read
    assert [each.label for each in page.expander].count("Earlier decisions") == 1


def test_somebody_elses_decision_is_not_replaced(opened, clinic, assessment_id: str):
    page = opened("scoliosis")
    field(page, "radio", assessment_id, "scoliosis", "verdict").set_value(Verdict.ACCEPTED).run()
    theirs = DecisionData(task="scoliosis", verdict=Verdict.OVERRIDDEN, label="neutral", reason="Seen today.")
    clinic.services.decisions.decide(clinic.clinician, assessment_id, theirs, None)
    page = save(page, assessment_id, "scoliosis")
    assert "Somebody else decided" in texts(page)
    assert decisions(clinic, assessment_id) == {"scoliosis": Verdict.OVERRIDDEN}


def test_depression_is_not_accepted_without_phq9_or_a_reason(opened, clinic, assessment_id: str):
    page = opened("depression")
    assert "never stands alone" in texts(page)
    field(page, "radio", assessment_id, "depression", "verdict").set_value(Verdict.ACCEPTED).run()
    page = save(page, assessment_id, "depression")
    assert "Record the PHQ-9 total first" in texts(page)
    assert not decisions(clinic, assessment_id)
    field(page, "text_area", assessment_id, "depression", "waived").set_value("Declined the questionnaire.").run()
    page = save(page, assessment_id, "depression")
    assert "Accepted without a PHQ-9 total: Declined the questionnaire." in texts(page)


def test_the_phq9_total_is_recorded_beside_the_score(opened, clinic, assessment_id: str):
    page = opened("depression")
    button(page, "Record the PHQ-9 total").click().run()
    button(page, "Save the PHQ-9 total").click().run()
    assert "Enter the total of the questionnaire" in texts(page)
    page.number_input(key=f"phq9:{assessment_id}:total").set_value(13)
    button(page, "Save the PHQ-9 total").click().run()
    assert "PHQ-9 total on record: **13**" in texts(healthy(page))
    outcome = clinic.services.outcomes.current(clinic.clinician, assessment_id)["depression"].outcome
    assert (outcome.phq9_total, outcome.label, outcome.method) == (13, None, "not_known")
    field(page, "radio", assessment_id, "depression", "verdict").set_value(Verdict.ACCEPTED).run()
    save(page, assessment_id, "depression")
    assert decisions(clinic, assessment_id) == {"depression": Verdict.ACCEPTED}


def test_a_diagnosis_on_record_keeps_its_date_when_the_phq9_comes(opened, clinic, assessment_id: str):
    known = OutcomeData(task="depression", label="yes", method="clinical_diagnosis", examined_on=date(2026, 3, 1))
    clinic.services.outcomes.record(clinic.clinician, assessment_id, known, None)
    page = opened("depression")
    button(page, "Record the PHQ-9 total").click().run()
    page.number_input(key=f"phq9:{assessment_id}:total").set_value(17)
    button(page, "Save the PHQ-9 total").click().run()
    outcome = clinic.services.outcomes.current(clinic.clinician, assessment_id)["depression"].outcome
    assert (outcome.phq9_total, outcome.label, outcome.examined_on) == (17, "yes", date(2026, 3, 1))
