"""Configurations of training: read from YAML, checked, and written beside every run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fgait_core.errors import ConfigError

Probability = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Task = Literal["scoliosis", "depression"]


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ArchitectureConfig(_Config):
    """Widths and depths of the backbone.

    Attributes:
        channels: widths of layers 1 to 4.
        depths: blocks of layers 1 to 4.
    """

    channels: tuple[Count, Count, Count, Count]
    depths: tuple[Count, Count, Count, Count]


class ClipConfig(_Config):
    """How a clip is cut from a sequence.

    Attributes:
        frames: frames of a clip.
        stride: take every stride-th frame, so that 25 Hz data with stride 2 makes a network for 12.5 Hz.
        skip: frames left out at random within the window, as published (0 keeps the time axis even).
    """

    frames: Count
    stride: Count = 1
    skip: Annotated[int, Field(ge=0)] = 0


class AugmentationConfig(_Config):
    """How likely each augmentation is for a clip; the same draw holds for all frames of it."""

    affine: Probability = 0.2
    perspective: Probability = 0.2
    rotate: Probability = 0.0
    flip: Probability = 0.5
    dilate: Probability = 0.2
    blur: Probability = 0.2


class TrainingConfig(_Config):
    """What pre-training and fine-tuning share.

    Attributes:
        seed: of weights, sampling and augmentation.
        architecture: a name of `fgait architectures`, or channels and depths.
        data: folder of shards with the training people; relative to where the command runs.
        clip: how clips are cut.
        augmentation: of the training clips.
        crops: bands of each chunk of the batch; each chunk must be even.
        batch: sequences of a step.
        iterations: steps.
        warmup: steps over which the learning rate rises.
        weight_decay: of SGD.
        checkpoint_every: steps between checkpoints.
        precision: "bfloat16" computes convolutions in bfloat16, which is faster where the processor has it.
        threads: processor threads; null leaves them as they are.
    """

    seed: int
    architecture: str | ArchitectureConfig
    data: Path
    clip: ClipConfig
    augmentation: AugmentationConfig = AugmentationConfig()
    crops: tuple[Literal[1, 2, 4, 8], ...] = (8, 4, 2, 1)
    batch: Count
    iterations: Count
    warmup: Annotated[int, Field(ge=0)] = 0
    weight_decay: NotNegative = 5e-4
    checkpoint_every: Count = 100
    precision: Literal["float32", "bfloat16"] = "float32"
    threads: Count | None = None

    @model_validator(mode="after")
    def _batch_fits_the_crops(self) -> TrainingConfig:
        if set(self.crops) != {1} and self.batch % (2 * len(self.crops)):
            raise ValueError(
                f"batch {self.batch} does not divide into {len(self.crops)} chunks of an even number of sequences; "
                f"use a multiple of {2 * len(self.crops)}"
            )
        return self


class PretrainConfig(TrainingConfig):
    """Student and teacher on unlabelled sequences.

    Attributes:
        learning_rate: of SGD at its highest.
        teacher_momentum: of the moving average at the beginning; published 0.99, less for a short training.
    """

    kind: Literal["pretrain"]
    learning_rate: Positive
    teacher_momentum: Probability = 0.99


class FinetuneConfig(TrainingConfig):
    """Encoder, projector and heads on labelled sequences.

    Attributes:
        initial: run folder of pre-training whose teacher is the start; null starts from random weights.
        tasks: heads to train.
        layer_rates: learning rates of encoder layers 0 to 4; 0 freezes a layer.
        projector_rate: learning rate of the projector; 0 freezes it.
        head_rate: learning rate of the heads.
        replicates: heads fitted beside the main one, each on its own bootstrap sample of the people.
    """

    kind: Literal["finetune"]
    initial: Path | None
    tasks: tuple[Task, ...] = ("scoliosis", "depression")
    layer_rates: tuple[NotNegative, NotNegative, NotNegative, NotNegative, NotNegative]
    projector_rate: NotNegative
    head_rate: Positive
    replicates: Annotated[int, Field(ge=0, le=200)] = 20


class ProbeConfig(_Config):
    """Heads refitted in closed form on all sequences, the encoder left as it is.

    Attributes:
        seed: of clips.
        run: folder of the finished fine-tuning run.
        data: folder of shards with the training people.
        windows: clips of each sequence.
        ridge: penalty, in units of the mean variance of a feature.
        precision: of the features; "bfloat16" is faster where the processor has it.
        threads: processor threads; null leaves them as they are.
    """

    kind: Literal["probe"]
    seed: int
    run: Path
    data: Path
    windows: Count = 2
    ridge: Positive = 2.0
    precision: Literal["float32", "bfloat16"] = "float32"
    threads: Count | None = None


Config = TypeVar("Config", bound=_Config)


def _read_yaml(path: Path) -> dict[str, object]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"The configuration {path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"The configuration {path} must hold names and values, such as `seed: 1`.")
    return content


def load_config(path: Path, kind: type[Config]) -> Config:
    """Reads a configuration.

    Args:
        path: a YAML file.
        kind: `PretrainConfig`, `FinetuneConfig` or `ProbeConfig`.

    Raises:
        ConfigError: if the file cannot be read or a value is unknown, missing or wrong; the text names each one.
    """
    try:
        return kind.model_validate(_read_yaml(path))
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, each['loc'])) or 'file'}: {each['msg']}" for each in error.errors()]
        raise ConfigError(f"The configuration {path} does not fit: {'; '.join(problems)}.") from error


def save_config(path: Path, config: _Config) -> None:
    """Writes a configuration, all defaults filled in."""
    path.write_text(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
