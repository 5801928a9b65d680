"""Fixtures: a configuration and a network that learn in milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD

from fgait_core.config import PretrainConfig
from fgait_core.data.batches import Batch
from fgait_core.data.modalities import to_network
from fgait_core.data.shards import read_shards
from fgait_core.training.loop import Turn, run_training

ConfigMaker = Callable[..., PretrainConfig]


class Brightness:
    """Learns the mean brightness of a clip."""

    def __init__(self, config: PretrainConfig) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.network = nn.Sequential(nn.AdaptiveAvgPool3d((1, 4, 4)), nn.Flatten(), nn.Linear(16, 1))
        self.seen: list[tuple[int, float]] = []
        self.after: list[int] = []
        self.losses: dict[int, float] = {}
        self.factor = 1.0

    def learner(self) -> nn.Module:
        return self.network

    def shards(self) -> Sequence[nn.Module]:
        return (self.network,)

    def optimizer(self) -> SGD:
        return SGD(self.network.parameters(), lr=self.config.learning_rate, momentum=self.config.momentum)

    def step(self, learner: nn.Module, batches: Sequence[Batch], turn: Turn) -> dict[str, float]:
        total = 0.0
        for number, batch in enumerate(batches, 1):
            clips = to_network(batch.views[0], turn.device, turn.dtype)
            self.seen.append((batch.step, float(clips.mean())))
            with turn.forward(last=number == len(batches)):
                said = learner(clips)
            loss = (said[:, 0] - clips.mean((1, 2, 3, 4))).square().mean()
            turn.backward(loss * self.factor)
            total += float(loss.detach()) / len(batches)
        return {"loss": self.losses.get(batches[0].step, total)}

    def after_step(self, iteration: int) -> None:
        self.after.append(iteration)


@pytest.fixture
def make_config(train_shards: Path) -> ConfigMaker:
    def make(**changes: Any) -> PretrainConfig:
        settings = {
            "kind": "pretrain",
            "seed": 1,
            "architecture": "tiny",
            "data": train_shards,
            "clip": {"frames": 4},
            "crops": (1,),
            "batch": 8,
            "iterations": 6,
            "learning_rate": 0.1,
            "checkpoint_every": 2,
            "device": "cpu",
            "threads": 1,
        }
        return PretrainConfig.model_validate(settings | changes)

    return make


@pytest.fixture
def train() -> Callable[..., Brightness]:
    def run(config: PretrainConfig, folder: Path, recipe: Brightness | None = None, **how: Any) -> Brightness:
        recipe = recipe or Brightness(config)
        run_training(recipe, config, [read_shards(each.path) for each in config.data], folder, views=1, **how)
        return recipe

    return run


@pytest.fixture
def stop_after() -> Callable[[int], Callable[[], bool]]:
    """Makes a `Cancelled` that says yes after some questions."""

    def make(steps: int) -> Callable[[], bool]:
        answers = iter([False] * steps)
        return lambda: next(answers, True)

    return make


@pytest.fixture
def brightness() -> type[Brightness]:
    return Brightness
