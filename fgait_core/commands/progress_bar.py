"""How commands show the progress of long work: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from fgait_core.progress import Progress, ignore_progress

if TYPE_CHECKING:
    from rich.console import Console

_LINE_EVERY_S = 10.0


def is_first_process() -> bool:
    """Whether this is the process of `torchrun` that speaks for all, or one alone."""
    return os.environ.get("RANK", "0") == "0"


def say(text: str) -> None:
    """Prints a result, once however many processes there are."""
    if is_first_process():
        typer.echo(text)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Shows progress on standard error, with the time that is left."""
    from rich.console import Console

    console = Console(stderr=True)
    if not is_first_process():
        yield ignore_progress
    elif console.is_terminal:
        with _bar(console) as progress:
            yield progress
    else:
        yield PlainLines()


@contextmanager
def _bar(console: Console) -> Iterator[Progress]:
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    words = TextColumn("{task.description}", markup=False)
    with Bar(BarColumn(20), TaskProgressColumn(), TimeRemainingColumn(), words, console=console) as bar:
        job = bar.add_task("starting", total=1.0)
        yield lambda fraction, words: bar.update(job, completed=fraction, description=words)


class PlainLines:
    """A `Progress` that prints a line every so often, and the last one.

    Args:
        every_s: between two lines.
    """

    def __init__(self, every_s: float = _LINE_EVERY_S) -> None:
        self._every_s = every_s
        self._printed_s = float("-inf")
        self._first: tuple[float, float] | None = None

    def __call__(self, fraction: float, words: str) -> None:
        """See `fgait_core.progress.Progress`."""
        now_s = time.monotonic()
        self._first = self._first or (fraction, now_s)
        if now_s - self._printed_s < self._every_s and fraction < 1.0:
            return
        self._printed_s = now_s
        print(f"{fraction:4.0%}  {words}{self._left(fraction, now_s)}", file=sys.stderr, flush=True)

    def _left(self, fraction: float, now_s: float) -> str:
        done, began_s = self._first or (fraction, now_s)
        if fraction <= done or fraction >= 1.0:
            return ""
        minutes, seconds = divmod(round((now_s - began_s) * (1.0 - fraction) / (fraction - done)), 60)
        hours, minutes = divmod(minutes, 60)
        return f"; {hours}:{minutes:02}:{seconds:02} left"
