"""Turns logits into probabilities that can be taken at their word, and measures how far that holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit, softmax
from sklearn.linear_model import LogisticRegression

_SMALLEST = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Calibrator:
    """Multinomial logistic calibration: probabilities = softmax(weight @ logits + bias).

    For two classes this is sigmoid (Platt) calibration.

    Attributes:
        weight: float64 `[class, class]`.
        bias: float64 `[class]`.
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    def probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """`[..., class]` logits to calibrated probabilities of the same shape."""
        return softmax(self.calibrated_logits(logits), axis=-1)

    def calibrated_logits(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """`[..., class]` logits to calibrated logits, which may be averaged over the windows of a recording."""
        return logits @ self.weight.T + self.bias


def fit_calibrator(
    logits: NDArray[np.float64], labels: NDArray[np.int64], weights: NDArray[np.float64] | None = None
) -> Calibrator:
    """Fits a calibrator on people whom the network never saw.

    Args:
        logits: `[row, class]`.
        labels: int64 `[row]`, each class at least once.
        weights: `[row]`, how much each row counts; None counts all alike.

    Raises:
        ValueError: if a class does not occur.
    """
    classes = logits.shape[1]
    if set(np.unique(labels).tolist()) != set(range(classes)):
        raise ValueError(f"calibration needs every one of the {classes} classes at least once")
    model = LogisticRegression(C=100.0, max_iter=2000).fit(logits, labels, sample_weight=weights)
    if classes == 2:
        weight = np.stack([-model.coef_[0] / 2, model.coef_[0] / 2])
        bias = np.array([-model.intercept_[0] / 2, model.intercept_[0] / 2])
        return Calibrator(weight, bias)
    return Calibrator(np.asarray(model.coef_, np.float64), np.asarray(model.intercept_, np.float64))


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far probabilities can be taken at their word.

    Attributes:
        ece: expected calibration error over ten bins of equal width.
        brier: mean squared difference of probability and outcome.
        slope: of the outcome's log odds on the predicted log odds; 1 is perfect, below 1 is overconfident.
        intercept: calibration in the large: what must be added to the predicted log odds; 0 is perfect.
        n_people: independent rows measured on.
    """

    ece: float
    brier: float
    slope: float
    intercept: float
    n_people: int


def reliability(probability: NDArray[np.float64], positive: NDArray[np.bool_]) -> Reliability:
    """Measures calibration (Van Calster 2019).

    Args:
        probability: `[person]` of the positive class.
        positive: bool `[person]`, both kinds at least once.
    """
    outcome = positive.astype(np.float64)
    log_odds = logit(np.clip(probability, _SMALLEST, 1 - _SMALLEST))
    model = LogisticRegression(C=np.inf, max_iter=2000).fit(log_odds[:, None], positive)
    shift = brentq(lambda added: float(np.sum(expit(log_odds + added) - outcome)), -30.0, 30.0)
    return Reliability(
        ece=expected_calibration_error(probability, outcome),
        brier=float(np.mean((probability - outcome) ** 2)),
        slope=float(model.coef_[0, 0]),
        intercept=float(np.asarray(shift)),
        n_people=len(outcome),
    )


def expected_calibration_error(probability: NDArray[np.float64], outcome: NDArray[np.float64], bins: int = 10) -> float:
    """Mean distance of predicted and observed share over bins of equal width, each weighted by its rows."""
    return float(sum(count * abs(predicted - seen) for count, predicted, seen in _bins(probability, outcome, bins)))


def calibration_curve(
    probability: NDArray[np.float64], positive: NDArray[np.bool_], bins: int = 10
) -> list[dict[str, float]]:
    """Share of rows, mean prediction and observed share of each bin that has rows."""
    rows = _bins(probability, positive.astype(np.float64), bins)
    return [{"share": share, "predicted": predicted, "observed": seen} for share, predicted, seen in rows]


def _bins(
    probability: NDArray[np.float64], outcome: NDArray[np.float64], bins: int
) -> list[tuple[float, float, float]]:
    place = np.minimum((probability * bins).astype(int), bins - 1)
    chosen = [place == each for each in range(bins) if (place == each).any()]
    return [(float(at.mean()), float(probability[at].mean()), float(outcome[at].mean())) for at in chosen]
