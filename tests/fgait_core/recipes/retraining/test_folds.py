"""Folds keep people whole, spread every kind evenly, and do not depend on the order of the rows."""

from __future__ import annotations

import numpy as np
import pytest

from fgait_core.recipes.retraining.folds import folds_of

PERSON = np.array([f"p{number % 43:02}" for number in range(100)])
KIND = np.array([int(name[1:]) % 3 for name in PERSON.tolist()], np.int64)


@pytest.mark.parametrize("count", [2, 4, 5])
def test_people_are_whole_and_kinds_even(count: int) -> None:
    fold = folds_of(PERSON, KIND, count, seed=1)
    assert set(fold.tolist()) == set(range(count))
    for name in np.unique(PERSON):
        assert len(set(fold[name == PERSON].tolist())) == 1
    for kind in range(3):
        people = [len(np.unique(PERSON[(kind == KIND) & (fold == each)])) for each in range(count)]
        assert max(people) - min(people) <= 1


def test_the_order_of_the_rows_changes_nothing_and_the_seed_does() -> None:
    fold = folds_of(PERSON, KIND, 5, seed=1)
    order = np.random.default_rng(0).permutation(len(PERSON))
    np.testing.assert_array_equal(folds_of(PERSON[order], KIND[order], 5, seed=1), fold[order])
    assert (folds_of(PERSON, KIND, 5, seed=2) != fold).any()


def test_somebody_with_several_outcomes_is_in_one_fold() -> None:
    person = np.array(["a", "a", "b", "c", "d"])
    fold = folds_of(person, np.array([1, 0, 0, 1, 1]), 2, seed=3)
    assert fold[0] == fold[1]
