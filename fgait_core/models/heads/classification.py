"""Classification heads on the projected parts, each with bootstrap replicates of itself.

Source: FoundationGait, fine-tuning heads for scoliosis and depression: the 31 projected parts at unit length, flattened
channel by channel, batch normalisation, unit length again, cosine with one unit vector for each class.

Deviation: beside the main head there are replicates, each fitted on its own bootstrap sample of the people. They share
features and normalisation and give none of them a gradient; their spread says how far a score depends on who was in the
training data.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from fgait_core.losses import masked_cross_entropy
from fgait_core.models.heads.task_head import HeadLoss, HeadOutput, TaskHead


class CosineHead(TaskHead):
    """A head with its replicates.

    Args:
        features: length of the flattened input.
        classes: number of classes.
        replicates: bootstrap heads beside the main one.
    """

    def __init__(self, features: int, classes: int, replicates: int) -> None:
        super().__init__()
        self.bn1d = nn.BatchNorm1d(features)
        self.fc_bin = nn.Parameter(torch.empty(1, features, classes))
        self.replicates = nn.Parameter(torch.empty(replicates, features, classes))

    def initialise(self, generator: torch.Generator, *, small_partwise: bool = False) -> None:
        """Draws all weights anew; only directions of the class vectors count, so that there is no small start."""
        for matrix in (*self.fc_bin.data, *self.replicates.data):
            nn.init.xavier_uniform_(matrix, generator=generator)
        nn.init.normal_(self.bn1d.weight, 1.0, 0.02, generator=generator)
        nn.init.zeros_(self.bn1d.bias)

    def forward(self, parts: Tensor) -> HeadOutput:
        """`[batch, channel, 31]` to cosine logits `[batch, 1 + replicates, class]`; the first is the main head."""
        unit = functional.normalize(self.bn1d(parts.flatten(1)), dim=1)
        main = torch.einsum("nf,rfc->nrc", unit, functional.normalize(self.fc_bin, dim=1))
        others = torch.einsum("nf,rfc->nrc", unit.detach(), functional.normalize(self.replicates, dim=1))
        return HeadOutput(torch.cat([main, others], dim=1))

    def loss(self, output: HeadOutput, targets: Tensor, weights: Tensor, count: Tensor) -> HeadLoss:
        """Cross-entropy of the main head and of each replicate on its own bootstrap sample; `targets` `[batch]`."""
        losses = masked_cross_entropy(output.logits, targets[:, None], weights, count[0])
        return HeadLoss(losses.sum(), {"": losses[0].detach()})
