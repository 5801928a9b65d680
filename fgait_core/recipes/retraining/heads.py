"""A head that moves from the base's as far as a clinic's outcomes ask for.

The calibrated logits of the base, u, become u + mix @ D.T @ (features - mean): a penalised multinomial logistic
regression with the base as its offset, so that a penalty without limit gives the base back. `mix` is what a view's
calibrator leaves of a change of the class vectors. The features are those that a cosine head reads, at unit length,
and D is a sum of them (kernel form), because a clinic has fewer people than a head has features.

Source: regularised fine-tuning of the last layer toward its start (L2-SP, Li, Grandvalet & Davoine 2018), in closed
kernel form instead of by steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

_STEPS = 300

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class HeadChange:
    """What is added to the calibrated logits of the base.

    Attributes:
        vectors: float64 `[feature, class]`, D.
        mean: float64 `[feature]`, of the features that it was fitted on.
    """

    vectors: Array
    mean: Array

    def __call__(self, features: Array, mix: Array) -> Array:
        """`[row, feature]` and `[row, class, class]` to `[row, class]`."""
        return np.einsum("rab,rb->ra", mix, (features - self.mean) @ self.vectors)


def no_change(features: int, classes: int) -> HeadChange:
    """The base's own head."""
    return HeadChange(np.zeros((features, classes)), np.zeros(features))


def fit_head(
    features: Array, base: Array, mix: Array, labels: NDArray[np.int64], weights: Array, penalty: float
) -> HeadChange:
    """The most probable change.

    Where nobody has one of the classes, give the others alone as `base`, `labels` and first axis of `mix`: it is then
    fitted to which of those each row is, and nothing is concluded from the class that is missing.

    Args:
        features: float64 `[row, feature]`.
        base: float64 `[row, class]`, calibrated logits of the base.
        mix: float64 `[row, class, class of the head]`.
        labels: int64 `[row]`.
        weights: float64 `[row]`, how much each row counts.
        penalty: on the squared length of the change; infinity forbids any.
    """
    told, classes = mix.shape[1:]
    if np.isinf(penalty):
        return no_change(features.shape[1], classes)
    mean = weights @ features / weights.sum()
    centred = features - mean
    kernel = centred @ centred.T
    wanted = np.eye(told)[labels]

    def loss(values: Array) -> tuple[float, Array]:
        moved = values.reshape(-1, classes)
        along = kernel @ moved
        said = log_softmax(base + np.einsum("rab,rb->ra", mix, along), axis=1)
        off = np.einsum("rab,ra->rb", mix, weights[:, None] * (np.exp(said) - wanted))
        value = -(weights[:, None] * wanted * said).sum() + penalty / 2 * (moved * along).sum()
        return float(value), (kernel @ (off + penalty * moved)).ravel()

    start = np.zeros(len(features) * classes)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS}).x
    return HeadChange(centred.T @ found.reshape(-1, classes), mean)
