"""Several ways to do the same thing, timed in turns, so that what disturbs a shared machine disturbs all of them.

A figure is a ratio against a named baseline: in each round every way runs once, in an order that changes, and the ratio
is the median over the rounds of baseline / way of the same round.
"""

from __future__ import annotations

import gc
import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Timed:
    """One way.

    Attributes:
        name: what it is called in tables.
        seconds: of each round.
        ratios: baseline / this way, of each round; above 1 is faster than the baseline.
    """

    name: str
    seconds: tuple[float, ...]
    ratios: tuple[float, ...]

    @property
    def median_s(self) -> float:
        """Median of all rounds."""
        return statistics.median(self.seconds)

    @property
    def ratio(self) -> float:
        """Median of the rounds' ratios."""
        return statistics.median(self.ratios)


def in_turns(
    ways: Mapping[str, Callable[[], object]], rounds: int, *, warm_ups: int = 1, clock: Clock = time.perf_counter
) -> tuple[Timed, ...]:
    """Times every way once a round; the first is the baseline.

    Args:
        ways: what to time, by name.
        rounds: how often.
        warm_ups: calls of each way that are not counted.
        clock: `time.perf_counter`, or `time.process_time` where other work disturbs too much (it counts all threads).
    """
    for way in ways.values():
        for _ in range(warm_ups):
            way()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            gc.collect()
            begin = clock()
            ways[name]()
            seconds[name].append(clock() - begin)
    baseline = seconds[names[0]]
    return tuple(
        Timed(name, tuple(taken), tuple(first / own for first, own in zip(baseline, taken, strict=True)))
        for name, taken in seconds.items()
    )


def table(title: str, timed: tuple[Timed, ...]) -> str:
    """A Markdown table; the first way is the baseline."""
    rows = [f"| {title} | median s | times the speed of the first |", "|---|---|---|"]
    rows += [f"| {each.name} | {each.median_s:.4g} | {each.ratio:.2f} |" for each in timed]
    return "\n".join(rows)


def write_figures(path: Path | None, figures: Mapping[str, float]) -> None:
    """Figures by name as JSON, for `benchmarks/compare.py`; nothing without a path. Seconds end in `_s`."""
    if path is not None:
        path.write_text(json.dumps(dict(figures), indent=1, sort_keys=True), encoding="utf-8")
