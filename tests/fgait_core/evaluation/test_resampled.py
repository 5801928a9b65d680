"""Figures over bootstrap samples of people: each person counts once, and few people give None instead of nonsense."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from fgait_core.evaluation.calibration import calibration_curve, expected_calibration_error, reliability
from fgait_core.evaluation.calibration_by_person import (
    calibration_error,
    chance_error,
    curve,
    intercept_in_the_large,
    slope,
)
from fgait_core.evaluation.classification import auroc
from fgait_core.evaluation.resampled import Resampled, measured, person_weights
from fgait_core.gate_report import Measured


def drawn(seed: int, people: int = 60, recordings: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Well calibrated probabilities, who has the condition, and whose each recording is."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), recordings)
    probability = expit(rng.normal(0, 1.5, people))[person]
    return probability, (rng.random(people)[person] < probability), np.array([f"p{each:03}" for each in person])


def test_one_recording_each_gives_the_plain_figures() -> None:
    probability, positive, person = drawn(1)
    resampled = Resampled(person, np.random.default_rng(1), samples=50)
    assert (resampled.weights[0] == 1).all()
    assert (resampled.weights.sum(1) == 60).all()
    assert resampled.auroc(probability, positive)[0] == pytest.approx(auroc(probability, positive))
    plain = reliability(probability, positive)
    assert slope(resampled, probability, positive).value == pytest.approx(plain.slope, abs=1e-3)
    assert intercept_in_the_large(probability, positive, person) == pytest.approx(plain.intercept, abs=1e-6)
    error = calibration_error(probability, positive.astype(float), person_weights(person))
    assert error == pytest.approx(expected_calibration_error(probability, positive.astype(float)))
    for ours, theirs in zip(
        curve(probability, positive, person), calibration_curve(probability, positive), strict=True
    ):
        assert ours == pytest.approx(theirs)


def test_a_sample_is_what_its_people_are_drawn_again() -> None:
    probability, positive, person = drawn(2, people=20, recordings=2)
    resampled = Resampled(person, np.random.default_rng(2), samples=5)
    areas = resampled.auroc(probability, positive)
    for weights, area in zip(resampled.weights, areas, strict=True):
        rows = np.repeat(np.arange(len(person)), np.round(2 * weights).astype(int))
        assert area == pytest.approx(auroc(probability[rows], positive[rows]))


def test_recordings_of_one_person_count_as_one_person() -> None:
    probability, positive, person = drawn(3)
    rows = np.concatenate([np.arange(60), np.zeros(40, int)])
    once, often = (Resampled(each, np.random.default_rng(1), samples=5) for each in (person, person[rows]))
    assert often.auroc(probability[rows], positive[rows])[0] == pytest.approx(once.auroc(probability, positive)[0])
    assert often.mean(probability[rows])[0] == pytest.approx(once.mean(probability)[0])
    assert curve(probability[rows], positive[rows], person[rows])[0] == pytest.approx(
        curve(probability, positive, person)[0]
    )


def test_slopes_of_samples_equal_logistic_regression() -> None:
    probability, positive, person = drawn(4)
    resampled = Resampled(person, np.random.default_rng(4), samples=20)
    found = slope(resampled, probability, positive)
    model = LogisticRegression(C=np.inf, max_iter=2000, tol=1e-8)
    odds = logit(probability)[:, None]
    slow = [model.fit(odds, positive, sample_weight=each).coef_[0, 0] for each in resampled.weights[1:]]
    assert found.low == pytest.approx(np.percentile(slow, 2.5, method="inverted_cdf"), abs=2e-3)
    assert found.high == pytest.approx(np.percentile(slow, 97.5, method="inverted_cdf"), abs=2e-3)


@pytest.mark.parametrize("steep", [0.5, 1.0, 3.0])
def test_the_slope_says_how_overconfident_a_model_is(steep: float) -> None:
    probability, positive, person = drawn(5, people=4000)
    found = slope(Resampled(person, np.random.default_rng(1), samples=40), expit(logit(probability) * steep), positive)
    assert found.value == pytest.approx(1 / steep, rel=0.15)


def test_predictions_that_separate_completely_have_no_slope_but_a_least_one() -> None:
    positive = np.arange(30) < 15
    resampled = Resampled(np.arange(30).astype(str), np.random.default_rng(1))
    apart = slope(resampled, np.where(positive, 0.9, 0.1), positive)
    assert (apart.value, apart.high) == (None, None)
    assert apart.low == pytest.approx(-np.log(np.expm1(3.84 / 60)) / logit(0.9), abs=1e-3)
    wrong = slope(resampled, np.where(positive, 0.1, 0.9), positive)
    assert (wrong.value, wrong.low) == (None, None)
    assert apart.low is not None
    assert wrong.high == pytest.approx(-apart.low, abs=1e-3)


def test_predictions_that_do_not_differ_have_no_slope() -> None:
    person, positive = np.arange(12).astype(str), np.arange(12) < 6
    resampled = Resampled(person, np.random.default_rng(1))
    assert slope(resampled, np.full(12, 0.4), positive) == Measured(value=None)
    assert slope(resampled, np.full(12, 0.4), np.ones(12, bool)) == Measured(value=None)
    assert intercept_in_the_large(np.full(12, 0.4), np.ones(12, bool), person) is None


def test_chance_explains_the_error_of_a_calibrated_model() -> None:
    excess = {1.0: [], 4.0: []}
    for seed in range(30):
        probability, positive, person = drawn(seed, people=40, recordings=2)
        for steep, found in excess.items():
            said = expit(logit(probability) * steep)
            error = calibration_error(said, positive.astype(float), person_weights(person))
            found.append(error - chance_error(said, person, np.random.default_rng(seed)))
    assert np.mean(excess[1.0]) == pytest.approx(0.0, abs=0.02)
    assert np.mean(excess[4.0]) > 0.08


def test_intervals_need_people() -> None:
    assert measured(np.array([0.5, 0.1, 0.9]), enough=False) == Measured(value=0.5)
    assert measured(np.array([np.nan, 0.1, 0.9]), enough=False) == Measured(value=None)
    assert measured(np.array([np.nan, np.nan]), enough=True) == Measured(value=None)
    few = Resampled(np.array(["a", "b", "c"]), np.random.default_rng(1))
    assert not few.enough(np.array([True, False, False]))
    nobody = few.at(np.zeros(3, bool))
    assert np.isnan(nobody.auroc(np.array([]), np.array([], bool))).all()
    assert np.isnan(nobody.mean(np.array([]))).all()
