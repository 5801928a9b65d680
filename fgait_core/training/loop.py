"""The training loop that pre-training and fine-tuning share."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fgait_core.config import ClipConfig, TrainingConfig, save_config
from fgait_core.data.augmentation import augment
from fgait_core.data.sampling import clip_rows
from fgait_core.data.shards import ShardFolder
from fgait_core.progress import Cancelled, Progress, raise_if_cancelled
from fgait_core.training.checkpoint import TrainingState, load_checkpoint, save_checkpoint

CHECKPOINT = "checkpoint.pt"
METRICS = "metrics.jsonl"

Step = Callable[[], dict[str, float]]
"""One optimiser step; answers with what is to be logged."""


def to_network(clips: NDArray[np.uint8]) -> Tensor:
    """uint8 clips `[batch, frame, 64, 44]`, 0..255, to the network's input `[batch, 1, frame, 64, 44]`, 0..1."""
    return torch.from_numpy(clips).unsqueeze(1).float().div_(255)


def training_clips(
    folder: ShardFolder, sequences: NDArray[np.int64], config: TrainingConfig, rng: np.random.Generator
) -> Tensor:
    """Augmented random clips of the sequences, as the network's input."""
    clip: ClipConfig = config.clip
    rows = clip_rows(folder, sequences, frames=clip.frames, stride=clip.stride, skip=clip.skip, rng=rng)
    return to_network(augment(folder.take(rows) * np.uint8(255), config.augmentation, rng))


def fingerprint(config: TrainingConfig) -> str:
    """What of a configuration must not change within a run."""
    content = config.model_dump(mode="json", exclude={"checkpoint_every", "threads", "data"})
    return json.dumps(content, sort_keys=True)


def run_training(
    state: TrainingState, step: Step, config: TrainingConfig, folder: Path, progress: Progress, cancelled: Cancelled
) -> None:
    """Runs the steps that are left, from the last checkpoint of the run folder if there is one.

    The folder gets `config.yaml`, `metrics.jsonl` (one line a step) and `checkpoint.pt`.

    Args:
        state: a fresh training.
        step: does one step on it; the loop counts.
        config: of the run.
        folder: of the run.
        progress: told after each step.
        cancelled: asked before each step; a stop leaves a checkpoint.

    Raises:
        CheckpointError: if the folder holds a checkpoint of another configuration.
        OperationCancelled: if the user asked for a stop.
    """
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / CHECKPOINT
    if checkpoint.exists():
        load_checkpoint(checkpoint, state)
    save_config(folder / "config.yaml", config)
    _forget_lines_after(folder / METRICS, state.iteration)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    state.network.train()
    with (folder / METRICS).open("a", encoding="utf-8") as log:
        while state.iteration < config.iterations:
            if cancelled():
                save_checkpoint(checkpoint, state)
                raise_if_cancelled(cancelled)
            began_s = time.monotonic()
            values = step()
            state.scheduler.step()
            seconds = time.monotonic() - began_s
            log.write(json.dumps({"iteration": state.iteration, **values, "seconds": round(seconds, 3)}) + "\n")
            log.flush()
            if state.iteration % config.checkpoint_every == 0 or state.iteration == config.iterations:
                save_checkpoint(checkpoint, state)
            words = ", ".join(f"{name} {value:.3f}" for name, value in values.items())
            progress(state.iteration / config.iterations, f"step {state.iteration} of {config.iterations}: {words}")


def _forget_lines_after(path: Path, iteration: int) -> None:
    """Drops the log of steps that a stopped run did after its last checkpoint; they are done again."""
    if path.exists():
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        kept = [line for line in lines if json.loads(line)["iteration"] <= iteration]
        path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
