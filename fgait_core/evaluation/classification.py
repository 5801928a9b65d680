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


def wilson_interval(successes: float, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share; (0, 1) without any trial. A trial may succeed in part."""
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
    names, owner, count = np.unique(person, return_inverse=True, return_counts=True)
    by_person = np.argsort(owner, kind="stable")
    first = np.cumsum(count) - count
    values: list[float] = []
    for _ in range(samples):
        drawn = rng.integers(len(names), size=len(names))
        place = np.arange(count[drawn].sum()) - np.repeat(np.cumsum(count[drawn]) - count[drawn], count[drawn])
        values.append(statistic(by_person[np.repeat(first[drawn], count[drawn]) + place]))
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


def confusion_matrix(predicted: NDArray[np.int64], labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """How many rows of each true class (first axis) were called each class (second axis)."""
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


@dataclass(frozen=True, slots=True)
class MacroMeasures:
    """Shares over all rows, and means over the classes that were there or were predicted.

    Attributes:
        accuracy: share of the rows predicted rightly.
        precision: mean share of a class' predictions that are right; 0 for a class that was never predicted.
        recall: mean share of a class that was predicted rightly; 0 for a class that was never there.
        f1: mean harmonic mean of the two.
    """

    accuracy: float
    precision: float
    recall: float
    f1: float


def macro_measures(confusion: NDArray[np.int64]) -> MacroMeasures:
    """Accuracy and macro averages, as FoundationGait reports for scoliosis.

    Args:
        confusion: of `confusion_matrix`, with at least one row.
    """
    hits, there, said = np.diag(confusion), confusion.sum(1), confusion.sum(0)
    used = there + said > 0
    precision, recall = hits / np.maximum(said, 1), hits / np.maximum(there, 1)
    f1 = 2 * hits / np.maximum(there + said, 1)
    return MacroMeasures(
        float(hits.sum() / confusion.sum()), *(float(each[used].mean()) for each in (precision, recall, f1))
    )


@dataclass(frozen=True, slots=True)
class ClassShares:
    """How well one class is told from all others.

    Attributes:
        sensitivity: share of the class that was called so; None if nobody is of it.
        sensitivity_interval: Wilson's 95 % interval.
        specificity: share of the others that was not called so; None if there are no others.
        specificity_interval: likewise.
        n_class: rows of the class.
        n_others: rows of the others.
    """

    sensitivity: float | None
    sensitivity_interval: tuple[float, float]
    specificity: float | None
    specificity_interval: tuple[float, float]
    n_class: int
    n_others: int


def class_shares(confusion: NDArray[np.int64]) -> list[ClassShares]:
    """Sensitivity and specificity of each class; rows must be independent (one a person) for the intervals to hold.

    Args:
        confusion: of `confusion_matrix`.
    """
    return [_shares_of(confusion, each) for each in range(len(confusion))]


def _shares_of(confusion: NDArray[np.int64], each: int) -> ClassShares:
    hits, there, said = int(confusion[each, each]), int(confusion[each].sum()), int(confusion[:, each].sum())
    others = int(confusion.sum()) - there
    passes = others - (said - hits)
    return ClassShares(
        sensitivity=hits / there if there else None,
        sensitivity_interval=wilson_interval(hits, there),
        specificity=passes / others if others else None,
        specificity_interval=wilson_interval(passes, others),
        n_class=there,
        n_others=others,
    )
