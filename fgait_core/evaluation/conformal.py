"""Conformal prediction sets: sets of classes that hold the true one with a promised probability.

Split conformal prediction with a threshold for each class (label-conditional, or Mondrian), so that the promise holds
for people with the condition and for people without it, not only on average. A person may have several recordings:
each person counts once, shared among them, and one more person is reserved for the new one.

Source: Vovk, Gammerman & Shafer 2005; Sadinle, Lei & Wasserman 2019; several recordings a person: Lee, Barber &
Willett 2023 (hierarchical conformal prediction). Holds for a recording of a person exchangeable with those of the
calibration split; nothing is promised for anybody else.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def conformal_quantile(scores: NDArray[np.float64], coverage: float, person: NDArray[np.str_] | None = None) -> float:
    """The score that one of a new person stays at or below with probability of at least `coverage`.

    Args:
        scores: `[row]`, nonconformity (1 - probability of the true class) on the calibration split.
        coverage: promised probability, between 0 and 1.
        person: `[row]`, who each row is of; None if each is of another person.

    Returns:
        For n people with one row each the ceil((n + 1) * coverage)-th smallest score; infinity if there are too few
        people for the promise.
    """
    if person is None:
        share = np.full(len(scores), 1.0 / (len(scores) + 1))
    else:
        _, owner, count = np.unique(person, return_inverse=True, return_counts=True)
        share = 1.0 / count[owner] / (len(count) + 1)
    order = np.argsort(scores, kind="stable")
    reached = np.flatnonzero(np.cumsum(share[order]) >= coverage - 1e-9)
    return float(scores[order][reached[0]]) if len(reached) else float("inf")


def fit_label_quantiles(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.int64],
    coverage: float,
    person: NDArray[np.str_] | None = None,
) -> tuple[float, ...]:
    """One quantile for each class.

    Args:
        probabilities: `[row, class]`, calibrated.
        labels: int64 `[row]`.
        coverage: promised probability.
        person: `[row]`, who each row is of; None if each is of another person.
    """
    of_class = [labels == each for each in range(probabilities.shape[1])]
    return tuple(
        conformal_quantile(1.0 - probabilities[rows, each], coverage, None if person is None else person[rows])
        for each, rows in enumerate(of_class)
    )


def in_prediction_set(probabilities: NDArray[np.float64], quantiles: tuple[float, ...]) -> NDArray[np.bool_]:
    """Which classes belong to the set: bool `[..., class]`."""
    return 1.0 - probabilities <= np.asarray(quantiles) + 1e-12
