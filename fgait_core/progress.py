"""How long-running work reports where it is and learns that it should stop."""

from __future__ import annotations

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
