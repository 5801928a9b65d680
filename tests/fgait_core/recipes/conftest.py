"""Fixtures: a very small network, pre-trained, fine-tuned and packaged on small shards."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fgait_core.config import ArchitectureConfig, AugmentationConfig, ClipConfig, FinetuneConfig, PretrainConfig
from fgait_core.data.shard_rows import ColumnType
from fgait_core.data.shard_writer import ShardWriter
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


def write_people(folder: Path, *, first: int, people: int, sequences: int = 4, frames: int = 12) -> Path:
    """People who differ in girth, lean and length of step; not every sequence says sex, build and lean."""
    columns: dict[str, ColumnType] = {"sex": "text", "build": "text", "girth_px": "float", "lean_px": "float"}
    writer = ShardWriter(folder, identity="test", manifest={"simulated": True}, columns=columns, frame_rate_hz=25.0)
    y, x = np.mgrid[0:64, 0:44].astype(float)
    for person in range(first, first + people):
        rng = np.random.default_rng(person)
        girth, lean, step = rng.uniform(4, 12), rng.uniform(-7, 7), rng.uniform(2, 12)
        for place in range(sequences):
            phase = rng.uniform(0, 6)
            swing = step * np.sin(np.arange(frames)[:, None, None] / 2 + phase)
            clip = (np.abs(x - 22 - lean * (40 - y) / 40) < girth + rng.normal(0, 0.2)) & (y < 38)
            for side in (1, -1):
                clip = clip | ((np.abs(x - 22 - side * swing * (y - 34) / 30) < 3) & (y >= 34))
            clip ^= rng.random(clip.shape) < 0.01
            values = {
                "sex": None if place == 0 else ("female" if lean < 0 else "male"),
                "build": None if person % 2 else ("slight" if girth < 8 else "strong"),
                "girth_px": girth,
                "lean_px": None if place == 1 else lean,
            }
            writer.add(f"{person}-{place}", f"p{person:03}", np.uint8(255) * clip, values)
    writer.finish()
    return folder


@pytest.fixture(scope="session")
def people_shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_people(tmp_path_factory.mktemp("people") / "train", first=0, people=12)


@pytest.fixture(scope="session")
def other_people_shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_people(tmp_path_factory.mktemp("people") / "others", first=100, people=10)


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
        iterations=40,
        layer_rates=(0.05, 0.05, 0.05, 0.05, 0.05),
        projector_rate=0.05,
        head_rate=0.1,
        tasks=("scoliosis", "depression"),
        replicates=3,
        threads=1,
        checkpoint_every=20,
    )


@pytest.fixture(scope="session")
def finetuned_run(finetune_config: FinetuneConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "finetuned"
    finetune(finetune_config, folder)
    return folder


@pytest.fixture(scope="session")
def packaged_run(finetune_config: FinetuneConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with both screening tasks, both attributes, and a task that no package takes."""
    folder = tmp_path_factory.mktemp("runs") / "packaged"
    sex = {"name": "sex", "classes": ["female", "male"], "weight": 0.05}
    ages = {"name": "age_group", "classes": ["6-12", "13-17", "18-39", "40-64", "65-90"], "weight": 0.05}
    load = {"name": "clothing", "classes": ["trousers", "coat"], "weight": 0.05}
    content = finetune_config.model_dump() | {"tasks": ["scoliosis", "depression", sex, ages, load]}
    finetune(FinetuneConfig.model_validate(content), folder)
    return folder


@pytest.fixture(scope="session")
def package_order(packaged_run: Path, make_shards, tmp_path_factory: pytest.TempPathFactory) -> PackageOrder:
    data = tmp_path_factory.mktemp("splits")
    return PackageOrder(
        run=packaged_run,
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
