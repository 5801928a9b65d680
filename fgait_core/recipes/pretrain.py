"""Pre-training: a student that sees horizontal bands learns to predict its own moving average, which sees everything.

Source: FoundationGait (arXiv 2512.00691), pre-training. The teacher is what fine-tuning starts from.

A step is the same however its batch is divided among processes: the targets of all of it are gathered before the first
student view is compared with them. Micro-batches (`accumulate`) change one thing, which divided processes do not: batch
normalisation uses the statistics of a micro-batch instead of those of the batch.

Deviations:
    * The published code draws its negatives within the processes' own batches, which may hold a sequence twice; here a
      step's sequences are different (`data.sampling`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from fgait_core.config import ArchitectureConfig, PretrainConfig, TrainingConfig
from fgait_core.data.batches import Batch
from fgait_core.data.modalities import MODALITIES, to_network
from fgait_core.data.shards import read_shards
from fgait_core.distributed import gather_rows, rank
from fgait_core.losses import part_contrastive_loss
from fgait_core.models.architectures import named_architecture
from fgait_core.models.backbone import Backbone, initialise
from fgait_core.models.student_teacher import StudentTeacher
from fgait_core.progress import Cancelled, Progress, ignore_progress, never_cancelled
from fgait_core.recipes.validation import Validation
from fgait_core.training.loop import Turn, run_training
from fgait_core.training.optim import sgd, teacher_momentum

TEACHER_VIEW, STUDENT_VIEW = 0, 1


def build_backbone(config: TrainingConfig) -> Backbone:
    """The backbone of a configuration, its weights drawn from the configuration's seed."""
    wanted = config.architecture
    sizes = wanted if isinstance(wanted, ArchitectureConfig) else named_architecture(wanted)
    backbone = Backbone(sizes.channels, sizes.depths, MODALITIES[config.modality].channels)
    generator = torch.Generator().manual_seed(config.seed)
    initialise(backbone, generator, small_partwise=config.reproduce.small_partwise_start)
    return backbone


class Pretraining:
    """The recipe (`training.loop.Recipe`).

    Args:
        config: what to do.

    Attributes:
        network: student and teacher.
    """

    def __init__(self, config: PretrainConfig) -> None:
        self._config = config
        self.network = StudentTeacher(build_backbone(config), config.teacher_statistics)

    def learner(self) -> nn.Module:
        """The student."""
        return self.network.student_backbone

    def shards(self) -> Sequence[nn.Module]:
        """Student and teacher."""
        return (self.network.student_backbone, self.network.teacher_backbone)

    def optimizer(self) -> Optimizer:
        """SGD on the student."""
        config = self._config
        return sgd(
            self.network.student_backbone.parameters(),
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
            momentum=config.momentum,
        )

    def step(self, learner: nn.Module, batches: Sequence[Batch], turn: Turn) -> dict[str, float]:
        """Compares the student's view of each sequence with the teacher's views of all of them."""
        targets = self._targets(batches, turn)
        first_row = rank() * sum(len(batch.sequences) for batch in batches)
        loss = accuracy = 0.0
        for number, batch in enumerate(batches, 1):
            view = to_network(batch.views[STUDENT_VIEW], turn.device, turn.dtype)
            with turn.forward(last=number == len(batches)):
                predicted = learner(view, self._config.crops).predicted
            result = part_contrastive_loss(
                _full(predicted),
                targets,
                first_row=first_row,
                scale=self._config.logit_scale,
                smoothing=self._config.label_smoothing,
            )
            turn.backward(result.loss)
            first_row += len(batch.sequences)
            loss += float(result.loss.detach()) / len(batches)
            accuracy += float(result.accuracy) / len(batches)
        return {"loss": loss, "accuracy": accuracy, "momentum": self._momentum(batches[0].step)}

    def _targets(self, batches: Sequence[Batch], turn: Turn) -> Tensor:
        """The teacher's targets of the whole batch `[batch, channel, part]`: process by process, micro-batch by it."""
        targets: list[Tensor] = []
        for batch in batches:
            view = to_network(batch.views[TEACHER_VIEW], turn.device, turn.dtype)
            with turn.forward(last=False):
                targets.append(_full(self.network.teacher_target(view)))
        return gather_rows(torch.cat(targets))

    def after_step(self, iteration: int) -> None:
        """Moves the teacher."""
        self.network.update_teacher(self._momentum(iteration))

    def _momentum(self, iteration: int) -> float:
        return teacher_momentum(iteration, self._config.iterations, self._config.teacher_momentum)


def _full(values: Tensor) -> Tensor:
    """At least float32, which the loss needs."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


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
        Student and teacher after the last step. Where FSDP2 divided them among processes, read the checkpoint instead.

    Raises:
        ConfigError: if data, device and configuration do not fit, a validation person is trained on, or the folder
            holds a run of another configuration.
        CheckpointError: if the checkpoint of the folder is damaged.
        OperationCancelled: if the user asked for a stop; the checkpoint is written.
    """
    folders = [read_shards(each.path) for each in config.data]
    recipe = Pretraining(config)
    validation = Validation(config, recipe.network.teacher_backbone, folders)
    run_training(
        recipe, config, folders, folder, views=2, progress=progress, cancelled=cancelled, measure=validation.measure
    )
    return recipe.network
