"""How often monitoring raises an alarm for nothing, and how soon it notices what did change.

    ./run benchmark monitoring

Made-up clinics of two cameras: 12 quality checks and 2 tasks, rates as the bundled model and the quality gate have
them. The first 100 screenings are the reference, then come 26 weeks. The comparisons are those of the app.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from fgait_core.evaluation.classification import wilson_interval
from fgait_core.evaluation.drift import Comparison, Rules, Screenings, watch

REFERENCE, WEEKS = 100, 26
CHECKS = (0.01, 0.01, 0.02, 0.03, 0.03, 0.04, 0.05, 0.05, 0.08, 0.10, 0.20, 0.30)
BLOCKING = 7
UNLIKE_ABOVE = 1.64


@dataclass(frozen=True)
class Way:
    """What recordings of a clinic are like."""

    unlikeness: float = 0.0  # in standard deviations
    a_week: float = 0.0  # what it gains each week
    abstained: float = 0.5
    prevalence: float = 0.2
    blocked: float = 1.0  # how often blocking checks fail, against the usual
    recordings_a_person: int = 1
    alike: float = 0.7  # how far recordings of a person are the same


def screen(rng: np.random.Generator, way: Way, week: NDArray[np.int64], told_apart: bool = True) -> Screenings:
    """Screenings in the given weeks; with `told_apart` false, those of a person count as of many."""
    rows = len(week)
    person = np.arange(rows) // way.recordings_a_person
    people = person[-1] + 1 if rows else 0

    def normal(shift: float | NDArray[np.float64] = 0.0) -> NDArray[np.float64]:
        own, shared = rng.normal(size=rows), rng.normal(size=people)[person]
        if way.recordings_a_person == 1:
            return own + shift
        return np.sqrt(way.alike) * shared + np.sqrt(1 - way.alike) * own + shift

    def happens(share: float | NDArray[np.float64]) -> NDArray[np.float64]:
        return (normal() > ndtri(1 - np.clip(share, 0, 1))).astype(float)

    device = np.where(rng.random(people) < 0.7, "A", "B")[person] if rows else np.array([], str)
    rates = [share * (way.blocked if number < BLOCKING else 1.0) for number, share in enumerate(CHECKS)]
    measures = {f"check {number}": happens(share) for number, share in enumerate(rates)}
    measures["refused"] = np.max([measures[f"check {number}"] for number in range(BLOCKING)], axis=0)
    scored = np.where(measures["refused"] > 0, np.nan, 1.0)
    unlikeness = normal(way.unlikeness + way.a_week * week + 0.2 * (device == "B"))
    unlike = (unlikeness > UNLIKE_ABOVE).astype(float)
    measures |= {"unlikeness": unlikeness * scored, "unlike": unlike * scored}
    shown = np.where(unlike > 0, np.nan, scored)
    for task, share in (("first", way.abstained), ("second", 0.35)):
        log_odds = normal(1.2 * happens(way.prevalence)) - 1.0
        measures[f"score {task}"] = shown / (1 + np.exp(-log_odds))
        measures[f"flagged {task}"] = shown * (log_odds > 0)
        measures[f"abstained {task}"] = shown * happens(share)
    levels = frozenset({"unlikeness", "score first", "score second"})
    return Screenings(week, device, person if told_apart else np.arange(rows), measures, levels)


USUAL = Way()


def alarms(
    seed: int, a_week: int, changed: Way, usual: Way = USUAL, told_apart: bool = True, size: int = REFERENCE
) -> list[Comparison]:
    """The alarms of one clinic that changes when its reference is full."""
    rng = np.random.default_rng(seed)
    reference = screen(rng, usual, np.zeros(size, np.int64), told_apart)
    later = screen(rng, changed, np.repeat(np.arange(1, WEEKS + 1), a_week), told_apart)
    later = replace(later, person=later.person + size)
    return [each for each in watch(reference, later, range(1, WEEKS + 1), Rules()) if each.alarm]


def false_alarms(clinics: int) -> None:
    print(
        "| screenings a week | recordings a person | weeks with a false alarm | 95 % interval | "
        "clinics with one in 26 weeks |\n|---|---|---|---|---|"
    )
    for a_week in (20, 50, 200):
        _false_alarm_row(clinics, a_week, USUAL, "1")
    pairs = Way(recordings_a_person=2)
    _false_alarm_row(clinics, 50, pairs, "2, the first counts")
    _false_alarm_row(clinics, 50, pairs, "2, as if of two people", told_apart=False)


def _false_alarm_row(clinics: int, a_week: int, way: Way, words: str, told_apart: bool = True) -> None:
    weeks = np.array(
        [len({each.week for each in alarms(seed, a_week, way, way, told_apart)}) for seed in range(clinics)]
    )
    rng = np.random.default_rng(0)
    samples = [weeks[rng.integers(clinics, size=clinics)].mean() / WEEKS for _ in range(2000)]
    low, high = np.percentile(samples, [2.5, 97.5])
    any_low, any_high = wilson_interval(int((weeks > 0).sum()), clinics)
    print(
        f"| {a_week} | {words} | {weeks.mean() / WEEKS:.2%} | {low:.2%} to {high:.2%} | "
        f"{(weeks > 0).mean():.1%} ({any_low:.1%} to {any_high:.1%}) |",
        flush=True,
    )


CHANGES: tuple[tuple[str, Way, Callable[[str], bool]], ...] = (
    ("new cameras: unlikeness up by half a standard deviation", Way(unlikeness=0.5), lambda name: "unlike" in name),
    ("new cameras: unlikeness up by one standard deviation", Way(unlikeness=1.0), lambda name: "unlike" in name),
    ("slow: unlikeness up by 0.05 standard deviations a week", Way(a_week=0.05), lambda name: "unlike" in name),
    ("abstention of a task 50 % to 65 %", Way(abstained=0.65), lambda name: name == "abstained first"),
    ("prevalence 20 % to 40 %", Way(prevalence=0.4), lambda name: "score" in name or "flagged" in name),
    ("refusals 18 % to 34 %", Way(blocked=2.1), lambda name: name == "refused" or "check" in name),
)


def delays(clinics: int) -> None:
    print(
        "\n| change | reference | screenings a week | median weeks | within 4 weeks | within 13 | within 26 | "
        "by the last weeks together first |\n|---|---|---|---|---|---|---|---|"
    )
    for words, changed, wanted in CHANGES:
        for size, a_week in ((REFERENCE, 20), (REFERENCE, 50), (4 * REFERENCE, 50)):
            first = [_first(alarms(seed, a_week, changed, size=size), wanted) for seed in range(clinics)]
            weeks = np.array([week for week, _ in first], float)
            median = np.median(weeks)
            shares = " | ".join(f"{(weeks <= limit).mean():.0%}" for limit in (4, 13, WEEKS))
            noticed = [span > 1 for week, span in first if week <= WEEKS]
            together = f"{np.mean(noticed):.0%}" if noticed else "–"
            shown = f"{median:.0f}" if median <= WEEKS else f"over {WEEKS}"
            print(f"| {words} | {size} | {a_week} | {shown} | {shares} | {together} |", flush=True)


def _first(found: list[Comparison], wanted: Callable[[str], bool]) -> tuple[float, int]:
    rows = [(each.week, each.weeks) for each in found if wanted(each.measure)]
    return min(rows) if rows else (np.inf, 0)


def cusum(clinics: int, a_week: int = 30) -> None:
    """Weeks until a CUSUM of one measure raises a false alarm, with known and with estimated mean and spread."""
    rng = np.random.default_rng(1)
    print(
        "\nFalse alarms of a two-sided CUSUM (k 0.5, h 5) of one normal measure, stated for known parameters as one in "
        "465 weeks:"
    )
    for words, known in (("mean and spread known", True), ("estimated from 100 screenings", False)):
        reference = rng.normal(size=(clinics, REFERENCE))
        mean, spread = (0.0, 1.0) if known else (reference.mean(1), reference.std(1, ddof=1))
        ended = np.full(clinics, np.inf)
        up, down = np.zeros(clinics), np.zeros(clinics)
        for week in range(1, 3001):
            z = (rng.normal(size=clinics) / np.sqrt(a_week) - mean) / spread * np.sqrt(a_week)
            up, down = np.maximum(up + z - 0.5, 0), np.maximum(down - z - 0.5, 0)
            ended = np.where(np.isinf(ended) & (np.maximum(up, down) > 5), week, ended)
        print(
            f"- {words}: half of {clinics} clinics have one within {np.median(ended):.0f} weeks, "
            f"{(ended <= 52).mean():.0%} within a year"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clinics", type=int, default=300, help="for each row of false alarms")
    parser.add_argument("--changed-clinics", type=int, default=50, help="for each row of changes")
    arguments = parser.parse_args()
    began_s = time.perf_counter()
    false_alarms(arguments.clinics)
    delays(arguments.changed_clinics)
    cusum(4000)
    print(f"\n{time.perf_counter() - began_s:.0f} s")


if __name__ == "__main__":
    main()
