"""Where a probe takes its encoder from, and the fine-tuning run that its result is equivalent to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from fgait_core.config import (
    ArchitectureConfig,
    AugmentationConfig,
    ClipConfig,
    DataSetConfig,
    FinetuneConfig,
    ModalityName,
    ProbeConfig,
    TaskConfig,
    load_run_config,
)
from fgait_core.data.modalities import MODALITIES
from fgait_core.errors import ConfigError
from fgait_core.models.architectures import named_architecture
from fgait_core.models.backbone import Backbone, initialise
from fgait_core.models.published import load_backbone
from fgait_core.recipes.finetune import architecture_of, load_finetuned


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """An encoder and what its run says of it.

    Attributes:
        backbone: the encoder.
        modality: what it sees.
        clip: how clips were cut; None where no run says so.
        tasks: of the fine-tuning run; empty for any other.
        trained_on: data sets of the labels that it was trained with.
        path: of the run or checkpoint.
    """

    backbone: Backbone
    modality: ModalityName
    clip: ClipConfig | None = None
    tasks: tuple[TaskConfig, ...] = ()
    trained_on: tuple[DataSetConfig, ...] = ()
    path: Path | None = None


def find_source(config: ProbeConfig) -> Source:
    """The encoder of a probe.

    Raises:
        CheckpointError: if it cannot be read or is not finished.
        ConfigError: if the run folder has no configuration, or is of another architecture or modality than named.
    """
    source = _read(config)
    if config.architecture is not None and config.run is not None:
        wanted, found = _sizes(config.architecture), architecture_of(source.backbone)
        if wanted != found:
            raise ConfigError(
                f"{config.run} has channels {found.channels} and depths {found.depths}, not {wanted.channels} and "
                f"{wanted.depths}. Leave `architecture` out to take the run's own."
            )
    channels = MODALITIES[source.modality].channels
    if source.backbone.in_channels != channels:
        raise ConfigError(
            f"{config.run} sees {source.backbone.in_channels} channel(s), {source.modality} have {channels}. Name the "
            "`modality` that it was trained on."
        )
    return source


def _read(config: ProbeConfig) -> Source:
    if config.run is None:
        return Source(_untrained(config), config.modality)
    if not config.run.is_dir():
        return Source(load_backbone(config.run), config.modality, path=config.run)
    stored = load_run_config(config.run)
    if isinstance(stored, FinetuneConfig):
        backbone = load_finetuned(stored, config.run).backbone
        return Source(backbone, stored.modality, stored.clip, stored.tasks, stored.data, config.run)
    return Source(load_backbone(config.run), stored.modality, stored.clip, path=config.run)


def _sizes(architecture: str | ArchitectureConfig) -> ArchitectureConfig:
    if isinstance(architecture, ArchitectureConfig):
        return architecture
    named = named_architecture(architecture)
    return ArchitectureConfig(channels=named.channels, depths=named.depths)


def _untrained(config: ProbeConfig) -> Backbone:
    if config.architecture is None:
        raise ConfigError("An untrained network needs an `architecture`.")
    sizes = _sizes(config.architecture)
    backbone = Backbone(sizes.channels, sizes.depths, MODALITIES[config.modality].channels)
    initialise(backbone, torch.Generator().manual_seed(config.seed))
    return backbone.eval()


def as_finetuning(config: ProbeConfig, source: Source) -> FinetuneConfig:
    """The fine-tuning run that says how a probed network is built and what it was trained on.

    Raises:
        ConfigError: if neither configuration nor run names the tasks and the clip.
    """
    tasks = config.tasks or tuple(task for task in source.tasks if task.kind != "identification")
    clip = config.clip or source.clip
    if not tasks:
        raise ConfigError("Nothing says what to probe for; name `tasks`, such as `tasks: [scoliosis]`.")
    if clip is None:
        raise ConfigError(f"{config.run} does not say how clips were cut; name it: `clip: {{frames: 30, stride: 1}}`.")
    own = DataSetConfig(path=config.data)
    return FinetuneConfig(
        kind="finetune",
        seed=config.seed,
        architecture=architecture_of(source.backbone),
        modality=source.modality,
        data=(own, *(each for each in source.trained_on if each.path != own.path)),
        clip=clip,
        augmentation=AugmentationConfig(affine=0, perspective=0, flip=config.flip, dilate=0, blur=0),
        crops=(1,),
        batch=1,
        iterations=1,
        precision=config.precision,
        device=config.device,
        threads=config.threads,
        initial=source.path,
        tasks=tasks,
        layer_rates=(0, 0, 0, 0, 0),
        projector_rate=0,
        head_rate=1,
        replicates=config.replicates,
    )
