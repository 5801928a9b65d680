"""Optimisers, learning-rate schedules and the momentum of the teacher.

Source: FoundationGait, pre-training and fine-tuning settings.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, SequentialLR

from fgait_core.models.backbone import Backbone

EMA_START = 0.99


def teacher_momentum(iteration: int, iterations: int, start: float = EMA_START) -> float:
    """Momentum of the teacher after a step: rises from `start` to 1 along half a cosine.

    Args:
        iteration: number of the finished step, from 1.
        iterations: steps of the whole training.
        start: momentum at the beginning; published 0.99. A short training needs less, or the teacher never leaves its
            random start.
    """
    if iteration >= iterations - 1:
        return 1.0
    return 1.0 - (1.0 - start) * (math.cos(math.pi * iteration / (iterations - 1)) + 1.0) / 2.0


def sgd(parameters: Iterable[nn.Parameter], *, learning_rate: float, weight_decay: float) -> SGD:
    """SGD with momentum 0.9; weight decay on everything, normalisation too, as published."""
    return SGD(parameters, lr=learning_rate, momentum=0.9, weight_decay=weight_decay)


def layerwise_sgd(
    backbone: Backbone,
    heads: nn.Module,
    *,
    layer_rates: tuple[float, float, float, float, float],
    projector_rate: float,
    head_rate: float,
    weight_decay: float,
) -> SGD:
    """SGD with one learning rate for each encoder layer, one for the projector and one for the heads.

    A layer with rate 0 is frozen: it gets no gradient. (In the published code it still does.) The predictor is not
    used by the heads and is left alone.

    Args:
        backbone: the network to fine-tune; parameters of frozen layers get `requires_grad=False`.
        heads: the classification heads.
        layer_rates: rates of layers 0 to 4.
        projector_rate: rate of the projector.
        head_rate: rate of the heads.
        weight_decay: for every group.
    """
    backbone.requires_grad_(False)
    layers = (backbone.layer0, backbone.layer1, backbone.layer2, backbone.layer3, backbone.layer4, backbone.projector)
    groups: list[dict[str, object]] = [{"params": list(heads.parameters()), "lr": head_rate}]
    for layer, rate in zip(layers, (*layer_rates, projector_rate), strict=True):
        if rate > 0:
            groups.append({"params": list(layer.requires_grad_(True).parameters()), "lr": rate})
    return SGD(groups, lr=head_rate, momentum=0.9, weight_decay=weight_decay)


def warm_cosine(optimizer: torch.optim.Optimizer, *, iterations: int, warmup: int) -> LRScheduler:
    """Linear rise over `warmup` steps, then a cosine down to one hundredth of the rate."""
    lowest = min(group["lr"] for group in optimizer.param_groups) / 100.0
    cosine = CosineAnnealingLR(optimizer, T_max=max(iterations - warmup, 1), eta_min=lowest)
    if warmup == 0:
        return cosine
    rise = LinearLR(optimizer, start_factor=1.0 / (warmup + 1), total_iters=warmup)
    return SequentialLR(optimizer, [rise, cosine], milestones=[warmup])
