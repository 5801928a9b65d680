"""Parsing maps and poses lie where the simulated walker is."""

from dataclasses import replace

import numpy as np
import pytest

from fgait_core.data.joints import (
    LEFT_ANKLE,
    LEFT_EAR,
    LEFT_EYE,
    LEFT_HIP,
    LEFT_SHOULDER,
    NOSE,
    RIGHT_ANKLE,
    RIGHT_EAR,
    RIGHT_EYE,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
)
from fgait_core.data.parsing_maps import PARTS, parse
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.bodies.mesh import mesh_of
from fgait_core.simulation.bodies.skeleton import BONE_INDEX
from fgait_core.simulation.conditions.combined import HEALTHY
from fgait_core.simulation.gait.path import STRAIGHT
from fgait_core.simulation.gait.prior import GaitPrior
from fgait_core.simulation.outfit.clothing import Outfit
from fgait_core.simulation.picture.body_parts import label_of_bone, lay_on
from fgait_core.simulation.picture.camera import Camera
from fgait_core.simulation.picture.poses import confidence, face_points
from fgait_core.simulation.walker import Recording, RecordingSetup, draw_setup, draw_walker, record

PLAIN = Outfit("close_fitting", "none", "short", 0.004, 0.004, 0.003, 0.01, 0.015, 0.0, 1.0, "l")
VIEWS = (0.0, 90.0, 180.0, 270.0)
LABEL = {part: number + 1 for number, part in enumerate(PARTS)}


@pytest.fixture(scope="module")
def views(bank: BodyBank, prior: GaitPrior) -> dict[float, Recording]:
    grown = int(np.flatnonzero((bank.age_years > 25) & (bank.age_years < 50) & (bank.bmi < 25))[0])
    walker = draw_walker(bank.body(grown), HEALTHY, prior, np.random.default_rng(5))
    return {
        view: record(
            walker,
            bank,
            RecordingSetup(Camera(view, 6.0, 1.0), PLAIN, STRAIGHT, None, 1.0, 0.0),
            25,
            25.0,
            np.random.default_rng(6),
            poses=True,
            parsing=True,
        )
        for view in VIEWS
    }


def poses(made: Recording) -> np.ndarray:
    assert made.poses is not None
    return made.poses


def parsing(made: Recording) -> np.ndarray:
    assert made.parsing is not None
    return made.parsing


def area(made: Recording, part: str) -> int:
    return int((parsing(made) == LABEL[part]).sum())


def test_every_body_pixel_has_a_label_whatever_is_worn_or_noisy(bank: BodyBank, prior: GaitPrior):
    for seed in range(12):
        rng = np.random.default_rng(seed)
        walker = draw_walker(bank.body(seed), HEALTHY, prior, rng)
        made = record(walker, bank, draw_setup(walker, rng), 8, 25.0, rng, poses=True, parsing=True)
        np.testing.assert_array_equal(parsing(made) > 0, made.silhouettes > 127)
        assert parsing(made).max() <= 6
        assert ((poses(made)[..., 2] >= 0) & (poses(made)[..., 2] <= 1)).all()


def test_sides_are_the_walkers_sides(views: dict[float, Recording]):
    front, back = poses(views[0.0])[..., 0], poses(views[180.0])[..., 0]
    for left, right in ((LEFT_SHOULDER, RIGHT_SHOULDER), (LEFT_HIP, RIGHT_HIP), (LEFT_EAR, RIGHT_EAR)):
        assert (front[:, left] > front[:, right]).all()  # whoever faces us has the left side to the right
        assert (back[:, left] < back[:, right]).all()
    for view, near, far in ((90.0, "right_arm", "left_arm"), (270.0, "left_arm", "right_arm")):
        assert area(views[view], near) > 2 * area(views[view], far)
    assert (poses(views[90.0])[:, NOSE, 0] > poses(views[90.0])[:, LEFT_EAR, 0]).all()  # walking to the right
    assert (poses(views[270.0])[:, NOSE, 0] < poses(views[270.0])[:, LEFT_EAR, 0]).all()


def test_parts_lie_about_their_joints(views: dict[float, Recording]):
    """The label at a joint in the open is that of its limb, and the parts agree with those of the nearest limb."""
    own = {NOSE: "head", RIGHT_WRIST: "right_arm", LEFT_ANKLE: "left_leg", RIGHT_ANKLE: "right_leg"}
    for made in views.values():
        maps, joints = parsing(made), poses(made)
        for joint, part in own.items():
            seen = np.flatnonzero(joints[:, joint, 2] > 0.9)
            columns, rows = np.clip(joints[seen, joint, :2].astype(int), 0, (43, 63)).T
            there = maps[seen, rows, columns]
            assert ((there == LABEL[part]) | (there == 0)).sum() >= 0.9 * len(seen)
        nearest = parse(made.silhouettes, joints)
        assert (maps == nearest)[maps > 0].mean() > 0.7


