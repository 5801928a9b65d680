"""Kills a piece of work with SIGKILL at its first, second, third ... step until it gets through.

A step is whatever changes something outside the process: a file that is opened for writing, renamed or removed, a
folder that is made, a statement that writes to the database, a commit. Nothing of the product is replaced. Each attempt
runs in a forked process, so call this from a process without threads and without open connections.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine import Engine

WRITING = ("INSERT", "UPDATE", "DELETE")
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link"}


class _Countdown:
    """Kills this process at its nth step, before the step is done."""

    def __init__(self, steps: int, root: Path) -> None:
        self.left = steps
        self._root = str(root)

    def start(self) -> None:
        sys.addaudithook(self._on_audit)
        event.listen(Engine, "commit", lambda connection: self._step())
        event.listen(Engine, "before_cursor_execute", self._on_statement)

    def _on_audit(self, name: str, arguments: tuple) -> None:
        if name == "open":
            path, _, flags = arguments
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and str(path).startswith(self._root):
                self._step()
        elif name in CHANGES and str(arguments[0]).startswith(self._root):
            self._step()

    def _on_statement(self, connection, cursor, statement: str, *rest) -> None:
        if statement.lstrip()[:6].upper() in WRITING:
            self._step()

    def _step(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def killed_at(steps: int, root: Path, work: Callable[[], None]) -> bool:
    """Whether the work was killed at this step; False: it has fewer and got through.

    Raises:
        RuntimeError: it failed in another way.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _Countdown(steps, root).start()
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True
    if status != 0:
        raise RuntimeError(f"at step {steps} the work failed instead of being killed")
    return False


def steps_of(root: Path, work: Callable[[], None]) -> int:
    """Does the work to its end and says how many steps it has."""
    reader, writer = os.pipe()

    def counted() -> None:
        countdown = _Countdown(0, root)
        countdown.start()
        work()
        os.write(writer, str(-countdown.left).encode())

    through(root, counted)
    os.close(writer)
    with os.fdopen(reader) as told:
        return int(told.read())


def spread(steps: int, most: int) -> list[int]:
    """Steps to try: all of them, or the last few and others spread evenly over the rest."""
    if steps <= most:
        return list(range(1, steps + 1))
    last = most // 3
    others = most - last
    return sorted(
        {1 + number * (steps - last) // others for number in range(others)} | set(range(steps - last + 1, steps + 1))
    )


def through(root: Path, work: Callable[[], None]) -> None:
    """Does the work in a process of its own, to its end."""
    if killed_at(10**9, root, work):
        raise RuntimeError("killed by somebody else")
