"""Recalibration finds what is wrong with logits, is held back by its prior, and never changes who comes first."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from fgait_core.recipes.retraining.recalibrate import fit_affine


def drawn(people: int, slope: float, shift: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels that follow slope * logits + shift."""
    rng = np.random.default_rng(people)
    logits = rng.normal(0, 1.5, (people, len(shift)))
    odds = softmax(slope * logits + shift, axis=1)
    labels = (rng.random((people, 1)) > np.cumsum(odds, 1)).sum(1).clip(max=len(shift) - 1)
    return logits, labels


def test_an_unlimited_prior_is_the_base() -> None:
    logits, labels = drawn(100, 0.4, [0.0, 2.0])
    affine = fit_affine(logits, labels, np.ones(100), np.inf)
    np.testing.assert_array_equal(affine(logits), logits)


@pytest.mark.parametrize(("slope", "shift"), [(0.5, [0.4, -0.4]), (1.6, [0.5, 0.0, -0.5])])
def test_many_people_show_slope_and_shift(slope: float, shift: list[float]) -> None:
    logits, labels = drawn(20_000, slope, shift)
    affine = fit_affine(logits, labels, np.ones(len(labels)), 20.0)
    assert affine.slope == pytest.approx(slope, rel=0.05)
    np.testing.assert_allclose(affine.shift, shift, atol=0.06)


def test_the_prior_is_worth_about_as_many_people_as_it_says() -> None:
    """A shift of 2 that as many people show as the prior is worth goes about half way."""
    logits, labels = drawn(200, 1.0, [1.0, -1.0])
    free, held = (fit_affine(logits, labels, np.ones(200), prior) for prior in (0.0, 200.0))
    assert 0.3 < held.shift[0] / free.shift[0] < 0.75
    nearly = fit_affine(logits[:4], labels[:4], np.ones(4), 200.0)
    assert nearly.slope == pytest.approx(1, abs=0.1)
    assert abs(nearly.shift).max() < 0.1


def test_the_mode_is_that_of_a_search_without_gradient() -> None:
    logits, labels = drawn(60, 0.7, [0.3, 0.0, -0.3])
    weights = np.random.default_rng(1).uniform(0, 1, 60)
    affine = fit_affine(logits, labels, weights, 20.0)

    def loss(values: np.ndarray) -> float:
        said = log_softmax(np.exp(values[0]) * logits + values[1:], axis=1)
        held = 20 * (0.1 * values[0] ** 2 + 0.2 * (values[1:] ** 2).sum()) / 2
        return float(-(weights * said[np.arange(60), labels]).sum() + held)

    found = minimize(loss, np.zeros(4), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-10, "maxiter": 9999})
    assert affine.slope == pytest.approx(np.exp(found.x[0]), abs=1e-3)
    np.testing.assert_allclose(affine.shift, found.x[1:] - found.x[1:].mean(), atol=1e-3)


def test_the_order_of_scores_never_changes_not_even_by_outcomes_that_contradict_them() -> None:
    logits, labels = drawn(300, 1.0, [0.0, 0.0])
    affine = fit_affine(logits, 1 - labels, np.ones(300), 5.0)
    assert affine.slope > 0
    before, after = logits[:, 1] - logits[:, 0], affine(logits)[:, 1] - affine(logits)[:, 0]
    np.testing.assert_array_equal(np.argsort(before, kind="stable"), np.argsort(after, kind="stable"))
