"""The worker: `python -m app.worker` takes screening jobs from the queue and does them, one after the other.

The loop serves the trainer, too (`app.trainer`). Its process may be killed at any moment. The lease of its job then
runs out, and the next one does the job again; the results of a job are stored in one transaction, so that there is
either all of them or nothing.
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
from typing import Protocol

from sqlalchemy.exc import OperationalError

from app.services.device_lock import DeviceLock
from app.services.incidents import log_incident
from app.services.installation import database_of
from app.services.job_work import JobWork
from app.services.pulse import Pulse
from app.services.screening_engine import Engine, load_engine
from app.services.sealing_upgrade import wait_until_sealed
from app.services.stored_files import vault_of
from app.settings import Settings
from clinic_data import audit, jobs
from clinic_data.database import Database
from clinic_data.errors import ClinicDataError, StorageError
from clinic_data.file_vault import FileVault
from clinic_data.tables import Job
from fgait_core.errors import FGaitError, OperationCancelled

QUEUES = ("cpu",)
GIVEN_UP_EXIT_CODE = 70
_BUSY_SAID_AFTER = 3
_log = logging.getLogger("app.worker")


def worker_name() -> str:
    """A name that no other worker has."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


class Work(Protocol):
    """What a worker does with the jobs that it takes."""

    @property
    def worker(self) -> str:
        """The name under which jobs are held."""
        ...

    def prepare(self) -> str:
        """Called once before the first job; returns what the log says of it."""
        ...

    def limit_s(self, job: Job) -> float:
        """How long a job may run, in seconds, before the whole process is given up."""
        ...

    def limit_words(self, job: Job) -> str:
        """What the user is told then."""
        ...

    def do(self, job: Job, pulse: Pulse) -> None:
        """Does one job and stores its result."""
        ...


@dataclass(slots=True)
class Worker:
    """The loop around `Work`.

    Attributes:
        settings: times and folders.
        database: where the queue is.
        work: does the jobs.
        queues: whose jobs are taken.
        device: held while a job runs, so that no other process computes there; None where sharing is fine.
        parent_pid: the loop ends once this process is gone; None to ignore.
        look_after: called before each look into the queue; it returns at once where there is nothing to do.
    """

    settings: Settings
    database: Database
    work: Work
    queues: tuple[str, ...] = QUEUES
    device: DeviceLock | None = None
    parent_pid: int | None = None
    look_after: Callable[[], None] | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    _refused: int = 0

    def run(self) -> None:
        """Does jobs until asked to stop."""
        audit.origin.set(audit.Origin(f"worker {self.work.worker}"))
        ready = self.work.prepare()
        _log.info("Worker %s is ready for %s: %s.", self.work.worker, ", ".join(self.queues), ready)
        while not self.should_stop():
            if not self._run_one():
                self.stopping.wait(self.settings.worker_poll_s)

    def should_stop(self) -> bool:
        """Whether somebody asked for the end, or the process that started this one is gone."""
        orphaned = self.parent_pid is not None and os.getppid() != self.parent_pid
        return orphaned or self.stopping.is_set()

    def _run_one(self) -> bool:
        if self.device is None:
            return self._claim_and_do()
        if not self.device.acquire():
            self._refused += 1
            if self._refused == _BUSY_SAID_AFTER:
                _log.info("Another training computes on %s; waiting for it.", ", ".join(self.device.devices))
            return False
        self._refused = 0
        try:
            return self._claim_and_do()
        finally:
            self.device.release()

    def _claim_and_do(self) -> bool:
        try:
            if self.look_after is not None:
                self.look_after()
            with self.database.transaction() as session:
                job = jobs.claim(
                    session=session,
                    worker=self.work.worker,
                    queues=self.queues,
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
            limit_s=self.work.limit_s(job),
            on_limit=lambda: self._give_up(job),
            worker_stops=self.should_stop,
        )
        try:
            with pulse:
                self.work.do(job, pulse)
        except OperationCancelled:
            self._stopped(job, pulse)
        except (FGaitError, ClinicDataError) as error:
            _log.warning("Job %s failed: %s", job.id, type(error).__name__)
            self._fail(job, str(error), retry=isinstance(error, StorageError))
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
        self._fail(job, self.work.limit_words(job), retry=False)
        _log.error("Job %s exceeded its time; this worker ends and is started again.", job.id)
        os._exit(GIVEN_UP_EXIT_CODE)


def run_until_signal(worker: Worker, vault: FileVault) -> None:
    """Runs the loop in this process until SIGTERM or SIGINT, once the files of earlier releases are sealed."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stopping.set())
    wait_until_sealed(vault, worker.should_stop)
    worker.run()


def run_worker(
    settings: Settings, make_engine: Callable[[Settings], Engine] = load_engine, parent_pid: int | None = None
) -> None:
    """Runs a screening worker in this process until SIGTERM or SIGINT.

    Args:
        settings: of this installation.
        make_engine: loads the networks; tests of the queue pass a fast one.
        parent_pid: see `Worker`.
    """
    database = database_of(settings)
    try:
        storage = vault_of(settings, database)
        work = JobWork(settings, database, storage, make_engine(settings), worker_name())
        run_until_signal(Worker(settings, database, work, parent_pid=parent_pid, look_after=work.look_after), storage)
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
