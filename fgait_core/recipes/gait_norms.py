"""Norms of the gait parameters: simulated healthy walkers of every age and both sexes, as they truly walk.

What is made here travels with the package (`fgait_core/gait_parameters/norms.json`).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fgait_core.gait_parameters.cycles import gait_cycles
from fgait_core.gait_parameters.events import GaitEvents
from fgait_core.gait_parameters.names import PARAMETERS
from fgait_core.gait_parameters.times import times_of
from fgait_core.progress import Progress, ignore_progress
from fgait_core.recipes.gait_parameter_truth import TrueWalk, true_curves, true_parameters
from fgait_core.recipes.gait_truth import true_events
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.conditions.combined import HEALTHY
from fgait_core.simulation.gait.healthy import draw_gait
from fgait_core.simulation.gait.prior import GaitPrior
from fgait_core.simulation.walker import Walker, Wanted, draw_setup, pose_walk

AGES_YEARS = ((6.0, 12.0), (13.0, 17.0), (18.0, 39.0), (40.0, 64.0), (65.0, 90.0))
SEXES = ("female", "male")
RATE_HZ, SECONDS = 60.0, 3.6
_FRAMES = round(SECONDS * RATE_HZ)
HealthyWalk = tuple[TrueWalk, GaitEvents]
_STANCE = ("stance", "swing", "double_support")
_CURVES = {"hip_left": "hip", "knee_left": "knee", "arm_left": "arm", "trunk": "trunk", "pelvis": "pelvis"}


def simulated_norms(bank: BodyBank, people: int, seed: int, progress: Progress = ignore_progress) -> dict:
    """Mean and standard deviation of every parameter, and of the curves, by age and sex.

    Args:
        bank: bodies.
        people: healthy walkers of each age group and sex.
        seed: of the draw.
        progress: told after every group.
    """
    groups, curves = [], []
    for place, ages_years in enumerate(AGES_YEARS):
        of_both: list[dict[str, NDArray[np.float64]]] = []
        for number, sex in enumerate(SEXES):
            progress((2 * place + number) / (2 * len(AGES_YEARS)), "Simulating healthy walkers")
            rng = np.random.default_rng((seed, place, number))
            walks = [_healthy_walk(bank, sex, ages_years, rng) for _ in range(people)]
            groups.append({"sex": sex, "ages_years": list(ages_years), "parameters": _spread(walks)})
            of_both += [true_curves(walk) for walk, _ in walks]
        curves.append({"ages_years": list(ages_years), "joints": _curve_spread(of_both)})
    return {"people": people, "seed": seed, "groups": groups, "curves": curves}


def write_norms(norms: dict, out: Path) -> None:
    """Writes norms as JSON, one group a line."""
    parts = [f'"people": {norms["people"]}', f'"seed": {norms["seed"]}']
    for name in ("groups", "curves"):
        lines = ",\n  ".join(json.dumps(group) for group in norms[name])
        parts.append(f'"{name}": [\n  {lines}\n ]')
    out.write_text("{\n " + ",\n ".join(parts) + "\n}\n", encoding="utf-8")


def _healthy_walk(bank: BodyBank, sex: str, ages_years: tuple[float, float], rng: np.random.Generator) -> HealthyWalk:
    fitting = np.flatnonzero(
        (bank.sex == sex) & (bank.age_years >= ages_years[0]) & (bank.age_years < ages_years[1] + 1.0)
    )
    body = bank.body(int(rng.choice(fitting)))
    walker = Walker(body, draw_gait(GaitPrior.packaged(), rng, sex, body.age_years), HEALTHY, "short", 0.02)
    setup = draw_setup(walker, rng, Wanted(90.0, "trousers", "none", True), SECONDS)
    walk = pose_walk(walker, bank, setup, _FRAMES, RATE_HZ, rng)
    truth = TrueWalk(walk.joints_m, walk.passage.position_m, RATE_HZ, walk.gait.cadence_steps_min, body.height_m)
    return truth, true_events(walk, bank)


def _spread(walks: list[HealthyWalk]) -> dict[str, list[float]]:
    """Mean and standard deviation of each parameter; limbs left and right together."""
    rows = [true_parameters(walk) | _stance(events) for walk, events in walks]
    found = {}
    for name in PARAMETERS:
        values = np.array([row[side] for row in rows for side in _sides(name, row) if side in row])
        if len(values) > len(walks) / 2:
            found[name] = [round(float(np.nanmean(values)), 4), round(float(np.nanstd(values, ddof=1)), 4)]
    return found


def _stance(events: GaitEvents) -> dict[str, float]:
    """What the contacts of the feet say: shares of the stride."""
    measured = times_of(gait_cycles(events, np.arange(_FRAMES) / RATE_HZ), None)
    return {name: value.value for name in _STANCE if (value := measured[name]) is not None}


def _sides(name: str, row: dict[str, float]) -> tuple[str, ...]:
    both = (f"{name}_left", f"{name}_right")
    return both if both[0] in row else (name,)


def _curve_spread(rows: list[dict[str, NDArray[np.float64]]]) -> dict[str, dict[str, list[float]]]:
    found = {}
    for name, joint in _CURVES.items():
        curves = np.stack([row[name] for row in rows if name in row])
        found[joint] = {
            "mean_deg": np.round(curves.mean(axis=0), 1).tolist(),
            "sd_deg": np.round(curves.std(axis=0, ddof=1), 1).tolist(),
        }
    return found
