"""Fixtures: a package of a very small network that learned nothing, and a clinic that differs from simulated people."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from fgait_core.config import RetrainConfig
from fgait_core.data.shard_rows import ColumnType
from fgait_core.data.shard_writer import ShardWriter
from fgait_core.data.shards import read_shards
from fgait_core.evaluation.typicality import fit_typicality
from fgait_core.model_package import ModelPackage, bundled_package_dir
from fgait_core.models.backbone import Backbone, initialise
from fgait_core.models.heads import CosineHead, TaskNetwork
from fgait_core.package_content import ANY_VIEW, ArchitectureContent, ViewContent
from fgait_core.package_files import METRICS_FILE
from fgait_core.recipes.package import package_weights, write_package
from fgait_core.recipes.package_fit import plain_calibrator
from fgait_core.recipes.scoring import pooled_windows

REPLICATES = 2
CLINIC: dict[str, ColumnType] = {"depression": "text", "seen_from": "text", "sex": "text", "age_years": "float"}


def _views(classes: int, rng: np.random.Generator) -> dict:
    """Calibrators of two views that differ from each other and from head to head."""
    found = {}
    for view in (ANY_VIEW, "side"):
        calibrators = [
            plain_calibrator(np.diag(rng.uniform(0.5, 1.5, classes)) + rng.normal(0, 0.1, (classes, classes)), bias)
            for bias in rng.normal(0, 0.3, (1 + REPLICATES, classes))
        ]
        found[view] = ViewContent(calibrators=tuple(calibrators), conformal_quantiles=(0.9,) * classes, people=60)
    return found


@pytest.fixture(scope="session")
def tiny_package(train_shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled package's facts around a network of random weights: enough to be loaded, adapted and trained."""
    like = ModelPackage.load(bundled_package_dir()).content
    rng = np.random.default_rng(5)
    backbone = Backbone((4, 4, 4, 8), (1, 1, 1, 1))
    heads = {task.name: CosineHead(8 * 31, len(task.class_order), REPLICATES) for task in like.tasks}
    heads |= {each.name: CosineHead(8 * 31, len(each.class_order), 0) for each in like.attributes}
    network = TaskNetwork(backbone, heads)
    generator = torch.Generator().manual_seed(3)
    initialise(backbone, generator)
    for head in heads.values():
        head.initialise(generator)
    network.requires_grad_(False).eval()
    transform = like.transform.model_copy(update={"window_frames": 4, "hop_frames": 2})
    windows = pooled_windows(network, [read_shards(train_shards)], transform, 100, rng)
    guard = fit_typicality(windows)
    content = like.model_copy(
        update={
            "name": "tiny",
            "architecture": ArchitectureContent(channels=(4, 4, 4, 8), depths=(1, 1, 1, 1), replicates=REPLICATES),
            "transform": transform,
            "tasks": tuple(
                task.model_copy(update={"by_view": _views(len(task.class_order), rng)}) for task in like.tasks
            ),
            "typicality": like.typicality.model_copy(update={"components": len(guard.components)}),
        }
    )
    out = tmp_path_factory.mktemp("tiny") / "package"
    metrics = json.loads((bundled_package_dir() / METRICS_FILE).read_text())
    write_package(out, content, package_weights(network, content, guard), metrics)
    return out


def make_clinic(folder: Path, people: int = 48, simulated: bool = True, frame_rate_hz: float = 25.0) -> Path:
    """Development people with outcomes of depression, as the app writes them; some walk twice, one has no outcome."""
    rng = np.random.default_rng(people)
    y, x = np.mgrid[0:64, 0:44].astype(float)
    facts = {"simulated": simulated, "manifest_sha256": "b" * 64, "role": "development"}
    writer = ShardWriter(folder, identity="clinic", manifest=facts, columns=CLINIC, frame_rate_hz=frame_rate_hz)
    for person in range(people):
        ill = person % 2 == 1
        for place in range(1 + (person % 5 == 0)):
            swing = (4 if ill else 9) * np.sin(np.arange(18)[:, None, None] / 2 + rng.uniform(0, 6))
            clip = (np.abs(x - 22 - (3 if ill else 0) * (40 - y) / 40) < rng.uniform(6, 9)) & (y < 38)
            for side in (1, -1):
                clip = clip | ((np.abs(x - 22 - side * swing * (y - 34) / 30) < 3) & (y >= 34))
            clip ^= rng.random(clip.shape) < 0.01
            values = {
                "depression": None if person == 7 else ("yes" if ill else "no"),
                "seen_from": ("side", "front")[person // 2 % 2],
                "sex": ("female", "male")[person % 3 == 0],
                "age_years": 20.0 + person,
            }
            writer.add(f"a{person}-{place}", f"code{person:03}", np.uint8(255) * clip, values)
    writer.finish()
    return folder


@pytest.fixture(scope="session")
def write_clinic() -> Callable[..., Path]:
    return make_clinic


@pytest.fixture(scope="session")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clinic(tmp_path_factory.mktemp("clinic") / "development")


@pytest.fixture(scope="session")
def retrain_config(tiny_package: Path, clinic: Path) -> RetrainConfig:
    protocol = {"task": "depression", "scope": "head", "budget": {"device": "cpu"}}
    return RetrainConfig.model_validate(
        {
            "kind": "retrain",
            "base": tiny_package,
            "development": clinic,
            "name": "clinic",
            "version": "1.0",
            "protocol": protocol,
        }
    )


@pytest.fixture(scope="session")
def encoder_config(
    retrain_config: RetrainConfig, make_shards, tmp_path_factory: pytest.TempPathFactory
) -> RetrainConfig:
    """Trains the last stage; ten steps."""
    data = tmp_path_factory.mktemp("replay")
    content = retrain_config.model_dump()
    content["protocol"] |= {"scope": "head_and_last_stage", "budget": {"epochs": 1, "device": "cpu"}}
    content["replay"] = make_shards(data / "train", people=36, frames=10)
    content["replay_calibration"] = make_shards(data / "calibration", split="calibration", people=60, frames=10)
    return RetrainConfig.model_validate(content)
