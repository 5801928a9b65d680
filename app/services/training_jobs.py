"""What the queue knows of retraining: kinds of jobs, who does them, and the identity of a protocol."""

from __future__ import annotations

import hashlib
import json

from fgait_core.config.retraining import RetrainingProtocol

RETRAIN = "retrain"
EVALUATE = "evaluate_package"
TRAIN_CPU = "train-cpu"
TRAIN_GPU = "train-gpu"
TRAINING_KINDS = frozenset({RETRAIN, EVALUATE})


def queue_of(device: str) -> str:
    """The queue whose trainers have the device that a protocol asks for."""
    return TRAIN_GPU if device.startswith("cuda") else TRAIN_CPU


def protocol_json(protocol: RetrainingProtocol) -> str:
    """A protocol in the one form that is hashed, stored and given to the engine."""
    return json.dumps(protocol.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def protocol_sha256(protocol: RetrainingProtocol) -> str:
    """The identity of a protocol."""
    return hashlib.sha256(protocol_json(protocol).encode()).hexdigest()
