"""How long-running work reports where it is and learns that it should stop."""

from __future__ import annotations

import time
from collections.abc import Callable

from fgait_core.errors import OperationCancelled

Progress = Callable[[float, str], None]
"""Called with the fraction done (0..1) and a few plain words."""

Cancelled = Callable[[], bool]
"""Answers whether the work should stop."""


def ignore_progress(fraction: float, words: str) -> None:
    """A `Progress` for callers who do not watch."""


def never_cancelled() -> bool:
    """A `Cancelled` for work that nobody can stop."""
    return False


def raise_if_cancelled(cancelled: Cancelled) -> None:
    """Stops the work.

    Raises:
        OperationCancelled: if `cancelled` answers yes.
    """
    if cancelled():
        raise OperationCancelled("The work was cancelled.")


def part_of(progress: Progress, start: float, end: float) -> Progress:
    """A `Progress` whose 0..1 is the stretch from `start` to `end` of `progress`."""

    def report(fraction: float, words: str) -> None:
        progress(start + (end - start) * min(max(fraction, 0.0), 1.0), words)

    return report


class Pulse:
    """Tells how far the work is and stops it where asked; cheap enough for an inner loop.

    Args:
        progress: told at most every `every_s`.
        cancelled: asked at each call.
        words: what is being done.
        every_s: shortest time between two tellings.
    """

    def __init__(self, progress: Progress, cancelled: Cancelled, words: str, every_s: float = 0.2) -> None:
        self._progress = progress
        self._cancelled = cancelled
        self._words = words
        self._every_s = every_s
        self._told_s = float("-inf")
        self._fraction = 0.0

    def __call__(self, fraction: float | None = None) -> None:
        """A sign of life, where given with the fraction done.

        Raises:
            OperationCancelled: if the user asked for a stop.
        """
        raise_if_cancelled(self._cancelled)
        if fraction is not None:
            self._fraction = min(fraction, 1.0)
        now_s = time.monotonic()
        if now_s - self._told_s >= self._every_s:
            self._told_s = now_s
            self._progress(self._fraction, self._words)
