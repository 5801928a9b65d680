"""Identification head: an embedding for each part, and a classifier of the training people to learn it with.

Source: FoundationGait (arXiv 2512.00691), fine-tuning for identification; BNNeck of Luo et al. 2019. Names of
parameters are those of the published state dict.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from fgait_core.losses import LABEL_SMOOTHING, LOGIT_SCALE, triplet_loss
from fgait_core.models.backbone import initialise
from fgait_core.models.heads.task_head import HeadLoss, HeadOutput, TaskHead
from fgait_core.models.layers import PARTS, PartwiseBatchNorm, PartwiseLinear


class PartwiseNeck(PartwiseBatchNorm):
    """Batch normalisation, unit length, and the cosine with one unit vector for each person and part.

    Args:
        channels: of the embedding.
        people: training people.
    """

    def __init__(self, channels: int, people: int) -> None:
        super().__init__(channels)
        self.fc_bin = nn.Parameter(torch.empty(PARTS, channels, people))

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, channel, part]` to cosine logits `[batch, people, part]`."""
        unit = functional.normalize(super().forward(x), dim=1)
        people = functional.normalize(self.fc_bin, dim=1)
        return torch.bmm(unit.permute(2, 0, 1), people).permute(1, 2, 0)


class IdentificationHead(TaskHead):
    """Embedding and people.

    Args:
        channels: of the projected parts.
        width: channels of the embedding.
        people: training people.
        margin: of the triplet loss.
    """

    def __init__(self, channels: int, width: int, people: int, margin: float) -> None:
        super().__init__()
        self.FCs = PartwiseLinear(channels, width)
        self.BNNecks = PartwiseNeck(width, people)
        self.margin = margin

    def initialise(self, generator: torch.Generator, *, small_partwise: bool = False) -> None:
        """Draws all weights anew; the scale of the embedding matters beside the margin, so `small_partwise` counts."""
        initialise(self, generator, small_partwise=small_partwise)
        for matrix in self.BNNecks.fc_bin.data:
            nn.init.xavier_uniform_(matrix, generator=generator)

    def forward(self, parts: Tensor) -> HeadOutput:
        """`[batch, channel, 31]` to logits `[batch, people, 31]` and embedding `[batch, width, 31]`, which is not of
        unit length and is compared by Euclidean distance.
        """
        embedding = self.FCs(parts)
        return HeadOutput(self.BNNecks(embedding), embedding)

    def loss(self, output: HeadOutput, targets: Tensor, weights: Tensor, count: Tensor) -> HeadLoss:
        """Triplet loss of the embedding and cross-entropy over the training people, mean over the parts.

        Everybody has a number, so that neither weights nor count matter. Triplets are sought over all processes, but
        within one micro-batch.
        """
        if output.embedding is None:
            raise TypeError("identification needs the embedding of the head")
        triplet = triplet_loss(output.embedding, targets, self.margin)
        per_part = targets[:, None].expand(-1, output.logits.shape[2])
        entropy = functional.cross_entropy(output.logits * LOGIT_SCALE, per_part, label_smoothing=LABEL_SMOOTHING)
        accuracy = (output.logits.detach().argmax(1) == per_part).to(entropy.dtype).mean()
        logged = {"triplet": triplet.detach(), "cross_entropy": entropy.detach(), "accuracy": accuracy}
        return HeadLoss(triplet + entropy, logged)
