"""Configuration of a scaling study: the same pre-training for several sizes of network and of data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from fgait_core.config.base import Config, Count
from fgait_core.config.training import ArchitectureConfig


class ScalingConfig(Config):
    """Every architecture on every data set with every seed.

    Attributes:
        base: configuration of pre-training; architecture, data and seed of it are replaced, validation is left out.
        architectures: widths and depths, or names.
        data: folders of shards, from few sequences to many; best each a part of the next.
        seeds: of weights, batches and augmentation.
        held_out: shards of people whom no run sees, for the loss.
        held_out_batches: batches of it.
        test: shards for zero-shot identification.
        protocol: of retrieval.
        layer: whose output is compared, at unit length (docs/decisions/0009-which-embedding-is-the-embedding.md).
    """

    kind: Literal["scaling"]
    base: Path
    architectures: Annotated[tuple[str | ArchitectureConfig, ...], Field(min_length=1)]
    data: Annotated[tuple[Path, ...], Field(min_length=1)]
    seeds: Annotated[tuple[int, ...], Field(min_length=1)]
    held_out: Path
    held_out_batches: Count = 8
    test: Path
    protocol: str = "any"
    layer: Literal["pooled", "projector", "predictor"] = "predictor"

    @model_validator(mode="after")
    def _nothing_twice(self) -> ScalingConfig:
        for name in ("architectures", "data", "seeds"):
            values = [str(value) for value in getattr(self, name)]
            if len(set(values)) != len(values):
                raise ValueError(f"{name} names something twice")
        return self
