"""The sentences: every outcome has next steps, and nothing is claimed that was not measured."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import wording
from reports.content import ANY_VIEW, VIEWS, AdaptationBlock, Outcome, ScoreBlock
from reports.measures import Interval, OperatingPointBlock, TypicalityBlock

TASKS = ("scoliosis", "depression")
OUTCOMES = ("positive", "negative", "abstained", "empty", "conflicting", "unlike")
CASES = [(task, outcome) for task in TASKS for outcome in OUTCOMES] + [("scoliosis", "borderline")]


def all_sentences(score: ScoreBlock) -> str:
    return " ".join(
        (
            wording.plain_result(score),
            *wording.next_steps(score),
            wording.evidence_note(score),
            wording.probability_sentence(score),
            wording.interval_sentence(score),
            wording.operating_point_sentence(score),
            wording.predictive_note(score),
            wording.predictive_sentence(score, 0.03),
            wording.calibration_sentence(score),
            wording.conformal_sentence(score),
            wording.views_sentence(score),
            *wording.LIMITS,
            wording.INTENDED_USE,
        )
    )


@pytest.mark.parametrize("language", sorted(wording.PHRASES))
def test_every_task_and_outcome_has_next_steps_in_every_language(language: str) -> None:
    words = wording.phrases(language)
    for task in TASKS:
        for outcome in Outcome:
            assert len(words.next_steps[task, outcome]) >= 2
    assert set(words.plain_results) == set(words.outcome_labels) == set(Outcome)


@pytest.mark.parametrize(("task", "outcome"), CASES)
def test_no_sentence_keeps_a_placeholder_or_names_an_angle(
    task: str, outcome: str, outcome_factory: Callable[[str, str], ScoreBlock]
) -> None:
    text = all_sentences(outcome_factory(task, outcome))
    assert not re.search(r"[{}]", text)
    assert "Cobb" not in text
    assert not re.search(r"\d\s*(°|degree)", text)


@pytest.mark.parametrize(("task", "outcome"), CASES)
def test_measured_figures_are_said_to_come_from_simulated_people(
    task: str, outcome: str, outcome_factory: Callable[[str, str], ScoreBlock]
) -> None:
    score = outcome_factory(task, outcome)
    for sentence in (
        wording.operating_point_sentence(score),
        wording.predictive_note(score),
        wording.calibration_sentence(score),
        wording.conformal_sentence(score),
    ):
        assert "simulated people" in sentence


def test_a_model_of_real_people_is_not_called_simulated(score_factory: Callable[..., ScoreBlock]) -> None:
    text = all_sentences(score_factory(simulated=False))
    assert "simulated" not in text.lower()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("outcome", ["abstained", "empty", "conflicting"])
def test_an_undecided_score_says_that_the_model_cannot_tell(
    task: str, outcome: str, outcome_factory: Callable[[str, str], ScoreBlock]
) -> None:
    score = outcome_factory(task, outcome)
    assert wording.plain_result(score).startswith("The model cannot tell")
    assert "neither a positive nor a negative result" in wording.plain_result(score)
    assert wording.outcome_label(score) == "The model cannot tell"
    assert wording.next_steps(score)[0] == "Do not read this as a negative result."


def test_scoliosis_points_to_the_forward_bend_test_and_the_radiograph(
    outcome_factory: Callable[[str, str], ScoreBlock],
) -> None:
    steps = " ".join(wording.next_steps(outcome_factory("scoliosis", "positive")))
    assert "forward-bend test" in steps
    assert "radiograph" in steps


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_depression_points_to_phq9_and_interview_and_never_to_gait_alone(
    outcome: str, outcome_factory: Callable[[str, str], ScoreBlock]
) -> None:
    steps = " ".join(wording.next_steps(outcome_factory("depression", outcome)))
    assert "PHQ-9" in steps
    assert "interview" in steps
    assert re.search(r"[Gg]ait alone (never|is never)", steps)


def test_abstention_names_the_classes_that_are_left(score_factory: Callable[..., ScoreBlock]) -> None:
    score = score_factory(prediction_set=("negative", "neutral"), abstained=True)
    assert "no scoliosis or borderline" in wording.plain_result(score)
    three = score_factory(prediction_set=("negative", "neutral", "positive"), abstained=True)
    assert wording.class_list(three) == "no scoliosis, borderline or scoliosis"


@given(st.floats(0, 1))
def test_a_probability_is_never_printed_as_certain(probability: float) -> None:
    text = wording.percent_of_probability(probability).replace("\u00a0", " ")
    assert text not in {"0 %", "100 %"}
    number = float(text.strip("<> %"))
    assert abs(number - 100 * probability) <= 1.0


def test_counted_shares_keep_one_decimal_only_where_needed() -> None:
    assert wording.percent_of_count(0.785) == "78.5\u00a0%"
    assert wording.percent_of_count(1.0) == "100\u00a0%"


def test_operating_point_sentence_carries_every_figure(score_factory: Callable[..., ScoreBlock]) -> None:
    sentence = wording.operating_point_sentence(score_factory()).replace("\u00a0", " ")
    for figure in ("41 %", "90 %", "82 % to 95 %", "78.5 %", "71 % to 84 %", "90 simulated", "160 simulated"):
        assert figure in sentence


@pytest.mark.parametrize(
    ("sensitivity", "sensitivity_low", "specificity", "specificity_low", "weak"),
    [(0.9, 0.82, 0.785, 0.71, False), (0.675, 0.52, 0.362, 0.27, True), (0.6, 0.5, 0.5, 0.4, True)],
)
def test_a_model_not_shown_to_beat_chance_is_called_weak(
    sensitivity: float,
    sensitivity_low: float,
    specificity: float,
    specificity_low: float,
    weak: bool,
    score_factory: Callable[..., ScoreBlock],
) -> None:
    point = OperatingPointBlock(
        0.4, sensitivity, Interval(sensitivity_low, 1), specificity, Interval(specificity_low, 1), 40, 80
    )
    sentence = wording.weakness_sentence(score_factory(operating_point=point))
    assert ("better than chance" in sentence) == weak
    assert bool(sentence) == weak


def test_predictive_value_at_low_prevalence_is_low(score_factory: Callable[..., ScoreBlock]) -> None:
    point = OperatingPointBlock(0.4, 0.99, Interval(0.9, 1), 0.796, Interval(0.7, 0.9), 100, 100)
    ppv, _ = point.predictive_values(0.031)
    assert ppv == pytest.approx(0.134, abs=0.001)
    sentence = wording.predictive_sentence(score_factory(operating_point=point), 0.031).replace("\u00a0", " ")
    assert "positive result is right in 13.4 %" in sentence


def test_a_result_that_cannot_occur_has_no_predictive_value(score_factory: Callable[..., ScoreBlock]) -> None:
    point = OperatingPointBlock(0.4, 0.5, Interval(0.4, 0.6), 1.0, Interval(0.9, 1), 10, 10)
    assert point.predictive_values(0.0)[0] is None
    assert wording.predictive_words(score_factory(operating_point=point), 0.0)[0] == "no case"


def test_an_unknown_task_has_no_next_step_and_says_where_to_add_it(score_factory: Callable[..., ScoreBlock]) -> None:
    score = score_factory(task="frailty")
    with pytest.raises(ValueError, match=r"reports/phrases\.py"):
        wording.next_steps(score)


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="choose one of ar, en, zh"):
        wording.phrases("xx")


@pytest.mark.parametrize(("task", "test"), [("scoliosis", "forward-bend test"), ("depression", "PHQ-9")])
def test_no_answer_gives_no_figure_and_says_what_to_do_instead(
    task: str, test: str, outcome_factory: Callable[[str, str], ScoreBlock]
) -> None:
    score = outcome_factory(task, "unlike")
    assert wording.outcome_label(score) == "No answer"
    assert "unlike those that the model learned from" in wording.plain_result(score)
    assert "neither a positive nor a negative result" in wording.plain_result(score)
    assert not re.search(r"\d\s*%", wording.plain_result(score))
    steps = wording.next_steps(score)
    assert steps[0].startswith("Do not read this as a negative result")
    assert any(test in step for step in steps)


@pytest.mark.parametrize(
    ("fitted_on", "promised", "fitted"),
    [
        ("side", "calibrated on, filmed from the side.", "recordings from the side"),
        ("any", "calibrated on, over all views together.", "recordings from all views together"),
        (None, "calibrated on.", ""),
    ],
)
def test_the_promise_names_the_view_that_it_was_made_for(
    fitted_on: str | None, promised: str, fitted: str, score_factory: Callable[..., ScoreBlock]
) -> None:
    score = score_factory(fitted_on=fitted_on)
    assert promised in wording.conformal_sentence(score)
    assert fitted in wording.views_sentence(score)
    assert bool(wording.views_sentence(score)) == bool(fitted)


def test_every_view_has_its_words() -> None:
    for words in wording.PHRASES.values():
        assert set(words.coverage_at) == set(words.fitted_at) == {*VIEWS, ANY_VIEW}


def test_typicality_is_said_with_its_measure(typical: TypicalityBlock, unlike: TypicalityBlock) -> None:
    assert wording.typicality_sentence(typical) == (
        "Like the training data: yes (unlikeness \u22120.123, threshold 0.444)"
    )
    assert "no (unlikeness 1.731, threshold 0.444)" in wording.typicality_sentence(unlike)
    assert wording.typicality_sentence(None).endswith("not checked by this version")
    figures = wording.typicality_figures(unlike, simulated=True).replace("\u00a0", " ")
    for words in ("1.731", "0.444", "5 %", "6.2 %", "4.3 % to 7.9 %", "simulated people"):
        assert words in figures
    assert "simulated" not in wording.typicality_figures(unlike, simulated=False)


@pytest.mark.parametrize("simulated_people", [True, False])
def test_an_adapted_model_says_on_whom_it_was_measured(
    score_factory: Callable[..., ScoreBlock], simulated_people: bool
) -> None:
    adaptation = AdaptationBlock("scoliosis", "head", 214, simulated_people, "fgait-bundled 0.2.0")
    explanation = wording.simulated_explanation(adaptation)
    assert "trained on simulated people, then adapted to 214" in explanation
    assert ("on patients" in explanation) == simulated_people
    assert ("measured on people of that clinic" in explanation) != simulated_people
    assert "fgait-bundled 0.2.0" in wording.adapted_sentence(adaptation)
    figures = all_sentences(score_factory(clinic_people=not simulated_people))
    assert ("160 simulated people" in figures) == simulated_people
    assert ("people of the clinic that the model was adapted to" in figures) != simulated_people
