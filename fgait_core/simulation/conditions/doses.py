"""How strongly the people of a class have a condition: one distribution to draw from, and to reckon with.

`oracle` reckons with the same distributions that `scoliosis` and `depression` draw from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm


@dataclass(frozen=True, slots=True)
class DoseDistribution:
    """A normal distribution cut to a range; half-normal where the mean is the lower end.

    Attributes:
        mean, spread: of the whole normal distribution.
        low, high: the range.
    """

    mean: float
    spread: float
    low: float
    high: float

    def draw(self, rng: np.random.Generator) -> float:
        """One person's dose."""
        while True:
            dose = float(rng.normal(self.mean, self.spread))
            if self.low <= dose <= self.high:
                return dose

    def masses(self, edges: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of each interval between consecutive edges."""
        below = norm.cdf(np.clip(edges, self.low, self.high), self.mean, self.spread)
        return np.diff(below) / (below[-1] - below[0])
