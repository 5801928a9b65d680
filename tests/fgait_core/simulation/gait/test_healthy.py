"""Simulated healthy adults walk within published norms (see docs/evidence/simulation.md)."""

import numpy as np
import pytest

from fgait_core.simulation.gait.channels import CHANNEL_INDEX
from fgait_core.simulation.gait.healthy import draw_gait
from fgait_core.simulation.gait.movement import draw_channels
from fgait_core.simulation.gait.path import STRAIGHT, walk_along
from fgait_core.simulation.gait.prior import GaitPrior
from fgait_core.simulation.gait.style import Gait


@pytest.fixture(scope="module")
def adults(prior: GaitPrior) -> list[Gait]:
    rngs = [np.random.default_rng((7, n)) for n in range(240)]
    return [
        draw_gait(prior, rng, ("female", "male")[n % 2], float(rng.uniform(20.0, 55.0))) for n, rng in enumerate(rngs)
    ]


def test_knees_do_not_bend_backwards_much(adults: list[Gait]):
    for gait in adults:
        cycle = gait.cycle()
        flexion = cycle[:, CHANNEL_INDEX["r_thigh_sag"]] - cycle[:, CHANNEL_INDEX["r_shank_sag"]]
        assert flexion.min() > -4.0


def test_left_and_right_legs_alternate(adults: list[Gait]):
    for gait in adults[:40]:
        cycle = gait.cycle()
        left, right = cycle[:, CHANNEL_INDEX["l_thigh_sag"]], cycle[:, CHANNEL_INDEX["r_thigh_sag"]]
        assert np.corrcoef(left, right)[0, 1] < -0.6


def test_arms_differ_and_the_left_one_leads(adults: list[Gait]):
    left = np.array([gait.range_of("l_uarm_sag") for gait in adults])
    right = np.array([gait.range_of("r_uarm_sag") for gait in adults])
    asymmetry = 100 * np.abs(left - right) / np.maximum(left, right)
    assert 20.0 < asymmetry.mean() < 50.0
    assert 0.5 < np.mean(left > right) < 0.8


def test_the_old_walk_slower_with_less_arm_swing(prior: GaitPrior):
    pairs = [
        [draw_gait(prior, np.random.default_rng(n), "female", age_years) for age_years in (40.0, 80.0)]
        for n in range(20)
    ]
    for young, old in pairs:
        assert old.cadence_steps_min < young.cadence_steps_min
        assert old.range_of("l_thigh_sag") < young.range_of("l_thigh_sag")
        assert old.range_of("l_uarm_sag") < young.range_of("l_uarm_sag")


def test_faster_means_longer_and_quicker_steps(adults: list[Gait]):
    fast = adults[0].at_speed(1.2)
    speeds = [gait.stride_over_leg * gait.cadence_steps_min for gait in (adults[0], fast)]
    assert speeds[1] == pytest.approx(1.2 * speeds[0])
    assert fast.range_of("l_thigh_sag") > adults[0].range_of("l_thigh_sag")


def test_recorded_channels_have_the_cadence(adults: list[Gait]):
    gait = adults[3]
    rng = np.random.default_rng(0)
    channels = draw_channels(gait, walk_along(STRAIGHT, gait, 0.9, 500, 25.0, rng), 25.0, rng)
    legs = channels[:, CHANNEL_INDEX["l_thigh_sag"]] - channels[:, CHANNEL_INDEX["r_thigh_sag"]]
    spectrum = np.abs(np.fft.rfft(legs - legs.mean()))
    strides_hz = np.fft.rfftfreq(500, 1 / 25.0)[spectrum.argmax()]
    assert strides_hz * 120 == pytest.approx(gait.cadence_steps_min, abs=5.0)


def test_arms_swing_further_back_than_forward_and_elbows_stay_bent(adults: list[Gait]):
    cycles = [gait.cycle() for gait in adults]
    upper, fore = (np.array([c[:, CHANNEL_INDEX[f"l_{name}_sag"]] for c in cycles]) for name in ("uarm", "farm"))
    # Shoulder 24 degrees back to 8 forward, elbow 20 to 45 bent (Perry & Burnfield 2010, arm swing).
    assert upper.min(1).mean() == pytest.approx(-26.0, abs=5.0)
    assert upper.max(1).mean() == pytest.approx(6.0, abs=5.0)
    assert (fore - upper).mean() == pytest.approx(24.0, abs=5.0)
    assert (fore - upper).max(1).mean() < 50.0


def test_feet_that_stand_go_back_as_fast_as_the_walker_goes_on(adults: list[Gait]):
    slips = []
    for gait in adults:
        cycle = gait.cycle(100)
        thigh, shank = (np.sin(np.radians(cycle[:, CHANNEL_INDEX[f"l_{name}_sag"]])) for name in ("thigh", "shank"))
        hip = 0.14 * np.sin(np.radians(cycle[:, CHANNEL_INDEX["pel_yaw"]]))
        ankle = hip + 0.47 * thigh + 0.53 * shank + cycle[:, CHANNEL_INDEX["py"]]  # in leg lengths
        back_over_stride = (ankle[15] - ankle[42]) / 0.27  # the left foot stands flat; its heel strikes at phase 0
        slips.append(1.0 - back_over_stride / gait.stride_over_leg)
    assert abs(np.mean(slips)) < 0.05
    assert np.std(slips) < 0.08
