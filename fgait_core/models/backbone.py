"""The DeepGaitV2-P3D encoder with temporal pooling, horizontal pyramid, projector and predictor.

Source: FoundationGait (arXiv 2512.00691). Names of parameters and buffers are those of the published state dict.

Deviations:
    * Part-wise weights start from a Xavier bound for each part's own matrix. The published code draws from a bound
      that counts all parts as one kernel, about 16 times smaller; normalisation hides that scale after training.
    * Sequences of one call must have equal length and are kept apart; the published inference path takes one sequence.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from fgait_core.errors import ConfigError
from fgait_core.models.layers import (
    FramewiseConv,
    FramewiseLayer,
    P3DBlock,
    PartwiseBatchNorm,
    PartwiseLinear,
    PointwiseConv,
    TemporalConv,
    pyramid_pool,
)


@dataclass(frozen=True, slots=True, eq=False)
class BackboneOutput:
    """What the backbone computes of a batch of sequences.

    Attributes:
        feature: `[batch, channel, frame, 16, 11]`, output of the encoder.
        over_time: `[batch, channel, 16, 11]`, the maximum over all frames.
        parts: `[batch, channel, 31]`, the horizontal pyramid.
        projected: `[batch, channel, 31]`, output of the projector (input of the heads).
        predicted: `[batch, channel, 31]`, output of the predictor.
    """

    feature: Tensor
    over_time: Tensor
    parts: Tensor
    projected: Tensor
    predicted: Tensor

    @property
    def embedding(self) -> Tensor:
        """`[batch, channel, 31]`: the predicted parts at unit length, for retrieval."""
        return functional.normalize(self.predicted, dim=1)

    @property
    def head_features(self) -> Tensor:
        """`[batch, channel, 31]`: the projected parts at unit length, which the heads read."""
        return functional.normalize(self.projected, dim=1)


class Backbone(nn.Module):
    """Encoder, projector and predictor.

    Args:
        channels: widths of the four layers (layer 0 has the width of layer 1).
        depths: blocks of the four layers.

    Raises:
        ConfigError: if there are not four positive widths and four positive depths.
    """

    def __init__(self, channels: tuple[int, ...], depths: tuple[int, ...]) -> None:
        super().__init__()
        if len(channels) != 4 or len(depths) != 4 or min(*channels, *depths) < 1:
            raise ConfigError(
                f"A backbone needs four positive channel counts and four positive depths; "
                f"it was given channels {tuple(channels)} and depths {tuple(depths)}."
            )
        self.channels = tuple(channels)
        self.depths = tuple(depths)
        width = channels[3]
        self.layer0 = FramewiseConv(1, channels[0])
        self.layer1 = FramewiseLayer(channels[0], depths[0])
        self.layer2 = _p3d_layer(channels[0], channels[1], depths[1], stride=2)
        self.layer3 = _p3d_layer(channels[1], channels[2], depths[2], stride=2)
        self.layer4 = _p3d_layer(channels[2], channels[3], depths[3], stride=1)
        self.projector = nn.Sequential(
            PartwiseLinear(width, width),
            PartwiseBatchNorm(width),
            nn.ReLU(),
            PartwiseLinear(width, width),
            PartwiseBatchNorm(width),
        )
        self.predictor = nn.Sequential(
            PartwiseLinear(width, width), PartwiseBatchNorm(width), nn.ReLU(), PartwiseLinear(width, width)
        )

    def encode(self, silhouettes: Tensor) -> Tensor:
        """Runs the encoder.

        Args:
            silhouettes: `[batch, 1, frame, height, width]`, 0 background to 1 body; height and width divide by 4.

        Returns:
            `[batch, channel, frame, height / 4, width / 4]`.
        """
        batch, _, frames, height, width = silhouettes.shape
        folded = silhouettes.transpose(1, 2).reshape(batch * frames, 1, height, width)
        x = self.layer1(self.layer0(folded.contiguous(memory_format=torch.channels_last)))
        for layer in (self.layer2, self.layer3, self.layer4):
            for block in layer:
                x = block(x, frames)
        return x.reshape(batch, frames, *x.shape[1:]).transpose(1, 2)

    def project(self, feature: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pools an encoded feature over time and strips and projects it.

        Args:
            feature: `[batch, channel, frame, 16, 11]`.

        Returns:
            over_time `[batch, channel, 16, 11]`, parts and projected, both `[batch, channel, 31]`.
        """
        over_time = feature.amax(2)
        parts = pyramid_pool(over_time)
        return over_time, parts, self.projector(parts)

    def forward(self, silhouettes: Tensor) -> BackboneOutput:
        """Runs everything on `[batch, 1, frame, 64, 44]`."""
        feature = self.encode(silhouettes)
        over_time, parts, projected = self.project(feature)
        return BackboneOutput(feature, over_time, parts, projected, self.predictor(projected))


def _p3d_layer(in_channels: int, out_channels: int, depth: int, stride: int) -> nn.ModuleList:
    first = P3DBlock(in_channels, out_channels, stride=stride)
    return nn.ModuleList([first, *(P3DBlock(out_channels, out_channels) for _ in range(depth - 1))])


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draws all weights anew: convolutions and part-wise maps Xavier-uniform, normalisation N(1, 0.02) with bias 0."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | TemporalConv | PointwiseConv):
            nn.init.xavier_uniform_(part.weight, generator=generator)
        elif isinstance(part, PartwiseLinear):
            for matrix in part.fc_bin.data:
                nn.init.xavier_uniform_(matrix, generator=generator)
        elif isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(part.weight, 1.0, 0.02, generator=generator)
            nn.init.zeros_(part.bias)
