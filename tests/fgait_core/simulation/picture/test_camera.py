"""The camera sees the right way round, near things larger, and keeps the walker in its picture."""

from dataclasses import replace

import numpy as np
import pytest

from fgait_core.simulation.picture.camera import (
    NEAREST_M,
    Camera,
    clear_of_path,
    draw_camera,
    projection_matrices,
    scene_matrices,
    view_name,
)

HERE = np.zeros((1, 2))
AHEAD = np.zeros(1)


def project(points_m: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """Right and down in the picture, by hand."""
    seen = np.einsum("fij,fpj->fpi", matrices, np.concatenate([points_m, np.ones((*points_m.shape[:2], 1))], -1))
    return seen[..., :2] / seen[..., 2:]


def _seen(points: list[tuple[float, float, float]], camera: Camera, position=HERE, heading=AHEAD):
    return project(np.array([points]), projection_matrices(camera, position, heading))[0]


@pytest.mark.parametrize(
    ("view_deg", "name"), [(0, "front"), (350, "front"), (45, "oblique"), (100, "side"), (270, "side"), (185, "back")]
)
def test_views_have_names(view_deg: float, name: str):
    assert view_name(view_deg) == name


def test_the_camera_sees_the_right_way_round():
    left_hand, nose, head, floor = (0.4, 0.0, 1.0), (0.0, 0.3, 1.6), (0.0, 0.0, 1.7), (0.0, 0.0, 0.0)
    front, back, side = (
        _seen([left_hand, nose, head, floor], Camera(view, 5.0, 1.0, 3.0)) for view in (0.0, 180.0, 90.0)
    )
    assert front[0, 0] > 0  # whoever faces us has the left hand to the right of the picture
    assert back[0, 0] < 0
    assert side[1, 0] > 0  # walking to the right, the nose points right
    assert front[2, 1] < front[3, 1]  # heads are above feet, v counts down


def test_a_level_camera_is_a_pinhole():
    """From the side, 5 m away: tangents are offsets over depth, by hand."""
    seen = _seen([(-1.0, 2.0, 1.5)], Camera(90.0, 5.0, 1.0))
    # 1 m to the walker's right is 1 m nearer to a camera on the right-hand side.
    np.testing.assert_allclose(seen, [[2.0 / 4.0, -0.5 / 4.0]], atol=1e-6)


def test_tilt_moves_the_aim_down_and_roll_turns_the_picture_clockwise():
    aim = (0.0, 0.0, 1.0)
    level, down = (_seen([aim], Camera(90.0, 5.0, 1.0, tilt)) for tilt in (0.0, 5.0))
    assert abs(level[0, 1]) < 1e-6
    np.testing.assert_allclose(down[0, 1], -np.tan(np.radians(5.0)), atol=1e-6)
    rolled = _seen([(0.0, 1.0, 1.0)], Camera(90.0, 5.0, 1.0, 0.0, 10.0))[0]
    np.testing.assert_allclose(rolled, 0.2 * np.array([np.cos(np.radians(10.0)), np.sin(np.radians(10.0))]), atol=1e-6)


def test_nearer_is_larger():
    heights = [
        np.ptp(_seen([(0.0, 0.0, 0.0), (0.0, 0.0, 1.7)], Camera(0.0, 6.0, 1.0), np.array([[0.0, way]]))[:, 1])
        for way in (-1.0, 1.0)
    ]
    np.testing.assert_allclose(heights[1] / heights[0], 7.0 / 5.0, atol=1e-6)


def test_the_walkers_frame_is_the_scene_frame_turned_and_moved():
    rng = np.random.default_rng(0)
    camera = Camera(130.0, 6.0, 1.4, 4.0, 1.0, follows=True)
    position, heading = rng.normal(size=(4, 2)), rng.normal(0.0, 60.0, 4)
    own = rng.normal(size=(4, 7, 3))
    angle = np.radians(heading)[:, None]
    x = own[..., 0] * np.cos(angle) + own[..., 1] * np.sin(angle) + position[:, None, 0]
    y = own[..., 1] * np.cos(angle) - own[..., 0] * np.sin(angle) + position[:, None, 1]
    placed = np.stack([x, y, own[..., 2]], -1)
    seen = project(own, projection_matrices(camera, position, heading))
    np.testing.assert_allclose(seen, project(placed, scene_matrices(camera, position)), atol=1e-6)


def test_turning_left_from_a_side_view_turns_the_back_to_a_camera_on_the_right():
    """The walker's right side faces the camera; after a quarter turn to the left the camera sees the back."""
    camera = Camera(90.0, 5.0, 1.0)
    left, right = (0.3, 0.0, 1.0), (-0.3, 0.0, 1.0)
    turned = _seen([left, right], camera, heading=np.array([90.0]))
    from_behind = _seen([left, right], replace(camera, view_deg=180.0))
    np.testing.assert_allclose(turned, from_behind, atol=1e-6)


@pytest.mark.parametrize("view_deg", [90.0, 140.0, 270.0])
def test_a_camera_that_follows_keeps_the_walker_in_the_middle(view_deg: float):
    position = np.stack([np.zeros(9), np.linspace(-3.0, 3.0, 9)], -1)
    matrices = {
        follows: projection_matrices(Camera(view_deg, 6.0, 1.0, follows=follows), position, np.zeros(9))
        for follows in (True, False)
    }
    axis = np.tile([[0.0, 0.0, 1.0]], (9, 1, 1))
    np.testing.assert_allclose(project(axis, matrices[True])[:, 0, 0], 0.0, atol=1e-6)
    assert np.ptp(project(axis, matrices[False])[:, 0, 0]) > 0.3


def test_a_camera_stands_back_where_the_walker_would_run_into_it_or_out_of_the_picture():
    towards = np.stack([np.zeros(5), np.linspace(-4.0, 4.0, 5)], -1)
    assert clear_of_path(Camera(0.0, 3.0, 1.0), towards).distance_m == 4.0 + NEAREST_M
    aside = clear_of_path(Camera(90.0, 3.0, 1.0), towards)
    seen = project(np.tile([[0.0, 0.4, 1.0]], (5, 1, 1)), projection_matrices(aside, towards, np.zeros(5)))
    np.testing.assert_allclose(seen[-1, 0, 0], 18.0 / 26.0, atol=1e-6)
    far = Camera(90.0, 20.0, 1.0)
    assert clear_of_path(far, towards) == far


def test_cameras_are_drawn_around_the_walker_or_from_a_given_side():
    drawn = [draw_camera(np.random.default_rng(seed)) for seed in range(800)]
    shares = {name: np.mean([view_name(c.view_deg) == name for c in drawn]) for name in ("front", "side", "back")}
    assert min(shares.values()) > 0.15
    assert 0.15 < np.mean([c.follows for c in drawn]) < 0.35
    assert min(c.distance_m for c in drawn) > 3.0
    given = draw_camera(np.random.default_rng(7), 54.0)
    assert given == replace(drawn[7], view_deg=54.0)
