"""Building blocks of the encoder and of the part-wise projector and predictor.

Source: FoundationGait (arXiv 2512.00691), section on the DeepGaitV2-P3D encoder.

Every convolution works on *folded* tensors `[batch * frame, channel, height, width]`: the frames of all sequences lie
along the batch axis. A convolution over time then is an ordinary 2-D convolution with a (3, 1) kernel on the view
`[batch, channel, frame, height * width]`, which costs no copy in the channels-last memory format and is several
times faster on a CPU than a 3-D convolution, with the copy too. Parameters keep the 3-D shapes and names of the
published state dict.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

PYRAMID_BINS = (16, 8, 4, 2, 1)
"""Equal horizontal strips per level of the pyramid."""

PARTS = sum(PYRAMID_BINS)
"""Number of horizontal parts, 31."""


def conv3x3(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution without bias that keeps the size at stride 1."""
    return nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False)


class FramewiseConv(nn.Module):
    """A 3x3 convolution on each frame, batch normalisation and, if asked for, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1, relu: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv3x3(in_channels, out_channels, stride), nn.BatchNorm2d(out_channels)]
        self.forward_block = nn.Sequential(*layers, nn.ReLU()) if relu else nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Folded `[batch * frame, channel, height, width]` to the same with the new width and stride."""
        return self.forward_block(x)


class BasicBlock2d(nn.Module):
    """Residual block of two 3x3 convolutions on each frame, stride 1, identity short cut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(channels, channels)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Folded `[batch * frame, channel, height, width]`, unchanged in shape."""
        inner = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(inner)) + x)


class FramewiseLayer(nn.Module):
    """Several 2-D residual blocks in a row."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.forward_block = nn.Sequential(*(BasicBlock2d(channels) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        """Folded `[batch * frame, channel, height, width]`, unchanged in shape."""
        return self.forward_block(x)


class TemporalConv(nn.Module):
    """Convolution over three neighbouring frames at each pixel, zero-padded in time; weight `[out, in, 3, 1, 1]`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, channels, 3, 1, 1))

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """Folded `[batch * frame, channel, height, width]`, unchanged in shape.

        Args:
            x: folded features.
            frames: frames of each sequence; no step mixes the frames of two sequences.
        """
        folded, channels, height, width = x.shape
        batch = folded // frames
        by_pixel = x.permute(0, 2, 3, 1).reshape(batch, frames, height * width, channels).permute(0, 3, 1, 2)
        mixed = functional.conv2d(by_pixel, self.weight.squeeze(-1), padding=(1, 0))
        apart = mixed.permute(0, 2, 3, 1).reshape(folded, height, width, channels).permute(0, 3, 1, 2)
        # in the memory format of the input, which `Backbone` chose for the precision of batch statistics
        return apart.contiguous() if x.is_contiguous() else apart


class PointwiseConv(nn.Module):
    """1x1x1 convolution with spatial stride; weight `[out, in, 1, 1, 1]`."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Folded `[batch * frame, in, height, width]` to `[batch * frame, out, height / stride, width / stride]`."""
        # Not conv2d's own stride: oneDNN writes outside its memory in the backward pass of a strided 1x1 convolution of
        # fewer than 16 channels in the channels-last format (torch 2.13).
        return functional.conv2d(x[..., :: self.stride, :: self.stride], self.weight.squeeze(-1))


class P3DBlock(nn.Module):
    """Pseudo-3-D residual block: space, then time with its own short cut, then space again.

    The short cut around the whole block is a strided 1x1x1 convolution where stride or width changes, and the
    identity elsewhere. Normalising a folded tensor is the same as 3-D batch normalisation of the unfolded one.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = FramewiseConv(in_channels, out_channels, stride=stride)
        self.shortcut3d = TemporalConv(out_channels)
        self.sbn = nn.BatchNorm2d(out_channels)
        self.conv2 = FramewiseConv(out_channels, out_channels, relu=False)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                PointwiseConv(in_channels, out_channels, stride), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """Folded `[batch * frame, channel, height, width]`; `frames` as in `TemporalConv`."""
        shortcut = x if self.downsample is None else self.downsample(x)
        spatial = self.conv1(x)
        mixed = functional.relu(spatial + self.sbn(self.shortcut3d(spatial, frames)))
        return functional.relu(self.conv2(mixed) + shortcut)


def pyramid_pool(features: Tensor) -> Tensor:
    """Horizontal pyramid pooling: mean + max of each strip.

    Args:
        features: `[batch, channel, 16, width]`.

    Returns:
        `[batch, channel, 31]`; parts 0-15 are 16 strips from head to foot, then 8, 4, 2 strips and the whole.
    """
    batch, channels = features.shape[:2]
    pooled: list[Tensor] = []
    for bins in PYRAMID_BINS:
        strips = features.reshape(batch, channels, bins, -1)
        pooled.append(strips.mean(-1) + strips.amax(-1))
    return torch.cat(pooled, dim=-1)


class PartwiseLinear(nn.Module):
    """One linear map without bias for each part; weight `fc_bin` `[part, in, out]`."""

    def __init__(self, in_channels: int, out_channels: int, parts: int = PARTS) -> None:
        super().__init__()
        self.fc_bin = nn.Parameter(torch.empty(parts, in_channels, out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, in, part]` to `[batch, out, part]`."""
        return torch.bmm(x.permute(2, 0, 1), self.fc_bin).permute(1, 2, 0)


class PartwiseBatchNorm(nn.Module):
    """Batch normalisation of every channel of every part on its own (index = channel * parts + part)."""

    def __init__(self, channels: int, parts: int = PARTS) -> None:
        super().__init__()
        self.bn1d = nn.BatchNorm1d(channels * parts)

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, channel, part]`, unchanged in shape."""
        return self.bn1d(x.reshape(x.shape[0], -1)).reshape(x.shape)
