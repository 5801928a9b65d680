"""Whether a week's screenings are still like those of a reference period, with a stated rate of false alarms.

Each measure (a share, such as refused recordings, or a level, such as unlikeness) of each device and of all devices
together is compared with the reference twice: this week alone, which finds sudden changes, and the last weeks together,
which finds slow ones. All comparisons that are made at the end of a week are one family: if nothing has changed, the
probability that any of them raises an alarm is at most `Rules.alpha`.

Sources: Fisher 1935 (exact test of two shares); Mann and Whitney 1947 (of two levels, with ties); Tarone 1990 with the
step-down of Hommel and Krummenauer 1998 (Holm's procedure, but comparisons that could not speak whatever happened do
not count); Goeman and Solari 2010 (why that keeps the rate).

Deviations:
    * Of each person only the first screening in a window counts, because those of one person are alike and the tests
      are for independent ones.
    * No CUSUM or EWMA: their run lengths hold for known parameters, and a reference of a hundred people is far from
      that (docs/evidence/monitoring.md). Comparing the last weeks together with the reference allows for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr
from scipy.stats import rankdata

Sample = dict[str, NDArray[np.float64]]
"""What was seen of each measure, one number a person."""

_Z = 1.96
_SAME = 1 + 1e-7  # probabilities as likely as the one that was seen count as at least as extreme


@dataclass(frozen=True, slots=True)
class Rules:
    """How weeks are compared.

    Attributes:
        alpha: the highest probability of any false alarm in a week.
        people: fewer people of a week, or of the last weeks together, are not compared.
        reference_people: a device with fewer in the reference is not compared on its own.
        together: how many weeks are compared together to find slow changes.
    """

    alpha: float = 0.01
    people: int = 10
    reference_people: int = 20
    together: int = 8


@dataclass(frozen=True, slots=True, eq=False)
class Screenings:
    """Screenings in order of time, one a row.

    Attributes:
        week: int64 `[row]`, a number that grows by one each week.
        device: `[row]`, its name.
        person: int64 `[row]`; equal for screenings of the same person.
        measures: float64 `[row]` by name; NaN where there is nothing to measure.
        levels: names of the measures that are levels; the others are shares, of ones and zeros.
    """

    week: NDArray[np.int64]
    device: NDArray[np.str_]
    person: NDArray[np.int64]
    measures: Mapping[str, NDArray[np.float64]]
    levels: frozenset[str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A measure of a week, and what it says against the reference.

    Attributes:
        week: the week at whose end it was compared.
        weeks: 1 for that week alone, else how many weeks back the compared people reach, that week included.
        device: None for all together.
        measure: its name.
        people: how many were compared.
        value: their share, or median.
        reference_people: how many there are in the reference.
        reference: their share, or median.
        band: between which values about 95 of 100 such weeks lie if nothing changes.
        p: probability of so large a difference, or a larger one, in this comparison if nothing changed; None where
            there are too few people to compare.
        adjusted: the same of any comparison of the week: `p` times the comparisons that could have spoken.
        alarm: whether the difference is taken to be real.
    """

    week: int
    weeks: int
    device: str | None
    measure: str
    people: int
    value: float
    reference_people: int
    reference: float
    band: tuple[float, float]
    p: float | None = None
    adjusted: float | None = None
    alarm: bool = False


def watch(reference: Screenings, later: Screenings, weeks: Sequence[int], rules: Rules) -> list[Comparison]:
    """Compares weeks with the reference.

    Args:
        reference: what is taken as normal.
        later: screenings after it.
        weeks: the weeks to judge, each a family of comparisons of its own; those that have ended.
        rules: how.

    Returns:
        What was seen in each week in which anything was, in order of weeks; alarms are marked.
    """
    whole = slice(0, len(reference.week))
    normal: dict[str | None, Sample] = {None: _sample(reference, whole, None)}
    for device in map(str, np.unique(later.device)):
        normal[device] = _sample(reference, whole, device)
    found: list[Comparison] = []
    for week in weeks:
        family: list[tuple[Comparison, float]] = []
        for span in sorted({1, rules.together}):
            family += _compare(normal, later, week, span, rules)
        found += _judged(family, rules.alpha)
    return found


def _compare(
    normal: Mapping[str | None, Sample], later: Screenings, week: int, span: int, rules: Rules
) -> list[tuple[Comparison, float]]:
    """All comparisons of a window before any alarm, each with the smallest p that it could have had."""
    rows = slice(*(int(place) for place in np.searchsorted(later.week, [week - span + 1, week + 1])))
    if span > 1 and len(np.unique(later.week[rows])) < 2:
        return []  # a single week is compared as such
    made: list[tuple[Comparison, float]] = []
    for device, references in normal.items():
        for measure, values in _sample(later, rows, device).items():
            reference = references[measure]
            if len(values) and len(reference):
                described = _describe(reference, values, measure in later.levels)
                p, smallest = _tested(reference, values, measure in later.levels, rules)
                made.append((Comparison(week, span, device, measure, *described, p), smallest))
    return made


def _describe(
    reference: NDArray[np.float64], values: NDArray[np.float64], level: bool
) -> tuple[int, float, int, float, tuple[float, float]]:
    summary, band = (np.median, level_band) if level else (np.mean, share_band)
    return (
        len(values),
        float(summary(values)),
        len(reference),
        float(summary(reference)),
        band(reference, len(values)),
    )


