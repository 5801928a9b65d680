"""Whole recordings: what a walker looks like, and that a recording is what it was asked to be."""

from dataclasses import replace

import numpy as np
import pytest

from fgait_core.simulation import walker as walker_module
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.bodies.skeleton import BONE_INDEX
from fgait_core.simulation.conditions.combined import HEALTHY
from fgait_core.simulation.gait.path import STRAIGHT, Path
from fgait_core.simulation.gait.prior import GaitPrior
from fgait_core.simulation.outfit.clothing import Outfit
from fgait_core.simulation.picture.camera import Camera
from fgait_core.simulation.picture.occlusion import Occluder
from fgait_core.simulation.walker import (
    Recording,
    RecordingSetup,
    Walker,
    Wanted,
    draw_setup,
    draw_walker,
    pose_walk,
    record,
)

PLAIN = Outfit("close_fitting", "none", "short", 0.004, 0.004, 0.003, 0.01, 0.015, 0.0, 1.0, "l")
SIDE = Camera(90.0, 6.0, 1.2, 2.0)
SETUP = RecordingSetup(SIDE, PLAIN, STRAIGHT, None, 1.0, 0.0)


@pytest.fixture(scope="module")
def walker(bank: BodyBank, prior: GaitPrior) -> Walker:
    grown = int(np.flatnonzero((bank.age_years > 25) & (bank.age_years < 50) & (bank.bmi < 25))[0])
    return draw_walker(bank.body(grown), HEALTHY, prior, np.random.default_rng(5))


def recorded(walker: Walker, bank: BodyBank, setup: RecordingSetup = SETUP, **options: bool) -> Recording:
    return record(walker, bank, setup, 25, 25.0, np.random.default_rng(6), **options)


def lit(walker: Walker, bank: BodyBank, setup: RecordingSetup = SETUP) -> np.ndarray:
    return recorded(walker, bank, setup).silhouettes > 127


def test_silhouettes_look_like_a_walking_person(walker: Walker, bank: BodyBank):
    body = lit(walker, bank)
    assert body.shape == (25, 64, 44)
    assert body[:, 0].any(axis=1).all()
    assert body[:, -1].any(axis=1).all()
    area = body.mean(axis=(1, 2))
    assert ((area > 0.15) & (area < 0.40)).all()
    head, hips, feet = (body[:, rows].any(1).sum(1) for rows in (slice(2, 8), slice(28, 34), slice(58, 64)))
    assert 5 <= np.median(head) <= 12
    assert np.median(hips) >= np.median(head)
    assert np.ptp(feet) > 8  # legs open and close


@pytest.mark.parametrize(
    "change",
    [
        {"carrying": "backpack"},
        {"carrying": "hand_bag"},
        {"clothing": "skirt", "hem": 0.6},
        {"clothing": "coat", "trunk_m": 0.03},
        {"hair": "long", "hair_m": 0.03},
        {"legs_m": 0.02},
    ],
    ids=lambda change: "-".join(str(v) for v in change.values()),
)
def test_what_is_worn_or_carried_adds_to_the_outline(walker: Walker, bank: BodyBank, change: dict):
    plain = lit(walker, bank)
    dressed = lit(walker, bank, replace(SETUP, outfit=replace(PLAIN, **change)))
    assert dressed.sum() > 1.01 * plain.sum()


def test_the_side_is_narrower_than_front_and_back(walker: Walker, bank: BodyBank):
    front, side, back = (
        lit(walker, bank, replace(SETUP, camera=replace(SIDE, view_deg=view)))[:, 10:26].any(1).sum(1).mean()
        for view in (0.0, 90.0, 180.0)
    )
    assert min(front, back) > 1.15 * side


def test_the_same_seed_gives_the_same_recording_and_poses_change_nothing(walker: Walker, bank: BodyBank):
    setup = draw_setup(walker, np.random.default_rng(1))
    plain, both = recorded(walker, bank, setup), recorded(walker, bank, setup, poses=True, parsing=True)
    np.testing.assert_array_equal(plain.silhouettes, both.silhouettes)
    assert plain.poses is None
    assert plain.parsing is None
    assert both.poses is not None
    assert both.parsing is not None
    assert (both.poses.shape, both.poses.dtype) == ((25, 17, 3), np.float32)
    assert (both.parsing.shape, both.parsing.dtype) == ((25, 64, 44), np.uint8)


