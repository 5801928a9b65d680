"""The training loop that pre-training and fine-tuning share: one process or many, on processors or GPUs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from fgait_core.config import TrainingConfig
from fgait_core.data.batches import Batch, ClipBatches, stream
from fgait_core.data.sampling import make_sampler
from fgait_core.data.shards import ShardFolder
from fgait_core.distributed import any_process, choose_device, mean_over_processes, process_group, rank, world_size
from fgait_core.errors import FGaitError, OperationCancelled
from fgait_core.progress import Cancelled, Progress, ignore_progress, never_cancelled
from fgait_core.training.checkpoint import (
    TrainingState,
    read_checkpoint_of,
    restore_network,
    restore_progress,
    save_checkpoint,
)
from fgait_core.training.log import METRICS, RunLog, in_words
from fgait_core.training.optim import learning_rates
from fgait_core.training.parallel import divide, place, require_divisible
from fgait_core.training.stopping import stop_signals
from fgait_core.training.turn import OptimiserTurn, loss_scaler, require_possible

__all__ = ["CHECKPOINT", "KEPT", "METRICS", "Measure", "Recipe", "Turn", "run_training"]

CHECKPOINT = "checkpoint.pt"
KEPT = "checkpoints"
_NOT_TOLD = ("learning_rate", "momentum", "gradient_norm", "data_set", "seconds", "wait_s")

Measure = Callable[[int], Mapping[str, float] | None]
"""Told the finished steps; answers with what is to be logged with that step."""


class Turn(Protocol):
    """What a recipe's step computes with.

    Attributes:
        device: where inputs are wanted.
        dtype: of inputs.
    """

    device: torch.device
    dtype: torch.dtype

    def forward(self, last: bool) -> AbstractContextManager[None]:
        """The wanted precision; what the learner computes in it exchanges its gradients only where last."""
        ...

    def backward(self, loss: Tensor) -> None:
        """Adds the gradients of one micro-batch; `loss` is the mean over its sequences."""
        ...


class Recipe(Protocol):
    """What is trained, and how a step is computed. What is frozen is frozen from the beginning."""

    @property
    def network(self) -> nn.Module:
        """Everything that a checkpoint holds."""
        ...

    def learner(self) -> nn.Module:
        """The part that learns: what is divided among processes and called in training."""
        ...

    def shards(self) -> Sequence[nn.Module]:
        """Parts whose weights FSDP2 divides: the learner first, then for example the teacher."""
        ...

    def optimizer(self) -> Optimizer:
        """Of the learner; made after it was divided."""
        ...

    def step(self, learner: nn.Module, batches: Sequence[Batch], turn: Turn) -> dict[str, float]:
        """Runs forward and backward on every micro-batch; answers with what is to be logged (means over its rows)."""
        ...

    def after_step(self, iteration: int) -> None:
        """Called after the optimiser's step with the finished steps."""
        ...


