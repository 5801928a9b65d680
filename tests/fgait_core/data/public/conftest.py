"""Small made-up copies of the layouts of public data sets. Nothing in them was ever recorded."""

from __future__ import annotations

import json
import pickle as standard
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest


def body(seed: int, frames: int = 6, width: int = 64) -> np.ndarray:
    """uint8 [frame, 64, width], 0 or 255: a block that moves; other seeds, other blocks."""
    rng = np.random.default_rng(seed)
    clip = np.zeros((frames, 64, width), np.uint8)
    for frame in range(frames):
        left = width // 2 - 6 + rng.integers(-3, 4)
        clip[frame, 4 + rng.integers(4) : 60, left : left + 8 + rng.integers(5)] = 255
    return clip


def write_pickle(path: Path, content: object, protocol: int = 4) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(standard.dumps(content, protocol))
    return path


@dataclass(frozen=True)
class MadeUp:
    """What was written: the root, the partition and each sequence's frames."""

    root: Path
    partition: Path
    frames: dict[str, np.ndarray]


def write_layout(
    folder: Path,
    train: Sequence[str],
    test: Sequence[str],
    places: Callable[[str], Sequence[str]],
    *,
    files: Sequence[str] = ("silhouettes.pkl",),
    silhouettes: int = 0,
    width: int = 64,
    **lists: Sequence[str],
) -> MadeUp:
    """Writes `<id>/<type>/<view>/<files>`; `places` gives "type/view" of an id. Other files hold other arrays."""
    root, frames = folder / "data", {}
    for identity in (*train, *test):
        for place in places(identity):
            clip = body(len(frames) + 1, width=width)
            for number, name in enumerate(files):
                other = np.zeros((len(clip), 3, 3), np.float32)
                write_pickle(root / identity / place / name, clip if number == silhouettes else other)
            frames[f"{identity}/{place}"] = clip
    partition = folder / "partition.json"
    partition.write_text(json.dumps({"TRAIN_SET": list(train), "TEST_SET": list(test), **lists}))
    return MadeUp(root, partition, frames)


@pytest.fixture(scope="session")
def make_layout() -> Callable[..., MadeUp]:
    return write_layout


@pytest.fixture(scope="session")
def make_body() -> Callable[..., np.ndarray]:
    return body


@pytest.fixture(scope="session")
def make_pickle() -> Callable[..., Path]:
    return write_pickle
