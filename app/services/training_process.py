"""A command of the engine as a child process: watched, stopped in time, and gone when this process is gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.settings import CLONE_ROOT
from fgait_core.errors import ConfigError, FGaitError, OperationCancelled
from fgait_core.progress import Cancelled

_LOOK_EVERY_S = 0.2
_STOP_WAIT_S = 10.0
_TAIL_BYTES = 16_000
_ERROR_PREFIX = "Error: "
_SECRETS = ("FGAIT_", "PG", "AWS_", "AZURE_", "GOOGLE_", "FSSPEC_")
_KEPT_SETTINGS = ("FGAIT_CACHE_DIR",)


class TimeUpError(FGaitError):
    """A run that needs longer than its protocol allows."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the command said last.

    Attributes:
        fraction: 0 to 1.
        words: what it does.
    """

    fraction: float
    words: str


@dataclass(frozen=True, slots=True)
class EngineCommand:
    """One command of `fgait`.

    Attributes:
        arguments: after `fgait`.
        folder: to work in; relative paths begin there, so that a run may go on where its folder has another path.
        log: everything that it prints is appended here.
        progress_file: where it says how far it is.
        environment: added to that of this process.
        descriptors: open files that the command shall hold as long as it lives.
    """

    arguments: Sequence[str]
    folder: Path
    log: Path
    progress_file: Path
    environment: Mapping[str, str]
    descriptors: tuple[int, ...] = ()

    def run(self, *, limit_s: float, cancelled: Cancelled, watch: Callable[[Told], None]) -> None:
        """Runs it to its end.

        Args:
            limit_s: the time that it has.
            cancelled: asked several times a second.
            watch: told several times a second.

        Raises:
            OperationCancelled: if asked to stop.
            TimeUpError: if the time is up.
            ConfigError: if the command refused its input; the text is its own.
            FGaitError: if it failed otherwise.
        """
        self.progress_file.unlink(missing_ok=True)
        ends_at = time.monotonic() + limit_s
        child = self._start()
        try:
            while True:
                try:
                    code = child.wait(_LOOK_EVERY_S)
                    break
                except subprocess.TimeoutExpired:
                    self._look(ends_at, cancelled, watch)
        finally:
            _stop(child)
        if code != 0:
            raise self._failure(code)

    def _start(self) -> subprocess.Popen[bytes]:
        kept = {name: value for name, value in os.environ.items() if _is_kept(name)}
        found = filter(None, [str(CLONE_ROOT), os.environ.get("PYTHONPATH")])
        environment = kept | {"PYTHONPATH": os.pathsep.join(found)} | dict(self.environment)
        options = ["--end-with-parent", "--progress-file", str(self.progress_file)]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "fgait_core.cli", *self.arguments, *options],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.PIPE,  # never written to; its end tells the command that this process is gone
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=self.descriptors,
            )

    def _look(self, ends_at: float, cancelled: Cancelled, watch: Callable[[Told], None]) -> None:
        if cancelled():
            raise OperationCancelled("The retraining was stopped.")
        if time.monotonic() > ends_at:
            raise TimeUpError(
                "The time of the protocol is up. Retry to go on from where the run stopped, with the same time again, "
                "or start another one with more minutes or fewer epochs."
            )
        watch(read_progress(self.progress_file))

    def _failure(self, code: int) -> FGaitError:
        if code < 0:
            return FGaitError(
                f"The training process was ended by the system (signal {-code}), perhaps for want of memory. See "
                "log.txt of the run, then retry: it goes on from its last checkpoint."
            )
        said = [line for line in tail(self.log, 40) if line.startswith(_ERROR_PREFIX)]
        if said:
            return ConfigError(said[-1].removeprefix(_ERROR_PREFIX))
        return FGaitError(f"The training process failed (exit code {code}). See log.txt of the run, then retry.")


def _is_kept(name: str) -> bool:
    """The engine needs no password of database or storage; of the installation it is told its cache folder alone."""
    return not name.startswith(_SECRETS) or name in _KEPT_SETTINGS


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Ends the command and what it started: asks, waits for all of them, kills; `torchrun` needs the asking."""
    if child.poll() is None:
        _signal_group(child, signal.SIGTERM)
    ends_at = time.monotonic() + _STOP_WAIT_S
    while time.monotonic() < ends_at and (child.poll() is None or _signal_group(child, 0)):
        time.sleep(_LOOK_EVERY_S / 4)
    _signal_group(child, signal.SIGKILL)
    if child.stdin is not None:
        child.stdin.close()
    child.wait()


def _signal_group(child: subprocess.Popen[bytes], number: int) -> bool:
    """Whether there is anybody left of the group to be told."""
    try:
        os.killpg(child.pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def read_progress(file: Path) -> Told:
    """What a progress file says; nothing yet where it is missing."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return Told(float(content["fraction"]), str(content["words"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Told(0.0, "Starting")


def tail(file: Path, lines: int) -> list[str]:
    """The last lines of a text file, without reading all of it."""
    try:
        with file.open("rb") as content:
            content.seek(max(0, content.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return content.read().decode("utf-8", errors="replace").splitlines()[-lines:]
    except OSError:
        return []
