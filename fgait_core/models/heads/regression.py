"""Regression head: numbers, read linearly from the projected parts.

Not in FoundationGait. Simulated walkers come with the exact numbers of their gait; learning those beside the classes
tells the encoder far more of each walk than one noisy class does (docs/decisions/0014-numbers-beside-classes.md).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from fgait_core.models.heads.task_head import HeadLoss, HeadOutput, TaskHead

LENGTH = 8.0
"""Of the features that the map reads. With unit variance each, hundreds of them that rise together would make steps
diverge that suit the cosine heads."""


class RegressionHead(TaskHead):
    """Batch normalisation, a fixed length, and a linear map to numbers in standard deviations of the training data.

    Args:
        features: length of the flattened input.
        targets: how many numbers.

    Attributes:
        bn1d: normalisation of the flattened parts.
        fc: the map.
        mean: `[target]`, mean of the training data in units of the data.
        spread: `[target]`, its standard deviation.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, features: int, targets: int) -> None:
        super().__init__()
        self.bn1d = nn.BatchNorm1d(features)
        self.fc = nn.Linear(features, targets)
        self.register_buffer("mean", torch.zeros(targets))
        self.register_buffer("spread", torch.ones(targets))

    def set_units(self, mean: Tensor, spread: Tensor) -> None:
        """Tells mean and standard deviation `[target]` of the training data."""
        self.mean.copy_(mean)
        self.spread.copy_(spread)

    def initialise(self, generator: torch.Generator, *, small_partwise: bool = False) -> None:
        """Draws the map anew, so small that it begins near the mean of the data."""
        nn.init.normal_(self.fc.weight, 0.0, 0.1 / LENGTH, generator=generator)
        nn.init.zeros_(self.fc.bias)

    def forward(self, parts: Tensor) -> HeadOutput:
        """`[batch, channel, 31]` to `[batch, target]`, in standard deviations from the mean."""
        return HeadOutput(self.fc(LENGTH * functional.normalize(self.bn1d(parts.flatten(1)), dim=1)))

    def in_units(self, said: Tensor) -> Tensor:
        """What `forward` said `[..., target]` in the units of the data."""
        return said * self.spread + self.mean

    def loss(self, output: HeadOutput, targets: Tensor, weights: Tensor, count: Tensor) -> HeadLoss:
        """Huber loss in standard deviations, mean over the targets; `targets` `[batch, target]`, NaN where unknown."""
        wanted = (targets.to(output.logits.dtype) - self.mean) / self.spread
        known = ~wanted.isnan() * weights[:, :1]
        each = functional.smooth_l1_loss(output.logits, wanted.nan_to_num(), reduction="none")
        loss = ((each * known).sum(0) / count[:, 0].clamp_min(1e-6)).mean()
        return HeadLoss(loss, {"": loss.detach()})
