"""Distractors: each changes what its name says, on its side, and nothing at dose 0."""

import numpy as np
import pytest

from fgait_core.simulation.conditions.distractors import DISTRACTORS, with_distractor
from fgait_core.simulation.gait.healthy import draw_gait
from fgait_core.simulation.gait.prior import GaitPrior
from fgait_core.simulation.gait.style import Gait
from fgait_core.simulation.gait.truth import gait_truth


@pytest.fixture(scope="module")
def healthy(prior: GaitPrior) -> list[Gait]:
    return [draw_gait(prior, np.random.default_rng((8, n)), "male", 50.0) for n in range(20)]


@pytest.mark.parametrize("name", DISTRACTORS)
def test_dose_zero_changes_nothing(healthy: list[Gait], name: str):
    same = with_distractor(healthy[0], name, 0.0, "left")
    np.testing.assert_allclose(same.cycle(), healthy[0].cycle())
    assert same.cadence_steps_min == healthy[0].cadence_steps_min


@pytest.mark.parametrize(
    ("name", "lower", "higher"),
    [
        ("limp", ("cadence_steps_min", "stride_over_leg", "hip_range_deg"), ("trunk_roll_range_deg", "sway_over_leg")),
        ("reduced_arm_swing", ("arm_swing_left_deg", "arm_swing_right_deg"), ()),
        ("stoop", (), ("trunk_pitch_deg", "head_pitch_deg")),
        (
            "shuffling",
            ("stride_over_leg", "speed_m_s", "hip_range_deg", "knee_range_deg", "arm_swing_left_deg"),
            ("cadence_steps_min", "trunk_pitch_deg"),
        ),
        ("knee_stiffness", ("knee_range_deg", "cadence_steps_min"), ()),
    ],
)
def test_distractors_change_what_their_names_say(healthy: list[Gait], name: str, lower: tuple, higher: tuple):
    for before in healthy:
        was, now = gait_truth(before, 0.9), gait_truth(with_distractor(before, name, 1.0, "right"), 0.9)
        assert all(now[measure] < was[measure] for measure in lower)
        assert all(now[measure] > was[measure] for measure in higher)


@pytest.mark.parametrize(
    ("name", "measure"),
    [("limp", "step_asymmetry"), ("reduced_arm_swing", "arm_asymmetry"), ("knee_stiffness", "knee_asymmetry")],
)
def test_one_sided_distractors_have_a_side(healthy: list[Gait], name: str, measure: str):
    for before in healthy:
        left, right = (gait_truth(with_distractor(before, name, 1.0, side), 0.9)[measure] for side in ("left", "right"))
        assert left < gait_truth(before, 0.9)[measure] < right
