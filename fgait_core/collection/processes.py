"""Recordings on the cores of one machine: one process for each core, models loaded once in each.

Each worker is a pool of one process, so that a worker that dies takes nothing with it but its own recording, and it is
known which one that was.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from itertools import islice
from multiprocessing import get_context, parent_process
from pathlib import Path
from tempfile import TemporaryDirectory

from fgait_core.collection.sources import Recording
from fgait_core.collection.work import MAX_ATTEMPTS, Outcome, Process, Processor, attempt, crashed, killed
from fgait_core.errors import FGaitError
from fgait_core.progress import Cancelled, never_cancelled, raise_if_cancelled

_ASK_EVERY_S = 0.2


def run_on_processes(
    recordings: Iterable[Recording], processor: Processor, *, processes: int, cancelled: Cancelled = never_cancelled
) -> Iterator[Outcome]:
    """Works through recordings.

    Args:
        recordings: the recordings.
        processor: what to make of each.
        processes: how many workers.
        cancelled: asked often whether to stop; running recordings are then given up.

    Yields:
        One outcome for each recording, in the order in which they end.

    Raises:
        FGaitError: a fault that is not about a recording, such as a missing model.
        OperationCancelled: if `cancelled` answered yes.
    """
    waiting = iter(recordings)
    with TemporaryDirectory(prefix="fgait-collection-") as scratch:
        workers: list[_Worker] = []
        try:
            for recording in islice(waiting, processes):
                workers.append(_Worker(processor, Path(scratch)))
                workers[-1].begin(recording)
            while workers:
                raise_if_cancelled(cancelled)
                ended = wait([worker.future for worker in workers], _ASK_EVERY_S, FIRST_COMPLETED).done
                for worker in [worker for worker in workers if worker.future in ended]:
                    outcome = worker.outcome()
                    if outcome is not None:
                        _go_on(workers, worker, waiting)
                        yield outcome
        finally:
            for worker in workers:
                worker.stop()


def _go_on(workers: list[_Worker], worker: _Worker, waiting: Iterator[Recording]) -> None:
    recording = next(waiting, None)
    if recording is not None:
        worker.begin(recording)
        return
    workers.remove(worker)
    worker.stop()


class _Worker:
    """One process with its present recording; it is started again where it dies."""

    future: Future[Outcome]

    def __init__(self, processor: Processor, scratch: Path) -> None:
        self._processor = processor
        self._scratch = scratch
        self._start()

    def _start(self) -> None:
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), _become_worker, (self._processor, self._scratch))
        self._pid = self._pool.submit(os.getpid)

    def begin(self, recording: Recording) -> None:
        """Starts on a recording; `future` is done when it ends."""
        self._recording = recording
        self._attempts = 1
        try:
            self.future = self._pool.submit(_work, recording)
        except BrokenProcessPool:
            # It died between two recordings, which is no recording's fault.
            self._replace()
            self.future = self._pool.submit(_work, recording)

    def outcome(self) -> Outcome | None:
        """How the recording ended; None if it is tried again, in a new process."""
        error = self.future.exception()
        if error is None:
            return self.future.result()
        if isinstance(error, FGaitError):
            raise error
        if not isinstance(error, BrokenProcessPool):
            return crashed(self._recording, error)
        self._replace()
        if self._attempts == MAX_ATTEMPTS:
            return killed(self._recording)
        self._attempts += 1
        self.future = self._pool.submit(_work, self._recording)
        return None

    def _replace(self) -> None:
        self._pool.shutdown()
        self._start()

    def stop(self) -> None:
        """Ends the process at once; what it works on is lost."""
        with suppress(BrokenProcessPool, ProcessLookupError):
            os.kill(self._pid.result(), signal.SIGKILL)
        self._pool.shutdown(cancel_futures=True)


_processor: Processor
_scratch: Path
_process: Process | None = None


def _become_worker(processor: Processor, scratch: Path) -> None:
    global _processor, _scratch
    _processor, _scratch = processor, scratch
    # Ctrl-C reaches the whole group of processes; the first one decides what to do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(recording: Recording) -> Outcome:
    global _process
    if _process is None:
        _process = _processor.prepare()
    return attempt(_process, recording, _scratch)
