"""Measuring explanations on simulated walkers with twins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from fgait_core.explanation.effects import Effects
from fgait_core.explanation.occlusion import BANDS
from fgait_core.model_package import ModelPackage, SeenWalk, bundled_package_dir
from fgait_core.recipes import explanation_check
from fgait_core.recipes.explanation_check import Explained, condition_table, explain_simulated, stability_table

TASKS = ("scoliosis", "depression")


def effects(rng: np.random.Generator, noise: float) -> Effects:
    own = rng.normal(size=6)
    bands = own + noise * rng.normal(size=(3, 6))
    return Effects(bands, bands.copy(), rng.normal(size=(2, 6)))


def test_twins_are_measured_of_those_with_the_condition(monkeypatch: pytest.MonkeyPatch):
    looked: list[SeenWalk] = []

    def remember(_: ModelPackage, seen: SeenWalk, phase: np.ndarray, tasks: Sequence[str]) -> dict[str, Effects]:
        assert ((phase >= 0) & (phase < 1)).all()
        looked.append(seen)
        return dict.fromkeys(tasks, effects(np.random.default_rng(0), 0.1))

    monkeypatch.setattr(explanation_check, "measure_effects", remember)
    package = ModelPackage.load(bundled_package_dir())
    found = explain_simulated(package, "calibration", 3, seed=5)
    assert len(looked) == 3
    assert {each.depression for each in found} == {"yes", "no"}
    for each in found:
        assert (each.twin is not None) == (each.depression == "yes")
        if each.twin is not None:
            assert each.twin.shape == (len(BANDS),)
            assert np.abs(each.twin).max() > 1e-4


def test_tables_say_how_many_pass_and_how_effects_agree_with_twins():
    rng = np.random.default_rng(1)
    found = []
    for place in range(24):
        of_task = {task: effects(rng, 0.05) for task in TASKS}
        twin = of_task["depression"].bands.mean(0) if place % 2 else None
        found.append(Explained("yes" if place % 2 else "no", of_task, twin))
    checks = stability_table(found, TASKS)
    shown = {row[0]: row[3] for row in checks.rows if row[1] == "share shown"}
    assert shown.keys() == set(TASKS)
    assert all(isinstance(share, float) and share > 0.6 for share in shown.values())
    stability = {row[1]: row[3] for row in checks.rows if row[0] == "depression"}
    assert stability["stability of bands"] > 0.95
    assert abs(stability["the same between different people"]) < 0.3
    condition = condition_table(found)
    assert [row[0] for row in condition.rows] == list(BANDS)
    assert condition.title.endswith("1.00")
    assert all(row[1] == pytest.approx(row[3]) for row in condition.rows)
