"""Figures of people with several recordings, each person counted once, over bootstrap samples of the people.

A sample is a row of weights of the recordings. All figures of a comparison are computed on the same samples, which is
what makes a difference of two of them paired.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fgait_core.evaluation.by_person import weighted_auroc
from fgait_core.gate_report import Measured

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
Names = NDArray[np.str_]

SAMPLES = 1000
MIN_PEOPLE = 5
"""Of each kind, for an interval: samples of fewer people hardly differ from each other."""


def person_weights(person: Names) -> Numbers:
    """What each recording counts so that each person counts once: `[recording]`, one over their number."""
    _, owner, count = np.unique(person, return_inverse=True, return_counts=True)
    return 1.0 / count[owner]


class Resampled:
    """Bootstrap samples of people.

    Args:
        person: `[recording]`.
        rng: source of every draw.
        samples: how many.

    Attributes:
        person: `[recording]`.
        weights: float64 `[1 + sample, recording]`: of the people as they are, and of each sample.
    """

    def __init__(self, person: Names, rng: np.random.Generator, samples: int = SAMPLES) -> None:
        names, owner = np.unique(person, return_inverse=True)
        drawn = rng.multinomial(len(names), np.full(len(names), 1 / max(len(names), 1)), size=samples)
        counts = np.concatenate([np.ones((1, len(names))), drawn])
        self.person = person
        self.weights: Numbers = counts[:, owner] * person_weights(person)

    def at(self, rows: Flags) -> Resampled:
        """The same samples of some of the recordings."""
        part = object.__new__(Resampled)
        part.person, part.weights = self.person[rows], self.weights[:, rows]
        return part

    def people(self, rows: Flags) -> int:
        """How many people some recordings are of."""
        return len(np.unique(self.person[rows]))

    def auroc(self, scores: Numbers, positive: Flags) -> Numbers:
        """AUROC `[1 + sample]`; NaN where a kind is missing."""
        return weighted_auroc(self.weights, scores, positive)

    def mean(self, values: Numbers) -> Numbers:
        """Weighted mean `[1 + sample]` of numbers `[recording]`; NaN without anybody."""
        total = self.weights.sum(1)
        return np.divide(self.weights @ values, total, out=np.full(len(total), np.nan), where=total > 0)

    def enough(self, positive: Flags) -> bool:
        """Whether each kind has people enough for an interval of what needs both."""
        return min(self.people(positive), self.people(~positive)) >= MIN_PEOPLE


def measured(values: Numbers, enough: bool) -> Measured:
    """A figure with the middle 95 % of its samples.

    Args:
        values: `[1 + sample]`, the figure first; NaN where it is undefined, infinite where it has no bound.
        enough: whether there are people for an interval at all.

    Returns:
        None for a figure that is undefined or has no bound, and for such an end of the interval.
    """
    defined = values[1:][~np.isnan(values[1:])]
    if not np.isfinite(values[0]) and not (enough and len(defined)):
        return Measured(value=None)
    if not enough or not len(defined):
        return Measured(value=_finite(values[0]))
    low, high = np.percentile(defined, [2.5, 97.5], method="inverted_cdf")
    return Measured(value=_finite(values[0]), low=_finite(low), high=_finite(high))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
