"""Drawing a shaded mesh."""

import numpy as np
import pytest

from fgait_core.simulation.film import paint
from fgait_core.simulation.film.shading import Light, Mesh, rasterise, shade, smooth_normals, to_pixels

LOOKING_ALONG_Y = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, 5.0]])
"""A camera five metres before the origin, looking along y, x to the right."""


def _square(y: float, half: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    points = np.array([(-half, y, -half), (half, y, -half), (half, y, half), (-half, y, half)], np.float32)
    return points, np.array([(0, 1, 2), (0, 2, 3)], np.int32)


def test_points_land_where_a_pinhole_puts_them():
    points = np.array([(0.0, 0.0, 0.0), (1.0, 0.0, 1.0), (0.0, 5.0, -1.0)])
    seen = to_pixels(points, LOOKING_ALONG_Y, 100.0, (200, 100))
    np.testing.assert_allclose(seen, [(100, 50, 0.2), (120, 30, 0.2), (100, 60, 0.1)])


def test_the_nearer_face_is_seen():
    far, faces = _square(1.0)
    near, _ = _square(-1.0, 0.5)
    at = to_pixels(np.concatenate([far, near]), LOOKING_ALONG_Y, 100.0, (100, 100))
    both = np.concatenate([faces, faces + 4])
    seen = rasterise(at, both, np.zeros(4, np.float32), 100, 100)
    assert set(np.unique(seen[40:60, 40:60])) <= {2, 3}
    assert set(np.unique(seen[36, 36:64])) <= {0, 1}
    assert (seen[:5] == -1).all()
    turned = rasterise(at, both[::-1].copy(), np.zeros(4, np.float32), 100, 100)  # the order does not matter
    assert set(np.unique(turned[40:60, 40:60])) <= {0, 1}


def test_cloth_counts_as_nearer_than_what_touches_it():
    same, faces = _square(0.0)
    at = to_pixels(np.concatenate([same, same]), LOOKING_ALONG_Y, 100.0, (100, 100))
    nearer = np.array([0.0, 0.0, 0.02, 0.02], np.float32)
    seen = rasterise(at, np.concatenate([faces, faces + 4]), nearer, 100, 100)
    assert set(np.unique(seen[seen >= 0])) <= {2, 3}


def test_normals_of_a_ball_point_outward():
    rng = np.random.default_rng(0)
    from scipy.spatial import ConvexHull

    points = rng.normal(size=(400, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    hull = ConvexHull(points)
    faces = hull.simplices.astype(np.int32)
    a, b, c = (points[faces[:, k]] for k in range(3))
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), a) < 0
    faces[inward] = faces[inward][:, ::-1]
    normals = smooth_normals(points, faces)
    assert np.einsum("ij,ij->i", normals, points).min() > 0.9


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_what_faces_the_lamp_is_brighter(side: float):
    points, faces = _square(0.0)
    points[:, 1] = points[:, 0]  # turned by 45 degrees: it faces the camera and one side
    mesh = Mesh(
        points,
        points,
        np.zeros((4, len(paint.REGIONS)), np.float32),
        faces,
        np.full(2, paint.BAG, np.int32),
        np.zeros(2, np.float32),
    )
    colours = np.full((13, 4), 0.4)
    colours[:, 3] = 0.0
    lamp = np.array([side, -0.5, 0.5])
    light = Light(lamp / np.linalg.norm(lamp), 0.7, 0.3)
    seen = to_pixels(points, LOOKING_ALONG_Y, 100.0, (100, 100))
    picture, cover = shade(mesh, seen, (0, 0, 100, 100), 2, np.array([0.0, -5.0, 0.0]), light, np.zeros(15), colours)
    assert cover[50, 50] == 1.0
    assert cover[0, 0] == 0.0
    brightness = picture[50, 50].mean()
    assert brightness > 150 if side > 0 else brightness < 150
    assert ((cover > 0) & (cover < 1)).any()  # edges are soft
