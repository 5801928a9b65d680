"""From a body to a silhouette: mesh fill, camera, clothes, noise."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from fgait_core.simulation.bodies import BodyBank
from fgait_core.simulation.camera import Camera, fit_to_picture
from fgait_core.simulation.clothing import Outfit
from fgait_core.simulation.conditions import HEALTHY
from fgait_core.simulation.motion import CHANNELS, GaitPrior
from fgait_core.simulation.posing import (
    bone_rotations,
    joint_positions,
    limb_direction,
    shortest_rotation,
    skin,
    yaw_roll_pitch,
)
from fgait_core.simulation.raster import fill_triangles
from fgait_core.simulation.skeleton import BONES, PARENTS
from fgait_core.simulation.walker import RecordingSetup, draw_walker, record

PLAIN = Outfit("close_fitting", "none", "short", 0.004, 0.004, 0.003, 0.01, 0.015, 0.0, 1.0, "l")
SIDE = Camera(90.0, 6.0, 1.2, 2.0)


def test_triangle_fill_equals_a_polygon_fill():
    rng = np.random.default_rng(0)
    angles = np.sort(rng.uniform(0.0, 2 * np.pi, 24))
    radius = rng.uniform(20.0, 55.0, 24)  # star-shaped, so that a fan of triangles from the middle covers it
    ring = np.stack([64 + radius * np.cos(angles), 64 + radius * np.sin(angles)], -1)
    points = np.vstack([[64.0, 64.0], ring]).astype(np.float32)[None]
    fan = np.array([(0, 1 + n, 1 + (n + 1) % 24) for n in range(24)], np.int32)
    ours = fill_triangles(points, fan, 128)[0] > 0
    reference = np.zeros((128, 128), np.uint8)
    cv2.fillPoly(reference, [np.round(ring * 16).astype(np.int32)], (255.0,), shift=4)
    # OpenCV also draws the edge's pixels: ours lies inside, and only its rim is missing.
    assert not (ours & (reference == 0)).any()
    assert ((reference > 0) & ~ours & (cv2.erode(reference, np.ones((3, 3), np.uint8)) > 0)).sum() == 0


def test_faces_turned_away_are_not_drawn():
    points = np.array([[[10, 10], [50, 10], [10, 50]]], np.float32)
    assert fill_triangles(points, np.array([[0, 1, 2]], np.int32), 64).any()
    assert not fill_triangles(points, np.array([[0, 2, 1]], np.int32), 64).any()


def test_points_outside_the_picture_are_cut_off():
    points = np.array([[[-50, -50], [200, -50], [-50, 200]]], np.float32)
    assert fill_triangles(points, np.array([[0, 1, 2]], np.int32), 32).all()


def test_shortest_rotation_turns_one_vector_onto_the_other():
    start = np.array([0.0, 0.0, -1.0])
    end = limb_direction(np.array([30.0, -10.0]), np.array([5.0, 20.0]), 1.0)
    rotation = shortest_rotation(start, end)
    np.testing.assert_allclose(rotation @ start, end, atol=1e-12)
    np.testing.assert_allclose(
        rotation @ np.swapaxes(rotation, -1, -2), np.broadcast_to(np.eye(3), (2, 3, 3)), atol=1e-12
    )


def test_angles_mean_what_they_say():
    left, _, up = np.eye(3)
    one, none = np.array(20.0), np.array(0.0)
    assert (yaw_roll_pitch(one, none, none) @ left)[1] > 0  # the left side comes forward
    assert (yaw_roll_pitch(none, one, none) @ left)[2] > 0  # the left side rises
    assert (yaw_roll_pitch(none, none, one) @ up)[1] > 0  # the top leans forward
    assert limb_direction(one, none, 1.0)[1] > 0  # forward
    assert limb_direction(none, one, -1.0)[0] < 0  # the right limb outward


def test_bones_keep_their_length_and_rest_skins_to_rest(bank: BodyBank):
    body = bank.body(0)
    still = np.broadcast_to(np.eye(3), (1, len(BONES), 3, 3))
    positions = joint_positions(still, body.joints_m)
    rest = skin(body.vertices_m, bank.weights, body.joints_m, still, positions)
    np.testing.assert_allclose(rest[0] + body.joints_m[0], body.vertices_m, atol=1e-4)
    channels = np.random.default_rng(0).normal(0.0, 15.0, (5, len(CHANNELS)))
    moved = joint_positions(bone_rotations(channels, body.joints_m, np.zeros((5, 3))), body.joints_m)
    for bone, parent in enumerate(PARENTS):
        if parent >= 0:
            length = np.linalg.norm(body.joints_m[bone] - body.joints_m[parent])
            np.testing.assert_allclose(np.linalg.norm(moved[:, bone] - moved[:, parent], axis=-1), length)


def test_fitting_fills_the_height():
    points = np.random.default_rng(0).normal(size=(3, 50, 2)).astype(np.float32)
    fitted = fit_to_picture(points, 128, 2)
    np.testing.assert_allclose(fitted[..., 1].min(1), 2.0, atol=1e-3)
    np.testing.assert_allclose(fitted[..., 1].max(1), 126.0, atol=1e-3)


def _silhouettes(bank: BodyBank, prior: GaitPrior, outfit: Outfit, camera: Camera = SIDE, noise: float = 0.0):
    walker = draw_walker(bank.body(1), HEALTHY, prior, np.random.default_rng(5))
    return record(walker, bank, RecordingSetup(camera, outfit, 1.0, noise), 25, 25.0, np.random.default_rng(6))[0]


def test_silhouettes_look_like_a_walking_person(bank: BodyBank, prior: GaitPrior):
    frames = _silhouettes(bank, prior, PLAIN)
    body = frames > 127
    assert frames.shape == (25, 64, 44)
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
        {"hair": "bun", "hair_m": 0.03},
        {"legs_m": 0.02},
    ],
    ids=lambda change: "-".join(str(v) for v in change.values()),
)
def test_what_is_worn_or_carried_adds_to_the_outline(bank: BodyBank, prior: GaitPrior, change: dict):
    plain = _silhouettes(bank, prior, PLAIN) > 127
    dressed = _silhouettes(bank, prior, replace(PLAIN, **change)) > 127
    assert dressed.sum() > 1.01 * plain.sum()


def test_front_and_back_differ_from_side(bank: BodyBank, prior: GaitPrior):
    widths = {
        view: (_silhouettes(bank, prior, PLAIN, replace(SIDE, view_deg=view)) > 127)[:, 10:30].any(1).sum(1).mean()
        for view in (0.0, 90.0, 180.0)
    }
    assert widths[0.0] > 1.15 * widths[90.0] or widths[180.0] > 1.15 * widths[90.0]
