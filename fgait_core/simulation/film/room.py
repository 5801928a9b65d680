"""The room that a walker is filmed in: floor, walls with doors and pictures, and soft shadows on the floor."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from fgait_core.simulation.film.paint import speckle
from fgait_core.simulation.film.shading import rasterise

SHADOW_CELL_M = 0.012
_SHADOW_CELLS = 320
_SHADOW_BLURS_M = (0.05, 0.20)
_SHADOW_DEPTHS = (0.30, 0.35)

_FLOORS = ((0.52, 0.42, 0.31), (0.60, 0.58, 0.54), (0.38, 0.40, 0.42), (0.66, 0.57, 0.45))
_WALLS = ((0.86, 0.85, 0.80), (0.72, 0.78, 0.80), (0.78, 0.74, 0.66), (0.66, 0.73, 0.66), (0.88, 0.87, 0.86))


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """A box-shaped room around the path.

    Attributes:
        numbers: float64 [n] for `_room`: where the walls are, height, kind and size of floor, seed.
        colours: float64 [3, 3], linear light: floor, wall, what hangs on the walls and stands in them.
    """

    numbers: NDArray[np.float64]
    colours: NDArray[np.float64]


def draw_room(camera_m: NDArray[np.float64], reach_m: float, rng: np.random.Generator) -> Room:
    """A room that holds the camera, [3] in the scene frame, and a path that reaches so far from the middle."""
    side = np.maximum(reach_m, np.abs(camera_m[:2])) + rng.uniform(1.2, 3.0, 2)
    numbers = [
        side[0], side[1], max(float(rng.uniform(2.6, 3.6)), camera_m[2] + 0.5), float(rng.integers(2)),
        rng.uniform(0.3, 0.7), rng.uniform(0.0, 1000.0), rng.uniform(1.2, 2.6),
    ]  # fmt: skip
    floor, wall = np.array(_FLOORS[rng.integers(len(_FLOORS))]), np.array(_WALLS[rng.integers(len(_WALLS))])
    colours = np.array([floor, wall, rng.uniform(0.15, 0.75, 3)]) ** 2.2
    return Room(np.array(numbers), colours)


def draw_background(
    room: Room, matrix: NDArray[np.float64], focal_px: float, size_px: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The empty room.

    Args:
        room: see `Room`.
        matrix: [3, 4] scene frame to picture.
        focal_px: focal length.
        size_px: width and height.

    Returns:
        float32 [row, column, 3], RGB 0..255, and float32 [row, column, 2]: where on the floor (scene frame, m) each
        pixel lies, NaN off the floor.
    """
    width, height = size_px
    picture, floor_m = np.zeros((height, width, 3), np.float32), np.full((height, width, 2), np.nan, np.float32)
    turn = matrix[:, :3]
    _room(room.numbers, room.colours, turn, -turn.T @ matrix[:, 3], focal_px, picture, floor_m)
    return picture, floor_m


@njit(cache=True)
def _room(numbers, colours, turn, eye, focal_px, picture, floor_m):  # pragma: no cover - compiled
    height, width = picture.shape[:2]
    for row in range(height):
        for column in range(width):
            right, down = (column + 0.5 - width / 2) / focal_px, (row + 0.5 - height / 2) / focal_px
            dx = turn[0, 0] * right + turn[1, 0] * down + turn[2, 0]
            dy = turn[0, 1] * right + turn[1, 1] * down + turn[2, 1]
            dz = turn[0, 2] * right + turn[1, 2] * down + turn[2, 2]
            tx = ((numbers[0] if dx > 0 else -numbers[0]) - eye[0]) / dx if abs(dx) > 1e-9 else 1e9
            ty = ((numbers[1] if dy > 0 else -numbers[1]) - eye[1]) / dy if abs(dy) > 1e-9 else 1e9
            tz = ((numbers[2] if dz > 0 else 0.0) - eye[2]) / dz if abs(dz) > 1e-9 else 1e9
            far = min(tx, ty, tz)
            x, y, z = eye[0] + far * dx, eye[1] + far * dy, eye[2] + far * dz
            blur = far / focal_px
            if far == tz and dz < 0:
                floor_m[row, column, 0], floor_m[row, column, 1] = x, y
                _floor(x, y, blur, numbers, colours, picture[row, column])
            elif far == tz:
                for k in range(3):
                    picture[row, column, k] = 0.80 + 0.03 * speckle(x, y, 0.5)
            elif far == tx:
                _wall(y + (40.0 if dx > 0 else 0.0), z, blur, numbers, colours, picture[row, column])
            else:
                _wall(x + (80.0 if dy > 0 else 20.0), z, blur, numbers, colours, picture[row, column])
            near_x, near_y = numbers[0] - abs(x), numbers[1] - abs(y)
            corner = min(max(near_x, near_y), min(near_x, near_y) + z if far != tz else min(near_x, near_y))
            shade = 0.72 + 0.28 * (1.0 - np.exp(-max(corner, 0.0) / 0.5))
            for k in range(3):
                picture[row, column, k] = 255.0 * min(1.0, picture[row, column, k] * shade * 0.92) ** (1.0 / 2.2)


