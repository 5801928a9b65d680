"""The probe finds an effect that is there and none that is not."""

from dataclasses import replace

import numpy as np
import pytest

from fgait_core.errors import ConfigError
from fgait_core.simulation.dataset import SequenceRow, SimulatedSplit, pack
from fgait_core.simulation.probe import probe

PERSON = SequenceRow(
    sequence=0,
    first_frame=0,
    frames=2,
    person=0,
    body=0,
    scoliosis="negative",
    cobb_deg=1.0,
    curve="thoracic",
    side="right",
    depression="no",
    depression_dose=0.0,
    sex="female",
    age_years=40.0,
    view_deg=0.0,
    clothing="trousers",
    carrying="none",
    distractor="none",
    frame_rate_hz=25.0,
    cadence_steps_min=110.0,
    seed=0,
)


def _split(people: int, seed: int) -> SimulatedSplit:
    """Noise, in which people with a depression have a darker upper half; nothing shows the scoliosis."""
    rng = np.random.default_rng(seed)
    rows, frames = [], []
    for person in range(people):
        depressed, positive = rng.random(2) < 0.5
        for view_deg in (0.0, 45.0, 90.0, 180.0):
            lit = rng.random((2, 64, 44)) < 0.5
            lit[:, :32] &= rng.random((2, 32, 44)) < (0.85 if depressed else 1.0)
            frames.append(lit.astype(np.uint8) * 255)
            labels = {"scoliosis": "positive" if positive else "negative", "depression": "yes" if depressed else "no"}
            rows.append(replace(PERSON, person=person, view_deg=view_deg, first_frame=2 * len(rows), **labels))
    return SimulatedSplit(pack(np.concatenate(frames)), rows, {})


def test_probe_tells_an_effect_from_none():
    scoliosis, depression = probe(_split(200, 0), _split(150, 1))
    assert abs(scoliosis.auc_by_person - 0.5) < 0.12
    assert depression.auc_by_person > 0.9
    assert (depression.people, depression.recordings) == (150, 600)
    assert set(depression.auc_by_view) == {"front", "oblique", "side", "back"}


def test_probe_refuses_too_little():
    with pytest.raises(ConfigError, match="larger splits"):
        probe(_split(10, 0), _split(10, 1))
