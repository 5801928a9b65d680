"""Scoliosis: a believable standing shape, mirrored by side, and a stiffer gait."""

from dataclasses import replace

import numpy as np
import pytest

from fgait_core.simulation.conditions.effects import standing_shape
from fgait_core.simulation.conditions.scoliosis import CURVES, draw_true_cobb_deg, with_asymmetry, with_scoliosis
from fgait_core.simulation.conditions.trunk_shape import trunk_angles
from fgait_core.simulation.gait.healthy import draw_gait
from fgait_core.simulation.gait.prior import GaitPrior
from fgait_core.simulation.gait.style import Gait
from fgait_core.simulation.gait.truth import gait_truth


@pytest.fixture(scope="module")
def healthy(prior: GaitPrior) -> list[Gait]:
    return [draw_gait(prior, np.random.default_rng((3, n)), "female", 15.0) for n in range(60)]


def _rng(n: int) -> np.random.Generator:
    return np.random.default_rng((4, n))


def test_trunk_and_pelvis_stiffen_and_strides_shorten(healthy: list[Gait]):
    for n, before in enumerate(healthy):
        after = with_scoliosis(before, 35.0, list(CURVES)[n % 4], "right", _rng(n))
        was, now = gait_truth(before, 0.8), gait_truth(after, 0.8)
        for measure in (
            *("pelvis_roll_range_deg", "trunk_yaw_range_deg", "trunk_roll_range_deg"),
            *("pelvis_yaw_range_deg", "stride_over_leg", "cadence_steps_min", "hip_range_deg"),
        ):
            assert now[measure] < was[measure]
        assert now["step_asymmetry"] == pytest.approx(was["step_asymmetry"], abs=1e-6)  # no left-right difference


def test_stiffness_comes_with_small_curves_already(healthy: list[Gait]):
    def lost(cobb_deg: float) -> float:
        ranges = [
            with_scoliosis(g, cobb_deg, "thoracic", "right", _rng(n)).range_of("pel_roll")
            for n, g in enumerate(healthy)
        ]
        return 1.0 - np.sum(ranges) / np.sum([g.range_of("pel_roll") for g in healthy])

    mild, severe = lost(15.0), lost(45.0)
    assert 0.1 < mild < severe < 0.5
    assert mild > 0.5 * severe


@pytest.mark.parametrize(
    ("curve", "shoulder_cm", "shift_cm"),
    [
        ("thoracic", (1.3, 2.3), (0.4, 2.5)),
        ("thoracolumbar", (0.7, 1.9), (0.1, 2.0)),
        ("lumbar", (0.2, 1.3), (0.0, 2.0)),
        ("double", (1.0, 2.2), (-1.2, 0.8)),
    ],
)
def test_a_curve_lifts_the_shoulder_and_shifts_the_trunk_believably(curve: str, shoulder_cm: tuple, shift_cm: tuple):
    shoulder, shift = standing_shape(curve, 45.0, 60, seed=1)
    assert shoulder_cm[0] < shoulder < shoulder_cm[1]
    assert shift_cm[0] < shift < shift_cm[1]


def test_right_and_left_mirror_each_other(healthy: list[Gait]):
    right, left = (with_scoliosis(healthy[0], 40.0, "double", side, _rng(2)) for side in ("right", "left"))
    np.testing.assert_allclose(right.spine_deg, -left.spine_deg)
    assert right.range_of("r_uarm_sag") / right.range_of("l_uarm_sag") < left.range_of("r_uarm_sag") / left.range_of(
        "l_uarm_sag"
    )


def test_a_double_curve_bends_both_ways():
    tilt = np.array(CURVES["double"].tilt)
    assert np.sign(tilt[0]) != np.sign(tilt[2]) != np.sign(tilt[4])
    assert sum(kind.share for kind in CURVES.values()) == pytest.approx(1.0)


def test_no_curve_changes_nothing(healthy: list[Gait]):
    after = with_scoliosis(healthy[0], 0.0, "lumbar", "left", _rng(0))
    np.testing.assert_allclose(after.cycle(), healthy[0].cycle())
    np.testing.assert_allclose(after.spine_deg, healthy[0].spine_deg)


def test_the_same_curve_shows_differently_from_person_to_person(healthy: list[Gait]):
    shown = [np.ptp(with_scoliosis(healthy[0], 30.0, "thoracic", "right", _rng(n)).spine_deg[:, 1]) for n in range(200)]
    assert 0.45 < np.std(np.log(shown)) < 0.75


def test_straight_backs_turn_as_those_of_2071_children(healthy: list[Gait]):
    straight = replace(healthy[0], spine_deg=np.zeros((5, 3)))
    turns = np.array([np.abs(with_asymmetry(straight, _rng(n)).spine_deg[:, 0]).max() for n in range(1500)])
    assert np.mean(turns < 1.0) == pytest.approx(0.66, abs=0.1)  # Grivas 2006: a scoliometer reads 0
    assert np.mean(turns > 7.0) == pytest.approx(0.035, abs=0.012)


def test_true_angles_are_never_negative():
    assert min(draw_true_cobb_deg(_rng(n), 0.0) for n in range(200)) >= 0.0


def test_trunk_angles_name_the_curve_whatever_its_side(healthy: list[Gait]):
    straight = replace(healthy[0], spine_deg=np.zeros((5, 3)))
    right, left = (
        trunk_angles(with_scoliosis(straight, 40.0, "thoracic", side, _rng(1))) for side in ("right", "left")
    )
    assert right["tilt_range_deg"] == pytest.approx(left["tilt_range_deg"])
    assert right["spine3_tilt_deg"] == pytest.approx(-left["spine3_tilt_deg"])
    assert trunk_angles(straight)["tilt_range_deg"] == 0.0 < right["tilt_range_deg"]
