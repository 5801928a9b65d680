"""Classification heads on the projected parts, each with bootstrap replicates of itself.

Source: FoundationGait, fine-tuning heads: the 31 projected parts at unit length, flattened channel by channel, batch
normalisation, unit length again, cosine with one unit vector for each class.

Deviation: beside the main head there are replicates, each fitted on its own bootstrap sample of the people. They share
features and normalisation and give none of them a gradient; their spread says how far a score depends on who was in the
training data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from fgait_core.models.backbone import Backbone
from fgait_core.models.layers import PARTS


class CosineHead(nn.Module):
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

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights anew."""
        for matrix in (*self.fc_bin.data, *self.replicates.data):
            nn.init.xavier_uniform_(matrix, generator=generator)
        nn.init.normal_(self.bn1d.weight, 1.0, 0.02, generator=generator)
        nn.init.zeros_(self.bn1d.bias)

    def forward(self, features: Tensor) -> Tensor:
        """`[batch, feature]` to cosine logits `[batch, 1 + replicates, class]`; the first is the main head."""
        unit = functional.normalize(self.bn1d(features), dim=1)
        main = torch.einsum("nf,rfc->nrc", unit, functional.normalize(self.fc_bin, dim=1))
        others = torch.einsum("nf,rfc->nrc", unit.detach(), functional.normalize(self.replicates, dim=1))
        return torch.cat([main, others], dim=1)


class ScreeningNetwork(nn.Module):
    """A backbone with one head for each task.

    Args:
        backbone: gives the features; its predictor is not used.
        classes: number of classes of each task.
        replicates: bootstrap heads of each task.
    """

    def __init__(self, backbone: Backbone, classes: Mapping[str, int], replicates: int) -> None:
        super().__init__()
        self.backbone = backbone
        features = backbone.channels[3] * PARTS
        self.heads = nn.ModuleDict({task: CosineHead(features, count, replicates) for task, count in classes.items()})

    def features(self, silhouettes: Tensor, crops: Sequence[int] = (1,)) -> Tensor:
        """Head features `[batch, channel * 31]` of `[batch, 1, frame, 64, 44]`; `crops` as in pre-training."""
        projected = self.backbone(silhouettes, crops).projected
        return functional.normalize(projected.float(), dim=1).flatten(1)

    def forward(self, silhouettes: Tensor, crops: Sequence[int] = (1,)) -> dict[str, Tensor]:
        """Cosine logits `[batch, 1 + replicates, class]` of each task."""
        features = self.features(silhouettes, crops)
        return {task: head(features) for task, head in self.heads.items()}
