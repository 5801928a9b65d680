"""Depression: signs by dose and age, different from person to person."""

import numpy as np
import pytest

from fgait_core.simulation.conditions.depression import moving_dose, posture_dose, with_depression
from fgait_core.simulation.gait.healthy import draw_gait
from fgait_core.simulation.gait.prior import GaitPrior
from fgait_core.simulation.gait.style import Gait
from fgait_core.simulation.gait.truth import gait_truth


@pytest.fixture(scope="module")
def healthy(prior: GaitPrior) -> list[Gait]:
    return [draw_gait(prior, np.random.default_rng((3, n)), "female", 40.0) for n in range(40)]


def _rng(n: int) -> np.random.Generator:
    return np.random.default_rng((4, n))


@pytest.mark.parametrize(
    ("measure", "direction"),
    [
        ("cadence_steps_min", -1),
        ("stride_over_leg", -1),
        ("speed_m_s", -1),
        ("hip_range_deg", -1),
        ("arm_swing_left_deg", -1),
        ("arm_swing_right_deg", -1),
        ("trunk_pitch_deg", 1),
        ("head_pitch_deg", 1),
        ("sway_over_leg", 1),
        ("trunk_yaw_range_deg", -1),
    ],
)
def test_every_sign_grows_with_the_dose(healthy: list[Gait], measure: str, direction: int):
    for n, before in enumerate(healthy):
        by_dose = [gait_truth(with_depression(before, dose, 40.0, _rng(n)), 0.9)[measure] for dose in (0.0, 0.5, 1.5)]
        assert (np.diff(by_dose) * direction > 0).all()


def test_the_body_rises_and_falls_less(healthy: list[Gait]):
    after = [with_depression(gait, 1.0, 40.0, _rng(n)) for n, gait in enumerate(healthy)]
    bob = [np.mean([gait_truth(gait, 0.9)["bob_over_leg"] for gait in gaits]) for gaits in (healthy, after)]
    assert 0.6 < bob[1] / bob[0] < 0.95


def test_no_dose_changes_nothing(healthy: list[Gait]):
    np.testing.assert_allclose(with_depression(healthy[0], 0.0, 40.0, _rng(0)).cycle(), healthy[0].cycle())


def test_the_young_slump_but_move_almost_as_before(healthy: list[Gait]):
    assert moving_dose(1.0, 6.0) == moving_dose(1.0, 12.0) == 0.35 < posture_dose(1.0, 12.0) == 0.65
    assert moving_dose(0.5, 60.0) == posture_dose(0.5, 60.0) == 0.5
    child, grown = (gait_truth(with_depression(healthy[0], 1.0, age, _rng(0)), 0.9) for age in (10.0, 45.0))
    before = gait_truth(healthy[0], 0.9)
    slower, slumped = (
        (child[measure] - before[measure]) / (grown[measure] - before[measure])
        for measure in ("speed_m_s", "head_pitch_deg")
    )
    assert slower == pytest.approx(0.35, abs=0.05)
    assert slumped == pytest.approx(0.65, abs=0.01)


def test_effects_differ_from_person_to_person(healthy: list[Gait]):
    cadences = {with_depression(healthy[0], 1.0, 40.0, _rng(n)).cadence_steps_min for n in range(5)}
    assert len(cadences) == 5
