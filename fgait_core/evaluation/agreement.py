"""How well scores agreed with what turned out to be true; each figure has an interval that holds for few people too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import t as student_t

from fgait_core.evaluation.classification import Estimate, auroc, wilson_interval

_Z = 1.96
_SMALLEST = 1e-9


@dataclass(frozen=True, slots=True)
class Agreement:
    """Figures of one task; None where the people do not allow one.

    Attributes:
        people: how many.
        positive: how many of them have the condition.
        sensitivity: share of the positive at or above the threshold, with Wilson's interval.
        specificity: share of the negative below it, likewise.
        auroc: with Newcombe's interval.
        brier: mean squared difference of probability and outcome, with Student's interval of a mean.
        calibration: share that has the condition less the mean probability (calibration in the large; 0 is perfect),
            with Wilson's interval of the share moved by the mean probability.
    """

    people: int
    positive: int
    sensitivity: Estimate | None
    specificity: Estimate | None
    auroc: Estimate | None
    brier: Estimate | None
    calibration: Estimate | None


def measure_agreement(
    probability: NDArray[np.float64], above_threshold: NDArray[np.bool_], positive: NDArray[np.bool_]
) -> Agreement:
    """Compares scores with outcomes.

    Args:
        probability: `[person]` of the positive class; one recording a person, so that people are independent.
        above_threshold: bool `[person]`.
        positive: bool `[person]`, what turned out to be true.
    """
    people, n_positive = len(positive), int(positive.sum())
    return Agreement(
        people=people,
        positive=n_positive,
        sensitivity=_share(int((above_threshold & positive).sum()), n_positive),
        specificity=_share(int((~above_threshold & ~positive).sum()), people - n_positive),
        auroc=_auroc(probability, positive),
        brier=_brier(probability, positive),
        calibration=_calibration(probability, n_positive),
    )


def _share(hits: int, of: int) -> Estimate | None:
    return Estimate(hits / of, *wilson_interval(hits, of)) if of else None


def _auroc(probability: NDArray[np.float64], positive: NDArray[np.bool_]) -> Estimate | None:
    n_positive = int(positive.sum())
    if n_positive in {0, len(positive)}:
        return None
    value = auroc(probability, positive)
    return Estimate(value, *newcombe_interval(value, n_positive, len(positive) - n_positive))


def newcombe_interval(value: float, n_positive: int, n_negative: int) -> tuple[float, float]:
    """95 % interval of an AUROC, which stays honest where all pairs are in the right order.

    Source: Newcombe 2006, method 5: all values from which `value` is less than 1.96 standard errors away, by Hanley and
    McNeil's variance with both numbers of people replaced by their mean.

    Args:
        value: the AUROC.
        n_positive: people with the condition, at least 1.
        n_negative: people without, at least 1.
    """
    mean = (n_positive + n_negative) / 2 - 1

    def too_far(true: float) -> float:
        spread = 1 + mean * ((1 - true) / (2 - true) + true / (1 + true))
        return (value - true) ** 2 - _Z**2 * true * (1 - true) * spread / (n_positive * n_negative)

    low = 0.0 if value <= 0 else float(np.asarray(brentq(too_far, 0.0, min(value, 1 - _SMALLEST))))
    high = 1.0 if value >= 1 else float(np.asarray(brentq(too_far, max(value, _SMALLEST), 1.0)))
    return low, high


def _brier(probability: NDArray[np.float64], positive: NDArray[np.bool_]) -> Estimate | None:
    errors = (probability - positive) ** 2
    if len(errors) < 2:
        return None
    value = float(errors.mean())
    half = float(student_t.ppf(0.975, len(errors) - 1) * errors.std(ddof=1) / np.sqrt(len(errors)))
    return Estimate(value, max(value - half, 0.0), min(value + half, 1.0))


def _calibration(probability: NDArray[np.float64], n_positive: int) -> Estimate | None:
    if not len(probability):
        return None
    expected = float(probability.mean())
    low, high = wilson_interval(n_positive, len(probability))
    return Estimate(n_positive / len(probability) - expected, low - expected, high - expected)
