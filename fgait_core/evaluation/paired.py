"""Two models on the same people: how far their figures differ, and whether by more than chance.

Sources: DeLong, DeLong & Clarke-Pearson 1988, by the fast algorithm of Sun & Xu 2014; McNemar 1947, exact; Bonett &
Price 2012 (adjusted Wald interval of the difference of paired shares). Everything gives None where people are too few.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, rankdata

from fgait_core.gate_report import Measured

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
Names = NDArray[np.str_]

_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class AurocDifference:
    """Two correlated AUROCs of independent rows.

    Attributes:
        first: AUROC of the first model; None without both kinds of people.
        second: of the second.
        difference: second - first, with its 95 % interval; without one where a kind has fewer than two people, or where
            the scores leave no variance to judge a difference by.
        p: of no difference, two-sided; None likewise.
    """

    first: float | None
    second: float | None
    difference: Measured
    p: float | None


def delong(first: Numbers, second: Numbers, positive: Flags) -> AurocDifference:
    """DeLong's test and interval of the difference of two AUROCs on the same rows.

    Args:
        first: scores `[row]` of one model.
        second: of the other.
        positive: bool `[row]`.
    """
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return AurocDifference(None, None, Measured(value=None), None)
    (above_1, below_1), (above_2, below_2) = _placements(first, positive), _placements(second, positive)
    area_1, area_2 = float(above_1.mean()), float(above_2.mean())
    difference = area_2 - area_1
    if min(n_positive, n_negative) < 2:
        return AurocDifference(area_1, area_2, Measured(value=difference), None)
    variance = np.var(above_2 - above_1, ddof=1) / n_positive + np.var(below_2 - below_1, ddof=1) / n_negative
    error = float(np.sqrt(variance))
    if error == 0.0:
        if difference == 0.0:
            return AurocDifference(area_1, area_2, Measured(value=0.0, low=0.0, high=0.0), 1.0)
        return AurocDifference(area_1, area_2, Measured(value=difference), None)
    low, high = max(difference - _Z * error, -1.0), min(difference + _Z * error, 1.0)
    p = 2 * NormalDist().cdf(-abs(difference) / error)
    return AurocDifference(area_1, area_2, Measured(value=difference, low=low, high=high), float(p))


def _placements(scores: Numbers, positive: Flags) -> tuple[Numbers, Numbers]:
    """For each positive the share of negatives below it, for each negative the share of positives above it."""
    above, below = scores[positive], scores[~positive]
    ranks = rankdata(np.concatenate([above, below]))
    of_above = (ranks[: len(above)] - rankdata(above)) / len(below)
    of_below = 1 - (ranks[len(above) :] - rankdata(below)) / len(above)
    return of_above, of_below


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact p of McNemar's test, two-sided; 1 where the two never disagree.

    Args:
        only_first: rows on which only the first is right.
        only_second: rows on which only the second is right.
    """
    discordant = only_first + only_second
    return float(binomtest(only_first, discordant).pvalue) if discordant else 1.0


def share_difference(first: Flags, second: Flags, person: Names) -> Measured:
    """How far two shares on the same people differ, second - first; each person counts once.

    The interval is Bonett and Price's: it is computed as if two more people were there, one whom only the first hits
    and one whom only the second does. A bootstrap of people on whom the two never disagree would have no width at all,
    though ten people without a disagreement say little. A person with several recordings counts with their mean.

    Args:
        first: bool `[recording]`, what the first model hits.
        second: of the second.
        person: `[recording]`.
    """
    _, owner, count = np.unique(person, return_inverse=True, return_counts=True)
    if not len(count):
        return Measured(value=None)
    of_person = np.bincount(owner, second.astype(np.float64) - first, minlength=len(count)) / count
    value = float(of_person.mean())
    n = len(count) + 2
    centre = float(of_person.sum()) / n
    half = _Z * float(np.sqrt(max((np.square(of_person).sum() + 2) / n - centre**2, 0.0) / n))
    return Measured(value=value, low=max(min(centre - half, value), -1.0), high=min(max(centre + half, value), 1.0))
