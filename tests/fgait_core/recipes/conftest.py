"""Fixtures: a very small network, pre-trained, fine-tuned and packaged on small shards."""

from __future__ import annotations

from pathlib import Path

import pytest

from fgait_core.config import ArchitectureConfig, AugmentationConfig, ClipConfig, FinetuneConfig, PretrainConfig
from fgait_core.recipes.finetune import finetune
from fgait_core.recipes.package import PackageOrder, build_package

SMALL = ArchitectureConfig(channels=(4, 4, 4, 8), depths=(1, 1, 1, 1))
CLIP = ClipConfig(frames=4, stride=2)


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
