"""Recalibration: one slope and a shift for each class, held to those of the base.

Calibrated logits u of the base become slope * u + shift (logistic recalibration, Cox 1958; Van Calster 2019). Slope and
shifts are the mode of their posterior under a normal prior around 1 and 0 that is worth some people, so that few
outcomes change little, and an unlimited prior gives the base back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

_SHIFT_INFORMATION = 0.2
_SLOPE_INFORMATION = 0.1
"""What one person tells of a shift and of the slope, about: the Fisher information at even odds."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """Recalibrated logits are `slope * logits + shift`; `shift` is float64 `[class]`."""

    slope: float
    shift: Array

    def __call__(self, logits: Array) -> Array:
        """`[..., class]` to the same."""
        return self.slope * logits + self.shift


def fit_affine(
    logits: Array,
    labels: NDArray[np.int64],
    weights: Array,
    prior_people: float,
    present: NDArray[np.bool_] | None = None,
) -> Affine:
    """The most probable slope and shifts.

    Args:
        logits: float64 `[row, class]`, calibrated by the base.
        labels: int64 `[row]`.
        weights: float64 `[row]`, how much each row counts; a person's rows together count 1.
        prior_people: how many people the base is worth; infinity gives slope 1 and no shift.
        present: bool `[class]`, the classes that the clinic has people of; by default all. Another one keeps its odds
            to the others together: that a clinic has nobody of it yet does not say that nobody will come.
    """
    if present is not None and not present.all():
        of_those = fit_affine(logits[:, present], (np.cumsum(present) - 1)[labels], weights, prior_people)
        shift = np.zeros(len(present))
        shift[present] = of_those.shift
        return Affine(of_those.slope, shift)
    classes = logits.shape[1]
    if np.isinf(prior_people):
        return Affine(1.0, np.zeros(classes))
    wanted = np.eye(classes)[labels]
    hold = prior_people * np.array([_SLOPE_INFORMATION, *[_SHIFT_INFORMATION] * classes]) + 1e-9
    centre = np.array([0.0, *[0.0] * classes])

    def loss(values: Array) -> tuple[float, Array]:
        slope = np.exp(values[0])
        said = log_softmax(slope * logits + values[1:], axis=1)
        off = weights[:, None] * (np.exp(said) - wanted)
        gradient = np.concatenate([[slope * (off * logits).sum()], off.sum(0)])
        held = hold * (values - centre)
        return float(-(weights[:, None] * wanted * said).sum() + held @ (values - centre) / 2), gradient + held

    found = minimize(loss, centre, jac=True, method="L-BFGS-B").x
    return Affine(float(np.exp(found[0])), found[1:] - found[1:].mean())
