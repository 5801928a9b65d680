"""What a page shows of a running retraining: how far it is, its curves and the end of its log."""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.services.training_process import Told, tail

STORED_EVERY_S = 2.0
POINTS = 300
LOG_LINES = 40
_NO_CURVES = frozenset({"iteration", "stage", "memory_mib", "seconds", "wait_s", "sequences_per_s"})

Curves = dict[str, list[list[float]]]


def read_curves(metrics: Path) -> Curves:
    """The curves of a `metrics.jsonl`, each of at most 300 points `[iteration, value]`; a cut last line is left out."""
    points: dict[str, list[list[float]]] = defaultdict(list)
    try:
        lines = metrics.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    for line in lines:
        try:
            values = json.loads(line)
            iteration = float(values["iteration"])
        except (ValueError, KeyError, TypeError):
            continue
        stage = f"{values['stage']}: " if "stage" in values else ""
        for name, value in values.items():
            if name not in _NO_CURVES and isinstance(value, int | float) and math.isfinite(value):
                points[stage + name.replace("_", " ")].append([iteration, float(value)])
    return {name: thinned(each) for name, each in points.items()}


def thinned(points: list[list[float]]) -> list[list[float]]:
    """Evenly chosen points, the first and the last among them."""
    if len(points) <= POINTS:
        return points
    step = (len(points) - 1) / (POINTS - 1)
    return [points[round(number * step)] for number in range(POINTS)]


@dataclass(slots=True)
class LiveView:
    """Keeps a retraining's row up to date while a command runs.

    Attributes:
        store: writes the row; called every 2 s at the most.
        tell: a `Progress` of the job.
        log: of the commands.
        metrics: `metrics.jsonl` of the run.
        stretch: where in the whole the present command lies.
    """

    store: Callable[[dict[str, Any]], None]
    tell: Callable[[float, str], None]
    log: Path
    metrics: Path
    stretch: tuple[float, float] = (0.0, 1.0)
    _stored_s: float = float("-inf")
    _first: tuple[float, float] | None = None
    _curves: tuple[float, Curves] = field(default=(float("-inf"), {}))

    def begin(self, start: float, end: float, words: str) -> None:
        """The next stretch of the whole begins."""
        self.stretch = (start, end)
        self._first = None
        self._stored_s = float("-inf")
        self(Told(0.0, words))

    def __call__(self, told: Told) -> None:
        """A `watch` of `EngineCommand.run`."""
        start, end = self.stretch
        fraction = start + (end - start) * min(max(told.fraction, 0.0), 1.0)
        self.tell(fraction, told.words)
        now_s = time.monotonic()
        if now_s - self._stored_s < STORED_EVERY_S:
            return
        self._stored_s = now_s
        self.store(
            {
                "stage": told.words,
                "fraction": fraction,
                "seconds_left": self._seconds_left(told.fraction, now_s),
                "curves": self._read_curves(),
                "log": tail(self.log, LOG_LINES),
            }
        )

    def _seconds_left(self, fraction: float, now_s: float) -> float | None:
        """Of the present command, from its speed so far; None while there is too little to go by."""
        if self._first is None or fraction < self._first[0]:
            self._first = (fraction, now_s)
        done, began_s = self._first
        if fraction <= done or now_s <= began_s:
            return None
        return (now_s - began_s) * (1.0 - fraction) / (fraction - done)

    def _read_curves(self) -> Curves:
        try:
            changed_s = self.metrics.stat().st_mtime
        except OSError:
            return {}
        if changed_s != self._curves[0]:
            self._curves = (changed_s, read_curves(self.metrics))
        return self._curves[1]
