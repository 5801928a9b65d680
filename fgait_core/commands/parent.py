"""What commands do that another program starts and watches: they end with it, and tell it how far they are."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import typer

from fgait_core.progress import Progress

END_WITH_PARENT = typer.Option(False, "--end-with-parent", help="End when standard input ends; for other programs.")
PROGRESS_FILE = typer.Option(None, "--progress-file", help="JSON file that always says how far the work is.")

EXIT_ORPHAN = 130
_EVERY_S = 0.5


def end_with_parent(wanted: bool) -> None:
    """Ends this process at the end of its standard input, which is when the program that started it is gone.

    Whoever starts it gives it a pipe and never writes to it: the system closes the pipe however that program ends.
    """
    if wanted:
        threading.Thread(target=_wait_for_the_end, daemon=True).start()


def _wait_for_the_end() -> None:
    # Not through sys.stdin: its lock, held while it waits, would abort the interpreter at its ordinary end.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    if os.getpgrp() == os.getpid():  # the first of its group: torchrun and whatever else it started end, too
        os.killpg(0, signal.SIGTERM)
    os._exit(EXIT_ORPHAN)


def told_to_file(path: Path | None, progress: Progress, every_s: float = _EVERY_S) -> Progress:
    """A `Progress` that also keeps a file up to date: one line of JSON, {"fraction": 0..1, "words": ...}.

    Args:
        path: is replaced as a whole, so that a reader never sees half of it; None writes nothing.
        progress: is told, too.
        every_s: shortest time between two writings; the first and the end are always written.
    """
    return progress if path is None else ProgressFile(path, progress, every_s)


class ProgressFile:
    """See `told_to_file`."""

    def __init__(self, path: Path, progress: Progress, every_s: float) -> None:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._progress = progress
        self._every_s = every_s
        self._written_s = float("-inf")

    def __call__(self, fraction: float, words: str) -> None:
        """See `fgait_core.progress.Progress`."""
        self._progress(fraction, words)
        now_s = time.monotonic()
        if now_s - self._written_s < self._every_s and fraction < 1.0:
            return
        self._written_s = now_s
        partial = self._path.with_name(f"{self._path.name}.partial")
        partial.write_text(json.dumps({"fraction": round(fraction, 4), "words": words}) + "\n", encoding="utf-8")
        os.replace(partial, self._path)
