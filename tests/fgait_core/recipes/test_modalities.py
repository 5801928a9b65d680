"""Each modality goes the whole way: pre-training, probe, package, and the score of a walk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fgait_core.config import (
    ArchitectureConfig,
    AugmentationConfig,
    ClipConfig,
    FinetuneConfig,
    ModalityName,
    PretrainConfig,
    ProbeConfig,
)
from fgait_core.data.joints import LIMBS
from fgait_core.data.modalities import MODALITIES
from fgait_core.data.parsing_maps import parse
from fgait_core.data.shard_writer import ShardWriter
from fgait_core.errors import ConfigError
from fgait_core.model_package import ModelPackage
from fgait_core.recipes.finetune import finetune
from fgait_core.recipes.linear_probe import probe
from fgait_core.recipes.package import PackageOrder, build_package
from fgait_core.recipes.pretrain import pretrain
from fgait_core.sequence import SilhouetteSequence
from fgait_core.training.loop import METRICS

SIZES = ArchitectureConfig(channels=(4, 4, 4, 8), depths=(1, 1, 1, 1))
CLIP = ClipConfig(frames=4, stride=2)
ONLY_MOVES = AugmentationConfig(dilate=0, blur=0, rotate=0.2)
FRAMES = 12


def walking(rng: np.random.Generator, depressed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Made-up silhouettes and poses: legs swing, and who is depressed bends forward and hardly moves the arms."""
    phase = 2 * np.pi * np.arange(FRAMES) / 10 + rng.uniform(0, 2 * np.pi)
    lean, swing = (5.0, 1.0) if depressed else (0.0, 6.0)
    x, y = np.zeros((FRAMES, 17)), np.array([5, 4, 4, 4.5, 4.5, 13, 13, 22, 22, 31, 31, 31, 31, 46, 46, 61, 61.0])
    x[:, :5] = [lean + 1, lean + 1, lean, lean, lean - 1]
    for side, sign in ((0, 1), (1, -1)):
        x[:, 5 + side] = 0.8 * lean + sign * 3
        for joint, arm, leg in ((7, 0.5, 0), (9, 1.0, 0), (11, 0, 0.1), (13, 0, 0.5), (15, 0, 1.0)):
            x[:, joint + side] = 0.5 * lean * arm + sign * (3 + np.sin(phase) * (8 * leg - swing * arm))
    poses = np.stack([x + 22 + rng.normal(0, 0.5), np.broadcast_to(y, x.shape), np.full(x.shape, 0.9)], axis=-1)
    row, column = np.mgrid[0:64, 0:44] + 0.5
    body = np.zeros((FRAMES, 64, 44), bool)
    for one, other in LIMBS:
        (ax, ay), (bx, by) = (poses[:, joint, :2].T[:, :, None, None] for joint in (one, other))
        length2 = (bx - ax) ** 2 + (by - ay) ** 2
        along = np.clip(((column - ax) * (bx - ax) + (row - ay) * (by - ay)) / np.maximum(length2, 1e-9), 0, 1)
        body |= (column - ax - along * (bx - ax)) ** 2 + (row - ay - along * (by - ay)) ** 2 < 9
    return body.astype(np.uint8) * 255, poses.astype(np.float32)


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Training, calibration and test people with silhouettes, poses and parsing."""
    home = tmp_path_factory.mktemp("walkers")
    for number, (split, people) in enumerate({"train": 16, "calibration": 24, "test": 16}.items()):
        rng = np.random.default_rng(number)
        writer = ShardWriter(
            home / split,
            identity=split,
            manifest={"simulated": True, "generator_version": "made up", "seed": 0, "plan": {"split": split}},
            columns={"depression": "text"},
            frame_rate_hz=25.0,
            poses=True,
            parsing=True,
        )
        for person in range(people):
            label = ("no", "yes")[person % 2]
            for walk in range(2):
                frames, poses = walking(rng, label == "yes")
                writer.add(
                    f"{person}-{walk}",
                    f"{split}-{person}",
                    frames,
                    {"depression": label},
                    poses=poses,
                    parsing=parse(frames, poses),
                )
        writer.finish()
    return {split: home / split for split in ("train", "calibration", "test")}


Package = Callable[[ModalityName], ModelPackage]


@pytest.fixture(scope="module")
def package(splits: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Package:
    """Pre-trains two steps, probes, packages; one for each modality."""
    made: dict[ModalityName, ModelPackage] = {}

    def make(modality: ModalityName) -> ModelPackage:
        if modality not in made:
            home = tmp_path_factory.mktemp(modality)
            pretrain(
                PretrainConfig(
                    kind="pretrain",
                    seed=1,
                    architecture=SIZES,
                    modality=modality,
                    data=splits["train"],  # type: ignore[arg-type]
                    clip=CLIP,
                    augmentation=ONLY_MOVES,
                    crops=(2, 1),
                    batch=8,
                    iterations=2,
                    threads=1,
                ),
                home / "pretrained",
            )
            probe(
                ProbeConfig(
                    kind="probe",
                    seed=1,
                    run=home / "pretrained",
                    data=splits["train"],
                    tasks=("depression",),  # type: ignore[arg-type]
                    replicates=2,
                    threads=1,
                ),
                home / "probed",
            )
            order = PackageOrder(home / "probed", splits["calibration"], splits["test"], name="made_up", version="1.0")
            build_package(order, home / "package")
            made[modality] = ModelPackage.load(home / "package")
        return made[modality]

    return make


@pytest.mark.parametrize("modality", list(MODALITIES))
def test_pretrained_probed_packaged_and_scored(package: Package, modality: ModalityName) -> None:
    model = package(modality)
    assert model.content.transform.modality == modality
    assert model.network.backbone.in_channels == MODALITIES[modality].channels
    scores: dict[bool, list[float]] = {False: [], True: []}
    for number in range(12):
        frames, poses = walking(np.random.default_rng(100 + number), depressed=number % 2 == 1)
        walk = SilhouetteSequence(frames, np.arange(FRAMES) / 25.0, np.arange(FRAMES), poses)
        (score,) = model.score(walk)
        scores[number % 2 == 1].append(score.probabilities["yes"])
    assert np.mean(scores[True]) > np.mean(scores[False]) + 0.2


@pytest.mark.parametrize("modality", ["skeleton_maps", "parsing_maps"])
def test_a_walk_without_poses_cannot_be_scored_by_what_sees_poses(package: Package, modality: ModalityName) -> None:
    frames, _ = walking(np.random.default_rng(0), depressed=False)
    walk = SilhouetteSequence(frames, np.arange(FRAMES) / 25.0, np.arange(FRAMES))
    with pytest.raises(ConfigError, match="fgait silhouettes"):
        package(modality).score(walk)
    assert package("silhouettes").score(walk)


@pytest.mark.parametrize("modality", ["skeleton_maps", "parsing_maps"])
def test_finetuning_lowers_the_loss(splits: dict[str, Path], tmp_path: Path, modality: ModalityName) -> None:
    config = FinetuneConfig(
        kind="finetune",
        seed=1,
        architecture=SIZES,
        modality=modality,
        data=splits["train"],  # type: ignore[arg-type]
        initial=None,
        clip=CLIP,
        augmentation=AugmentationConfig(affine=0, perspective=0, dilate=0, blur=0),
        crops=(1,),
        batch=16,
        iterations=16,
        layer_rates=(0.005, 0.005, 0.005, 0.005, 0.005),
        projector_rate=0.005,
        head_rate=0.01,
        tasks=("depression",),  # type: ignore[arg-type]
        replicates=0,
        threads=1,
    )
    finetune(config, tmp_path / "run")
    losses = [json.loads(line)["depression"] for line in (tmp_path / "run" / METRICS).read_text().splitlines()]
    assert np.mean(losses[-4:]) < 0.7 * np.mean(losses[:4])
