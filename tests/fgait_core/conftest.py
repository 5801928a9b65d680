"""Fixtures of the engine's tests: small folders of shards with labels that can be learned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fgait_core.data.shard_rows import ColumnType
from fgait_core.data.shard_writer import ShardWriter

ShardMaker = Callable[..., Path]

SCOLIOSIS = ("negative", "neutral", "positive")
DEPRESSION = ("no", "yes")
AGE_GROUPS = ("6-12", "13-17", "18-39", "40-64", "65-90")
COLUMNS: dict[str, ColumnType] = {
    **dict.fromkeys(("scoliosis", "depression", "sex", "age_group", "clothing", "carrying"), "text"),
    **dict.fromkeys(("age_years", "view_deg"), "float"),
    "body": "int",
}


def walking_blob(rng: np.random.Generator, frames: int, lean_px: float, girth_px: float) -> np.ndarray:
    """uint8 [frame, 64, 44], 0 or 255: a body that leans and two swinging legs, with salt noise."""
    y, x = np.mgrid[0:64, 0:44].astype(float)
    phase, period = rng.uniform(0, 2 * np.pi), rng.uniform(8, 14)
    clip = np.zeros((frames, 64, 44), bool)
    for frame in range(frames):
        swing = np.sin(2 * np.pi * frame / period + phase) * 8
        centre = 22 + lean_px * (40 - y) / 40
        clip[frame] = (np.abs(x - centre) < girth_px) & (y < 38)
        for side in (1, -1):
            clip[frame] |= (np.abs(x - 22 - side * swing * (y - 34) / 30) < 3) & (y >= 34)
        clip[frame] ^= rng.random((64, 44)) < 0.01
    return clip.astype(np.uint8) * 255


def write_shards(folder: Path, *, split: str = "train", people: int = 12, sequences: int = 2, frames: int = 16) -> Path:
    """A folder of shards: girth tells the scoliosis class, lean the depression class. Person and body are numbers."""
    rng = np.random.default_rng([people, len(split), ord(split[0])])
    first_body = {"train": 0, "calibration": 1000, "test": 2000}[split]
    facts = {"simulated": True, "generator_version": "test", "seed": 0, "plan": {"split": split}}
    writer = ShardWriter(folder, identity="test", manifest=facts, columns=COLUMNS, frame_rate_hz=25.0)
    for person in range(people):
        scoliosis, depression = SCOLIOSIS[person % 3], DEPRESSION[person // 3 % 2]
        for place in range(sequences):
            lean = 6.0 * (depression == "yes") + rng.normal(0, 1.0)
            girth = 6.0 + 2.0 * SCOLIOSIS.index(scoliosis) + rng.normal(0, 0.5)
            values = {
                "body": first_body + person,
                "scoliosis": scoliosis,
                "depression": depression,
                "sex": ("female", "male")[(person * sequences + place) % 2],
                "age_group": AGE_GROUPS[person % 5],
                "age_years": round(rng.uniform(12, 80), 4),
                "view_deg": round(rng.uniform(0, 360), 4),
                "clothing": ("trousers", "coat")[int(rng.integers(2))],
                "carrying": "none",
            }
            writer.add(f"{split}-{person}-{place}", str(person), walking_blob(rng, frames, lean, girth), values)
    writer.finish()
    return folder


@pytest.fixture(scope="session")
def make_shards() -> ShardMaker:
    return write_shards


@pytest.fixture(scope="session")
def train_shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("shards") / "train")
