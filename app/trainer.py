"""The trainer: `python -m app.trainer --queue train-cpu --device cpu` takes training jobs from the queue.

It shares the loop with the screening worker. On another machine it needs the same database (PostgreSQL) and the same
folder of data (`FGAIT_DATABASE_URL`, `FGAIT_DATA_DIR`).
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os

from app.services.device_lock import DeviceLock, devices_of
from app.services.installation import database_of
from app.services.stored_files import vault_of
from app.services.training_jobs import TRAIN_CPU, TRAIN_GPU
from app.services.training_work import TrainingWork
from app.settings import Settings
from app.worker import Worker, run_until_signal, worker_name

_NICENESS = 5


def run_trainer(settings: Settings, parent_pid: int | None = None) -> None:
    """Runs a trainer in this process until SIGTERM or SIGINT.

    Args:
        settings: of this installation; queue, device and processes are those of this trainer.
        parent_pid: see `Worker`.
    """
    database = database_of(settings)
    device = DeviceLock(devices_of(settings.training_device, settings.training_processes))
    try:
        vault = vault_of(settings, database)
        work = TrainingWork(settings, database, vault, worker_name(), device)
        queues = (settings.training_queue or TRAIN_CPU,)
        run_until_signal(Worker(settings, database, work, queues, device, parent_pid), vault)
    finally:
        database.dispose()


def main() -> None:
    """Entry point of `python -m app.trainer`."""
    settings = Settings()
    parser = argparse.ArgumentParser(prog="python -m app.trainer", description="Does queued retrainings.")
    parser.add_argument("--queue", choices=(TRAIN_CPU, TRAIN_GPU), default=settings.training_queue or TRAIN_CPU)
    parser.add_argument("--device", default=settings.training_device, help="cpu, cuda, cuda:1 ...")
    parser.add_argument("--processes", type=int, default=settings.training_processes, help="GPUs, of torchrun.")
    parser.add_argument("--parent-pid", type=int, default=None, help="End when this process is gone.")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with contextlib.suppress(OSError):  # screening comes first on the processors that both share
        os.nice(_NICENESS)
    chosen = {"training_queue": arguments.queue, "training_device": arguments.device}
    run_trainer(
        Settings.model_validate(settings.model_dump() | chosen | {"training_processes": arguments.processes}),
        arguments.parent_pid,
    )


if __name__ == "__main__":
    main()
