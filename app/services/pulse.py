"""A running job's sign of life: a thread that renews the lease, stores the progress and learns of a cancellation."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType

from sqlalchemy.exc import OperationalError

from clinic_data import jobs
from clinic_data.database import Database
from clinic_data.errors import ClinicDataError

_log = logging.getLogger(__name__)


class Pulse:
    """Keeps one job alive while it runs, also where a library is silent for long.

    Args:
        database: where the job is.
        job_id: the job.
        worker: who holds its lease.
        every_s: time between two signs of life.
        limit_s: a job that runs longer is given up.
        on_limit: called once from the thread when the limit is reached.
        worker_stops: answers whether the worker itself was asked to end.
    """

    def __init__(
        self,
        database: Database,
        job_id: str,
        worker: str,
        *,
        every_s: float,
        limit_s: float,
        on_limit: Callable[[], None],
        worker_stops: Callable[[], bool],
    ) -> None:
        self._database = database
        self._job_id = job_id
        self._worker = worker
        self._every_s = every_s
        self._ends_at = time.monotonic() + limit_s
        self._on_limit = on_limit
        self._worker_stops = worker_stops
        self._state: tuple[float, str] = (0.0, "Starting")
        self._over = threading.Event()
        self.cancel_requested = False
        self.lease_lost = False
        self._thread = threading.Thread(target=self._beat_until_over, name=f"pulse-{job_id[:8]}", daemon=True)

    def __enter__(self) -> Pulse:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(timeout=30.0)

    def progress(self, fraction: float, words: str) -> None:
        """A `Progress`: remembered here, stored by the next sign of life."""
        self._state = (min(max(fraction, 0.0), 1.0), words)

    def stop_wanted(self) -> bool:
        """A `Cancelled`: the user or whoever ends the worker asked for a stop, or another worker took over."""
        return self.cancel_requested or self.lease_lost or self._worker_stops()

    def _beat_until_over(self) -> None:
        while not self._over.wait(self._every_s):
            if time.monotonic() > self._ends_at:
                self._on_limit()
                return
            self._beat()

    def _beat(self) -> None:
        fraction, words = self._state
        try:
            with self._database.transaction() as session:
                self.cancel_requested = jobs.heartbeat(
                    session=session,
                    job_id=self._job_id,
                    worker=self._worker,
                    progress=fraction,
                    message=words,
                    now=datetime.now(UTC),
                )
        except ClinicDataError:
            self.lease_lost = True
            _log.warning("Job %s was taken over or ended elsewhere.", self._job_id)
        except OperationalError:
            _log.warning("The sign of life of job %s could not be stored; trying again.", self._job_id)
