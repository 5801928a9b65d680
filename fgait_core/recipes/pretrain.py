"""Pre-training: a student that sees horizontal bands learns to predict its own moving average, which sees everything.

Source: FoundationGait, pre-training. The teacher is what fine-tuning starts from.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from fgait_core.config import ArchitectureConfig, PretrainConfig, TrainingConfig
from fgait_core.data.sampling import PersonSampler
from fgait_core.data.shards import ShardFolder, read_shards
from fgait_core.losses import part_contrastive_loss
from fgait_core.models.architectures import named_architecture
from fgait_core.models.backbone import Backbone, initialise
from fgait_core.models.student_teacher import StudentTeacher
from fgait_core.progress import Cancelled, Progress, ignore_progress, never_cancelled
from fgait_core.training.checkpoint import TrainingState
from fgait_core.training.loop import fingerprint, run_training, training_clips
from fgait_core.training.optim import sgd, teacher_momentum, warm_cosine


def build_backbone(config: TrainingConfig) -> Backbone:
    """The backbone of a configuration, its weights drawn from the configuration's seed."""
    wanted = config.architecture
    if isinstance(wanted, ArchitectureConfig):
        backbone = Backbone(wanted.channels, wanted.depths)
    else:
        backbone = named_architecture(wanted).build()
    initialise(backbone, torch.Generator().manual_seed(config.seed))
    return backbone


def pretrain(
    config: PretrainConfig,
    folder: Path,
    *,
    progress: Progress = ignore_progress,
    cancelled: Cancelled = never_cancelled,
) -> StudentTeacher:
    """Pre-trains, or goes on where a stopped run of the same configuration ended.

    Args:
        config: what to do.
        folder: run folder; gets the configuration, the log and the checkpoint.
        progress: told after each step.
        cancelled: asked before each step.

    Returns:
        Student and teacher after the last step.

    Raises:
        ConfigError: if data and configuration do not fit.
        CheckpointError: if the folder holds a run of another configuration.
        OperationCancelled: if the user asked for a stop; the checkpoint is written.
    """
    data = read_shards(config.data)
    state = _start(config, data)
    pair = state.network
    if not isinstance(pair, StudentTeacher):
        raise TypeError("pre-training needs a student and a teacher")

    def step() -> dict[str, float]:
        sequences = state.sampler.draw()
        teacher_view = training_clips(data, sequences, config, state.rng)
        student_view = training_clips(data, sequences, config, state.rng)
        with torch.autocast("cpu", torch.bfloat16, enabled=config.precision == "bfloat16"):
            predicted, target = pair(teacher_view, student_view, config.crops)
        result = part_contrastive_loss(predicted.float(), target.float())
        state.optimizer.zero_grad()
        result.loss.backward()
        state.optimizer.step()
        state.iteration += 1
        pair.update_teacher(teacher_momentum(state.iteration, config.iterations, config.teacher_momentum))
        return {"loss": float(result.loss.detach()), "accuracy": float(result.accuracy)}

    run_training(state, step, config, folder, progress, cancelled)
    return pair


def _start(config: PretrainConfig, data: ShardFolder) -> TrainingState:
    pair = StudentTeacher(build_backbone(config))
    optimizer = sgd(
        pair.student_backbone.parameters(), learning_rate=config.learning_rate, weight_decay=config.weight_decay
    )
    rng = np.random.default_rng(config.seed)
    return TrainingState(
        network=pair,
        optimizer=optimizer,
        scheduler=warm_cosine(optimizer, iterations=config.iterations, warmup=config.warmup),
        sampler=PersonSampler(data, config.batch, rng),
        rng=rng,
        fingerprint=fingerprint(config),
    )
