"""Drawing a shaded mesh: a depth buffer, smooth normals, and one light over a soft sky.

A picture is made in two passes: `rasterise` finds the face that is seen at each pixel, `light` paints and lights it.
Lambert (1760) for cloth and skin, Blinn (1977) for what shines; colours are mixed in linear light.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from fgait_core.simulation.film.paint import paint_at

NEAREST_M = 0.2
"""Nothing nearer to the camera than this is drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """What is drawn in one frame.

    Attributes:
        points_m: float32 [vertex, 3] in the scene frame.
        rest_m: float32 [vertex, 3] at rest; what is painted on the surface depends on it.
        regions: float32 [vertex, region] shares of the regions of the body, see `paint`.
        faces: int32 [face, 3].
        materials: int32 [face], see `paint`.
        nearer_m: float32 [face]: how much nearer a face counts than it is, so that cloth covers what touches it.
    """

    points_m: NDArray[np.float32]
    rest_m: NDArray[np.float32]
    regions: NDArray[np.float32]
    faces: NDArray[np.int32]
    materials: NDArray[np.int32]
    nearer_m: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """Where the light comes from.

    Attributes:
        towards: float64 [3], unit vector to the lamp or sun, scene frame.
        key: how bright it is.
        sky: how bright everything else is.
    """

    towards: NDArray[np.float64]
    key: float
    sky: float


def to_pixels(
    points_m: NDArray[np.floating], matrix: NDArray[np.float64], focal_px: float, size_px: tuple[int, int]
) -> NDArray[np.float64]:
    """Pixels right and down and the reciprocal of the depth, [point, 3], in a picture of `size_px` (width, height)."""
    seen = points_m.astype(np.float64) @ matrix[:, :3].T + matrix[:, 3]
    depth = np.maximum(seen[:, 2], NEAREST_M)
    right = size_px[0] / 2 + focal_px * seen[:, 0] / depth
    down = size_px[1] / 2 + focal_px * seen[:, 1] / depth
    return np.stack([right, down, 1.0 / depth], -1)


