"""Configurations of fine-tuning and probing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from fgait_core.config.base import (
    Config,
    Count,
    Device,
    ModalityName,
    NotNegative,
    OptimizerName,
    Positive,
    Precision,
    Probability,
)
from fgait_core.config.tasks import Tasks, require_different_names
from fgait_core.config.training import ArchitectureConfig, ClipConfig, TrainingConfig


class FinetuneConfig(TrainingConfig):
    """Encoder, projector and heads on labelled sequences.

    Attributes:
        initial: run folder or checkpoint of pre-training whose teacher is the start; null starts from random weights.
        optimizer: "sgd", as published, or "adamw", whose rates are ten times smaller (0.003) and whose weight decay
            is ten times larger.
        tasks: heads to train: `scoliosis`, `depression`, or a task described in full.
        layer_rates: learning rates of encoder layers 0 to 4; 0 freezes a layer.
        projector_rate: learning rate of the projector; 0 freezes it.
        head_rate: learning rate of the heads.
        sequences_per_person: 1 draws each sequence of a batch from another person; K draws batch / K people with K
            sequences each, which the triplet loss needs.
        replicates: heads beside the main one of each classification, each on its own bootstrap sample of the people.
    """

    kind: Literal["finetune"]
    initial: Path | None
    optimizer: OptimizerName = "sgd"
    tasks: Tasks
    layer_rates: tuple[NotNegative, NotNegative, NotNegative, NotNegative, NotNegative]
    projector_rate: NotNegative
    head_rate: Positive
    sequences_per_person: Count = 1
    replicates: Annotated[int, Field(ge=0, le=200)] = 20

    @model_validator(mode="after")
    def _tasks_fit(self) -> FinetuneConfig:
        require_different_names(self.tasks)
        if self.batch % self.sequences_per_person:
            raise ValueError(f"batch {self.batch} is no multiple of sequences_per_person {self.sequences_per_person}")
        if self.sequences_per_person == 1 and any(task.kind == "identification" for task in self.tasks):
            raise ValueError("identification needs sequences_per_person of at least 2, or there is no positive pair")
        return self


class ProbeConfig(Config):
    """Heads fitted in closed form on the features of an encoder that is left as it is.

    Attributes:
        seed: of clips, and of the weights where `run` is null.
        run: what gives the encoder: folder of a pre-training or fine-tuning run, or a checkpoint file. Null probes an
            untrained network, the baseline that pre-training must beat.
        architecture: needed where `run` is null; otherwise it is read from the run.
        modality: what the network sees; only where `run` does not say so.
        data: folder of shards with the training people.
        tasks: classifications to fit; by default those of the fine-tuning run.
        clip: how clips are cut; by default as in the run.
        windows: clips of each sequence.
        flip: share of mirrored clips.
        ridge: penalty, in units of the mean variance of a feature.
        replicates: heads beside the main one, each on its own bootstrap sample of the people.
        precision: of the features; "bfloat16" is faster where the processor has it.
        device: "auto" takes a GPU if there is one.
        threads: processor threads; null leaves them as they are.
    """

    kind: Literal["probe"]
    seed: int
    run: Path | None
    architecture: str | ArchitectureConfig | None = None
    modality: ModalityName = "silhouettes"
    data: Path
    tasks: Tasks | None = None
    clip: ClipConfig | None = None
    windows: Count = 2
    flip: Probability = 0.5
    ridge: Positive = 2.0
    replicates: Annotated[int, Field(ge=0, le=200)] = 20
    precision: Precision = "float32"
    device: Device = "auto"
    threads: Count | None = None

    @model_validator(mode="after")
    def _says_what_to_probe(self) -> ProbeConfig:
        if self.run is None and (self.architecture is None or self.clip is None or self.tasks is None):
            raise ValueError("without a run, architecture, clip and tasks are needed")
        if self.tasks is not None:
            require_different_names(self.tasks)
            if any(task.kind == "identification" for task in self.tasks):
                raise ValueError("identification needs no probe: `fgait evaluate --protocol` measures it zero-shot")
        return self
