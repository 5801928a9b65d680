"""Paired figures of two models equal their definitions computed the slow way, and say None where people are too few."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from fgait_core.evaluation.classification import auroc
from fgait_core.evaluation.paired import delong, mcnemar, share_difference
from fgait_core.gate_report import Measured

Scores = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans()), min_size=1, max_size=14)


def columns(rows: list[tuple[int, int, bool]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    first, second, positive = (np.array(each) for each in zip(*rows, strict=True))
    return first.astype(float), second.astype(float), positive.astype(bool)


def slow_delong(first: np.ndarray, second: np.ndarray, positive: np.ndarray) -> tuple[float, float]:
    """Difference and its variance as DeLong, DeLong & Clarke-Pearson 1988 write them, pair by pair."""
    of_positive, of_negative = [], []
    for scores in (first, second):
        wins = np.array([[(a > b) + (a == b) / 2 for b in scores[~positive]] for a in scores[positive]])
        of_positive.append(wins.mean(1))
        of_negative.append(wins.mean(0))
    covariance = np.cov(of_positive) / positive.sum() + np.cov(of_negative) / (~positive).sum()
    contrast = np.array([-1.0, 1.0])
    return of_positive[1].mean() - of_positive[0].mean(), contrast @ covariance @ contrast


@given(Scores)
@settings(max_examples=100, deadline=None)
def test_delong_equals_its_definition(rows: list[tuple[int, int, bool]]) -> None:
    first, second, positive = columns(rows)
    found = delong(first, second, positive)
    if positive.all() or not positive.any():
        assert (found.first, found.difference, found.p) == (None, Measured(value=None), None)
        return
    assert found.first == pytest.approx(auroc(first, positive))
    assert found.second == pytest.approx(auroc(second, positive))
    if min(positive.sum(), (~positive).sum()) < 2:
        assert found.difference.low is None
        assert found.p is None
        return
    difference, variance = slow_delong(first, second, positive)
    assert found.difference.value == pytest.approx(difference)
    if found.difference.low is not None and variance > 1e-9:
        assert found.difference.low == pytest.approx(max(difference - 1.959964 * np.sqrt(variance), -1), abs=1e-5)
        assert found.p is not None
        assert 0 <= found.p <= 1


@given(Scores)
@settings(max_examples=60, deadline=None)
def test_the_two_models_may_change_places(rows: list[tuple[int, int, bool]]) -> None:
    first, second, positive = columns(rows)
    there, back = delong(first, second, positive), delong(second, first, positive)
    assert there.p == (None if back.p is None else pytest.approx(back.p))
    if there.difference.value is not None and back.difference.value is not None:
        assert there.difference.value == pytest.approx(-back.difference.value)
    one, other = (delong(each(first), second, positive) for each in (lambda x: x, lambda x: np.exp(3 * x)))
    assert one == other, "only the order of the scores counts"


def test_equal_scores_have_no_difference() -> None:
    scores, positive = np.arange(10.0), np.arange(10) % 3 == 0
    found = delong(scores, scores, positive)
    assert found.difference == Measured(value=0.0, low=0.0, high=0.0)
    assert found.p == 1.0


def test_opposite_scores_leave_nothing_to_judge_by() -> None:
    positive = np.arange(8) < 4
    found = delong(positive.astype(float), (~positive).astype(float), positive)
    assert found.difference == Measured(value=-1.0)
    assert found.p is None


def test_delong_keeps_its_level() -> None:
    rng = np.random.default_rng(1)
    positive = np.arange(60) % 2 == 0
    false_alarms = 0
    for _ in range(400):
        walk = rng.normal(size=60) + positive
        first, second = (walk + rng.normal(size=60) / 2 for _ in range(2))
        p = delong(first, second, positive).p
        false_alarms += p is not None and p < 0.05
    assert 0.02 < false_alarms / 400 < 0.09


@given(st.integers(0, 30), st.integers(0, 30))
def test_mcnemar_is_exact(one: int, other: int) -> None:
    n = one + other
    tail = binom.cdf(min(one, other), n, 0.5)
    assert mcnemar(one, other) == pytest.approx(min(2 * tail, 1.0) if one != other else 1.0)


Hits = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 4)), min_size=1, max_size=20)


@given(Hits)
@settings(deadline=None)
def test_difference_of_shares_lies_in_its_interval(rows: list[tuple[bool, bool, int]]) -> None:
    first, second, owner = (np.array(each) for each in zip(*rows, strict=True))
    found = share_difference(first, second, owner.astype(str))
    of_people = [second[owner == each].mean() - first[owner == each].mean() for each in np.unique(owner)]
    assert found.value == pytest.approx(np.mean(of_people))
    assert found.low is not None
    assert found.high is not None
    assert found.value is not None
    assert -1 <= found.low <= found.value <= found.high <= 1
    back = share_difference(second, first, owner.astype(str))
    assert (back.low, back.high) == (pytest.approx(-found.high), pytest.approx(-found.low))


def test_difference_of_shares_is_bonett_and_prices() -> None:
    first, second = np.arange(40) < 30, (np.arange(40) >= 6) & (np.arange(40) < 32)
    only_first, only_second = (6 + 1) / 42, (2 + 1) / 42
    half = 1.959964 * np.sqrt((only_first + only_second - (only_second - only_first) ** 2) / 42)
    found = share_difference(first, second, np.arange(40).astype(str))
    assert found.value == pytest.approx(-0.1)
    assert found.low == pytest.approx(only_second - only_first - half)
    assert found.high == pytest.approx(only_second - only_first + half)


def test_ten_people_without_a_disagreement_say_little() -> None:
    hits = np.arange(10) < 8
    found = share_difference(hits, hits, np.arange(10).astype(str))
    assert found.value == 0.0
    assert found.low is not None
    assert found.low < -0.2
    assert share_difference(hits[:0], hits[:0], np.array([], str)) == Measured(value=None)
