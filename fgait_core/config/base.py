"""What all configurations share: kinds of numbers and a strict, frozen model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Probability = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
ModalityName = Literal["silhouettes", "skeleton_maps", "parsing_maps"]
LayerName = Literal["encoder", "pooled", "projector", "predictor"]
Precision = Literal["float32", "bfloat16", "float16", "float64"]
Device = Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")]


class Config(BaseModel):
    """Frozen, and strict: an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
