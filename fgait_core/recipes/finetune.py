"""Fine-tuning: encoder, projector and the heads of all tasks together on labelled sequences.

Source: FoundationGait (arXiv 2512.00691), fine-tuning with one learning rate for each layer; with all but the heads'
at 0 it is the published linear probe. All tasks are trained at once; a sequence without a label for a task does not
count for it.

Deviations:
    * No gradient is computed for layers in front of the first one that learns, and frozen layers keep their running
      statistics (`reproduce.frozen_statistics`).
    * Triplets are sought within a micro-batch (over all processes), so `accumulate` makes fewer of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from fgait_core.config import ArchitectureConfig, FinetuneConfig, RegressionTask, TaskConfig
from fgait_core.data.batches import Batch
from fgait_core.data.labels import people_of, targets_of
from fgait_core.data.modalities import to_network
from fgait_core.data.numbers import mean_and_spread, numbers_of
from fgait_core.data.shards import ShardFolder, read_shards
from fgait_core.distributed import gather_rows, world_size
from fgait_core.errors import CheckpointError, ConfigError
from fgait_core.models.backbone import Backbone
from fgait_core.models.heads import RegressionHead, TaskNetwork, build_head, labelled
from fgait_core.models.published import load_backbone
from fgait_core.package_files import CONTENT_FILE, WEIGHTS_FILE, load_weights, read_content, verify_files
from fgait_core.progress import Cancelled, Progress, ignore_progress, never_cancelled
from fgait_core.recipes.pretrain import build_backbone
from fgait_core.training.checkpoint import read_checkpoint
from fgait_core.training.loop import CHECKPOINT, Turn, run_training
from fgait_core.training.optim import freeze_layers, layerwise_optimizer

_PEOPLE = "BNNecks.fc_bin"


def build_network(config: FinetuneConfig, people: int = 0) -> TaskNetwork:
    """The network of a configuration before fine-tuning, its heads drawn from the configuration's seed.

    Args:
        config: of the run.
        people: training people, for identification.

    Raises:
        CheckpointError: if the weights to start from cannot be read.
        ConfigError: if they are of another architecture or modality.
    """
    backbone = build_backbone(config)
    package = config.initial if config.initial is not None and (config.initial / CONTENT_FILE).is_file() else None
    if config.initial is not None and package is None:
        backbone = _start(config.initial, backbone)
    width = backbone.channels[3]
    heads = {task.name: build_head(task, width, people=people, replicates=config.replicates) for task in config.tasks}
    generator = torch.Generator().manual_seed(config.seed + 1)
    for head in heads.values():
        head.initialise(generator, small_partwise=config.reproduce.small_partwise_start)
    network = TaskNetwork(backbone, heads, frozen_statistics=config.reproduce.frozen_statistics)
    if package is not None:
        _start_from_package(package, network)
    freeze_layers(backbone, config.layer_rates, config.projector_rate)
    return network


def _start(path: Path, wanted: Backbone) -> Backbone:
    backbone = load_backbone(path)
    if (backbone.channels, backbone.depths) != (wanted.channels, wanted.depths):
        raise ConfigError(
            f"The teacher in {path} does not fit channels {wanted.channels} and depths {wanted.depths}: it has "
            f"{backbone.channels} and {backbone.depths}. Use the architecture that it was pre-trained with."
        )
    if backbone.in_channels != wanted.in_channels:
        raise ConfigError(
            f"The teacher in {path} sees {backbone.in_channels} channel(s), the modality of the configuration has "
            f"{wanted.in_channels}. Use the modality that it was pre-trained with."
        )
    return backbone


def _start_from_package(folder: Path, network: TaskNetwork) -> None:
    """Encoder, projector and the heads that a package has; the predictor and other heads stay as they were drawn."""
    verify_files(folder)
    known, _ = load_weights(folder / WEIGHTS_FILE, read_content(folder / CONTENT_FILE))
    wanted = network.state_dict()
    theirs = {
        name: each for name, each in known.state_dict().items() if name in wanted and wanted[name].shape == each.shape
    }
    missing = [
        name for name in wanted if name not in theirs and name.startswith("backbone.") and ".predictor." not in name
    ]
    if missing:
        raise ConfigError(
            f"The package {folder} does not fit the architecture or modality of the configuration ({missing[0]}). Use "
            "those that it was made with."
        )
    network.load_state_dict(theirs, strict=False)


def architecture_of(backbone: Backbone) -> ArchitectureConfig:
    """Widths and depths of a backbone as a configuration."""
    return ArchitectureConfig.model_validate({"channels": backbone.channels, "depths": backbone.depths})


def load_finetuned(config: FinetuneConfig, run: Path) -> TaskNetwork:
    """The network of a finished fine-tuning run or probe, in evaluation mode.

    Raises:
        CheckpointError: if there is no checkpoint, it is not of the last step, or it does not fit the configuration.
    """
    checkpoint = read_checkpoint(run / CHECKPOINT)
    if checkpoint["iteration"] < config.iterations:
        raise CheckpointError(
            f"The run {run} has done {checkpoint['iteration']} of {config.iterations} steps. "
            "Finish it with `fgait finetune`."
        )
    weights = checkpoint["model"]
    people = next((value.shape[2] for key, value in weights.items() if key.endswith(_PEOPLE)), 0)
    network = build_network(config.model_copy(update={"initial": None}), people)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"The checkpoint of {run} does not fit its configuration: {error}") from error
    return network.requires_grad_(False).eval()


def bootstrap_weights(folder: ShardFolder, replicates: int, seed: int, number: int = 0) -> Tensor:
    """How often each sequence's person is in each bootstrap sample of the people.

    Args:
        folder: the data set.
        replicates: bootstrap samples.
        seed: of the run.
        number: of the data set.

    Returns:
        float32 `[sequence, 1 + replicates]`; the first column, of the main head, is 1.
    """
    people = len(folder.people)
    counts = np.random.default_rng([seed, number, people]).poisson(1.0, size=(people, replicates))
    counts = np.concatenate([np.ones((people, 1), counts.dtype), counts], axis=1)
    return torch.from_numpy(counts[folder.person_number]).float()


def wanted_of(task: TaskConfig, folders: Sequence[ShardFolder]) -> list[NDArray[Any]]:
    """What a head shall say of all sequences of each folder: labels (`targets_of`) or numbers (`numbers_of`).

    Raises:
        ConfigError: if the data have none, or others than the task names.
    """
    if isinstance(task, RegressionTask):
        return [*numbers_of(task, folders)]
    return [*targets_of(task, folders)]


def set_units(network: TaskNetwork, wanted: Mapping[str, Sequence[NDArray[Any]]]) -> None:
    """Tells each regression head mean and spread of its training numbers, by task and folder as of `wanted_of`."""
    for task, numbers in wanted.items():
        head = network.head(task)
        if isinstance(head, RegressionHead):
            head.set_units(*(torch.from_numpy(each) for each in mean_and_spread(numbers)))


class Finetuning:
    """Fine-tuning as `training.loop.run_training` runs it.

    Args:
        config: of the run.
        folders: the data sets, in the order of `config.data`.

    Attributes:
        network: backbone and heads.
    """

    def __init__(self, config: FinetuneConfig, folders: Sequence[ShardFolder]) -> None:
        self.network = build_network(config, people_of(folders))
        self._config = config
        self._targets = {task.name: wanted_of(task, folders) for task in config.tasks}
        set_units(self.network, self._targets)
        self._weights = [
            bootstrap_weights(folder, config.replicates, config.seed, number) for number, folder in enumerate(folders)
        ]

    def learner(self) -> nn.Module:
        """What is called in training."""
        return self.network

    def shards(self) -> Sequence[nn.Module]:
        """What FSDP2 divides."""
        return (self.network,)

    def optimizer(self) -> Optimizer:
        """The optimiser of the configuration, with a rate for each layer."""
        config = self._config
        return layerwise_optimizer(
            config.optimizer,
            self.network.backbone,
            self.network.heads,
            layer_rates=config.layer_rates,
            projector_rate=config.projector_rate,
            head_rate=config.head_rate,
            weight_decay=config.weight_decay,
            momentum=config.momentum,
        )

    def step(self, learner: nn.Module, batches: Sequence[Batch], turn: Turn) -> dict[str, float]:
        """Losses of all tasks on each micro-batch, and their gradients."""
        weights = [self._weights[batch.folder][batch.sequences].to(turn.device, turn.dtype) for batch in batches]
        targets = {
            task.name: [torch.from_numpy(self._of(task.name, batch)).to(turn.device) for batch in batches]
            for task in self._config.tasks
        }
        counts = {task: _count(of_task, weights) for task, of_task in targets.items()}
        logged: dict[str, list[Tensor]] = {}
        for number, batch in enumerate(batches):
            with turn.forward(number == len(batches) - 1):
                said = learner(to_network(batch.views[0], turn.device, turn.dtype), self._config.crops)
            total = torch.zeros((), device=turn.device, dtype=turn.dtype)
            for task in self._config.tasks:
                head, name = self.network.head(task.name), task.name
                loss = head.loss(said[name], targets[name][number], weights[number], counts[name])
                total = total + task.weight * loss.total
                for short, value in loss.logged.items():
                    logged.setdefault(f"{name}_{short}" if short else name, []).append(value)
            turn.backward(total)
        return {name: float(torch.stack(values).mean()) for name, values in logged.items()}

    def after_step(self, iteration: int) -> None:
        """Nothing is averaged in fine-tuning."""

    def _of(self, task: str, batch: Batch) -> NDArray[Any]:
        return self._targets[task][batch.folder][batch.sequences]


def _count(targets: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """Mean of the labelled sequences over all micro-batches and processes of a step, see `TaskHead.loss`."""
    own = torch.stack([labelled(*pair) for pair in zip(targets, weights, strict=True)]).sum(0)
    return gather_rows(own[None]).sum(0) / (len(targets) * world_size())


def finetune(
    config: FinetuneConfig,
    folder: Path,
    *,
    progress: Progress = ignore_progress,
    cancelled: Cancelled = never_cancelled,
) -> TaskNetwork:
    """Fine-tunes, or goes on where a stopped run of the same configuration ended.

    Args:
        config: what to do.
        folder: run folder; gets the configuration, the log and the checkpoint.
        progress: told after each step.
        cancelled: asked before each step.

    Returns:
        The network after the last step, in evaluation mode.

    Raises:
        ConfigError: if data, configuration and pre-trained weights do not fit each other, or the folder holds a run of
            another configuration.
        CheckpointError: if a checkpoint cannot be read.
        OperationCancelled: if the user asked for a stop; the checkpoint is written.
    """
    folders = [read_shards(each.path) for each in config.data]
    recipe = Finetuning(config, folders)
    run_training(recipe, config, folders, folder, views=1, progress=progress, cancelled=cancelled)
    return recipe.network.eval()
