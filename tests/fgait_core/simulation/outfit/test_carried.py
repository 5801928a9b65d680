"""Loads are where hands, back and floor are, and arms hold them."""

from dataclasses import replace

import numpy as np
import pytest

from fgait_core.simulation.bodies.bank import Body, BodyBank
from fgait_core.simulation.bodies.skeleton import BONE_INDEX, BONES
from fgait_core.simulation.gait.channels import CHANNEL_INDEX, CHANNELS
from fgait_core.simulation.outfit.carried import CARRYING
from fgait_core.simulation.outfit.clothing import Outfit, dress, hold_arms
from fgait_core.simulation.outfit.parts import Part

PLAIN = Outfit("close_fitting", "none", "shaven", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, "l")


def _bodies(bank: BodyBank) -> list[Body]:
    return [bank.body(int(number)) for number in (bank.height_m.argmin(), bank.height_m.argmax(), 1)]


def _parts(body: Body, bank: BodyBank, carrying: str, side: str = "l", load: float = 1.0) -> tuple[Part, ...]:
    outfit = replace(PLAIN, carrying=carrying, carrying_side=side, load=load)
    return dress(body, bank.faces, bank.weights, outfit).parts


def _walking_channels() -> np.ndarray:
    channels = np.zeros((60, len(CHANNELS)))
    phase = np.linspace(0.0, 4 * np.pi, 60, endpoint=False)
    for side, sign in (("l", 1.0), ("r", -1.0)):
        channels[:, CHANNEL_INDEX[f"{side}_thigh_sag"]] = 3.0 + sign * 20.0 * np.cos(phase)
        channels[:, CHANNEL_INDEX[f"{side}_uarm_sag"]] = -2.0 - sign * 15.0 * np.cos(phase + 0.6)
        channels[:, CHANNEL_INDEX[f"{side}_farm_sag"]] = 20.0 - sign * 18.0 * np.cos(phase + 0.6)
    return channels


@pytest.mark.parametrize("carrying", CARRYING)
def test_parts_hang_on_known_bones_and_shrink_with_the_body(bank: BodyBank, carrying: str):
    small, large, _ = _bodies(bank)
    pairs = list(zip(_parts(small, bank, carrying), _parts(large, bank, carrying), strict=True))
    assert bool(pairs) == (carrying not in ("none", "phone"))
    for of_small, of_large in pairs:
        assert of_small.bone in (None, *BONES)
        assert of_small.label == 0
        ratio = np.linalg.norm(np.ptp(of_small.points_m, axis=0)) / np.linalg.norm(np.ptp(of_large.points_m, axis=0))
        assert abs(ratio - small.height_m / large.height_m) < 0.15


def test_a_backpack_lies_on_the_back_between_shoulders_and_hips(bank: BodyBank):
    for body in _bodies(bank):
        (pack,) = _parts(body, bank, "backpack")
        size = body.height_m / 1.7
        width, depth, height = np.ptp(pack.points_m, axis=0) / size
        assert 0.25 < width < 0.36
        assert 0.12 < depth < 0.25
        assert 0.28 < height < 0.55
        assert pack.points_m[:, 1].max() < body.joints_m[BONE_INDEX["chest"], 1]
        assert body.joints_m[BONE_INDEX["pelvis"], 2] < pack.points_m[:, 2].min()
        assert pack.points_m[:, 2].max() < body.joints_m[BONE_INDEX["neck"], 2] + 0.02
        assert np.ptp(_parts(body, bank, "backpack", load=1.4)[0].points_m[:, 1]) > depth * size


@pytest.mark.parametrize(("carrying", "side", "hands"), [("hand_bag", "r", "r"), ("two_bags", "l", "lr")])
def test_bags_hang_from_the_hands_and_clear_the_floor(bank: BodyBank, carrying: str, side: str, hands: str):
    for body in _bodies(bank):
        parts = _parts(body, bank, carrying, side, load=1.4)
        assert [part.bone for part in parts] == [f"{hand}_hand" for hand in hands]
        for part, hand in zip(parts, hands, strict=True):
            shoulder, elbow, wrist = (
                body.joints_m[BONE_INDEX[f"{hand}_{bone}"]] for bone in ("upper_arm", "forearm", "hand")
            )
            arm_m = np.linalg.norm(elbow - shoulder) + np.linalg.norm(wrist - elbow)
            down = (wrist - elbow) / np.linalg.norm(wrist - elbow)
            below = (part.points_m - wrist) @ down
            assert 0.05 < below.min() / (body.height_m / 1.7) < 0.12
            shoulder_over_floor = shoulder[2] - body.vertices_m[:, 2].min()
            assert below.max() + arm_m < shoulder_over_floor


