"""Named sizes of the backbone and how many parameters each has."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from fgait_core.errors import ConfigError
from fgait_core.models.backbone import Backbone


@dataclass(frozen=True, slots=True)
class Architecture:
    """Widths and depths of a backbone.

    Attributes:
        name: how configurations and the command line call it.
        channels: widths of layers 1 to 4.
        depths: blocks of layers 1 to 4.
    """

    name: str
    channels: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]

    def build(self) -> Backbone:
        """An untrained backbone; draw its weights with `models.backbone.initialise` or load them."""
        return Backbone(self.channels, self.depths)


ARCHITECTURES = {
    architecture.name: architecture
    for architecture in (
        Architecture("tiny", (16, 32, 64, 128), (1, 1, 1, 1)),
        Architecture("small", (64, 128, 256, 512), (1, 1, 1, 1)),
        Architecture("s22", (32, 64, 128, 256), (1, 2, 2, 1)),
        Architecture("0.03B", (64, 128, 256, 512), (1, 4, 8, 4)),
        Architecture("0.13B", (64, 128, 256, 512), (1, 4, 32, 16)),
    )
}
"""`0.03B` and `0.13B` are the published sizes, named after the encoder alone."""


@dataclass(frozen=True, slots=True)
class ParameterCount:
    """Learnable parameters of a backbone, and how many numbers its buffers (running statistics) hold."""

    encoder: int
    projector: int
    predictor: int
    buffers: int

    @property
    def total(self) -> int:
        """Encoder, projector and predictor together."""
        return self.encoder + self.projector + self.predictor


def named_architecture(name: str) -> Architecture:
    """Looks up a size by its name.

    Raises:
        ConfigError: if there is none of that name; the text lists those that there are.
    """
    if name not in ARCHITECTURES:
        raise ConfigError(f"There is no architecture {name!r}. Known ones: {', '.join(ARCHITECTURES)}.")
    return ARCHITECTURES[name]


def count_parameters(architecture: Architecture) -> ParameterCount:
    """Counts on the meta device, so that no weight is ever allocated."""
    with torch.device("meta"):
        backbone = architecture.build()
    total = _numbers_of(backbone)
    projector, predictor = _numbers_of(backbone.projector), _numbers_of(backbone.predictor)
    buffers = sum(buffer.numel() for buffer in backbone.buffers())
    return ParameterCount(total - projector - predictor, projector, predictor, buffers)


def _numbers_of(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
