"""Furniture that stands between the camera and the path and hides the legs for a while."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgait_core.simulation.picture.camera import NEAREST_M, Camera

OCCLUDERS: tuple[str, ...] = ("chair", "table", "plant", "box")

_SHARE = 0.07
"""A part of them finds no room, which leaves about 5 %."""
_CORRIDOR_M = 0.6
"""Nothing stands this near to the walker's path."""
_WIDTHS_M = {"chair": (0.45, 0.6), "table": (0.8, 1.4), "plant": (0.25, 0.5), "box": (0.3, 0.7)}


@dataclass(frozen=True, slots=True, eq=False)
class Occluder:
    """A piece of furniture; what lies behind the convex hull of its projection is hidden.

    Attributes:
        corners_m: float64 [8, 3] in the scene frame.
        kind: one of `OCCLUDERS`.
    """

    corners_m: NDArray[np.float64]
    kind: str


def draw_occluder(rng: np.random.Generator, camera: Camera, path_length_m: float) -> Occluder | None:
    """Furniture in about one recording of twenty; None otherwise, and where there is no room for it.

    It is as high as it has to be to hide a walker up to somewhere between the ankle and the middle of the thigh.

    Args:
        rng: source of the draw.
        camera: where the camera stands.
        path_length_m: of the walker's path, whose middle is the scene's origin.
    """
    present, kind = rng.random() < _SHARE, str(rng.choice(OCCLUDERS))
    hidden_m, share = float(rng.uniform(0.15, 0.55)), float(rng.uniform(0.5, 0.85))
    behind = np.array([0.0, rng.uniform(-0.4, 0.4) * path_length_m])
    half, turn = float(rng.uniform(*_WIDTHS_M[kind])) / 2, float(rng.uniform(0.0, np.pi / 2))
    if not present:
        return None
    # On the line of sight from the camera to a point of the path; `share` of the way from the camera.
    place = camera.floor_m + share * (behind - camera.floor_m)
    height = camera.height_m + share * (hidden_m - camera.height_m)
    past_the_end = abs(place[1]) > path_length_m / 2 + half + _CORRIDOR_M
    beside = abs(place[0]) > half * 2**0.5 + _CORRIDOR_M
    near = np.linalg.norm(place - camera.floor_m) < NEAREST_M / 2 + half
    if near or height < 0.2 or not (beside or past_the_end):
        return None
    return Occluder(_standing_box(place, half, turn, height), kind)


def _standing_box(place: NDArray[np.float64], half: float, turn: float, height: float) -> NDArray[np.float64]:
    angles = turn + np.arange(4) * (np.pi / 2)
    feet = place + half * 2**0.5 * np.stack([np.cos(angles), np.sin(angles)], -1)
    return np.concatenate([np.c_[feet, np.zeros(4)], np.c_[feet, np.full(4, height)]])
