"""Unlikeness is about 0 for more of the same, and high for what leaves the subspace or goes far within it."""

from __future__ import annotations

import numpy as np
import pytest

from fgait_core.evaluation.typicality import Typicality, fit_typicality

FEATURES, RANK = 60, 6


def windows(rng: np.random.Generator, count: int, mixing: np.ndarray, *, reach: float = 1.0, beside: float = 0.05):
    """Pooled features, all above 0, whose logarithms lie near a subspace."""
    along = reach * rng.normal(size=(count, RANK)) @ mixing
    return np.exp(along + beside * rng.normal(size=(count, FEATURES))).astype(np.float32)


@pytest.fixture
def mixing() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(RANK, FEATURES)) / 4


@pytest.fixture
def guard(mixing: np.ndarray) -> Typicality:
    return fit_typicality(windows(np.random.default_rng(1), 800, mixing), components=RANK)


def test_more_of_the_same_is_typical_and_anything_else_is_not(guard: Typicality, mixing: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    same = guard.unlikeness(windows(rng, 400, mixing))
    assert abs(np.median(same)) < 0.2
    limit = np.quantile(same, 0.95)
    further = guard.unlikeness(windows(rng, 400, mixing, reach=4.0))
    beside = guard.unlikeness(windows(rng, 400, mixing, beside=0.3))
    flat = guard.unlikeness(np.zeros((5, FEATURES), np.float32))
    assert (further > limit).mean() > 0.9
    assert (beside > limit).mean() > 0.99
    assert (flat > limit).all()


def test_unlikeness_equals_its_definition(guard: Typicality, mixing: np.ndarray) -> None:
    rows = windows(np.random.default_rng(3), 7, mixing).astype(np.float64)
    centred = np.log(rows + 0.02) - guard.mean
    within = ((centred @ guard.components.T / guard.spread) ** 2).mean(1)
    rest = centred - centred @ guard.components.T @ guard.components
    expected = (np.log(within) + np.log((rest**2).sum(1) / guard.left_over[0])) / 2
    np.testing.assert_allclose(guard.unlikeness(rows.astype(np.float32)), expected, atol=1e-3)
    np.testing.assert_allclose(guard.components @ guard.components.T, np.eye(RANK), atol=1e-4)


def test_fit_depends_on_nothing_but_the_windows(mixing: np.ndarray) -> None:
    rows = windows(np.random.default_rng(4), 100, mixing)
    first, again = fit_typicality(rows), fit_typicality(rows)
    for name, array in first.arrays().items():
        np.testing.assert_array_equal(array, again.arrays()[name])
    assert len(first.components) == 100 // 8
    with pytest.raises(ValueError, match="two windows"):
        fit_typicality(rows[:1])