@njit(cache=True)
def _floor(x, y, blur, numbers, colours, out):  # pragma: no cover - compiled
    """Planks or tiles; lines finer than the picture fade instead of flickering."""
    size, seed = numbers[4], numbers[5]
    if numbers[3] == 0.0:
        plank = np.floor(x / (0.35 * size))
        tone = 1.0 + 0.10 * speckle(plank * 3.7, np.floor((y + plank * 0.77) / (2.4 * size)) * 2.3, seed)
        tone += 0.07 * speckle(x * 24.0, y * 1.8, seed)
        edge = abs(x / (0.35 * size) - plank - 0.5) * 0.35 * size
        line = 0.5 * 0.35 * size - edge
    else:
        i, j = np.floor(x / size), np.floor(y / size)
        tone = 1.0 + 0.06 * speckle(i * 3.7, j * 2.9, seed) + 0.05 * speckle(x * 7.0, y * 7.0, seed)
        line = min(0.5 - abs(x / size - i - 0.5), 0.5 - abs(y / size - j - 0.5)) * size
    soft = max(3.0 * blur, 0.004)
    if line < 0.006 + soft:
        tone *= 1.0 - 0.45 * min(1.0, (0.006 + soft - line) / soft) * min(1.0, 0.006 / max(blur, 0.006))
    tone += 0.03 * speckle(x * 0.7, y * 0.7, seed + 7.0)
    for k in range(3):
        out[k] = colours[0, k] * tone


@njit(cache=True)
def _wall(along, z, blur, numbers, colours, out):  # pragma: no cover - compiled
    """Paint with doors, pictures and a skirting board."""
    seed = numbers[5]
    tone = 1.0 + 0.04 * speckle(along * 0.8, z * 0.8, seed) + 0.015 * speckle(along * 9.0, z * 9.0, seed)
    bay = np.floor(along / numbers[6])
    inside = along / numbers[6] - bay
    kind = speckle(bay * 5.3 + 0.37, seed, 0.5)
    which = 1
    if z < 0.09:
        tone *= 0.55
    elif kind > 0.12 and z < 2.05 and 0.12 < inside * numbers[6] < 1.02:
        which = 2
        tone *= 0.85 + 0.1 * speckle(along * 2.0, z * 1.2, seed)
        if min(inside * numbers[6] - 0.12, 1.02 - inside * numbers[6], 2.05 - z) < 0.06:
            tone *= 0.6
    elif kind < -0.12 and abs(z - 1.5) < 0.32 and 0.2 < inside < 0.72:
        which = 2
        tone *= 1.0 + 0.8 * speckle(along * 6.0, z * 6.0, seed + bay)
        if abs(z - 1.5) > 0.29 or inside < 0.22 or inside > 0.70:
            tone *= 0.3
    for k in range(3):
        out[k] = min(1.0, colours[which, k] * max(tone, 0.05))


def darkened(
    picture: NDArray[np.float32],
    floor_m: NDArray[np.float32],
    points_m: NDArray[np.float32],
    faces: NDArray[np.int32],
    towards_light: NDArray[np.float64],
) -> NDArray[np.float32]:
    """The picture with the shadow of a mesh on its floor: one that the lamp throws, and a soft one under the body."""
    centre = points_m[:, :2].mean(0).astype(np.float64)
    shadow = np.zeros((_SHADOW_CELLS, _SHADOW_CELLS), np.float32)
    straight_up = np.array([0.0, 0.0, 1.0])
    for towards, blur_m, depth in zip((towards_light, straight_up), _SHADOW_BLURS_M, _SHADOW_DEPTHS, strict=True):
        thrown = _on_floor(points_m, faces, towards, centre)
        shadow += depth * cv2.GaussianBlur(thrown, (0, 0), blur_m / SHADOW_CELL_M)
    out = picture.copy()
    _darken(out, floor_m, shadow, centre)
    return out


def _on_floor(
    points_m: NDArray[np.float32], faces: NDArray[np.int32], towards: NDArray[np.float64], centre: NDArray[np.float64]
) -> NDArray[np.float32]:
    slope = towards[:2] / towards[2]
    cells = (points_m[:, :2] - points_m[:, 2:] * slope - centre) / SHADOW_CELL_M + _SHADOW_CELLS / 2
    at = np.concatenate([cells, np.ones((len(cells), 1))], 1)
    seen = rasterise(at, faces, np.zeros(len(faces), np.float32), _SHADOW_CELLS, _SHADOW_CELLS)
    return (seen >= 0).astype(np.float32)


@njit(cache=True)
def _darken(picture, floor_m, shadow, centre):  # pragma: no cover - compiled
    cells = shadow.shape[0]
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            x = (floor_m[row, column, 0] - centre[0]) / SHADOW_CELL_M + cells / 2
            y = (floor_m[row, column, 1] - centre[1]) / SHADOW_CELL_M + cells / 2
            if not (0.0 <= x < cells - 1.0 and 0.0 <= y < cells - 1.0):
                continue
            i, j = int(x), int(y)
            s, t = x - i, y - j
            upper = shadow[j, i] * (1.0 - s) + shadow[j, i + 1] * s
            lower = shadow[j + 1, i] * (1.0 - s) + shadow[j + 1, i + 1] * s
            keep = 1.0 - (upper * (1.0 - t) + lower * t)
            for k in range(3):
                picture[row, column, k] *= keep
