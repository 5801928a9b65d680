"""One measured number with how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Measured:
    """A number of one recording.

    Attributes:
        value: in the unit of its parameter.
        n: the steps or strides that it is from.
        standard_error: of the value; None where one step or stride says nothing of the spread.
    """

    value: float
    n: int
    standard_error: float | None

    def times(self, factor: float) -> Measured:
        """The same number in another unit."""
        error = None if self.standard_error is None else self.standard_error * abs(factor)
        return Measured(self.value * factor, self.n, error)


def mean_of(values: Sequence[float] | NDArray[np.floating]) -> Measured | None:
    """The mean of what single steps or strides show; None where there is none."""
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    if len(known) == 0:
        return None
    error = float(known.std(ddof=1)) / sqrt(len(known)) if len(known) > 1 else None
    return Measured(float(known.mean()), len(known), error)


def asymmetry_of(left: Measured | None, right: Measured | None) -> Measured | None:
    """100 x (left - right) / mean of both; None where a side is missing."""
    if left is None or right is None:
        return None
    middle = (left.value + right.value) / 2.0
    if middle <= 0:
        return None
    error = None
    if left.standard_error is not None and right.standard_error is not None:
        error = 100.0 * sqrt(left.standard_error**2 + right.standard_error**2) / middle
    return Measured(100.0 * (left.value - right.value) / middle, left.n + right.n, error)


def variation_of(values: Sequence[float] | NDArray[np.floating]) -> Measured | None:
    """Coefficient of variation in percent; None with fewer than three values."""
    known = np.asarray(values, np.float64)
    if len(known) < 3 or known.mean() <= 0:
        return None
    cv = 100.0 * float(known.std(ddof=1) / known.mean())
    return Measured(cv, len(known), cv / sqrt(2.0 * (len(known) - 1)))
