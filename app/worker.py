"""The worker: `python -m app.worker` takes jobs from the queue and does them, one after the other.

It may be killed at any moment. The lease of its job then runs out, and the next worker does the job again; the
results of a job are stored in one transaction, so that there is either all of them or nothing.
"""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy.exc import OperationalError

from app.services.incidents import log_incident
from app.services.job_work import JobWork
from app.services.pulse import Pulse
from app.services.screening_engine import Engine, load_engine
from app.settings import Settings
from clinic_data import jobs
from clinic_data.database import Database
from clinic_data.errors import ClinicDataError
from clinic_data.storage import Storage
from clinic_data.tables import Job
from fgait_core.errors import FGaitError, OperationCancelled

QUEUES = ("cpu",)
GIVEN_UP_EXIT_CODE = 70
_log = logging.getLogger("app.worker")


def worker_name() -> str:
    """A name that no other worker has."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


@dataclass(slots=True)
class Worker:
    """The loop around `JobWork`.

    Attributes:
        settings: times and folders.
        database: where the queue is.
        work: does the jobs.
        parent_pid: the loop ends once this process is gone; None to ignore.
    """

    settings: Settings
    database: Database
    work: JobWork
    parent_pid: int | None = None
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Does jobs until asked to stop."""
        self.work.remove_leftovers()
        self.work.register_model()
        _log.info("Worker %s is ready with model %s.", self.work.worker, self.work.engine.model.version)
        while not self._should_stop():
            if not self._run_one():
                self.stopping.wait(self.settings.worker_poll_s)

    def _should_stop(self) -> bool:
        orphaned = self.parent_pid is not None and os.getppid() != self.parent_pid
        return orphaned or self.stopping.is_set()

    def _run_one(self) -> bool:
        try:
            with self.database.transaction() as session:
                job = jobs.claim(
                    session=session,
                    worker=self.work.worker,
                    queues=QUEUES,
                    now=datetime.now(UTC),
                    lease_s=self.settings.worker_lease_s,
                )
        except OperationalError:
            _log.warning("The database did not answer; trying again.")
            return False
        if job is None:
            return False
        self._do(job)
        return True

    def _do(self, job: Job) -> None:
        _log.info("Job %s (%s), attempt %d.", job.id, job.kind, job.attempts)
        pulse = Pulse(
            self.database,
            job.id,
            self.work.worker,
            every_s=self.settings.worker_heartbeat_s,
            limit_s=60.0 * self.settings.job_limit_min,
            on_limit=lambda: self._give_up(job),
            worker_stops=self._should_stop,
        )
        try:
            with pulse:
                self.work.do(job, pulse)
        except OperationCancelled:
            self._stopped(job, pulse)
        except (FGaitError, ClinicDataError) as error:
            _log.warning("Job %s failed: %s", job.id, type(error).__name__)
            self._fail(job, str(error), retry=False)
        except Exception as error:  # the boundary: one broken job must not stop the queue
            incident = log_incident(error)
            self._fail(job, f"An unexpected fault occurred. Tell your administrator: incident {incident}.", retry=True)

    def _stopped(self, job: Job, pulse: Pulse) -> None:
        """Stores why the work stopped: cancelled by the user, or given back because this worker ends."""
        if pulse.lease_lost:
            return
        end = jobs.mark_cancelled if pulse.cancel_requested else jobs.release
        try:
            with self.database.transaction() as session:
                end(session=session, job_id=job.id, worker=self.work.worker)
        except ClinicDataError:
            _log.warning("Job %s was taken over before its stop was stored.", job.id)

    def _fail(self, job: Job, reason: str, *, retry: bool) -> None:
        try:
            with self.database.transaction() as session:
                jobs.fail(session=session, job_id=job.id, worker=self.work.worker, reason=reason, retry=retry)
        except ClinicDataError:
            _log.warning("Job %s was taken over before its failure was stored.", job.id)

    def _give_up(self, job: Job) -> None:
        """Ends this process: a library that does not return cannot be stopped in any other way."""
        minutes = self.settings.job_limit_min
        self._fail(
            job, f"The work took longer than {minutes:g} minutes and was stopped. Use a shorter video.", retry=False
        )
        _log.error("Job %s exceeded its time; this worker ends and is started again.", job.id)
        os._exit(GIVEN_UP_EXIT_CODE)


def run_worker(
    settings: Settings, make_engine: Callable[[Settings], Engine] = load_engine, parent_pid: int | None = None
) -> None:
    """Runs a worker in this process until SIGTERM or SIGINT.

    Args:
        settings: of this installation.
        make_engine: loads the networks; tests of the queue pass a fast one.
        parent_pid: see `Worker`.
    """
    database = Database(settings.resolved_database_url)
    storage = Storage(settings.storage_dir)
    try:
        work = JobWork(settings, database, storage, make_engine(settings), worker_name())
        worker = Worker(settings, database, work, parent_pid)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stopping.set())
        worker.run()
    finally:
        database.dispose()


def main() -> None:
    """Entry point of `python -m app.worker`."""
    parser = argparse.ArgumentParser(prog="python -m app.worker", description="Does queued screening jobs.")
    parser.add_argument("--parent-pid", type=int, default=None, help="End when this process is gone.")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    run_worker(Settings(), parent_pid=parser.parse_args().parent_pid)


if __name__ == "__main__":
    main()
