"""Stored results and jobs, made without a worker process."""

from __future__ import annotations

from fast_engine import make_engine

from app.services.job_work import JobWork
from app.services.pulse import Pulse
from app.services.screening import ChosenClip
from clinic_data import jobs
from clinic_data.tables import Job


def do_next_job(clinic, work: JobWork | None = None) -> Job:
    """Does the oldest waiting job in this process and returns it as it ended."""
    services = clinic.services
    if work is None:
        work = JobWork(services.settings, services.database, services.storage, make_engine(None), "test")
        work.prepare()
    with services.database.transaction() as session:
        job = jobs.claim(session=session, worker="test", queues=("cpu",))
    pulse = Pulse(
        services.database, job.id, "test", every_s=9.0, limit_s=60.0, on_limit=lambda: None, worker_stops=lambda: False
    )
    with pulse:
        work.do(job, pulse)
    with services.database.reading() as session:
        return jobs.get_job(session=session, job_id=job.id)


def screen(clinic, recording_id: str | None = None) -> str:
    """Screens a recording and returns the id of the assessment."""
    clinic.services.screening.start(
        clinic.clinician, [ChosenClip(recording_id or clinic.recording.id, 1)], ["scoliosis", "depression"]
    )
    return do_next_job(clinic).result["assessment_id"]
