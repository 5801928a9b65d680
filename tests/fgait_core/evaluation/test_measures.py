"""Measures equal independent references, and conformal sets keep their promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapie.classification import SplitConformalClassifier
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, roc_auc_score

from fgait_core.evaluation.by_person import share_by_person
from fgait_core.evaluation.calibration import Calibrator, expected_calibration_error, fit_calibrator, reliability
from fgait_core.evaluation.classification import (
    auroc,
    balanced_accuracy,
    bootstrap_by_person,
    one_row_a_person,
    threshold_for_sensitivity,
    wilson_interval,
)
from fgait_core.evaluation.conformal import conformal_quantile, fit_label_quantiles, in_prediction_set
from fgait_core.evaluation.retrieval import part_distance
from fgait_core.evaluation.scoring import ClipLogits, fuse_clips


def test_auroc_and_balanced_accuracy_equal_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    positive = rng.random(300) < 0.3
    scores = np.round(rng.normal(size=300) + positive, 1)
    assert auroc(scores, positive) == pytest.approx(roc_auc_score(positive, scores))
    assert np.isnan(auroc(scores[positive], positive[positive]))
    labels, predicted = rng.integers(0, 3, 300), rng.integers(0, 3, 300)
    assert balanced_accuracy(predicted, labels, 3) == pytest.approx(balanced_accuracy_score(labels, predicted))


def test_wilson_interval_equals_published_values() -> None:
    """Newcombe 1998, table I: 81 of 263 and 0 of 20."""
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_bootstrap_takes_all_rows_of_a_person() -> None:
    person = np.repeat(np.arange(40).astype(str), 5)
    values = np.repeat(np.random.default_rng(1).normal(size=40), 5)
    estimate = bootstrap_by_person(
        lambda rows: float(values[rows].mean()), person, np.random.default_rng(2), samples=400
    )
    expected_half = 1.96 * values[::5].std() / np.sqrt(40)
    assert estimate.value == pytest.approx(values.mean())
    assert (estimate.high - estimate.low) / 2 == pytest.approx(expected_half, rel=0.2)


def test_one_row_a_person() -> None:
    person = np.array(["b", "a", "b", "c", "a"])
    rows = one_row_a_person(person, np.random.default_rng(0))
    assert person[rows].tolist() == ["a", "b", "c"]


def test_threshold_reaches_the_wanted_sensitivity_and_no_lower_one_is_needed() -> None:
    rng = np.random.default_rng(3)
    positive = rng.random(97) < 0.4
    scores = rng.random(97)
    threshold = threshold_for_sensitivity(scores, positive, 0.8)
    assert (scores[positive] >= threshold).mean() >= 0.8
    assert (scores[positive] > threshold).mean() < 0.8


@pytest.mark.parametrize("classes", [2, 3])
def test_calibrator_undoes_a_distortion(classes: int) -> None:
    rng = np.random.default_rng(4)
    truth = rng.normal(size=(20_000, classes))
    labels = np.array([rng.choice(classes, p=each) for each in softmax(truth, axis=1)])
    distorted = truth * 3.0 + np.arange(classes)
    fitted = fit_calibrator(distorted, labels)
    assert np.abs(fitted.probabilities(distorted) - softmax(truth, axis=1)).mean() < 0.01
    measured = reliability(fitted.probabilities(distorted)[:, 1], labels == 1)
    assert measured.slope == pytest.approx(1.0, abs=0.05)
    assert measured.intercept == pytest.approx(0.0, abs=0.05)
    with pytest.raises(ValueError, match="every one"):
        fit_calibrator(distorted, np.zeros(len(labels), np.int64))


def test_reliability_sees_overconfidence() -> None:
    rng = np.random.default_rng(5)
    log_odds = rng.normal(size=40_000)
    positive = rng.random(40_000) < expit(log_odds)
    overconfident = expit(2 * log_odds + 0.5)
    measured = reliability(overconfident, positive)
    assert measured.slope == pytest.approx(0.5, abs=0.03)
    assert measured.intercept < -0.2
    assert measured.brier == pytest.approx(brier_score_loss(positive, overconfident))
    assert measured.ece > 0.05
    assert reliability(expit(log_odds), positive).ece < 0.02


def test_expected_calibration_error_by_hand() -> None:
    probability, outcome = np.array([0.05, 0.15, 0.15, 1.0]), np.array([0.0, 1.0, 0.0, 1.0])
    assert expected_calibration_error(probability, outcome) == pytest.approx(0.25 * 0.05 + 0.5 * 0.35)


class Fixed(ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities are its input."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> Fixed:
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        return x

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.classes_[x.argmax(1)]


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_quantile_and_sets_equal_mapie(coverage: float) -> None:
    rng = np.random.default_rng(6)
    probabilities = softmax(2 * rng.normal(size=(500, 3)), axis=1)
    labels = np.array([rng.choice(3, p=each) for each in probabilities])
    reference = SplitConformalClassifier(
        Fixed().fit(probabilities, labels), confidence_level=coverage, conformity_score="lac", prefit=True
    )
    reference.conformalize(probabilities[:199], labels[:199])
    expected = reference.predict_set(probabilities[199:])[1][:, :, 0]
    scores = 1 - probabilities[np.arange(199), labels[:199]]
    quantile = conformal_quantile(scores, coverage)
    assert quantile == pytest.approx(
        float(np.squeeze(reference._mapie_classifier.conformity_score_function_.quantiles_))
    )
    np.testing.assert_array_equal(in_prediction_set(probabilities[199:], (quantile,) * 3), expected)


def test_quantile_without_enough_people_holds_everything() -> None:
    assert conformal_quantile(np.array([0.1, 0.2, 0.3]), 0.9) == float("inf")
    assert in_prediction_set(np.array([1.0, 0.0]), (float("inf"), float("inf"))).all()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), coverage=st.sampled_from([0.8, 0.9]), size=st.integers(60, 200))
def test_sets_cover_each_class_as_promised(seed: int, coverage: float, size: int) -> None:
    """Mean coverage over many splits lies within what split conformal prediction guarantees, for each class alone."""
    rng = np.random.default_rng(seed)
    shares = np.array([0.7, 0.2, 0.1])
    covered: list[list[float]] = [[], [], []]
    for _ in range(60):
        labels = rng.choice(3, size=size + 400, p=shares)
        logits = rng.normal(size=(size + 400, 3)) + 1.5 * np.eye(3)[labels]
        probabilities = softmax(logits, axis=1)
        quantiles = fit_label_quantiles(probabilities[:size], labels[:size], coverage)
        members = in_prediction_set(probabilities[size:], quantiles)
        for each in range(3):
            covered[each].append(float(members[labels[size:] == each, each].mean()))
    for values in covered:
        assert np.mean(values) >= coverage - 4 * np.std(values) / np.sqrt(60)


def test_a_person_with_many_recordings_counts_once() -> None:
    rng = np.random.default_rng(7)
    scores, person = rng.random(40), np.arange(40).astype(str)
    assert conformal_quantile(scores, 0.9, person) == conformal_quantile(scores, 0.9)
    repeats = rng.integers(1, 6, 40)
    many = conformal_quantile(np.repeat(scores, repeats), 0.9, np.repeat(person, repeats))
    assert many == conformal_quantile(scores, 0.9)
    assert conformal_quantile(np.repeat(scores[:5], 20), 0.9, np.repeat(person[:5], 20)) == float("inf")


def test_a_new_person_is_covered_though_recordings_of_a_person_are_alike() -> None:
    """Mean coverage over many splits of people with four like recordings each lies just above the promise."""
    rng = np.random.default_rng(8)
    covered = []
    for _ in range(300):
        scores = (rng.normal(size=(60, 1)) + 0.3 * rng.normal(size=(60, 4))).ravel()
        quantile = conformal_quantile(scores, 0.9, np.repeat(np.arange(60).astype(str), 4))
        covered.append((rng.normal(size=2000) + 0.3 * rng.normal(size=2000) <= quantile).mean())
    assert 0.9 - 4 * np.std(covered) / np.sqrt(300) <= np.mean(covered) < 0.93


def test_share_by_person_equals_the_plain_bootstrap() -> None:
    rng = np.random.default_rng(9)
    person, hit = rng.integers(0, 60, 300).astype(str), rng.random(300) < 0.3
    fast = share_by_person(hit, person, np.random.default_rng(1))
    slow = bootstrap_by_person(lambda rows: float(hit[rows].mean()), person, np.random.default_rng(1))
    assert (fast.value, fast.low, fast.high) == pytest.approx((slow.value, slow.low, slow.high))


def test_distances_equal_golden_values() -> None:
    with np.load(Path(__file__).parents[2] / "golden" / "golden_dist.npz") as golden:
        x, y = golden["x"], golden["y"]
        np.testing.assert_allclose(part_distance(x, y), golden["euc"], atol=1e-5)
        np.testing.assert_allclose(part_distance(x, y, "cosine"), golden["cos"], atol=1e-5)


def fused(logits: np.ndarray, heads: int, windows: int):
    calibrators = [Calibrator(np.eye(2), np.zeros(2))] * heads
    rng = np.random.default_rng(0)
    return fuse_clips([ClipLogits(logits, calibrators, windows)], positive_index=1, rng=rng)


def test_fused_score_averages_logits_and_its_interval_holds_it() -> None:
    rng = np.random.default_rng(7)
    logits = rng.normal(size=(9, 21, 2))
    score = fused(logits, 21, 3)
    np.testing.assert_allclose(score.probabilities, softmax(logits[:, 0].mean(0)))
    assert score.interval[0] <= score.probabilities[1] <= score.interval[1]


def test_interval_grows_with_disagreement_of_windows_and_of_heads() -> None:
    rng = np.random.default_rng(8)
    same = np.tile(rng.normal(size=(1, 1, 2)), (12, 11, 1))
    agreeing = fused(same, 11, 4)
    assert agreeing.interval[1] - agreeing.interval[0] < 1e-9
    varying = same + rng.normal(size=(12, 1, 2))
    by_window, longer = fused(varying, 11, 2), fused(varying, 11, 12)
    by_head = fused(same + rng.normal(size=(1, 11, 2)), 11, 4)
    for score in (by_window, by_head):
        assert score.interval[1] - score.interval[0] > 0.05
    assert longer.interval[1] - longer.interval[0] < by_window.interval[1] - by_window.interval[0]
