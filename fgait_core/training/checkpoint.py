"""Checkpoints: everything that a run needs to go on as if it had never stopped."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError  # what torch raises for a foreign file; nothing is unpickled here
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from fgait_core.data.sampling import PersonSampler
from fgait_core.errors import CheckpointError


@dataclass(slots=True, eq=False)
class TrainingState:
    """A training in progress.

    Attributes:
        network: everything that is learned or averaged.
        optimizer: of the learnable part.
        scheduler: of the learning rates.
        sampler: draws the sequences.
        rng: source of every draw; the sampler draws from it, too.
        fingerprint: what must be equal when a run is resumed (the configuration as text).
        iteration: finished steps.
    """

    network: nn.Module
    optimizer: Optimizer
    scheduler: LRScheduler
    sampler: PersonSampler
    rng: np.random.Generator
    fingerprint: str
    iteration: int = 0


def save_checkpoint(path: Path, state: TrainingState) -> None:
    """Writes a checkpoint; an interrupted write leaves the older one as it was."""
    content = {
        "model": state.network.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "scheduler": state.scheduler.state_dict(),
        "queue": torch.from_numpy(state.sampler.queue.copy()),
        "rng": json.dumps(state.rng.bit_generator.state),
        "fingerprint": state.fingerprint,
        "iteration": state.iteration,
    }
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    os.replace(partial, path)


def load_checkpoint(path: Path, state: TrainingState) -> None:
    """Puts a checkpoint into a state that was built from the same configuration.

    Raises:
        CheckpointError: if the file is damaged or belongs to another configuration.
    """
    content = read_checkpoint(path)
    if content.get("fingerprint") != state.fingerprint:
        raise CheckpointError(
            f"{path} belongs to another configuration. Take the configuration of that run (config.yaml beside it), or "
            "choose another run folder."
        )
    try:
        state.network.load_state_dict(content["model"])
        state.optimizer.load_state_dict(content["optimizer"])
        state.scheduler.load_state_dict(content["scheduler"])
        state.sampler.queue = content["queue"].numpy()
        state.rng.bit_generator.state = json.loads(content["rng"])
        state.iteration = int(content["iteration"])
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not fit the network: {error}") from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Reads a checkpoint without running any code that it might hold.

    Raises:
        CheckpointError: if the file is missing or damaged.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, UnpicklingError) as error:
        raise CheckpointError(f"The checkpoint {path} cannot be read: {error}") from error
