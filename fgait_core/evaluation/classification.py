"""How well a score tells people apart, with intervals that respect that a person may have many recordings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Statistic = Callable[[NDArray[np.int64]], float]
"""A number computed from chosen rows (row numbers, repeated ones count twice)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval.

    Attributes:
        value: the number.
        low: lower end.
        high: upper end.
    """

    value: float
    low: float
    high: float


def auroc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Probability that a positive scores above a negative, ties counted half; NaN without both kinds."""
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if n_positive == 0 or n_negative == 0:
        return float("nan")
    ranks = rankdata(scores)
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def balanced_accuracy(predicted: NDArray[np.int64], labels: NDArray[np.int64], classes: int) -> float:
    """Mean over the classes that occur of the share predicted rightly."""
    shares = [float((predicted[labels == each] == each).mean()) for each in range(classes) if (labels == each).any()]
    return float(np.mean(shares))


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share; (0, 1) without any trial."""
    if trials == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = successes / trials
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2)) / (1 + z**2 / trials)
    return max(float(centre - half), 0.0), min(float(centre + half), 1.0)


def bootstrap_by_person(
    statistic: Statistic, person: NDArray[np.str_], rng: np.random.Generator, *, samples: int = 500
) -> Estimate:
    """A number with the 95 % percentile interval over bootstrap samples of the people.

    Args:
        statistic: computes the number from row numbers.
        person: `[row]`, who each row is of; all rows of a drawn person are taken.
        rng: source of every draw.
        samples: bootstrap samples; those in which the number is undefined are left out.
    """
    names, owner = np.unique(person, return_inverse=True)
    rows_of = [np.flatnonzero(owner == number) for number in range(len(names))]
    values: list[float] = []
    for _ in range(samples):
        drawn = rng.integers(len(names), size=len(names))
        values.append(statistic(np.concatenate([rows_of[number] for number in drawn])))
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return Estimate(statistic(np.arange(len(person))), float(low), float(high))


def one_row_a_person(person: NDArray[np.str_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Draws one row of each person, so that the rows are independent; sorted by person."""
    names, owner = np.unique(person, return_inverse=True)
    return np.array([rng.choice(np.flatnonzero(owner == number)) for number in range(len(names))], np.int64)


def threshold_for_sensitivity(scores: NDArray[np.float64], positive: NDArray[np.bool_], wanted: float) -> float:
    """The highest threshold at which at least the wanted share of the positives scores at or above it."""
    ordered = np.sort(scores[positive])[::-1]
    needed = max(int(np.ceil(wanted * len(ordered))), 1)
    return float(ordered[needed - 1])
