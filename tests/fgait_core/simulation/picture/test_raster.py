"""Filling by outlines: against filled triangles and OpenCV's polygons."""

import cv2
import numpy as np
import pytest

from benchmarks.simulation import plain_fit, plain_project, plain_silhouettes
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.bodies.mesh import Mesh, make_mesh, mesh_of
from fgait_core.simulation.bodies.skeleton import BONES
from fgait_core.simulation.picture.camera import Camera, projection_matrices
from fgait_core.simulation.picture.raster import fill, fit_to_picture, project

NOTHING = np.zeros((1, 0, 2), np.float32)


def ball(seed: int) -> tuple[np.ndarray, Mesh]:
    """A bumpy closed mesh: an octahedron, split three times, its corners pushed in and out."""
    points = [np.array(p, float) for p in ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))]
    faces = [(a, b, c) if (a < 1) ^ (b < 3) ^ (c < 5) else (a, c, b) for a in (0, 1) for b in (2, 3) for c in (4, 5)]
    for _ in range(3):
        middle: dict[tuple[int, int], int] = {}
        finer = []
        for face in faces:
            halves = []
            for a, b in zip(face, (*face[1:], face[0]), strict=True):
                key = (min(a, b), max(a, b))
                if key not in middle:
                    middle[key] = len(points)
                    points.append((points[a] + points[b]) / np.linalg.norm(points[a] + points[b]))
                halves.append(middle[key])
            (a, b, c), (ab, bc, ca) = face, halves
            finer += [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
        faces = finer
    bumps = np.random.default_rng(seed).uniform(0.4, 1.0, (len(points), 1))
    weights = np.zeros((len(points), len(BONES)), np.float32)
    weights[:, 0] = 1.0
    return np.array(points) * bumps, make_mesh(np.array(faces, np.int32), weights)


@pytest.mark.parametrize("seed", range(4))
def test_outlines_light_the_pixels_that_triangles_cover(seed: int):
    points, mesh = ball(seed)
    pixels = (points[None, :, :2] * 60 + 64).astype(np.float32)
    ours = fill(pixels, mesh, (), NOTHING, 128)
    plain = plain_silhouettes(pixels.astype(float), mesh.faces)
    assert ours.any()
    assert (ours != plain).sum() <= 2  # a point on an edge may fall to either side


def test_a_body_is_filled_as_by_triangles(bank: BodyBank):
    mesh = mesh_of(bank)
    points = np.stack([bank.body(number).vertices_m for number in range(6)])
    camera = Camera(40.0, 5.0, 1.2)
    matrices = projection_matrices(camera, np.zeros((6, 2)), np.linspace(-90.0, 90.0, 6))
    pixels = project(points, matrices)
    plain_pixels = plain_project(points, matrices)
    np.testing.assert_allclose(pixels, plain_pixels, atol=1e-5)
    fit_to_picture(pixels, 128)
    np.testing.assert_allclose(pixels, plain_fit(plain_pixels, 128), atol=0.01)
    ours = fill(pixels, mesh, (), np.zeros((6, 0, 2), np.float32), 128)
    plain = plain_silhouettes(pixels.astype(float), bank.faces)
    assert (ours > 0).any((1, 2)).all()
    assert (ours != plain).mean() < 1e-4


def test_points_outside_the_picture_are_cut_off():
    points, mesh = ball(0)
    assert fill((points[None, :, :2] * 400 + 16).astype(np.float32), mesh, (), NOTHING, 32).all()
    assert not fill((points[None, :, :2] * 10 - 50).astype(np.float32), mesh, (), NOTHING, 32).any()


def hull_of(points: np.ndarray, size: int = 96) -> np.ndarray:
    """OpenCV's hull, which lights the pixels that the edge touches, too."""
    picture = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(picture, cv2.convexHull(np.round(points * 16).astype(np.int32)), (255.0,), shift=4)
    return picture


@pytest.mark.parametrize("seed", range(5))
def test_hulls_are_added_and_screens_taken_away(seed: int):
    rng = np.random.default_rng(seed)
    _, mesh = ball(0)
    away = np.full((len(mesh.main_bone), 2), -50.0)
    thing, screen = rng.uniform(5, 90, (40, 2)), rng.uniform(5, 90, (8, 2))
    points = np.concatenate([away, thing]).astype(np.float32)[None]
    numbers = np.arange(len(away), len(away) + len(thing))
    inner = np.ones((3, 3), np.uint8)
    whole = fill(points, mesh, (numbers,), NOTHING, 96)[0]
    assert not (whole & ~hull_of(thing)).any()
    assert not (cv2.erode(hull_of(thing), inner) & ~whole).any()
    behind = fill(points, mesh, (numbers,), screen.astype(np.float32)[None], 96)[0]
    np.testing.assert_array_equal(behind & ~hull_of(screen), whole & ~hull_of(screen))
    assert not (behind & cv2.erode(hull_of(screen), inner)).any()


def test_hulls_of_repeated_and_straight_points_are_closed():
    _, mesh = ball(0)
    away = np.full((len(mesh.main_bone), 2), -50.0)
    square = np.array([(10, 10), (30, 10), (30, 30), (10, 30), (20, 10), (10, 10), (30, 20)], float)
    points = np.concatenate([away, square, np.full((3, 2), 50.0)]).astype(np.float32)[None]
    first = len(away)
    picture = fill(points, mesh, (np.arange(first, first + 7), np.arange(first + 7, first + 10)), NOTHING, 64)[0]
    assert picture[10:30, 10:30].all()
    assert (picture > 0).sum() == 400  # and nothing of the three points in one place


def test_fitting_fills_the_height_or_the_width():
    points = np.random.default_rng(0).normal(size=(3, 50, 2)).astype(np.float32) * (0.3, 1.0)
    points[1] = points[1, :, ::-1]
    before = points.astype(np.float32)
    fitted = before.copy()
    framing = fit_to_picture(fitted, 128, 2)
    for frame, axis in enumerate((1, 0, 1)):
        np.testing.assert_allclose(fitted[frame, :, axis].min(), 2.0, atol=1e-3)
        np.testing.assert_allclose(fitted[frame, :, axis].max(), 126.0, atol=1e-3)
    np.testing.assert_allclose(before * framing[:, None, :1] + framing[:, None, 1:], fitted, atol=1e-3)