def _tested(
    reference: NDArray[np.float64], values: NDArray[np.float64], level: bool, rules: Rules
) -> tuple[float | None, float]:
    if len(values) < rules.people or len(reference) < rules.reference_people:
        return None, 1.0
    return (compare_levels(reference, values), 0.0) if level else compare_shares(reference, values)


def _judged(family: Sequence[tuple[Comparison, float]], alpha: float) -> list[Comparison]:
    tested = [place for place, (comparison, _) in enumerate(family) if comparison.p is not None]
    p = np.array([family[place][0].p for place in tested], np.float64)
    rejected, counted = step_down(p, np.array([family[place][1] for place in tested]), alpha)
    judged = [comparison for comparison, _ in family]
    for place, alarm, times in zip(tested, rejected, counted, strict=True):
        adjusted = min(float(times) * (judged[place].p or 0.0), 1.0)
        judged[place] = replace(judged[place], adjusted=adjusted, alarm=bool(alarm))
    return judged


def _sample(screenings: Screenings, rows: slice, device: str | None) -> Sample:
    """The first value of each person among rows of one device, or of all."""
    chosen = np.arange(rows.start, rows.stop)
    if device is not None:
        chosen = chosen[screenings.device[rows] == device]
    firsts: dict[bytes, NDArray[np.int64]] = {}  # most measures are defined for the same rows
    sample: Sample = {}
    for name, column in screenings.measures.items():
        values = column[chosen]
        defined = ~np.isnan(values)
        known = defined.tobytes()
        if known not in firsts:
            firsts[known] = np.unique(screenings.person[chosen[defined]], return_index=True)[1]
        sample[name] = values[defined][firsts[known]]
    return sample


def compare_shares(reference: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[float, float]:
    """Fisher's exact test of two shares.

    Args:
        reference: `[person]`, ones and zeros.
        values: `[person]`, likewise.

    Returns:
        Its two-sided p, and the smallest that it could have been with as many ones in all.
    """
    ones, hits, people, normal = int(reference.sum() + values.sum()), int(values.sum()), len(values), len(reference)
    possible = np.arange(max(0, ones - normal), min(people, ones) + 1)
    log = _log_choose(people, possible) + _log_choose(normal, ones - possible) - _log_choose(people + normal, ones)
    probability = np.exp(log)
    seen = probability[hits - possible[0]]
    p, smallest = (probability[probability <= limit * _SAME].sum() for limit in (seen, probability.min()))
    return min(float(p), 1.0), min(float(smallest), 1.0)


def _log_choose(n: int, k: int | NDArray[np.int64]) -> NDArray[np.float64]:
    return gammaln(n + 1) - gammaln(np.add(k, 1)) - gammaln(np.subtract(n, k) + 1)


def compare_levels(reference: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """Two-sided p of the test of Mann and Whitney, by its normal approximation with ties and continuity corrected.

    Args:
        reference: `[person]`.
        values: `[person]`.
    """
    m, n = len(reference), len(values)
    together = np.concatenate([reference, values])
    ranks = rankdata(together)
    u = ranks[m:].sum() - n * (n + 1) / 2
    ties = np.unique(together, return_counts=True)[1].astype(np.float64)
    variance = m * n / 12 * (m + n + 1 - ((ties**3 - ties).sum() / ((m + n) * (m + n - 1))))
    if variance <= 0:
        return 1.0
    distance = max(abs(u - m * n / 2) - 0.5, 0.0)
    return min(float(2 * ndtr(-distance / np.sqrt(variance))), 1.0)


def step_down(
    p: NDArray[np.float64], smallest: NDArray[np.float64], alpha: float
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which of many tests are significant, so that the probability of any wrong one is at most `alpha`.

    Args:
        p: `[test]`.
        smallest: `[test]`, the smallest p that each could have had, whatever happened.
        alpha: that probability.

    Returns:
        Bool `[test]`: significant; and int64 `[test]`: among how many tests each was judged.
    """
    open_tests, rejected = np.ones(len(p), bool), np.zeros(len(p), bool)
    counted = np.ones(len(p), np.int64)
    while open_tests.any():
        times = 1
        while (smallest[open_tests] <= alpha / times).sum() > times:
            times += 1
        counted[open_tests] = times
        new = open_tests & (p <= alpha / times)
        if not new.any():
            break
        rejected |= new
        open_tests &= ~new
    return rejected, counted


def share_band(reference: NDArray[np.float64], people: int) -> tuple[float, float]:
    """Between which shares about 95 of 100 samples of so many people lie, if they are like the reference."""
    share = (reference.sum() + 1) / (len(reference) + 2)
    half = _Z * np.sqrt(share * (1 - share) * (1 / people + 1 / len(reference)))
    return max(float(share - half), 0.0), min(float(share + half), 1.0)


def level_band(reference: NDArray[np.float64], people: int) -> tuple[float, float]:
    """Between which levels about 95 of 100 medians of so many people lie, if they are like the reference."""
    half = _Z / 2 * np.sqrt(1 / people + 1 / len(reference))
    low, high = np.quantile(reference, np.clip([0.5 - half, 0.5 + half], 0, 1))
    return float(low), float(high)
