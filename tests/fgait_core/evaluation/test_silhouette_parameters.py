"""Parameters say what was put into the silhouettes, of drawn figures and of simulated walkers."""

import numpy as np
import pytest
from numpy.typing import NDArray

from fgait_core.evaluation.silhouette_parameters import PARAMETERS, silhouette_parameters
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.dataset.plan import SimulationPlan, draw_planned_walker, plan_person
from fgait_core.simulation.walker import Wanted, draw_setup, record


def figure(
    *,
    steps_min: float = 110.0,
    lean_px: float = 0.0,
    stride_px: float = 6.0,
    limp_px: float = 0.0,
    seconds: float = 2.0,
) -> NDArray[np.uint8]:
    """A trunk that leans to the right, on two legs that scissor and feet that point to the right, at 30 Hz."""
    y, x = np.mgrid[0:64, 0:44].astype(float)
    times_s = np.arange(round(seconds * 30)) / 30
    angle = np.pi * steps_min / 60 * times_s
    reach = stride_px * np.sin(angle)[:, None, None] + limp_px * np.cos(angle)[:, None, None]
    shift = limp_px * np.sin(angle)[:, None, None]
    down = np.clip((y - 32) / 32, 0, 1)
    body = np.broadcast_to((np.abs(x - 20 - lean_px * (32 - y) / 32) < 4) & (y < 36), (len(angle), 64, 44))
    for side in (1, -1):
        leg = (np.abs(x - 20 - (side * reach + shift) * down) < 2) & (y >= 32)
        foot = (np.abs(x - 22 - (side * reach + shift) * down) < 4) & (y >= 58)
        body = body | leg | foot
    return body.astype(np.uint8)


def measured(*clips: NDArray[np.uint8]) -> list[dict[str, float]]:
    rows = silhouette_parameters(np.stack(clips), 30.0)
    assert rows.shape == (len(clips), len(PARAMETERS))
    assert np.isfinite(rows).all()
    return [dict(zip(PARAMETERS, row.tolist(), strict=True)) for row in rows]


@pytest.mark.parametrize(("steps_min", "limp_px"), [(80.0, 1.0), (110.0, 0.0), (150.0, 0.0)])
def test_cadence_of_known_motion(steps_min: float, limp_px: float):
    (found,) = measured(figure(steps_min=steps_min, limp_px=limp_px))
    assert found["cadence_steps_min"] == pytest.approx(steps_min, rel=0.02)
    assert found["regularity"] > 0.85


def test_longer_strides_spread_the_legs_more_and_at_each_step():
    short, long = measured(figure(stride_px=4.0), figure(stride_px=9.0))
    assert long["feet_spread_px_mean"] > short["feet_spread_px_mean"] + 4
    assert long["feet_spread_px_at_steps"] > 1.7 * short["feet_spread_px_at_steps"]
    assert long["change_a_frame"] > short["change_a_frame"]


def test_unlike_steps_show_at_the_rate_of_strides():
    even, limping = measured(figure(), figure(limp_px=2.0))
    assert limping["feet_aside_px_at_strides"] > even["feet_aside_px_at_strides"] + 1.0


def test_lean_is_measured_in_degrees_and_towards_the_feet():
    upright, leaning = measured(figure(), figure(lean_px=8.0))
    assert upright["trunk_lean_deg_mean"] == pytest.approx(0.0, abs=0.5)
    assert leaning["trunk_lean_deg_mean"] == pytest.approx(np.degrees(np.arctan(8 / 32)), abs=1.5)
    assert leaning["lean_forward_deg"] > 10
    mirrored = measured(figure(lean_px=8.0)[..., ::-1])[0]
    assert mirrored["trunk_lean_deg_mean"] == pytest.approx(-leaning["trunk_lean_deg_mean"], abs=1e-6)
    assert mirrored["lean_forward_deg"] == pytest.approx(leaning["lean_forward_deg"], abs=1e-6)


def test_shoulder_and_outline_show_a_raised_right_side():
    level = np.zeros((30, 64, 44), np.uint8)
    level[:, 10:60, 12:32] = 1
    raised = level.copy()
    raised[:, 7:10, 22:32] = 1
    level_found, raised_found = measured(level, raised)
    assert level_found["right_shoulder_px_mean"] == 0
    assert raised_found["right_shoulder_px_mean"] == pytest.approx(3.0, abs=0.5)
    assert raised_found["head_outline_asymmetry"] > level_found["head_outline_asymmetry"] + 0.2


def test_empty_and_still_sequences_stay_finite():
    still = np.repeat(figure(seconds=0.1)[:1], 30, axis=0)
    empty, standing = measured(np.zeros_like(still), still)
    assert empty["area_px"] == 0
    assert standing["change_a_frame"] == 0
    assert standing["feet_spread_px_at_steps"] < 1e-9


@pytest.mark.parametrize("view_deg", [0.0, 45.0, 90.0])
def test_cadence_of_simulated_walkers_is_within_three_percent(view_deg: float):
    bank, plan = BodyBank.packaged(), SimulationPlan("train", 12, 1)
    clips, true = [], []
    for number in range(12):
        walker, rng = draw_planned_walker(plan, bank, plan_person(plan, bank, number)), np.random.default_rng(number)
        setup = draw_setup(walker, rng, Wanted(view_deg=view_deg, carrying="none", plain=True))
        made = record(walker, bank, setup, 75, 25.0, rng)
        clips.append((made.silhouettes > 127).astype(np.uint8))
        true.append(made.gait.cadence_steps_min)
    found = silhouette_parameters(np.stack(clips), 25.0)[:, PARAMETERS.index("cadence_steps_min")]
    assert np.median(np.abs(found / true - 1)) < 0.03
    assert np.mean(np.abs(found / true - 1) < 0.06) >= 0.8
