"""`python killed_work.py upload|screening|report|promotion FOLDER IDS`: kills that work and looks at what is left.

FOLDER has `var`, an installation in which the work can be done, copied for each attempt; IDS is JSON. After each kill
nothing that was accepted is lost, nothing half-done is shown as done, and the work can be done again.
Prints how many steps were tried.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fast_engine import make_engine
from killing import killed_at, spread, steps_of, through

from app.services.catalogue import Services
from app.services.permissions import Actor
from app.settings import Settings
from app.worker import run_worker
from clinic_data import audit
from clinic_data.clinic_check import FaultKind, check
from clinic_data.tables import JobState, Role

MOST = 7
VIDEO = [bytes([number]) * 300_000 for number in range(3)]


@dataclass(frozen=True)
class Attempt:
    """One installation in which the work is done or killed."""

    root: Path
    ids: dict[str, Any]

    def opened(self) -> Services:
        settings = Settings(
            data_dir=self.root, max_upload_mb=5, min_free_disk_mb=0, worker_poll_s=0.05, worker_lease_s=2.0,
            worker_heartbeat_s=0.2,
        )  # fmt: skip
        return Services.open(settings)

    @property
    def clinician(self) -> Actor:
        return Actor(self.ids["clinician"], "clara", "Clara", Role.CLINICIAN)

    @property
    def second(self) -> Actor:
        return Actor(self.ids["second"], "berta", "Berta", Role.ADMINISTRATOR)

    def assert_in_order(self, services: Services) -> None:
        """Files without rows are allowed: they are removed after a day."""
        faults = list(check(services.database, services.storage.storage, (), lambda *_: None, every_byte=True))
        assert {fault.kind for fault in faults} <= {FaultKind.FILE_WITHOUT_ROW}, faults

    def count(self, services: Services, action: str) -> int:
        with services.database.reading() as session:
            return audit.list_rows(session=session, wanted=audit.AuditFilter(action=action)).total


class Upload(Attempt):
    """A video arrives."""

    def work(self) -> None:
        self.opened().recordings.receive(self.clinician, self.ids["patient"], "second.mp4", VIDEO)

    def assert_honest(self, services: Services) -> bool:
        found = services.recordings.list_of_patient(self.clinician, self.ids["patient"])
        for recording in found:
            with services.storage.open(recording.storage_key) as file:
                assert len(file.read()) == recording.size_bytes
        names = Counter(recording.original_name for recording in found)
        assert names["walk.mp4"] == 1
        assert names["second.mp4"] <= 1
        return names["second.mp4"] == 1


class Screening(Attempt):
    """A worker does a job."""

    def work(self) -> None:
        services = self.opened()
        threading.Thread(target=self._end_when_done, args=(services,), daemon=True).start()
        run_worker(services.settings, make_engine)

    def _end_when_done(self, services: Services) -> None:
        while services.screening.job(self.clinician, self.ids["job"]).state in (JobState.QUEUED, JobState.RUNNING):
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGTERM)

    def assert_honest(self, services: Services) -> bool:
        job = services.screening.job(self.clinician, self.ids["job"])
        found = services.screening.assessments_of_patient(self.clinician, self.ids["patient"])
        if job.state is not JobState.DONE:
            assert job.state in (JobState.QUEUED, JobState.RUNNING), job.reason
            assert not found
            return False
        (assessment,) = found
        assert assessment.id == job.result["assessment_id"]
        assert services.screening.silhouette_strip(self.clinician, assessment.id) is not None
        return True


class Report(Attempt):
    """A report is made."""

    def work(self) -> None:
        self.opened().reporting.create(self.clinician, self.ids["assessment"])

    def assert_honest(self, services: Services) -> bool:
        found = services.reporting.list_of_assessment(self.clinician, self.ids["assessment"])
        for report in found:
            assert services.reporting.read_pdf(self.clinician, report.id).startswith(b"%PDF")
        assert len(found) <= 1
        assert self.count(services, "report.created") == len(found)
        return bool(found)


class Promotion(Attempt):
    """A second person approves."""

    def work(self) -> None:
        self.opened().models.approve(self.second, self.ids["promotion"], "I have read the comparison.")

    def assert_honest(self, services: Services) -> bool:
        shown = services.models.list(self.second)
        is_approved = shown.open_request is None
        assert shown.production.id == self.ids["candidate" if is_approved else "bundled"]
        assert self.count(services, "model.promoted") == int(is_approved)
        return is_approved


def kill(kind: type[Attempt], folder: Path, ids: dict[str, Any]) -> int:
    def attempt(name: str) -> Attempt:
        shutil.copytree(folder / "var", folder / name)
        return kind(folder / name, ids)

    first = attempt("first")
    steps = spread(steps_of(first.root, first.work), MOST)
    assert is_done(first)
    killed = 0
    for step in steps:
        one = attempt(f"at-{step}")
        killed += killed_at(step, one.root, one.work)
        if not is_done(one):
            through(one.root, one.work)
            assert is_done(one)
    return killed


def is_done(one: Attempt) -> bool:
    """Whether the work shows as done; it is looked at by the services, as a page does."""
    services = one.opened()
    try:
        one.assert_in_order(services)
        return one.assert_honest(services)
    finally:
        services.database.dispose()


if __name__ == "__main__":
    kinds = {"upload": Upload, "screening": Screening, "report": Report, "promotion": Promotion}
    print(kill(kinds[sys.argv[1]], Path(sys.argv[2]), json.loads(sys.argv[3])))
