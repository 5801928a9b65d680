"""The probe finds an effect that is there and none that is not."""

from pathlib import Path

import numpy as np
import pytest

from fgait_core.data.shard_writer import ShardWriter
from fgait_core.data.shards import ShardFolder
from fgait_core.errors import ConfigError
from fgait_core.simulation.probe import probe


def _split(folder: Path, people: int, seed: int) -> ShardFolder:
    """Noise, in which people with a depression have a darker upper half; nothing shows the scoliosis."""
    rng = np.random.default_rng(seed)
    writer = ShardWriter(
        folder,
        identity="noise",
        manifest={},
        columns={"scoliosis": "text", "depression": "text", "view_deg": "float"},
        frame_rate_hz=25.0,
    )
    for person in range(people):
        depressed, positive = rng.random(2) < 0.5
        for view_deg in (0.0, 45.0, 90.0, 180.0):
            lit = rng.random((2, 64, 44)) < 0.5
            lit[:, :32] &= rng.random((2, 32, 44)) < (0.85 if depressed else 1.0)
            labels = {"scoliosis": "positive" if positive else "negative", "depression": "yes" if depressed else "no"}
            key = f"{person}-{view_deg}"
            writer.add(key, str(person), lit.astype(np.uint8) * 255, labels | {"view_deg": view_deg})
    return writer.finish()


def test_probe_tells_an_effect_from_none(tmp_path: Path):
    scoliosis, depression = probe(_split(tmp_path / "train", 200, 0), _split(tmp_path / "test", 150, 1))
    assert abs(scoliosis.auc_by_person - 0.5) < 0.12
    assert depression.auc_by_person > 0.9
    assert (depression.people, depression.recordings) == (150, 600)
    assert set(depression.auc_by_view) == {"front", "oblique", "side", "back"}


def test_probe_refuses_too_little(tmp_path: Path):
    with pytest.raises(ConfigError, match="larger splits"):
        probe(_split(tmp_path / "train", 10, 0), _split(tmp_path / "test", 10, 1))
