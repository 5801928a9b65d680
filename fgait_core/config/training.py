"""Configurations of pre-training, and what it shares with fine-tuning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from fgait_core.config.base import Config, Count, Device, ModalityName, NotNegative, Positive, Precision, Probability


class ArchitectureConfig(Config):
    """Widths and depths of the backbone.

    Attributes:
        channels: widths of layers 1 to 4.
        depths: blocks of layers 1 to 4.
    """

    channels: tuple[Count, Count, Count, Count]
    depths: tuple[Count, Count, Count, Count]


class DataSetConfig(Config):
    """One folder of shards to train on.

    Attributes:
        path: the folder; relative to where the command runs.
        weight: factor on its number of sequences when the mixture draws a data set (published: 0.1 for GaitLU-1M).
    """

    path: Path
    weight: Positive = 1.0


def _listed(value: Any) -> Any:
    """One folder or a list of folders, each a path or a mapping with `path`."""
    items = value if isinstance(value, list | tuple) else [value]
    return [{"path": item} if isinstance(item, str | Path) else item for item in items]


DataSets = Annotated[tuple[DataSetConfig, ...], Field(min_length=1), BeforeValidator(_listed)]


class ClipConfig(Config):
    """How a clip is cut from a sequence.

    Attributes:
        frames: frames of a clip.
        stride: take every stride-th frame, so that 25 Hz data with stride 2 makes a network for 12.5 Hz.
        skip: frames left out at random within the window; published 4 (0 keeps the time axis even).
    """

    frames: Count
    stride: Count = 1
    skip: Annotated[int, Field(ge=0)] = 0


class AugmentationConfig(Config):
    """How likely each augmentation is for a clip; the same draw holds for all frames of it."""

    affine: Probability = 0.2
    perspective: Probability = 0.2
    rotate: Probability = 0.0
    flip: Probability = 0.5
    dilate: Probability = 0.2
    blur: Probability = 0.2
    erase: Probability = 0.0


class ScheduleConfig(Config):
    """How the learning rates change over the steps.

    Attributes:
        kind: "cosine" falls to `lowest` along half a cosine; "multistep" multiplies by `factor` at each milestone;
            "constant" stays.
        milestones: steps, rising; only for "multistep".
        factor: at each milestone; published 0.1.
        lowest: rate at the end of "cosine", as a share of each group's highest rate; published 1e-5 / 0.05.
        warmup: steps of a linear rise before; published none.
    """

    kind: Literal["cosine", "multistep", "constant"] = "cosine"
    milestones: tuple[Count, ...] = ()
    factor: Positive = 0.1
    lowest: Probability = 0.0002
    warmup: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _milestones_belong_to_multistep(self) -> ScheduleConfig:
        if (self.kind == "multistep") != bool(self.milestones):
            raise ValueError("milestones belong to kind multistep, which needs at least one")
        if list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError("milestones must rise")
        return self


class ReproduceConfig(Config):
    """Accidents of the published code, all mended unless asked for here.

    Attributes:
        double_statistics: running statistics of the encoder are updated twice a step, because activation checkpointing
            repeats each forward pass.
        small_partwise_start: part-wise weights start from a bound 16 times smaller, which counts all parts as one
            kernel.
        frozen_statistics: layers that are frozen in fine-tuning still update their running statistics.
        last_block_dropped: the last full block of an epoch is never drawn.
        order_by_process: each process shuffles for itself, so that processes may draw the same sequence.
        off_centre_rotation: frames are turned about column 32 and row 22 although their middle is column 22 and row 32.
    """

    double_statistics: bool = False
    small_partwise_start: bool = False
    frozen_statistics: bool = False
    last_block_dropped: bool = False
    order_by_process: bool = False
    off_centre_rotation: bool = False


class TrainingConfig(Config):
    """What pre-training and fine-tuning share.

    Attributes:
        seed: of weights, sampling and augmentation.
        architecture: a name of `fgait architectures`, or channels and depths.
        modality: what the network sees.
        data: folders of shards with the training people: a path, or a list of paths or of `path` and `weight`.
        mixture_exponent: a data set is drawn with probability proportional to (weight * sequences) ** exponent.
        clip: how clips are cut.
        augmentation: of the training clips.
        crops: bands of each chunk of the batch; each chunk must be even.
        batch: sequences of a step, over all processes and micro-batches.
        accumulate: micro-batches in which each process does its share of a step, to save memory.
        iterations: steps.
        schedule: of the learning rates.
        momentum: of SGD.
        weight_decay: of SGD, on everything.
        precision: "bfloat16" and "float16" compute convolutions so, where the device can; "float64" is for comparisons.
        activation_checkpointing: compute activations again in the backward pass, which saves memory and costs time.
        parallel: over several processes of `torchrun`: "ddp" (a copy each) or "fsdp" (weights in shards, FSDP2).
        compile: compile the blocks of the encoder.
        device: "auto" takes a GPU if there is one.
        workers: processes that load and augment; 0 does it in the training process.
        threads: processor threads; null leaves them as they are.
        checkpoint_every: steps between checkpoints; a killed run loses at most so many.
        keep_every: steps between checkpoints that are kept for good; null keeps the last only.
        tensorboard: also write TensorBoard event files.
        reproduce: accidents of the published code to reproduce.
    """

    seed: int
    architecture: str | ArchitectureConfig
    modality: ModalityName = "silhouettes"
    data: DataSets
    mixture_exponent: NotNegative = 1 / 3
    clip: ClipConfig
    augmentation: AugmentationConfig = AugmentationConfig()
    crops: tuple[Literal[1, 2, 4, 8], ...] = (8, 4, 2, 1)
    batch: Count
    accumulate: Count = 1
    iterations: Count
    schedule: ScheduleConfig = ScheduleConfig()
    momentum: Probability = 0.9
    weight_decay: NotNegative = 5e-4
    precision: Precision = "float32"
    activation_checkpointing: bool = False
    parallel: Literal["ddp", "fsdp"] = "ddp"
    compile: bool = False
    device: Device = "auto"
    workers: Annotated[int, Field(ge=0)] = 0
    threads: Count | None = None
    checkpoint_every: Count = 100
    keep_every: Count | None = None
    tensorboard: bool = False
    reproduce: ReproduceConfig = ReproduceConfig()

    @model_validator(mode="after")
    def _batch_fits_the_crops(self) -> TrainingConfig:
        pieces = self.accumulate * (1 if set(self.crops) == {1} else 2 * len(self.crops))
        if self.batch % pieces:
            raise ValueError(
                f"batch {self.batch} does not divide into {self.accumulate} micro-batches of {len(self.crops)} chunks "
                f"of an even number of sequences; use a multiple of {pieces}"
            )
        return self

    @model_validator(mode="after")
    def _nothing_contradicts(self) -> TrainingConfig:
        if self.reproduce.double_statistics and not self.activation_checkpointing:
            raise ValueError("reproduce.double_statistics needs activation_checkpointing")
        if self.modality != "silhouettes" and (self.augmentation.dilate or self.augmentation.blur):
            raise ValueError("augmentation.dilate and augmentation.blur are for silhouettes; set both to 0")
        last = max((*self.schedule.milestones, self.schedule.warmup))
        if last >= self.iterations:
            raise ValueError(f"the schedule reaches step {last}, but there are only {self.iterations} iterations")
        return self


class ValidationConfig(Config):
    """Zero-shot identification of people who are not trained on, measured while pre-training goes on.

    Attributes:
        data: folder of shards of the validation people.
        every: steps between two measurements; published 2000.
        sequences: how many are embedded at the most.
    """

    data: Path
    every: Count = 2000
    sequences: Count = 1000


class PretrainConfig(TrainingConfig):
    """Student and teacher on unlabelled sequences.

    Attributes:
        learning_rate: of SGD at its highest; published 0.05.
        teacher_momentum: of the moving average at the beginning; published 0.99, less for a short training.
        teacher_statistics: of the teacher's batch normalisation. "own": of its own batches, as published; "averaged":
            the moving average of the student's running statistics, which it then uses, too.
        sampling: "sequences" draws different sequences, as published; "people" draws different people, so that no batch
            holds a person twice.
        logit_scale: on the cosine similarities; published 16.
        label_smoothing: of the contrastive loss; published 0.1.
        validation: null measures nothing on the way.
    """

    kind: Literal["pretrain"]
    learning_rate: Positive = 0.05
    teacher_momentum: Probability = 0.99
    teacher_statistics: Literal["own", "averaged"] = "own"
    sampling: Literal["sequences", "people"] = "sequences"
    logit_scale: Positive = 16.0
    label_smoothing: Probability = 0.1
    validation: ValidationConfig | None = None