def run_training(
    recipe: Recipe,
    config: TrainingConfig,
    folders: Sequence[ShardFolder],
    folder: Path,
    *,
    views: int,
    progress: Progress = ignore_progress,
    cancelled: Cancelled = never_cancelled,
    measure: Measure = lambda iteration: None,
) -> None:
    """Runs the steps that are left, from the last checkpoint of the run folder if there is one.

    The folder gets `config.yaml`, `environment.json`, `metrics.jsonl` (one line a step), `checkpoint.pt`, and where
    asked for `checkpoints/` and `tensorboard/`.

    Args:
        recipe: a fresh training.
        config: of the run.
        folders: the data sets, in the order of `config.data`.
        folder: of the run.
        views: clips of each sequence.
        progress: told after each step, in process 0.
        cancelled: asked before each step; a stop, like SIGTERM and Ctrl-C, leaves a checkpoint.
        measure: asked after each step, in all processes.

    Raises:
        ConfigError: if device, precision, data or number of processes do not fit the configuration, or the folder
            holds a checkpoint of another one.
        CheckpointError: if that checkpoint is damaged.
        OperationCancelled: if the user asked for a stop.
        FGaitError: if the loss is no number.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    device = choose_device(config.device)
    require_possible(config, device)
    with process_group(device), stop_signals() as told_to_stop:
        require_divisible(config)
        sampler = make_sampler(folders, config, process=rank())
        clips = ClipBatches(folders, sampler, config, views=views, part=rank(), parts=world_size())
        run = _begin(recipe, config, device, folder)
        steps = range(run.state.iteration + 1, config.iterations + 1)
        batches = stream(clips, steps.start, config.iterations, config.workers)
        with RunLog(folder, config, device, run.state.iteration) as log, _ending(batches):
            for step in steps:
                if any_process(cancelled() or told_to_stop()):
                    run.save()
                    raise OperationCancelled(
                        f"Stopped after step {run.state.iteration}; the checkpoint is written. Run it again to go on."
                    )
                values = run.step(batches)
                values |= measure(step) or {}
                log.write(step, values)
                if step % config.checkpoint_every == 0 or step == config.iterations or run.keeps(step):
                    run.save()
                if rank() == 0:
                    progress(step / config.iterations, f"step {step} of {config.iterations}: {_words(values)}")


def _words(values: Mapping[str, float | str]) -> str:
    return in_words({name: value for name, value in values.items() if name not in _NOT_TOLD})


@contextmanager
def _ending(batches: Iterator[list[Batch]]) -> Iterator[None]:
    """Ends the processes that load, however the block ends."""
    try:
        yield
    finally:
        close = getattr(batches, "close", None)
        if close is not None:
            close()


def _begin(recipe: Recipe, config: TrainingConfig, device: torch.device, folder: Path) -> _Run:
    """The training as its checkpoint left it, or fresh."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / CHECKPOINT
    content = read_checkpoint_of(path, config) if path.exists() else None
    place(recipe.network, config, device)
    if content is not None:
        restore_network(recipe.network, content, path)
    learner = divide(recipe, config, device)
    optimizer = recipe.optimizer()
    scheduler = learning_rates(optimizer, config.schedule, config.iterations)
    state = TrainingState(recipe.network, optimizer, scheduler, loss_scaler(config, device), config)
    if content is not None:
        restore_progress(state, content, path)
    recipe.network.train()
    return _Run(recipe, learner, state, OptimiserTurn(learner, config, device, state.scaler), folder)


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """A training in progress, with the learner as it is called and the folder of the run."""

    recipe: Recipe
    learner: nn.Module
    state: TrainingState
    turn: OptimiserTurn
    folder: Path

    def step(self, batches: Iterator[list[Batch]]) -> dict[str, float | str]:
        """Does the next step and answers with what is to be logged."""
        began_s = time.monotonic()
        loaded = next(batches)
        waited_s = time.monotonic() - began_s
        rate = float(self.state.scheduler.get_last_lr()[0])
        values, norm = self._learn(loaded)
        self.state.scheduler.step()
        self.state.iteration += 1
        self.recipe.after_step(self.state.iteration)
        seconds = time.monotonic() - began_s
        return {
            **values,
            "learning_rate": rate,
            "gradient_norm": norm,
            "data_set": self._data_set(loaded),
            "seconds": round(seconds, 4),
            "wait_s": round(waited_s, 4),
            "sequences_per_s": round(self.state.config.batch / seconds, 2),
        }

    def _learn(self, loaded: Sequence[Batch]) -> tuple[dict[str, float], float]:
        """Until the optimiser did its step: float16 gradients that overflow are computed again at a lower scale."""
        while True:
            self.state.optimizer.zero_grad()
            values = mean_over_processes(self.recipe.step(self.learner, loaded, self.turn))
            wrong = [f"{name} is {value}" for name, value in values.items() if not math.isfinite(value)]
            if wrong:
                raise FGaitError(
                    f"In step {self.state.iteration + 1} on {self._data_set(loaded)} {', '.join(wrong)}. The last "
                    "checkpoint is kept as it was. Use a lower learning rate, a longer warmup, or bfloat16 or float32."
                )
            norm = self.turn.finish(self.state.optimizer)
            if norm is not None:
                return values, norm

    def _data_set(self, loaded: Sequence[Batch]) -> str:
        return str(self.state.config.data[loaded[0].folder].path)

    def keeps(self, step: int) -> bool:
        """Whether the checkpoint of a step is kept for good."""
        every = self.state.config.keep_every
        return every is not None and step % every == 0

    def save(self) -> None:
        """Writes the checkpoint."""
        done = self.state.iteration
        keep_as = self.folder / KEPT / f"iteration-{done:06d}.pt" if self.keeps(done) else None
        save_checkpoint(self.folder / CHECKPOINT, self.state, keep_as)