def test_joints_behind_the_body_are_less_sure(views: dict[float, Recording]):
    face = [NOSE, LEFT_EYE, RIGHT_EYE]
    assert poses(views[0.0])[:, face, 2].min() > 0.9
    assert poses(views[180.0])[:, face, 2].max() < 0.5
    side = poses(views[90.0])
    assert side[:, [RIGHT_SHOULDER, RIGHT_HIP, RIGHT_EAR], 2].min() > 0.8
    assert side[:, [LEFT_SHOULDER, LEFT_HIP, LEFT_EAR], 2].max() < 0.5


def test_joints_are_where_people_have_them(views: dict[float, Recording]):
    rows = {view: poses(made)[..., 1].mean(0) for view, made in views.items()}
    for joints in rows.values():
        assert 4 < joints[NOSE] < 10
        assert 9 < joints[LEFT_SHOULDER] < 16
        assert 26 < joints[LEFT_HIP] < 36
        assert 57 < joints[LEFT_ANKLE] < 63
    front = poses(views[0.0])[..., 0].mean(0)
    assert 8 < front[LEFT_SHOULDER] - front[RIGHT_SHOULDER] < 16
    assert 1 < front[LEFT_EYE] - front[RIGHT_EYE] < front[LEFT_EAR] - front[RIGHT_EAR] < 8


def test_a_face_has_its_order(bank: BodyBank):
    for number in range(0, 20):
        body = bank.body(number)
        nose, left_eye, right_eye, left_ear, right_ear = face_points(body, mesh_of(bank))
        assert left_ear[0] > left_eye[0] > nose[0] > right_eye[0] > right_ear[0]
        assert nose[1] >= max(left_eye[1], right_eye[1]) > max(left_ear[1], right_ear[1])
        assert body.vertices_m[:, 2].max() > left_eye[2] > nose[2] > body.joints_m[BONE_INDEX["neck"], 2]


def test_new_pixels_get_the_nearest_label_and_lost_ones_none():
    labels = np.zeros((1, 64, 44), np.uint8)
    labels[0, 20:30, 10:15], labels[0, 20:30, 30:35] = 3, 4
    silhouettes = np.zeros((1, 64, 44), np.uint8)
    silhouettes[0, 18:25, 8:40] = 255
    out = lay_on(labels, silhouettes)[0]
    np.testing.assert_array_equal(out > 0, silhouettes[0] > 127)
    assert (out[18:25, 8:22] == 3).all()
    assert (out[18:25, 23:40] == 4).all()
    rows, columns = np.nonzero(silhouettes[0])
    given = np.stack(np.nonzero(labels[0]), -1)
    away = ((np.stack([rows, columns], -1)[:, None] - given) ** 2).sum(-1)
    reached = [labels[0][tuple(given[near])] for near in away.argmin(1)]
    unclear = np.sort(away, axis=1)[:, 0] == (np.where(labels[0][tuple(given.T)] == 3, away, 9999)).min(1)
    unclear &= away.min(1) == (np.where(labels[0][tuple(given.T)] == 4, away, 9999)).min(1)
    np.testing.assert_array_equal(out[rows, columns][~unclear], np.array(reached)[~unclear])
    assert (lay_on(np.zeros_like(labels), silhouettes)[0][18:25, 8:40] == LABEL["trunk"]).all()


def test_confidence_falls_with_what_is_in_front():
    joints = np.array([[[10.5, 10.5]] * 4], np.float32)
    depths = np.full((1, 64, 44), 5.0, np.float32)
    body = np.full((1, 64, 44), 255, np.uint8)
    sure = confidence(joints, np.array([[5.05, 5.15, 5.3, 9.0]]), np.full(4, 0.05), depths, body)[0]
    assert sure[0] > sure[1] > sure[2] == sure[3] > 0.3
    nobody = confidence(joints, np.full((1, 4), 5.0), np.full(4, 0.05), depths, np.zeros_like(body))
    assert (nobody < 0.3).all()


def test_what_is_carried_counts_as_what_carries_it(bank: BodyBank, prior: GaitPrior, views: dict[float, Recording]):
    grown = int(np.flatnonzero((bank.age_years > 25) & (bank.age_years < 50) & (bank.bmi < 25))[0])
    walker = draw_walker(bank.body(grown), HEALTHY, prior, np.random.default_rng(5))
    for carrying, view, part in (("backpack", 90.0, "trunk"), ("hand_bag", 270.0, "left_arm")):
        setup = RecordingSetup(Camera(view, 6.0, 1.0), replace(PLAIN, carrying=carrying), STRAIGHT, None, 1.0, 0.0)
        made = record(walker, bank, setup, 25, 25.0, np.random.default_rng(6), parsing=True)
        assert area(made, part) > 1.1 * area(views[view], part)


def test_bones_have_parts():
    names = {"head": "head", "neck": "trunk", "pelvis": "trunk", "l_hand": "left_arm", "r_foot": "right_leg"}
    assert {bone: PARTS[label_of_bone(bone) - 1] for bone in names} == names
