"""A backbone with one head for each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from fgait_core.config import AttributesTask, IdentificationTask, RegressionTask, TaskConfig
from fgait_core.models.backbone import Backbone
from fgait_core.models.heads.attributes import AttributesHead
from fgait_core.models.heads.classification import CosineHead
from fgait_core.models.heads.identification import IdentificationHead
from fgait_core.models.heads.regression import RegressionHead
from fgait_core.models.heads.task_head import HeadOutput, TaskHead
from fgait_core.models.layers import PARTS


def build_head(task: TaskConfig, width: int, *, people: int = 0, replicates: int = 0) -> TaskHead:
    """The head of a task, its weights not yet drawn.

    Args:
        task: what to learn.
        width: channels of the projected parts.
        people: training people, for identification.
        replicates: bootstrap heads, for classification.
    """
    if isinstance(task, IdentificationTask):
        return IdentificationHead(width, task.width, people, task.margin)
    if isinstance(task, AttributesTask):
        return AttributesHead(width * PARTS, tuple(len(values) for values in task.attributes.values()))
    if isinstance(task, RegressionTask):
        return RegressionHead(width * PARTS, len(task.columns))
    return CosineHead(width * PARTS, len(task.classes), replicates)


class TaskNetwork(nn.Module):
    """A backbone with one head for each task.

    Deviation: in training mode, layers that are frozen (no parameter of them asks for a gradient) stay in evaluation
    mode, so that their running statistics do not change either. In the published code they do.

    Args:
        backbone: gives the features; its predictor is not used.
        heads: by name of the task.
        frozen_statistics: frozen layers normalise by their batch and update their running statistics, as published.
    """

    def __init__(self, backbone: Backbone, heads: Mapping[str, TaskHead], *, frozen_statistics: bool = False) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = nn.ModuleDict(dict(heads))
        self._frozen_statistics = frozen_statistics

    def head(self, task: str) -> TaskHead:
        """The head of a task."""
        return cast(TaskHead, self.heads[task])

    def train(self, mode: bool = True) -> TaskNetwork:
        """Training or evaluation mode; frozen layers and the unused predictor stay in evaluation mode."""
        super().train(mode)
        for name, layer in self.backbone.named_children():
            if name == "predictor" or (not self._frozen_statistics and _is_frozen(layer)):
                layer.eval()
        return self

    def parts(self, silhouettes: Tensor, crops: Sequence[int] = (1,)) -> Tensor:
        """What heads read: the projected parts at unit length.

        Args:
            silhouettes: `[batch, channel, frame, 64, 44]`.
            crops: bands of each chunk, as in pre-training.

        Returns:
            `[batch, channel, 31]`, float64 from a float64 network and float32 from any other.
        """
        with torch.no_grad() if _is_frozen(self.backbone) else nullcontext():
            projected = self.backbone(silhouettes, crops).projected
        return functional.normalize(projected if projected.dtype == torch.float64 else projected.float(), dim=1)

    def forward(self, silhouettes: Tensor, crops: Sequence[int] = (1,)) -> dict[str, HeadOutput]:
        """What each head says; heads compute in full precision."""
        parts = self.parts(silhouettes, crops)
        with torch.autocast(parts.device.type, enabled=False):
            return {task: head(parts) for task, head in self.heads.items()}


def _is_frozen(module: nn.Module) -> bool:
    return not any(parameter.requires_grad for parameter in module.parameters())