def test_a_shoulder_bag_lies_at_the_hip_of_its_side(bank: BodyBank):
    for body in _bodies(bank):
        (left,), (right,) = (_parts(body, bank, "shoulder_bag", side) for side in "lr")
        assert left.points_m[:, 0].min() > 0.0 > right.points_m[:, 0].max()
        hip = body.joints_m[BONE_INDEX["l_thigh"], 2]
        assert left.points_m[:, 2].min() < hip < left.points_m[:, 2].max()
        assert left.points_m[:, 0].min() > body.joints_m[BONE_INDEX["l_thigh"], 0]
        assert left.points_m[:, 0].max() < 0.38 * body.height_m / 1.7 * max(1.0, body.bmi / 25.0)


def test_crutches_reach_the_floor_when_the_arm_is_held_for_them(bank: BodyBank):
    """Upper arm 14 degrees back, forearm and crutch 8 degrees forward: the tip is on the floor."""
    for body in _bodies(bank):
        parts = _parts(body, bank, "crutches")
        assert {part.bone for part in parts} == {"l_forearm", "r_forearm"}
        for side in "lr":
            shoulder, elbow, wrist = (
                body.joints_m[BONE_INDEX[f"{side}_{bone}"]] for bone in ("upper_arm", "forearm", "hand")
            )
            down = (wrist - elbow) / np.linalg.norm(wrist - elbow)
            own = np.concatenate([part.points_m for part in parts if part.bone == f"{side}_forearm"])
            along = ((own - elbow) @ down).max()
            upper = np.linalg.norm(elbow - shoulder)
            tip = shoulder[2] - np.cos(np.radians(14.0)) * upper - np.cos(np.radians(8.0)) * along
            assert abs(tip - body.vertices_m[:, 2].min()) < 0.02


@pytest.mark.parametrize("carrying", ["pram", "trolley"])
def test_what_rolls_stands_on_the_floor_and_ends_in_the_hands(bank: BodyBank, carrying: str):
    for body in _bodies(bank):
        parts = _parts(body, bank, carrying)
        assert {part.bone for part in parts} == {None}
        points = np.concatenate([part.points_m for part in parts]) / (body.height_m / 1.7)
        assert -0.005 < points[:, 2].min() < 0.03
        assert 0.6 < points[:, 2].max() < 1.25
        ahead = points[:, 1]
        assert (ahead.min() > 0.2) if carrying == "pram" else (ahead.max() < 0.0)
        assert np.ptp(ahead) < 1.1
        assert abs(ahead).max() < 1.6


def test_a_load_in_one_hand_leaves_everything_else_alone():
    before = _walking_channels()
    after = before.copy()
    hold_arms(after, replace(PLAIN, carrying="hand_bag", carrying_side="r"))
    changed = {CHANNELS[column] for column in np.flatnonzero((before != after).any(0))}
    assert changed == {"r_uarm_sag", "r_farm_sag"}
    column = CHANNEL_INDEX["r_uarm_sag"]
    np.testing.assert_allclose(np.ptp(after[:, column]), 0.3 * np.ptp(before[:, column]))


@pytest.mark.parametrize("carrying", ["none", "backpack", "shoulder_bag"])
def test_arms_stay_free_under_loads_on_the_trunk(carrying: str):
    channels = _walking_channels()
    hold_arms(channels, replace(PLAIN, carrying=carrying))
    np.testing.assert_array_equal(channels, _walking_channels())


def test_both_hands_push_a_pram():
    channels = _walking_channels()
    hold_arms(channels, replace(PLAIN, carrying="pram"))
    for side in "lr":
        forearm = channels[:, CHANNEL_INDEX[f"{side}_farm_sag"]]
        assert forearm.min() > 45.0
        assert np.ptp(forearm) < 6.0


@pytest.mark.parametrize(("carrying", "arms"), [("crutch", "r"), ("crutches", "lr")])
def test_a_crutch_goes_with_the_opposite_leg(carrying: str, arms: str):
    channels = _walking_channels()
    hold_arms(channels, replace(PLAIN, carrying=carrying, carrying_side="r"))
    left = channels[:, CHANNEL_INDEX["l_uarm_sag"]] != _walking_channels()[:, CHANNEL_INDEX["l_uarm_sag"]]
    assert left.any() == ("l" in arms)
    for arm in arms:
        thigh = channels[:, CHANNEL_INDEX[f"{'r' if arm == 'l' else 'l'}_thigh_sag"]]
        for segment in ("uarm", "farm"):
            assert np.corrcoef(channels[:, CHANNEL_INDEX[f"{arm}_{segment}_sag"]], thigh)[0, 1] > 0.999
