"""Scores against what turned out to be true."""

from __future__ import annotations

import numpy as np
import pytest

from fgait_core.evaluation.agreement import measure_agreement, newcombe_interval


def agreement(probability, positive, threshold=0.5):
    probability = np.array(probability, float)
    return measure_agreement(probability, probability >= threshold, np.array(positive, bool))


def test_figures_of_a_few_people():
    found = agreement([0.9, 0.6, 0.4, 0.2, 0.1], [True, False, True, False, False])
    assert (found.people, found.positive) == (5, 2)
    assert found.sensitivity.value == pytest.approx(0.5)
    assert found.specificity.value == pytest.approx(2 / 3)
    assert found.auroc.value == pytest.approx(5 / 6)
    assert found.brier.value == pytest.approx((0.01 + 0.36 + 0.36 + 0.04 + 0.01) / 5)
    assert found.calibration.value == pytest.approx(0.4 - 0.44)
    for estimate in (found.sensitivity, found.specificity, found.auroc, found.brier, found.calibration):
        assert estimate.low < estimate.value < estimate.high


def test_what_the_people_do_not_allow_is_missing():
    nobody = agreement([], [])
    assert (nobody.people, nobody.auroc, nobody.brier, nobody.calibration) == (0, None, None, None)
    healthy = agreement([0.3, 0.6], [False, False])
    assert (healthy.sensitivity, healthy.auroc) == (None, None)
    assert healthy.specificity.value == pytest.approx(0.5)
    assert agreement([0.3], [True]).brier is None


def test_perfect_order_of_few_people_is_no_proof():
    assert newcombe_interval(1.0, 3, 3) == (pytest.approx(0.55, abs=0.06), 1.0)
    assert newcombe_interval(0.0, 3, 3)[0] == 0.0
    low, high = newcombe_interval(0.7, 200, 200)
    assert (low, high) == (pytest.approx(0.65, abs=0.01), pytest.approx(0.75, abs=0.01))


def test_interval_of_the_auroc_covers_the_truth():
    rng = np.random.default_rng(3)
    truth, covered = 0.8144533152386513, 0  # of normals 1.265 apart: Phi(1.265 / sqrt 2)
    for _ in range(600):
        scores = np.concatenate([rng.normal(1.265, 1, 8), rng.normal(0, 1, 20)])
        found = agreement(1 / (1 + np.exp(-scores)), [True] * 8 + [False] * 20)
        covered += found.auroc.low <= truth <= found.auroc.high
    assert 0.92 <= covered / 600 <= 0.99


def test_calibration_in_the_large_tells_scores_that_are_too_high():
    rng = np.random.default_rng(4)
    truth = rng.random(400) < 0.2
    assert agreement(np.full(400, 0.5), truth).calibration.high < -0.2
    fair = agreement(np.full(400, 0.2), truth).calibration
    assert fair.low < 0 < fair.high
