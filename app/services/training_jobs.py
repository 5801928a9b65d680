"""What the queue knows of retraining: kinds of jobs, who does them, and the identity of a protocol."""

from __future__ import annotations

import hashlib

from sqlmodel import Session

from clinic_data import jobs
from clinic_data.json_values import canonical_json
from clinic_data.tables import Job, JobState
from fgait_core.config.retraining import RetrainingProtocol

RETRAIN = "retrain"
EVALUATE = "evaluate_package"
TRAIN_CPU = "train-cpu"
TRAIN_GPU = "train-gpu"
TRAINING_KINDS = frozenset({RETRAIN, EVALUATE})


def queue_of(device: str) -> str:
    """The queue whose trainers have the device that a protocol asks for."""
    return TRAIN_GPU if device.startswith("cuda") else TRAIN_CPU


def unfinished_jobs(session: Session, kind: str) -> list[Job]:
    """Jobs of a kind that are queued or running; of retraining there are never many."""
    return [
        job
        for state in (JobState.QUEUED, JobState.RUNNING)
        for job in jobs.list_jobs(session=session, state=state, limit=500).rows
        if job.kind == kind
    ]


def protocol_json(protocol: RetrainingProtocol) -> str:
    """A protocol in the one form that is hashed, stored and given to the engine."""
    return canonical_json(protocol.model_dump(mode="json")).decode()


def protocol_sha256(protocol: RetrainingProtocol) -> str:
    """The identity of a protocol."""
    return hashlib.sha256(protocol_json(protocol).encode()).hexdigest()
