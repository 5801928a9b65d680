"""Depression: signs by dose and age, different from person to person."""

import numpy as np
import pytest

from fgait_core.simulation.depression import shown_dose, with_depression
from fgait_core.simulation.motion import Gait, GaitPrior, draw_gait, gait_truth


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


def test_it_shows_less_in_the_young(healthy: list[Gait]):
    assert shown_dose(1.0, 12.0) == shown_dose(1.0, 18.0) == 0.5
    assert shown_dose(1.0, 60.0) == 1.0
    young, grown = (with_depression(healthy[0], 1.0, age_years, _rng(0)) for age_years in (15.0, 45.0))
    assert young.cadence_steps_min > grown.cadence_steps_min


def test_effects_differ_from_person_to_person(healthy: list[Gait]):
    cadences = {with_depression(healthy[0], 1.0, 40.0, _rng(n)).cadence_steps_min for n in range(5)}
    assert len(cadences) == 5
