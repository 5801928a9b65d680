"""Fine-tuning: encoder, projector and the heads of all tasks together on labelled sequences.

Source: FoundationGait, fine-tuning with one learning rate for each layer. All tasks are trained at once; a person who
has no label for a task does not count for it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fgait_core.config import FinetuneConfig
from fgait_core.data.labels import TASKS
from fgait_core.data.sampling import PersonSampler
from fgait_core.data.shards import ShardFolder, read_shards
from fgait_core.errors import CheckpointError
from fgait_core.losses import masked_cross_entropy
from fgait_core.models.backbone import Backbone
from fgait_core.models.heads import CosineHead, ScreeningNetwork
from fgait_core.progress import Cancelled, Progress, ignore_progress, never_cancelled
from fgait_core.recipes.pretrain import build_backbone
from fgait_core.training.checkpoint import TrainingState, read_checkpoint
from fgait_core.training.loop import CHECKPOINT, fingerprint, run_training, training_clips
from fgait_core.training.optim import layerwise_sgd, warm_cosine

_TEACHER = "teacher_backbone."


def load_teacher(backbone: Backbone, path: Path) -> None:
    """Puts the teacher of a pre-training checkpoint into a backbone.

    Accepts the published layout too: `model` with keys that begin with `teacher_backbone.`, with or without `module.`.

    Raises:
        CheckpointError: if the file cannot be read, or names or shapes differ; the text says which.
    """
    weights = read_checkpoint(path).get("model", {})
    plain = {key.removeprefix("module."): value for key, value in weights.items()}
    teacher = {key.removeprefix(_TEACHER): value for key, value in plain.items() if key.startswith(_TEACHER)}
    try:
        backbone.load_state_dict(teacher)
    except RuntimeError as error:
        raise CheckpointError(
            f"The teacher in {path} does not fit channels {backbone.channels} and depths {backbone.depths}. "
            f"Use the architecture that it was pre-trained with. {error}"
        ) from error


def build_network(config: FinetuneConfig) -> ScreeningNetwork:
    """The network of a configuration before fine-tuning, its heads drawn from the configuration's seed."""
    backbone = build_backbone(config)
    if config.initial is not None:
        load_teacher(backbone, config.initial / CHECKPOINT)
    classes = {task: len(TASKS[task].class_order) for task in config.tasks}
    network = ScreeningNetwork(backbone, classes, config.replicates)
    generator = torch.Generator().manual_seed(config.seed + 1)
    for head in network.heads.values():
        if isinstance(head, CosineHead):
            head.initialise(generator)
    return network


def load_finetuned(config: FinetuneConfig, run: Path) -> ScreeningNetwork:
    """The network of a finished fine-tuning run, in evaluation mode.

    Raises:
        CheckpointError: if there is no checkpoint, it is not of the last step, or it does not fit the configuration.
    """
    checkpoint = read_checkpoint(run / CHECKPOINT)
    if checkpoint["iteration"] < config.iterations:
        raise CheckpointError(
            f"The run {run} has done {checkpoint['iteration']} of {config.iterations} steps. "
            "Finish it with `fgait finetune`."
        )
    network = build_network(config.model_copy(update={"initial": None}))
    try:
        network.load_state_dict(checkpoint["model"])
    except RuntimeError as error:
        raise CheckpointError(f"The checkpoint of {run} does not fit its configuration: {error}") from error
    return network.eval()


def bootstrap_weights(folder: ShardFolder, replicates: int, seed: int) -> Tensor:
    """How often each sequence's person is in each bootstrap sample of the people.

    Returns:
        float32 `[sequence, 1 + replicates]`; the first column, of the main head, is 1.
    """
    names, owner = np.unique(folder.person, return_inverse=True)
    rng = np.random.default_rng([seed, len(names)])
    counts = rng.poisson(1.0, size=(len(names), replicates))
    counts = np.concatenate([np.ones((len(names), 1), counts.dtype), counts], axis=1)
    return torch.from_numpy(counts[owner]).float()


def finetune(
    config: FinetuneConfig,
    folder: Path,
    *,
    progress: Progress = ignore_progress,
    cancelled: Cancelled = never_cancelled,
) -> ScreeningNetwork:
    """Fine-tunes, or goes on where a stopped run of the same configuration ended.

    Args:
        config: what to do.
        folder: run folder; gets the configuration, the log and the checkpoint.
        progress: told after each step.
        cancelled: asked before each step.

    Returns:
        The network after the last step, in evaluation mode.

    Raises:
        ConfigError: if data and configuration do not fit.
        CheckpointError: if the folder holds a run of another configuration, or the pre-trained weights do not fit.
        OperationCancelled: if the user asked for a stop; the checkpoint is written.
    """
    data = read_shards(config.data)
    network = build_network(config)
    state = _start(config, data, network)
    weights = bootstrap_weights(data, config.replicates, config.seed)

    def step() -> dict[str, float]:
        sequences = state.sampler.draw()
        clips = training_clips(data, sequences, config, state.rng)
        with torch.autocast("cpu", torch.bfloat16, enabled=config.precision == "bfloat16"):
            features = network.features(clips, config.crops)
        logits = {task: network.heads[task](features) for task in config.tasks}
        losses = {task: _loss(logits[task], data, task, sequences, weights) for task in config.tasks}
        state.optimizer.zero_grad()
        torch.stack([loss.sum() for loss in losses.values()]).sum().backward()
        state.optimizer.step()
        state.iteration += 1
        return {task: float(loss[0].detach()) for task, loss in losses.items()}

    run_training(state, step, config, folder, progress, cancelled)
    return network.eval()


def _loss(logits: Tensor, data: ShardFolder, task: str, sequences: NDArray[np.int64], weights: Tensor) -> Tensor:
    """Losses `[1 + replicates]` of one task on a batch."""
    labels = torch.from_numpy(data.labels[task][sequences])
    chosen = weights[torch.from_numpy(sequences)]
    per_head = [masked_cross_entropy(logits[:, r], labels, chosen[:, r]) for r in range(logits.shape[1])]
    return torch.stack(per_head)


def _start(config: FinetuneConfig, data: ShardFolder, network: ScreeningNetwork) -> TrainingState:
    optimizer = layerwise_sgd(
        network.backbone,
        network.heads,
        layer_rates=config.layer_rates,
        projector_rate=config.projector_rate,
        head_rate=config.head_rate,
        weight_decay=config.weight_decay,
    )
    rng = np.random.default_rng(config.seed)
    return TrainingState(
        network=network,
        optimizer=optimizer,
        scheduler=warm_cosine(optimizer, iterations=config.iterations, warmup=config.warmup),
        sampler=PersonSampler(data, config.batch, rng),
        rng=rng,
        fingerprint=fingerprint(config),
    )
