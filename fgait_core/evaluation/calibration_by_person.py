"""How far probabilities can be taken at their word where a person may have several recordings and people are few.

What `calibration.reliability` measures, with each person counted once, an interval of the slope over bootstrap samples
of the people, and the part of the expected calibration error that is no more than chance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit

from fgait_core.evaluation.resampled import Resampled, measured, person_weights
from fgait_core.gate_report import Measured

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
Names = NDArray[np.str_]

BINS = 10
DRAWS = 1000
_SMALLEST = 1e-6
_STEPS = 40
_WITHIN = 3.84


def log_odds(probability: Numbers) -> Numbers:
    """Log odds of probabilities, those of certainty bounded."""
    return logit(np.clip(probability, _SMALLEST, 1 - _SMALLEST))


def calibration_error(probability: Numbers, outcome: Numbers, weights: Numbers) -> Numbers:
    """Expected calibration error over ten bins of equal width.

    Args:
        probability: `[recording]`.
        outcome: `[..., recording]`, 0 or 1.
        weights: `[recording]`.

    Returns:
        `[...]`.
    """
    bins = _bins(probability)
    apart = (probability - outcome) * weights
    return np.abs(apart @ bins).sum(-1) / weights.sum()


def _bins(probability: Numbers) -> Numbers:
    """Which bin each recording is in: `[recording, bin]`, 0 or 1."""
    return np.eye(BINS)[np.minimum((probability * BINS).astype(np.int64), BINS - 1)]


def chance_error(probability: Numbers, person: Names, rng: np.random.Generator) -> float:
    """Mean calibration error of a perfectly calibrated model that says the same of as many people.

    Args:
        probability: `[recording]`.
        person: `[recording]`; the recordings of one person are drawn together.
        rng: source of every draw.
    """
    names, owner = np.unique(person, return_inverse=True)
    outcome = rng.random((DRAWS, len(names)))[:, owner] < probability
    return float(calibration_error(probability, outcome.astype(np.float64), person_weights(person)).mean())


def curve(probability: Numbers, positive: Flags, person: Names) -> tuple[dict[str, float], ...]:
    """Share of the people, mean prediction and observed share of each bin that has anybody."""
    weights = person_weights(person)
    bins = _bins(probability) * weights[:, None]
    share = bins.sum(0)
    filled = share > 0
    predicted, observed = (bins * probability[:, None]).sum(0)[filled], bins[positive].sum(0)[filled]
    rows = zip(share[filled] / weights.sum(), predicted / share[filled], observed / share[filled], strict=True)
    return tuple({"share": float(n), "predicted": float(p), "observed": float(o)} for n, p, o in rows)


def intercept_in_the_large(probability: Numbers, positive: Flags, person: Names) -> float | None:
    """What must be added to the log odds so that they are right on average; None without both kinds of people."""
    if positive.all() or not positive.any():
        return None
    weights, odds = person_weights(person), log_odds(probability)
    return float(np.asarray(brentq(lambda added: float(weights @ (expit(odds + added) - positive)), -30.0, 30.0)))


def slope(resampled: Resampled, probability: Numbers, positive: Flags) -> Measured:
    """Slope of the outcome's log odds on the predicted ones.

    Args:
        resampled: the people.
        probability: `[recording]`.
        positive: bool `[recording]`.

    Returns:
        None where predictions do not differ at all. Where they separate the kinds completely the slope has no bound:
        the value is None, and one end of the interval says which slopes the outcomes rule out (likelihood ratio; no
        bootstrap sample could tell). None for an upper end to which some samples set no bound.
    """
    if positive.all() or not positive.any():
        return Measured(value=None)
    odds = log_odds(probability)
    found = _slopes(odds, positive, resampled.weights)
    if np.isinf(found[0]):
        least = _least_slope(odds * np.sign(found[0]), positive, person_weights(resampled.person))
        if not resampled.enough(positive) or least is None:
            return Measured(value=None)
        return Measured(value=None, low=least) if found[0] > 0 else Measured(value=None, high=-least)
    return measured(found, resampled.enough(positive))


def _least_slope(odds: Numbers, positive: Flags, weights: Numbers) -> float | None:
    """The lowest slope that outcomes agree with which the predictions separate: its deviance is within 3.84 of 0."""
    side = np.where(positive, 1.0, -1.0)

    def beyond(steep: float) -> float:
        def pull(level: float) -> float:
            return float(weights @ (side * expit(-side * (level + steep * odds))))

        span = 40.0 + steep * float(np.abs(odds).max())
        level = float(np.asarray(brentq(pull, -span, span)))
        return 2 * float(weights @ np.logaddexp(0.0, -side * (level + steep * odds))) - _WITHIN

    steepest = 1.0
    while beyond(steepest) > 0 and steepest < 2**20:
        steepest *= 2
    if beyond(0.0) <= 0 or beyond(steepest) > 0:
        return None
    return float(np.asarray(brentq(beyond, 0.0, steepest, xtol=1e-4)))


def _slopes(odds: Numbers, positive: Flags, weights: Numbers) -> Numbers:
    """Logistic regression on one number for each row of weights, by Newton's method: slopes `[sample]`.

    Infinite where the maximum likelihood has none, NaN where the predictions do not differ or a kind is missing.
    """
    spread = float(odds.std())
    if spread < 1e-9:
        return np.full(len(weights), np.nan)
    x = (odds - odds.mean()) / spread
    above, total = weights @ positive, weights.sum(1)
    both = (above > 0) & (above < total)
    share = np.divide(above, total, out=np.full(len(total), 0.5), where=both)
    level, steep = logit(share), np.zeros(len(weights))
    boundless = _without_bound(x, positive, weights)
    sought = both & (boundless == 0)
    for _ in range(_STEPS):
        said = expit(np.clip(level[:, None] + steep[:, None] * x, -50, 50))
        left, curved = weights * (positive - said), weights * (said * (1 - said) + 1e-9)
        g0, g1 = left.sum(1), left @ x
        h00, h01, h11 = curved.sum(1), curved @ x, curved @ (x * x)
        size = np.maximum(h00 * h11 - h01**2, 1e-12)
        step = np.stack([h11 * g0 - h01 * g1, h00 * g1 - h01 * g0]) / size
        step /= np.maximum(np.abs(step).max(0) / 2, 1.0)
        level, steep = level + step[0], steep + step[1]
        if float(np.abs(step[:, sought]).max(initial=0.0)) < 1e-6:
            break
    found = steep / spread + boundless
    return np.where(both & (_spread(x, weights, total) > 1e-9), found, np.nan)


def _without_bound(x: Numbers, positive: Flags, weights: Numbers) -> Numbers:
    """Infinite, with the sign of the slope, for samples whose kinds a threshold separates; 0 for the others."""
    there = weights > 0
    low = [np.where(there & kind, x, np.inf).min(1) for kind in (positive, ~positive)]
    high = [np.where(there & kind, x, -np.inf).max(1) for kind in (positive, ~positive)]
    return np.where(low[0] >= high[1], np.inf, np.where(high[0] <= low[1], -np.inf, 0.0))


def _spread(x: Numbers, weights: Numbers, total: Numbers) -> Numbers:
    count = np.maximum(total, 1e-9)
    return weights @ (x * x) / count - np.square(weights @ x / count)
