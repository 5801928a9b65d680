"""Fixtures: a very small network, pre-trained, fine-tuned and packaged on small shards."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fgait_core.config import ArchitectureConfig, AugmentationConfig, ClipConfig, FinetuneConfig, PretrainConfig
from fgait_core.recipes.finetune import finetune
from fgait_core.recipes.package import PackageOrder, build_package
from fgait_core.training.loop import METRICS

SMALL = ArchitectureConfig(channels=(4, 4, 4, 8), depths=(1, 1, 1, 1))
CLIP = ClipConfig(frames=4, stride=2)


TIMES = ("seconds", "wait_s", "sequences_per_s", "memory_mib")


@pytest.fixture
def losses_of() -> Callable[[Path], list[dict]]:
    """The log of a run without what differs from run to run."""

    def read(folder: Path) -> list[dict]:
        lines = [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]
        return [{key: value for key, value in line.items() if key not in TIMES} for line in lines]

    return read


@pytest.fixture
def stop_after() -> Callable[[int], Callable[[], bool]]:
    """Makes a `Cancelled` that says yes after some questions."""

    def make(steps: int) -> Callable[[], bool]:
        answers = iter([False] * steps)
        return lambda: next(answers, True)

    return make


@pytest.fixture(scope="session")
def pretrain_config(train_shards: Path) -> PretrainConfig:
    return PretrainConfig(
        kind="pretrain",
        seed=1,
        architecture=SMALL,
        data=train_shards,
        clip=CLIP,
        crops=(8, 4, 2, 1),
        batch=8,
        iterations=4,
        learning_rate=0.05,
        checkpoint_every=2,
        teacher_momentum=0.9,
        threads=1,
    )


@pytest.fixture(scope="session")
def finetune_config(train_shards: Path) -> FinetuneConfig:
    return FinetuneConfig(
        kind="finetune",
        seed=1,
        architecture=SMALL,
        data=train_shards,
        initial=None,
        clip=CLIP,
        augmentation=AugmentationConfig(affine=0, perspective=0, flip=0, dilate=0, blur=0),
        crops=(1,),
        batch=12,
        iterations=60,
        layer_rates=(0.05, 0.05, 0.05, 0.05, 0.05),
        projector_rate=0.05,
        head_rate=0.1,
        tasks=("scoliosis", "depression"),
        replicates=3,
        threads=1,
        checkpoint_every=30,
    )


@pytest.fixture(scope="session")
def finetuned_run(finetune_config: FinetuneConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "finetuned"
    finetune(finetune_config, folder)
    return folder


@pytest.fixture(scope="session")
def package_order(finetuned_run: Path, make_shards, tmp_path_factory: pytest.TempPathFactory) -> PackageOrder:
    data = tmp_path_factory.mktemp("splits")
    return PackageOrder(
        run=finetuned_run,
        calibration=make_shards(data / "calibration", split="calibration", people=60),
        test=make_shards(data / "test", split="test", people=48),
        name="small",
        version="1.0",
    )


@pytest.fixture(scope="session")
def package_dir(package_order: PackageOrder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages") / "small"
    build_package(package_order, folder)
    return folder
