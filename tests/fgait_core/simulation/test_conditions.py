"""Doses have the effects that the literature gives them, in the right direction, and the classes overlap."""

from dataclasses import replace

import numpy as np
import pytest

from fgait_core.simulation.bodies import BodyBank
from fgait_core.simulation.conditions import (
    CURVES,
    DISTRACTORS,
    HEALTHY,
    draw_cobb_deg,
    draw_conditions,
    draw_depression_dose,
    with_depression,
    with_distractor,
    with_scoliosis,
)
from fgait_core.simulation.motion import CHANNEL_INDEX, Gait, GaitPrior, draw_gait
from fgait_core.simulation.posing import bone_rotations, joint_positions
from fgait_core.simulation.skeleton import BONE_INDEX

N = 40


@pytest.fixture(scope="module")
def healthy(prior: GaitPrior) -> list[Gait]:
    return [draw_gait(prior, np.random.default_rng((3, n)), "female", 40.0) for n in range(N)]


def _rng(n: int) -> np.random.Generator:
    return np.random.default_rng((4, n))


def _posture(gait: Gait, channel: str) -> float:
    return float(gait.cycle()[:, CHANNEL_INDEX[channel]].mean())


def test_depression_slows_stoops_and_stills_the_arms(healthy: list[Gait]):
    for n, before in enumerate(healthy):
        mild, severe = (with_depression(before, dose, 40.0, _rng(n)) for dose in (0.5, 1.5))
        for less, more in ((before, mild), (mild, severe)):
            assert more.cadence_steps_min < less.cadence_steps_min
            assert more.range_of("l_thigh_sag") < less.range_of("l_thigh_sag")
            assert more.range_of("r_uarm_sag") < less.range_of("r_uarm_sag")
            assert _posture(more, "hd_pitch") > _posture(less, "hd_pitch")
            assert _posture(more, "ch_pitch") > _posture(less, "ch_pitch")


def test_depression_shows_less_in_the_young(healthy: list[Gait]):
    young, grown = (with_depression(healthy[0], 1.0, age_years, _rng(0)) for age_years in (15.0, 45.0))
    assert young.cadence_steps_min > grown.cadence_steps_min


def test_no_dose_changes_nothing(healthy: list[Gait]):
    same = with_depression(with_scoliosis(healthy[0], 0.0, "double", "left", _rng(0)), 0.0, 40.0, _rng(1))
    np.testing.assert_allclose(with_distractor(same, HEALTHY).cycle(), healthy[0].cycle())


def test_scoliosis_stiffens_trunk_and_pelvis_and_shortens_strides(healthy: list[Gait]):
    for n, before in enumerate(healthy):
        after = with_scoliosis(before, 35.0, CURVES[n % 3], "right", _rng(n))
        assert after.range_of("pel_roll") < before.range_of("pel_roll")
        assert after.range_of("ch_yaw") < before.range_of("ch_yaw")
        assert after.stride_over_leg < before.stride_over_leg


def _trunk_cm(gait: Gait, body) -> tuple[float, float]:
    """How far the right shoulder stands over the left, and the chest is shifted to the right."""
    rotations = bone_rotations(gait.cycle(), body.joints_m, gait.spine_deg)
    joints = joint_positions(rotations, body.joints_m).mean(0)
    higher = joints[BONE_INDEX["r_upper_arm"], 2] - joints[BONE_INDEX["l_upper_arm"], 2]
    return 100 * float(higher), -100 * float(joints[BONE_INDEX["spine2"], 0])


def test_a_curve_lifts_the_shoulder_and_shifts_the_trunk_believably(healthy: list[Gait], bank: BodyBank):
    changes = []
    for n, before in enumerate(healthy):
        body = bank.body(n % len(bank))
        right, left = (with_scoliosis(before, 45.0, "thoracic", side, _rng(n)) for side in ("right", "left"))
        start = np.array(_trunk_cm(before, body))
        changes.append((np.array(_trunk_cm(right, body)) - start, np.array(_trunk_cm(left, body)) - start))
    (right_shoulder, right_shift), (left_shoulder, left_shift) = np.mean(changes, axis=0)
    assert 1.0 < right_shoulder < 3.0  # centimetres at Cobb 45°
    assert 1.0 < right_shift < 4.5
    assert -3.0 < left_shoulder < -1.0
    assert left_shift == pytest.approx(-right_shift, rel=0.2)


def test_effects_differ_from_person_to_person(healthy: list[Gait]):
    cadences = {with_depression(healthy[0], 1.0, 40.0, _rng(n)).cadence_steps_min for n in range(5)}
    assert len(cadences) == 5


@pytest.mark.parametrize(("name", "low", "high"), [("negative", 0, 10), ("neutral", 10, 20), ("positive", 20, 50)])
def test_cobb_angles_stay_in_their_class(name: str, low: float, high: float):
    drawn = [draw_cobb_deg(_rng(n), name) for n in range(300)]
    assert low <= min(drawn)
    assert max(drawn) <= high


def test_depression_doses_overlap():
    no = np.array([draw_depression_dose(_rng(n), "no") for n in range(500)])
    yes = np.array([draw_depression_dose(_rng(n), "yes") for n in range(500)])
    assert yes.mean() - no.mean() > 0.6
    assert np.percentile(yes, 5) < np.percentile(no, 98)


def test_distractors_do_not_depend_on_the_classes():
    shares = []
    for scoliosis, depression in (("negative", "no"), ("positive", "yes")):
        drawn = [draw_conditions(_rng(n), scoliosis, depression).distractor for n in range(600)]
        shares.append([drawn.count(name) / 600 for name in DISTRACTORS])
    np.testing.assert_allclose(shares[0], shares[1], atol=0.07)


@pytest.mark.parametrize(
    ("distractor", "channel", "grows"),
    [("limp", "ch_roll", True), ("reduced_arm_swing", "l_uarm_sag", False)],
)
def test_distractors_change_the_movement(healthy: list[Gait], distractor: str, channel: str, grows: bool):
    changed = with_distractor(healthy[0], replace(HEALTHY, distractor=distractor, distractor_dose=1.0))
    assert (changed.range_of(channel) > healthy[0].range_of(channel)) is grows
    assert (changed.range_of(channel) < healthy[0].range_of(channel)) is not grows


def test_a_stoop_leans_forward(healthy: list[Gait]):
    stooped = with_distractor(healthy[0], replace(HEALTHY, distractor="stoop", distractor_dose=1.0))
    assert _posture(stooped, "ch_pitch") - _posture(healthy[0], "ch_pitch") == pytest.approx(10.0)