def test_a_posed_walk_is_the_one_that_is_recorded(walker: Walker, bank: BodyBank):
    walk = pose_walk(walker, bank, SETUP, 25, 25.0, np.random.default_rng(6))
    made = recorded(walker, bank)
    np.testing.assert_array_equal(walk.passage.position_m, made.passage.position_m)
    assert walk.joints_m.shape == (25, 21, 3)
    vertices = walk.points_m[:, : bank.vertex_count]
    np.testing.assert_allclose(vertices[..., 2].min(1), 0.0, atol=1e-6)
    crown = walk.joints_m[:, 20, 2]
    assert (crown > walk.joints_m[:, BONE_INDEX["head"], 2] + 0.1).all()
    assert (crown < vertices[..., 2].max(1) + 0.02).all()


def test_speed_changes_the_gait_as_walked(walker: Walker, bank: BodyBank):
    slow, fast = (recorded(walker, bank, replace(SETUP, speed=speed)) for speed in (0.8, 1.2))
    assert fast.gait.cadence_steps_min > slow.gait.cadence_steps_min
    assert np.ptp(fast.passage.position_m[:, 1]) > 1.3 * np.ptp(slow.passage.position_m[:, 1])


def test_somebody_who_stops_moves_less(walker: Walker, bank: BodyBank):
    walking = lit(walker, bank)
    standing = lit(walker, bank, replace(SETUP, path=Path("stop", stop_s=-1.0, pause_s=5.0)))
    assert (standing[1:] != standing[:-1]).mean() < 0.3 * (walking[1:] != walking[:-1]).mean()


def box(height_m: float, left_m: float) -> Occluder:
    corners = [(left_m + x, y, z) for x in (-0.2, 0.2) for y in (-9.0, 9.0) for z in (0.0, height_m)]
    return Occluder(np.array(corners), "table")


def test_furniture_before_the_walker_hides_the_legs(walker: Walker, bank: BodyBank):
    """Seen at 90 degrees, the camera stands on the walker's right."""
    free = recorded(walker, bank, poses=True)
    hidden = recorded(walker, bank, replace(SETUP, occluder=box(0.6, -1.5)), poses=True)
    assert free.poses is not None
    assert hidden.poses is not None
    ankles, head = slice(15, 17), slice(0, 5)
    assert free.poses[:, ankles, 2].min() > 0.3
    assert hidden.poses[:, ankles, 2].max() < 0.3
    assert hidden.poses[:, head, 2].max() > 0.9
    behind = recorded(walker, bank, replace(SETUP, occluder=box(0.6, 1.5)))
    np.testing.assert_array_equal(behind.silhouettes, free.silhouettes)


def test_frames_that_show_nobody_repeat_the_last_one(walker: Walker, bank: BodyBank, monkeypatch: pytest.MonkeyPatch):
    def lose(masks: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
        out = masks.copy()
        out[[0, 5, 6]] = 0
        return out

    free = recorded(walker, bank).silhouettes
    monkeypatch.setattr(walker_module, "degrade", lose)
    frames = recorded(walker, bank).silhouettes
    for lost, shown in ((0, 1), (5, 4), (6, 4), (7, 7)):
        np.testing.assert_array_equal(frames[lost], free[shown])


def test_setups_follow_what_is_wanted(walker: Walker):
    wanted = Wanted(view_deg=54.0, clothing="coat", carrying="backpack", plain=True)
    for seed in range(30):
        setup = draw_setup(walker, np.random.default_rng(seed), wanted)
        assert (setup.camera.view_deg, setup.outfit.clothing, setup.outfit.carrying) == (54.0, "coat", "backpack")
        assert (setup.path, setup.occluder) == (STRAIGHT, None)
    drawn = [draw_setup(walker, np.random.default_rng(seed), duration_s=2.0) for seed in range(300)]
    assert {setup.path.kind for setup in drawn} == {"overground", "treadmill", "turn", "stop"}
    assert 0 < sum(setup.occluder is not None for setup in drawn) < 30
    assert len({setup.outfit.clothing for setup in drawn}) > 3
