"""The result page: explanation, gait parameters, curves, several recordings, and what an old result shows."""

from __future__ import annotations

import pytest
from explained import explained, of_several, store
from fast_engine import result, unlike
from streamlit.testing.v1 import AppTest
from test_pages import healthy, open_page, texts

from clinic_data.clinic_profile import ClinicProfileData

__all__ = ["open_page"]


@pytest.fixture
def assessment_id(clinic) -> str:
    """A stored result with all that is measured beside a score."""
    return store(clinic, explained())


@pytest.fixture
def result_page(open_page, assessment_id: str) -> AppTest:
    return healthy(open_page("result.py", "clinician", assessment=assessment_id))


def test_scores_come_first_and_the_decision_stands_open(result_page: AppTest):
    read = texts(result_page)
    assert read.count("not decided yet") == 2
    for words in ("71\u00a0%", "95 % interval 60\u00a0% to 80\u00a0%", "Nobody has decided about this result yet"):
        assert words in read


def test_an_explanation_is_shown_only_where_it_passed(result_page: AppTest):
    read = texts(result_page)
    for words in ("what moved the number, not why the patient walks so", "up by 17.3 points", "down by 8.4 points"):
        assert words in read
    assert "no clear effect (± 1.2 points)" in read
    assert read.count("Moment of the gait cycle") == 1
    assert "it did not stay the same" in read  # depression: unstable
    assert read.count('alt="The mean silhouette') == 1


def test_reference_walkers_are_called_simulated_and_show_no_angle(result_page: AppTest):
    read = texts(result_page)
    assert "None of them is a person" in read
    assert read.count("Simulated: female, 14 years") == 2
    assert "/files/references/r000.png" in read
    assert "38.5" not in read


def test_gait_parameters_stand_apart_with_error_norm_and_reason(result_page: AppTest):
    read = texts(result_page)
    for words in (
        "not part of it",
        "88.0\u00a0steps/min",
        "standard error 1.4\u00a0steps/min, n\u00a0=\u00a09",
        "95.0 to 131.0\u00a0steps/min",
        "6.0\u00a0steps/min",
        "Outside the range of healthy people:",
        "not validated from video",
        "no norm for this person",
        "Cannot be measured from this view.",
        "Needs the patient’s body height",
    ):
        assert words in read
    assert "Cadence (88.0\u00a0steps/min, below)" in read
    assert "Stance (" not in read  # within its norm


def test_every_chart_has_its_table(result_page: AppTest):
    assert len(result_page.get("plotly_chart")) == 2  # hip, knee
    read = texts(result_page)
    assert "<td>Hip, left</td><td>0°</td>" in read
    assert "<td>Knee, right</td>" in read
    assert "55°</td></tr>" in read


def test_the_player_gets_strides_and_silhouettes(result_page: AppTest, assessment_id: str):
    (player,) = (each for each in result_page.get("bidi_component") if each.proto.component_name == "fgait_player")
    assert f"/files/assessments/{assessment_id}/overlay" in player.proto.json
    assert '"foot": "left"' in player.proto.json.replace('":"', '": "')


def test_worth_at_the_clinics_prevalence(open_page, clinic, assessment_id: str, result_page: AppTest):
    assert "An administrator can enter that" in texts(result_page)
    data = ClinicProfileData.checked(prevalence={"scoliosis": 0.03}, prevalence_source="School screening 2025")
    clinic.services.clinic_profiles.update(clinic.administrator, data, 0)
    read = texts(healthy(open_page("result.py", "clinician", assessment=assessment_id)))
    assert "With scoliosis in 3\u00a0% of those screened, a positive result is right in 9\u00a0%" in read
    assert "School screening 2025" in read


def test_several_recordings_each_with_its_quality_and_score(open_page, clinic):
    page = healthy(open_page("result.py", "clinician", assessment=store(clinic, of_several())))
    read = texts(page)
    for words in ("Put together from 2 recordings: mean of the log-odds", "This recording was not used", "Step back"):
        assert words in read
    assert [each.label for each in page.expander if each.label.startswith(("1:", "2:", "3:"))] == [
        "1: from the front (front.mp4)",
        "2: from the side (side.mp4)",
        "3: from behind (back.mp4)",
    ]
    assert read.count("<td>71\u00a0%</td>") == 2  # the refused one has no score
    (chosen,) = (box for box in page.selectbox if box.label == "Recording")
    assert chosen.options == ["2: from the side (side.mp4)", "3: from behind (back.mp4)"]


def test_an_old_result_says_what_it_lacks(open_page, clinic):
    page = healthy(open_page("result.py", "clinician", assessment=store(clinic, result())))
    read = texts(page)
    assert "did not explain its scores" in read
    assert "did not measure gait parameters" in read
    assert "SIMULATED" in read
    assert not page.get("plotly_chart")


def test_unlike_recording_explains_nothing(open_page, clinic):
    assessment_id = store(clinic, unlike("walk.mp4", ("scoliosis", "depression")))
    read = texts(healthy(open_page("result.py", "clinician", assessment=assessment_id)))
    assert "What this is worth" not in read
    assert "not decided yet" in read


def test_comparison_with_another_visit(open_page, clinic, assessment_id: str):
    later = store(clinic, explained(cadence=104.0))
    page = healthy(open_page("result.py", "clinician", assessment=later))
    (box,) = (each for each in page.selectbox if each.label == "Result to compare with")
    assert box.value is None
    page = healthy(open_page("result.py", "clinician", assessment=later, compare=assessment_id))
    read = texts(page)
    assert "+16.0\u00a0steps/min" in read
    assert "more than measurement error" in read
    assert "cannot be compared" not in read
    players = [each for each in page.get("bidi_component") if each.proto.component_name == "fgait_player"]
    assert len(players) == 3


def test_views_are_not_compared(open_page, clinic, assessment_id: str):
    later = store(clinic, explained(view="front", cadence=104.0))
    read = texts(healthy(open_page("result.py", "clinician", assessment=later, compare=assessment_id)))
    assert "no change is given" in read
    assert "+16.0" not in read


def test_scores_of_other_versions_are_not_compared(open_page, clinic, assessment_id: str):
    other = explained().model_copy(update={"model": explained().model.model_copy(update={"sha256": "c" * 64})})
    later = store(clinic, other)
    read = texts(healthy(open_page("result.py", "clinician", assessment=later, compare=assessment_id)))
    assert "Their scores cannot be compared" in read


def test_without_a_film_the_silhouettes_remain(open_page, clinic):
    read = texts(healthy(open_page("result.py", "clinician", assessment=store(clinic, explained(), clip=b""))))
    assert "There is no film of this walk, only its silhouettes." in read
    assert "Check that it is the patient" not in read
