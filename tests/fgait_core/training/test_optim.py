"""Schedules equal torch's own, the teacher's momentum the published one, and frozen layers get no gradient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, MultiStepLR

from fgait_core.config import ScheduleConfig
from fgait_core.models.backbone import Backbone
from fgait_core.training.optim import layerwise_optimizer, learning_rates, schedule_factor, sgd, teacher_momentum


def one_parameter() -> torch.optim.SGD:
    parameter = torch.nn.Parameter(torch.zeros(1))
    parameter.grad = torch.zeros(1)
    return sgd([parameter], learning_rate=0.05, weight_decay=5e-4)


def rates(optimizer: torch.optim.SGD, schedule: LRScheduler, steps: int) -> list[float]:
    seen = []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return seen


def test_published_schedules() -> None:
    ours, theirs = one_parameter(), one_parameter()
    cosine = learning_rates(ours, ScheduleConfig(), 80)
    expected = rates(theirs, CosineAnnealingLR(theirs, T_max=80, eta_min=1e-5), 80)
    assert rates(ours, cosine, 80) == pytest.approx(expected, rel=1e-9)
    ours, theirs = one_parameter(), one_parameter()
    steps = learning_rates(ours, ScheduleConfig(kind="multistep", milestones=(20, 30)), 40)
    expected = rates(theirs, MultiStepLR(theirs, [20, 30], 0.1), 40)
    assert rates(ours, steps, 40) == pytest.approx(expected, rel=1e-9)


def test_warmup_rises_before_the_schedule_begins() -> None:
    config = ScheduleConfig(warmup=4, lowest=0.01)
    factors = [schedule_factor(done, config, 24) for done in range(25)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert factors[14] == pytest.approx((1 + 0.01) / 2)
    assert factors[24] == pytest.approx(0.01)
    constant = ScheduleConfig(kind="constant", warmup=1)
    assert [schedule_factor(done, constant, 5) for done in range(5)] == [0.5, 1, 1, 1, 1]


def test_teacher_momentum(root: Path) -> None:
    with np.load(root / "tests" / "golden" / "golden_ema.npz") as stored:
        for step, momentum in zip(stored["steps"], stored["m40000"], strict=True):
            assert teacher_momentum(int(step), 40_000) == pytest.approx(float(momentum), abs=1e-12)
    assert teacher_momentum(1, 1000, 0.9) == pytest.approx(0.9, abs=1e-5)
    assert teacher_momentum(999, 1000, 0.9) == 1.0


def test_layers_have_their_own_rates_and_frozen_ones_no_gradient() -> None:
    backbone, heads = Backbone((2, 2, 2, 4), (1, 1, 1, 1)), torch.nn.Linear(4, 2)
    optimizer = layerwise_optimizer(
        "sgd",
        backbone,
        heads,
        layer_rates=(0.0, 0.0, 0.0, 1e-3, 5e-3),
        projector_rate=1e-2,
        head_rate=0.1,
        weight_decay=5e-4,
        momentum=0.8,
    )
    owner = {id(parameter): name.split(".")[0] for name, parameter in backbone.named_parameters()}
    groups = {owner.get(id(group["params"][0]), "heads"): group for group in optimizer.param_groups}
    assert {name: group["lr"] for name, group in groups.items()} == {
        "heads": 0.1,
        "layer3": 1e-3,
        "layer4": 5e-3,
        "projector": 1e-2,
    }
    assert {(group["momentum"], group["weight_decay"]) for group in groups.values()} == {(0.8, 5e-4)}
    learning = {name.split(".")[0] for name, parameter in backbone.named_parameters() if parameter.requires_grad}
    assert learning == {"layer3", "layer4", "projector"}


def test_adamw_steps_by_its_rates_whatever_the_size_of_the_gradient() -> None:
    backbone, heads = Backbone((2, 2, 2, 4), (1, 1, 1, 1)), torch.nn.Linear(4, 2)
    optimizer = layerwise_optimizer(
        "adamw",
        backbone,
        heads,
        layer_rates=(1e-3, 1e-3, 1e-3, 1e-3, 1e-3),
        projector_rate=1e-3,
        head_rate=2e-3,
        weight_decay=0.0,
    )
    before = heads.weight.detach().clone()
    (1000 * heads(torch.ones(1, 4))).sum().backward()
    optimizer.step()
    torch.testing.assert_close((before - heads.weight).detach(), torch.full((2, 4), 2e-3), rtol=1e-3, atol=0)
