"""What all configurations share: kinds of numbers and a strict, frozen model."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _device(text: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", text):
        raise ValueError(f"there is no device {text!r}; use auto, cpu, cuda or cuda:N")
    return text


Probability = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
ModalityName = Literal["silhouettes", "skeleton_maps", "parsing_maps"]
OptimizerName = Literal["sgd", "adamw"]
LayerName = Literal["encoder", "pooled", "projector", "predictor"]
Precision = Literal["float32", "bfloat16", "float16", "float64"]
Device = Annotated[str, AfterValidator(_device)]


class Config(BaseModel):
    """Frozen, and strict: an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
