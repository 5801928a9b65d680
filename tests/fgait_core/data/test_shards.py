"""Shards are read as they were written, and damage and overlap are noticed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fgait_core.data.labels import TASKS
from fgait_core.data.sampling import PersonSampler, clip_rows
from fgait_core.data.shards import read_shards, require_disjoint
from fgait_core.errors import ConfigError


def test_silhouettes_and_labels(train_shards: Path) -> None:
    folder = read_shards(train_shards, verify=True)
    assert (len(folder), len(folder.people), folder.frame_rate_hz) == (24, 12, 25.0)
    stored = np.load(train_shards / "silhouettes.npy")
    np.testing.assert_array_equal(np.packbits(folder.sequence(3).reshape(16, -1), axis=1), stored[48:64])
    assert set(np.unique(folder.sequence(0)).tolist()) == {0, 1}
    np.testing.assert_array_equal(folder.labels["scoliosis"][:8], [0, 0, 1, 1, 2, 2, 0, 0])
    rows = np.array([[0, 17], [40, 3]])
    np.testing.assert_array_equal(folder.take(rows)[1, 0], folder.sequence(2)[8])


def test_an_empty_label_is_unknown_and_a_wrong_one_refused() -> None:
    assert TASKS["depression"].label("") == -1
    with pytest.raises(ConfigError, match="negative, neutral, positive"):
        TASKS["scoliosis"].label("Positive")


def test_damage_is_noticed(make_shards, tmp_path: Path) -> None:
    folder = make_shards(tmp_path / "train", people=6)
    changed = np.load(folder / "silhouettes.npy")
    changed[5, 5] ^= 1
    np.save(folder / "silhouettes.npy", changed)
    read_shards(folder)
    with pytest.raises(ConfigError, match="SHA-256"):
        read_shards(folder, verify=True)
    np.save(folder / "silhouettes.npy", changed[:-1])
    with pytest.raises(ConfigError, match="does not fit together"):
        read_shards(folder)
    (folder / "metadata.csv").unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_shards(folder)
    with pytest.raises(ConfigError, match="fgait simulate"):
        read_shards(tmp_path / "nowhere")


def test_splits_must_share_neither_people_nor_bodies(make_shards, tmp_path: Path) -> None:
    train = read_shards(make_shards(tmp_path / "train", split="train", people=4))
    test = read_shards(make_shards(tmp_path / "test", split="test", people=4))
    require_disjoint(train, test)
    with pytest.raises(ConfigError, match="split the data by person"):
        require_disjoint(train, test, train)
    text = (tmp_path / "test" / "manifest.json").read_text()
    (tmp_path / "test" / "manifest.json").write_text(json.dumps(json.loads(text) | {"plan": {"split": "train"}}))
    with pytest.raises(ConfigError, match="person train0"):
        require_disjoint(train, read_shards(tmp_path / "test"))


def test_sampler_visits_everybody_before_anybody_twice(train_shards: Path) -> None:
    folder = read_shards(train_shards)
    sampler = PersonSampler(folder, 4, np.random.default_rng(0))
    epoch = [sampler.draw() for _ in range(3)]
    assert sorted(folder.person[np.concatenate(epoch)].tolist(), key=int) == sorted(folder.people, key=int)
    uneven = PersonSampler(folder, 5, np.random.default_rng(0))
    for _ in range(20):
        assert len(set(folder.person[uneven.draw()].tolist())) == 5
    with pytest.raises(ConfigError, match="smaller batch"):
        PersonSampler(folder, 13, np.random.default_rng(0))


@pytest.mark.parametrize(("frames", "stride", "skip"), [(6, 2, 0), (6, 1, 4), (16, 1, 0)])
def test_clips_stay_in_order_within_their_sequence(train_shards: Path, frames: int, stride: int, skip: int) -> None:
    folder = read_shards(train_shards)
    sequences = np.array([0, 5, 23])
    for seed in range(10):
        rng = np.random.default_rng(seed)
        rows = clip_rows(folder, sequences, frames=frames, stride=stride, skip=skip, rng=rng)
        assert rows.shape == (3, frames)
        assert (rows // 16 == sequences[:, None]).all()
        steps = np.diff(rows, axis=1)
        assert steps.min() >= stride
        assert (steps == stride).all() or skip


def test_a_short_sequence_is_repeated(train_shards: Path) -> None:
    folder = read_shards(train_shards)
    rows = clip_rows(folder, np.array([1]), frames=20, stride=1, skip=0, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(rows[0], 16 + np.arange(20) % 16)
