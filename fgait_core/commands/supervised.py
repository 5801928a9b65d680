"""For commands that another program started and watches: they end with it, and tell it how far they are."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from fgait_core.commands.progress_bar import is_first_process, progress_bar
from fgait_core.progress import Progress

_TOLD_EVERY_S = 0.5
_STOPPED_EXIT_CODE = 130

END_WITH_PARENT = typer.Option(
    False, "--end-with-parent", help="Stop as soon as standard input ends: with the program that holds its other end."
)
PROGRESS_FILE = typer.Option(None, "--progress-file", help="JSON file in which to keep how far the work is.")


def end_with_parent() -> None:
    """Ends this process, without tidying up, once standard input ends; nothing is read from it.

    A program that is killed closes its pipes, so that what it started ends even then.
    """
    threading.Thread(target=_wait_for_end, name="end-with-parent", daemon=True).start()


def _wait_for_end() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(_STOPPED_EXIT_CODE)


@contextmanager
def told_progress(file: Path | None) -> Iterator[Progress]:
    """`progress_bar`, which also keeps `{"fraction": 0.25, "words": "fitting"}` in a file where one is given."""
    with progress_bar() as shown:
        if file is None or not is_first_process():
            yield shown
            return
        told_s = float("-inf")

        def tell(fraction: float, words: str) -> None:
            nonlocal told_s
            shown(fraction, words)
            if time.monotonic() - told_s >= _TOLD_EVERY_S or fraction >= 1.0:
                told_s = time.monotonic()
                partial = file.with_name(f"{file.name}.part")
                partial.write_text(json.dumps({"fraction": fraction, "words": words}), encoding="utf-8")
                partial.replace(file)

        yield tell
