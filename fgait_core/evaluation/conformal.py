"""Conformal prediction sets: sets of classes that hold the true one with a promised probability.

Split conformal prediction with a threshold for each class (label-conditional, or Mondrian), so that the promise holds
for people with the condition and for people without it, not only on average.

Source: Vovk, Gammerman & Shafer 2005; Sadinle, Lei & Wasserman 2019. Holds for people exchangeable with those of
the calibration split; nothing is promised for anybody else.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def conformal_quantile(scores: NDArray[np.float64], coverage: float) -> float:
    """The score that a new one stays at or below with probability of at least `coverage`.

    Args:
        scores: `[person]`, nonconformity (1 - probability of the true class) on the calibration split.
        coverage: promised probability, between 0 and 1.

    Returns:
        The ceil((n + 1) * coverage)-th smallest score; infinity if there are too few for the promise.
    """
    rank = int(np.ceil((len(scores) + 1) * coverage - 1e-9))
    if rank > len(scores):
        return float("inf")
    return float(np.sort(scores)[max(rank, 1) - 1])


def fit_label_quantiles(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], coverage: float
) -> tuple[float, ...]:
    """One quantile for each class.

    Args:
        probabilities: `[person, class]`, calibrated; one row for each person.
        labels: int64 `[person]`.
        coverage: promised probability.
    """
    classes = probabilities.shape[1]
    return tuple(conformal_quantile(1.0 - probabilities[labels == each, each], coverage) for each in range(classes))


def in_prediction_set(probabilities: NDArray[np.float64], quantiles: tuple[float, ...]) -> NDArray[np.bool_]:
    """Which classes belong to the set: bool `[..., class]`."""
    return 1.0 - probabilities <= np.asarray(quantiles) + 1e-12