def shade(
    mesh: Mesh,
    seen: NDArray[np.float64],
    box: tuple[int, int, int, int],
    oversampling: int,
    camera_m: NDArray[np.float64],
    light: Light,
    paint: NDArray[np.float64],
    colours: NDArray[np.float64],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A part of the picture with the mesh in it.

    Args:
        mesh: what is drawn.
        seen: its vertices by `to_pixels`.
        box: x0, y0, x1, y1 of the part, pixels.
        oversampling: so many samples a pixel and direction.
        camera_m: [3] in the scene frame.
        light: see `Light`.
        paint: numbers of `paint.Figure`.
        colours: [material, 4] see `paint.Figure`.

    Returns:
        float32 [row, column, 3], RGB 0..255, and float32 [row, column], the share of each pixel that the mesh covers.
    """
    x0, y0, x1, y1 = box
    width, height = (x1 - x0) * oversampling, (y1 - y0) * oversampling
    at = seen.copy()
    at[:, :2] = (at[:, :2] - (x0, y0)) * oversampling - 0.5
    face_at = rasterise(at, mesh.faces, mesh.nearer_m, height, width)
    normals = smooth_normals(mesh.points_m.astype(np.float64), mesh.faces)
    picture = np.zeros((height, width, 3), np.float32)
    lamp = np.array([*light.towards, light.key, light.sky])
    light_pixels(
        face_at, at, mesh.points_m, mesh.rest_m, mesh.regions, normals, mesh.faces, mesh.materials, camera_m, lamp,
        paint, colours, picture,
    )  # fmt: skip
    covered = (face_at >= 0).astype(np.float32)
    small = (x1 - x0, y1 - y0)
    mean = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    cover = cv2.resize(covered, small, interpolation=cv2.INTER_AREA)
    inside = np.maximum(cover, 1e-6)[..., None]
    return (255.0 * (mean / inside) ** (1.0 / 2.2)).astype(np.float32), cover.astype(np.float32)


@njit(cache=True)
def rasterise(at, faces, nearer_m, height, width):  # pragma: no cover - compiled
    """The face that is seen at each pixel, int32 [row, column], -1 where none is.

    `at` holds column, row and the reciprocal of the depth of each vertex.
    """
    seen = np.full((height, width), -1, np.int32)
    nearest = np.zeros((height, width), np.float32)
    for face in range(faces.shape[0]):
        a, b, c = faces[face]
        xa, ya, xb, yb, xc, yc = at[a, 0], at[a, 1], at[b, 0], at[b, 1], at[c, 0], at[c, 1]
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        if abs(area) < 1e-12:
            continue
        left, right = max(0, int(np.ceil(min(xa, xb, xc)))), min(width - 1, int(np.floor(max(xa, xb, xc))))
        top, bottom = max(0, int(np.ceil(min(ya, yb, yc)))), min(height - 1, int(np.floor(max(ya, yb, yc))))
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                s = ((xc - xb) * (y - yb) - (yc - yb) * (x - xb)) / area
                t = ((xa - xc) * (y - yc) - (ya - yc) * (x - xc)) / area
                u = 1.0 - s - t
                if s < -1e-9 or t < -1e-9 or u < -1e-9:
                    continue
                near = s * at[a, 2] + t * at[b, 2] + u * at[c, 2]
                near = near / max(1.0 - nearer_m[face] * near, 0.1)
                if near > nearest[y, x]:
                    nearest[y, x] = near
                    seen[y, x] = face
    return seen


@njit(cache=True)
def smooth_normals(points, faces):  # pragma: no cover - compiled
    """Normals [vertex, 3]: sums of the face normals around, weighted by area, of unit length; either way round."""
    normals = np.zeros(points.shape, np.float64)
    for face in range(faces.shape[0]):
        a, b, c = faces[face]
        p, q = points[b] - points[a], points[c] - points[a]
        n = np.array([p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]])
        for corner in range(3):
            normals[faces[face, corner]] += n
    for vertex in range(normals.shape[0]):
        length = np.sqrt(np.sum(normals[vertex] ** 2))
        normals[vertex] /= max(length, 1e-12)
    return normals


@njit(cache=True)
def light_pixels(
    face_at, at, points, rest, regions, normals, faces, materials, camera, lamp, paint, colours, picture
):  # pragma: no cover - compiled
    """Paints and lights what `rasterise` found, in linear light, into `picture` [row, column, 3]."""
    normal, there, eye = np.empty(3), np.empty(3), np.empty(3)
    where, share, colour = np.empty(3), np.empty(regions.shape[1]), np.empty(4)
    for row in range(face_at.shape[0]):
        for column in range(face_at.shape[1]):
            face = face_at[row, column]
            if face < 0:
                continue
            a, b, c = faces[face]
            area = (at[b, 0] - at[a, 0]) * (at[c, 1] - at[a, 1]) - (at[c, 0] - at[a, 0]) * (at[b, 1] - at[a, 1])
            s = ((at[c, 0] - at[b, 0]) * (row - at[b, 1]) - (at[c, 1] - at[b, 1]) * (column - at[b, 0])) / area
            t = ((at[a, 0] - at[c, 0]) * (row - at[c, 1]) - (at[a, 1] - at[c, 1]) * (column - at[c, 0])) / area
            u = 1.0 - s - t
            for k in range(3):
                normal[k] = s * normals[a, k] + t * normals[b, k] + u * normals[c, k]
                there[k] = s * points[a, k] + t * points[b, k] + u * points[c, k]
                where[k] = s * rest[a, k] + t * rest[b, k] + u * rest[c, k]
                eye[k] = camera[k] - there[k]
            for k in range(regions.shape[1]):
                share[k] = s * regions[a, k] + t * regions[b, k] + u * regions[c, k]
            paint_at(where, share, materials[face], paint, colours, colour, normal)
            _lit(normal, eye, lamp, colour, picture[row, column])


@njit(cache=True)
def _lit(normal, eye, lamp, colour, out):  # pragma: no cover - compiled
    """Light that a point of the surface sends to the camera; `colour` is red, green, blue (linear) and shine."""
    length = max(np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2), 1e-9)
    away = max(np.sqrt(eye[0] ** 2 + eye[1] ** 2 + eye[2] ** 2), 1e-9)
    facing = (normal[0] * eye[0] + normal[1] * eye[1] + normal[2] * eye[2]) / (length * away)
    # The camera sees the side that faces it, whichever way round the face is.
    sign = 1.0 if facing >= 0.0 else -1.0
    facing = abs(facing)
    nx, ny, nz = sign * normal[0] / length, sign * normal[1] / length, sign * normal[2] / length
    straight = nx * lamp[0] + ny * lamp[1] + nz * lamp[2]
    diffuse = max(0.0, (straight + 0.2) / 1.2)
    hx, hy, hz = lamp[0] + eye[0] / away, lamp[1] + eye[1] / away, lamp[2] + eye[2] / away
    half = (nx * hx + ny * hy + nz * hz) / max(np.sqrt(hx * hx + hy * hy + hz * hz), 1e-9)
    shine = colour[3] * max(0.0, half) ** 24 * lamp[3]
    # Sky from above, a little light back from the floor, and less where the surface turns away from the eye.
    bright = lamp[3] * diffuse + lamp[4] * (0.62 + 0.38 * nz) * (0.75 + 0.25 * facing)
    for k in range(3):
        out[k] = min(1.0, colour[k] * bright + shine)
