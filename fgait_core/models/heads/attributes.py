"""Attributes head: for each value of each attribute a yes or no.

Source: FoundationGait, fine-tuning for RA-GAR: for an attribute of k values, k binary BNNecks ask "is it this value?".
Each is batch normalisation of the flattened parts, unit length, and the cosine with a unit vector for no and one for
yes.

All of them normalise the same features, so their statistics are the same and are kept once; their scales, shifts and
vectors lie in one tensor each, and the cosines of all values come from a few matrix products:
(x g + b) w / |x g + b| = (x (g w) + b w) / sqrt(x² g² + 2 x (g b) + b²) for normalised features x, scale g, shift b and
unit vector w.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from fgait_core.losses import masked_cross_entropy
from fgait_core.models.heads.task_head import HeadLoss, HeadOutput, TaskHead

_SMALLEST = 1e-12


class AttributesHead(TaskHead):
    """Binary questions on all values of all attributes.

    Args:
        features: length of the flattened input.
        values: number of values of each attribute; together K.

    Attributes:
        bn1d: normalisation to mean 0 and variance 1, without scale and shift of its own.
        weight: `[K, feature]`, scale of each question.
        bias: `[K, feature]`, shift of each question.
        fc_bin: `[K, feature, 2]`, vectors for no and yes.
    """

    def __init__(self, features: int, values: tuple[int, ...]) -> None:
        super().__init__()
        self.values = values
        self.bn1d = nn.BatchNorm1d(features, affine=False)
        self.weight = nn.Parameter(torch.empty(sum(values), features))
        self.bias = nn.Parameter(torch.empty(sum(values), features))
        self.fc_bin = nn.Parameter(torch.empty(sum(values), features, 2))

    def initialise(self, generator: torch.Generator, *, small_partwise: bool = False) -> None:
        """Draws all weights anew; only directions of the vectors count, so that there is no small start."""
        nn.init.normal_(self.weight, 1.0, 0.02, generator=generator)
        nn.init.zeros_(self.bias)
        for matrix in self.fc_bin.data:
            nn.init.xavier_uniform_(matrix, generator=generator)

    def forward(self, parts: Tensor) -> HeadOutput:
        """`[batch, channel, 31]` to cosine logits `[batch, 2, K]`: no and yes of each value, attribute by attribute."""
        x = self.bn1d(parts.flatten(1))
        vectors = functional.normalize(self.fc_bin, dim=1)
        scaled = (self.weight[:, :, None] * vectors).permute(1, 2, 0).flatten(1)
        shift = torch.einsum("kf,kfc->ck", self.bias, vectors)
        along = (x @ scaled).unflatten(1, shift.shape) + shift
        squared = x.square() @ self.weight.square().T + 2 * x @ (self.weight * self.bias).T + self.bias.square().sum(1)
        return HeadOutput(along / squared.clamp_min(_SMALLEST).sqrt()[:, None])

    def loss(self, output: HeadOutput, targets: Tensor, weights: Tensor, count: Tensor) -> HeadLoss:
        """Sum over all values of the binary cross-entropy of those who have a label; `targets` `[batch, attribute]`."""
        attribute = torch.repeat_interleave(torch.arange(len(self.values)), torch.tensor(self.values))
        value = torch.cat([torch.arange(each) for each in self.values])
        attribute, value = attribute.to(targets.device), value.to(targets.device)
        asked = targets[:, attribute]
        answers = torch.where(asked < 0, asked, (asked == value).long())
        logits = output.logits.transpose(1, 2)
        once = weights[:, :1].expand(-1, len(value))
        losses = masked_cross_entropy(logits, answers, once, count[attribute, 0])
        return HeadLoss(losses.sum(), {"": losses.mean().detach()})
