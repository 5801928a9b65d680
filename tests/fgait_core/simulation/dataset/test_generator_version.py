"""The same version of the generator makes the same walkers: whoever changes them raises `GENERATOR_VERSION`."""

from pathlib import Path

import numpy as np
import pytest

from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.dataset.generator import GENERATOR_VERSION, simulate_person
from fgait_core.simulation.dataset.plan import SimulationPlan

GOLDEN = Path(__file__).parents[3] / "golden" / "simulated_walkers.npz"
PLAN = SimulationPlan("test", people=6, sequences=3, frames=8, seed=2)


def made(bank: BodyBank) -> np.ndarray:
    """bool [recording, frame, 64, 44]."""
    found = [recording.silhouettes for n in range(PLAN.people) for _, recording in simulate_person(PLAN, bank, n)]
    return np.stack(found) > 127


def test_walkers_are_those_of_this_version(bank: BodyBank):
    """Other processors may round differently, which moves single pixels; another walk moves many."""
    with np.load(GOLDEN) as golden:
        if str(golden["version"]) != GENERATOR_VERSION:
            pytest.fail(f"Make {GOLDEN.name} again: run this file as a program.")
        expected = np.unpackbits(golden["packed"]).reshape(golden["shape"]).astype(bool)
    found = made(bank)
    assert (found != expected).mean() < 0.001


if __name__ == "__main__":
    lit = made(BodyBank.packaged())
    np.savez_compressed(GOLDEN, version=GENERATOR_VERSION, packed=np.packbits(lit), shape=lit.shape)
