"""What every head has in common, whatever its task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn


class HeadOutput(NamedTuple):
    """What a head says of a batch (a tuple, so that DDP and FSDP2 see its tensors).

    Attributes:
        logits: cosines, before the scale, or numbers of a regression; the shape depends on the head.
        embedding: `[batch, channel, part]` where the task compares people, else None.
    """

    logits: Tensor
    embedding: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class HeadLoss:
    """Loss of a head on a batch.

    Attributes:
        total: scalar to go downhill on.
        logged: scalars for the log by short names; "" stands for the task itself.
    """

    total: Tensor
    logged: dict[str, Tensor]


class TaskHead(nn.Module, ABC):
    """Reads the projected parts at unit length, float32 or float64 `[batch, channel, 31]`."""

    @abstractmethod
    def forward(self, parts: Tensor) -> HeadOutput:
        """`[batch, channel, 31]` to logits."""

    @abstractmethod
    def loss(self, output: HeadOutput, targets: Tensor, weights: Tensor, count: Tensor) -> HeadLoss:
        """Loss of what the head said.

        Args:
            output: what it said.
            targets: int64 `[batch]` or `[batch, target]`, negative where there is no label; or numbers, float32
                `[batch, target]`, NaN where there is none.
            weights: `[batch, 1 + replicates]`, how often each sequence counts; the first column is 1.
            count: what the sums of the batch are divided by: `labelled(targets, weights)`, or the mean of it over all
                processes and micro-batches of a step, so that many of them together equal one.
        """

    @abstractmethod
    def initialise(self, generator: torch.Generator, *, small_partwise: bool = False) -> None:
        """Draws all weights anew.

        Args:
            generator: source of every draw.
            small_partwise: draw part-wise maps from the published bound, which counts all parts as one kernel.
        """


def labelled(targets: Tensor, weights: Tensor) -> Tensor:
    """How many sequences have a label, weighted: `[target, 1 + replicates]` of what `TaskHead.loss` takes."""
    known = (~targets.isnan() if targets.is_floating_point() else targets >= 0).reshape(len(targets), -1)
    return known.to(weights.dtype).T @ weights
