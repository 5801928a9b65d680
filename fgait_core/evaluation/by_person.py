"""Intervals over bootstrap samples of the people, for all samples at once.

They are what `classification.bootstrap_by_person` gives for the same draws, many times faster: a bootstrap sample only
says how often each person counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fgait_core.evaluation.classification import (
    Estimate,
    MacroMeasures,
    auroc,
    balanced_accuracy,
    confusion_matrix,
    macro_measures,
)

SAMPLES = 500
_NUMBERS_AT_ONCE = 4_000_000


def auroc_by_person(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], person: NDArray[np.str_], rng: np.random.Generator
) -> Estimate:
    """AUROC with its 95 % percentile interval.

    Args:
        scores: `[row]`.
        positive: bool `[row]`; both kinds must occur.
        person: `[row]`, who each row is of; all rows of a drawn person are taken.
        rng: source of every draw.
    """
    counts, owner = _counts(person, rng)
    at_once = max(_NUMBERS_AT_ONCE // len(scores), 1)
    values = [
        weighted_auroc(counts[first : first + at_once][:, owner], scores, positive)
        for first in range(0, len(counts), at_once)
    ]
    return _estimate(auroc(scores, positive), np.concatenate(values))


def weighted_auroc(
    weights: NDArray[np.float64], scores: NDArray[np.float64], positive: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """AUROC of each sample, ties counted half; NaN where a kind is missing.

    Args:
        weights: `[sample, row]`, how much each row counts, not below 0.
        scores: `[row]`.
        positive: bool `[row]`.

    Returns:
        `[sample]`.
    """
    if not len(scores):
        return np.full(len(weights), np.nan)
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.nan))
    weights, positive = weights[:, order], positive[order]
    above, below = weights * positive, weights * ~positive
    if len(starts) < len(scores):
        above, below = (np.add.reduceat(each, starts, axis=1) for each in (above, below))
    pairs = above.sum(1) * below.sum(1)
    won = (above * (below.cumsum(1) - below / 2)).sum(1)
    return np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def macro_by_person(
    predicted: NDArray[np.int64],
    labels: NDArray[np.int64],
    classes: int,
    person: NDArray[np.str_],
    rng: np.random.Generator,
) -> dict[str, Estimate]:
    """Accuracy, macro averages and balanced accuracy with their 95 % percentile intervals.

    Args:
        predicted: int64 `[row]`.
        labels: int64 `[row]`.
        classes: how many there are.
        person: `[row]`, who each row is of; all rows of a drawn person are taken.
        rng: source of every draw.

    Returns:
        By the names of `MacroMeasures`, and `balanced_accuracy`.
    """
    counts, owner = _counts(person, rng)
    of_person = np.zeros((counts.shape[1], classes**2))
    np.add.at(of_person, (owner, labels * classes + predicted), 1)
    samples = np.round(counts @ of_person).astype(np.int64).reshape(-1, classes, classes)
    drawn = [macro_measures(each) for each in samples]
    whole = macro_measures(confusion_matrix(predicted, labels, classes))
    estimates = {
        name: _estimate(getattr(whole, name), np.array([getattr(each, name) for each in drawn]))
        for name in MacroMeasures.__dataclass_fields__
    }
    there = samples.sum(2)
    recall = np.divide(np.diagonal(samples, axis1=1, axis2=2), there, out=np.full(there.shape, np.nan), where=there > 0)
    balanced = _estimate(balanced_accuracy(predicted, labels, classes), np.nanmean(recall, axis=1))
    return estimates | {"balanced_accuracy": balanced}


def share_by_person(hit: NDArray[np.bool_], person: NDArray[np.str_], rng: np.random.Generator) -> Estimate:
    """Share of the rows that are hits, with its 95 % percentile interval.

    Args:
        hit: bool `[row]`, at least one row.
        person: `[row]`, who each row is of; all rows of a drawn person are taken.
        rng: source of every draw.
    """
    counts, owner = _counts(person, rng)
    people = counts.shape[1]
    hits, rows = np.bincount(owner, hit, minlength=people), np.bincount(owner, minlength=people)
    return _estimate(float(hit.mean()), (counts @ hits) / (counts @ rows))


def _counts(person: NDArray[np.str_], rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """How often each sample holds each person `[sample, person]`, and whose each row is `[row]`."""
    names, owner = np.unique(person, return_inverse=True)
    drawn = (rng.integers(len(names), size=len(names)) for _ in range(SAMPLES))
    counts = np.stack([np.bincount(each, minlength=len(names)) for each in drawn])
    return counts.astype(np.float64), owner


def _estimate(value: float, samples: NDArray[np.float64]) -> Estimate:
    low, high = np.nanpercentile(samples, [2.5, 97.5])
    return Estimate(value, float(low), float(high))
