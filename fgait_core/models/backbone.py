"""The DeepGaitV2-P3D encoder with temporal pooling, horizontal pyramid, projector and predictor.

Source: FoundationGait (arXiv 2512.00691). Names of parameters and buffers are those of the published state dict.

Deviations:
    * Part-wise weights start from a Xavier bound for each part's own matrix. The published code draws from a bound
      that counts all parts as one kernel, about 16 times smaller (`initialise(..., small_partwise=True)`);
      normalisation hides that scale after training.
    * Sequences of one call must have equal length and are kept apart; the published inference path takes one sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from fgait_core.errors import ConfigError
from fgait_core.models.crops import encode_in_crops
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
from fgait_core.models.recomputation import run_again_later

Checkpointing = Literal["off", "once", "twice"]


class BackboneOutput(NamedTuple):
    """What the backbone computes of a batch of sequences (a tuple, so that DDP and FSDP2 see its tensors).

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
        in_channels: channels of the input: 1 for silhouettes, more for other modalities. Only layer 0 depends on it.

    Attributes:
        checkpointing: "off" keeps all activations for the backward pass. "once" keeps the input of each block and
            computes the rest again, leaving the running statistics alone. "twice" keeps the input of each chunk of
            `crops` and computes the whole encoder again, which updates its running statistics twice, as published.

    Raises:
        ConfigError: if there are not four positive widths, four positive depths and a positive number of inputs.
    """

    checkpointing: Checkpointing = "off"

    def __init__(self, channels: tuple[int, ...], depths: tuple[int, ...], in_channels: int = 1) -> None:
        super().__init__()
        if len(channels) != 4 or len(depths) != 4 or min(*channels, *depths, in_channels) < 1:
            raise ConfigError(
                f"A backbone needs four positive channel counts, four positive depths and at least one input channel; "
                f"it was given channels {tuple(channels)}, depths {tuple(depths)} and {in_channels} input channels."
            )
        self.channels = tuple(channels)
        self.depths = tuple(depths)
        self.in_channels = in_channels
        width = channels[3]
        self.layer0 = FramewiseConv(in_channels, channels[0])
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
            silhouettes: `[batch, channel, frame, height, width]`, 0 background to 1 body; height and width divide by 4.

        Returns:
            `[batch, channel, frame, height / 4, width / 4]`.
        """
        batch, channels, frames, height, width = silhouettes.shape
        folded = silhouettes.transpose(1, 2).reshape(batch * frames, channels, height, width)
        x = folded.clone(memory_format=self._layout(silhouettes.device))
        for layer in (self.layer0, self.layer1):
            x = self._run(layer, x)
        for layer in (self.layer2, self.layer3, self.layer4):
            for block in layer:
                x = self._run(block, x, frames)
        return x.reshape(batch, frames, *x.shape[1:]).transpose(1, 2)

    def _layout(self, device: torch.device) -> torch.memory_format:
        """Channels last is faster, but processors compute batch statistics of it with an error 50 times as large.

        That error is small beside the one of bfloat16.
        """
        exact = self.training and device.type == "cpu" and not torch.is_autocast_enabled("cpu")
        return torch.contiguous_format if exact else torch.channels_last

    def _run(self, block: nn.Module, *inputs: Tensor | int) -> Tensor:
        again = self.checkpointing == "once" and torch.is_grad_enabled()
        return run_again_later(block, *inputs) if again else block(*inputs)

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

    def forward(self, silhouettes: Tensor, crops: Sequence[int] = (1,)) -> BackboneOutput:
        """Runs everything.

        Args:
            silhouettes: `[batch, channel, frame, 64, 44]`.
            crops: bands of each chunk of the batch (`models.crops`); (1,) is the whole body.
        """
        again = self.checkpointing == "twice" and torch.is_grad_enabled()
        encode = partial(checkpoint, self.encode, use_reentrant=False, preserve_rng_state=False)
        feature = encode_in_crops(encode if again else self.encode, silhouettes, crops)
        over_time, parts, projected = self.project(feature)
        return BackboneOutput(feature, over_time, parts, projected, self.predictor(projected))


def _p3d_layer(in_channels: int, out_channels: int, depth: int, stride: int) -> nn.ModuleList:
    first = P3DBlock(in_channels, out_channels, stride=stride)
    return nn.ModuleList([first, *(P3DBlock(out_channels, out_channels) for _ in range(depth - 1))])


def initialise(module: nn.Module, generator: torch.Generator, *, small_partwise: bool = False) -> None:
    """Draws all weights anew: convolutions and part-wise maps Xavier-uniform, normalisation N(1, 0.02) with bias 0.

    Args:
        module: a backbone or any part of it.
        generator: source of every draw.
        small_partwise: the published bound of part-wise maps, sqrt(6 / (in * out + parts * out)).
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d | TemporalConv | PointwiseConv):
            nn.init.xavier_uniform_(part.weight, generator=generator)
        elif isinstance(part, PartwiseLinear):
            kernels = [part.fc_bin.data] if small_partwise else part.fc_bin.data
            for kernel in kernels:
                nn.init.xavier_uniform_(kernel, generator=generator)
        elif isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(part.weight, 1.0, 0.02, generator=generator)
            nn.init.zeros_(part.bias)
