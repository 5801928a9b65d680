"""Optimisers, learning-rate schedules and the momentum of the teacher.

Source: FoundationGait, pre-training and fine-tuning settings.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial

from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from fgait_core.config import OptimizerName, ScheduleConfig
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


def sgd(parameters: Iterable[nn.Parameter], *, learning_rate: float, weight_decay: float, momentum: float = 0.9) -> SGD:
    """SGD with momentum; weight decay on everything, normalisation too, as published."""
    return SGD(parameters, lr=learning_rate, momentum=momentum, weight_decay=weight_decay)


def freeze_layers(backbone: Backbone, layer_rates: Iterable[float], projector_rate: float) -> None:
    """Lets gradients flow into the layers with a rate above 0 only; never into the predictor, which no head uses.

    Must be done before a network is divided over processes.
    """
    backbone.requires_grad_(False)
    for layer, rate in zip(_layers(backbone), (*layer_rates, projector_rate), strict=True):
        layer.requires_grad_(rate > 0)


def layerwise_optimizer(
    kind: OptimizerName,
    backbone: Backbone,
    heads: nn.Module,
    *,
    layer_rates: tuple[float, float, float, float, float],
    projector_rate: float,
    head_rate: float,
    weight_decay: float,
    momentum: float = 0.9,
) -> Optimizer:
    """An optimiser with one learning rate for each encoder layer, one for the projector and one for the heads.

    A layer with rate 0 is frozen: it gets no gradient. (In the published code it still does.) The predictor is not
    used by the heads and is left alone.

    Args:
        kind: "sgd", as published, or "adamw" (Loshchilov & Hutter 2019), which learns more in few steps.
        backbone: the network to fine-tune; parameters of frozen layers get `requires_grad=False`.
        heads: of the tasks.
        layer_rates: rates of layers 0 to 4.
        projector_rate: rate of the projector.
        head_rate: rate of the heads.
        weight_decay: for every group.
        momentum: for every group of SGD.
    """
    freeze_layers(backbone, layer_rates, projector_rate)
    groups: list[dict[str, object]] = [{"params": list(heads.parameters()), "lr": head_rate}]
    for layer, rate in zip(_layers(backbone), (*layer_rates, projector_rate), strict=True):
        if rate > 0:
            groups.append({"params": list(layer.parameters()), "lr": rate})
    if kind == "adamw":
        return AdamW(groups, lr=head_rate, weight_decay=weight_decay)
    return SGD(groups, lr=head_rate, momentum=momentum, weight_decay=weight_decay)


def _layers(backbone: Backbone) -> tuple[nn.Module, ...]:
    return (backbone.layer0, backbone.layer1, backbone.layer2, backbone.layer3, backbone.layer4, backbone.projector)


def schedule_factor(done: int, config: ScheduleConfig, iterations: int) -> float:
    """Factor on every group's learning rate in the step after `done` finished ones.

    Args:
        done: finished steps.
        config: of the schedule.
        iterations: steps of the whole training.
    """
    if done < config.warmup:
        return (done + 1) / (config.warmup + 1)
    if config.kind == "multistep":
        return config.factor ** sum(done >= milestone for milestone in config.milestones)
    if config.kind == "constant":
        return 1.0
    share = (done - config.warmup) / (iterations - config.warmup)
    return config.lowest + (1.0 - config.lowest) * (1.0 + math.cos(math.pi * share)) / 2.0


def learning_rates(optimizer: Optimizer, config: ScheduleConfig, iterations: int) -> LRScheduler:
    """The schedule of a configuration; each rate is computed from the number of finished steps alone."""
    return LambdaLR(optimizer, partial(schedule_factor, config=config, iterations=iterations))
