"""A pinhole camera that films somebody who walks past, towards or away from it.

Frames of reference: see `skeleton` (x left, y forward, z up). The walker's frame moves with the walker over the floor;
the scene frame is the walker's frame at the middle of the recording, standing still.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

NEAREST_M = 2.0
"""No walker comes nearer than this to the camera."""

_HALF_PICTURE_MM = 18.0
_HALF_WALKER_M = 0.4

_AIM_M = 0.95
"""Height over the floor that a camera points at, about."""

_LENSES_MM = (24.0, 26.0, 28.0, 35.0, 50.0)
_LENS_SHARES = (0.2, 0.4, 0.2, 0.12, 0.08)


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the camera stands and how it is held.

    Attributes:
        view_deg: direction of walking in the middle of the recording: 0 towards the camera, 90 to the right of the
            picture, 180 away, 270 to the left.
        distance_m: from the walker in the middle of the recording, along the floor.
        height_m: over the floor.
        tilt_deg: how far the camera looks down, below the horizon.
        roll_deg: a camera that is not held level; positive turns the picture clockwise.
        focal_length_mm: of the lens, as on a 35 mm camera (a picture 36 mm wide).
        follows: whether the camera pans with the walker; else it points at the middle of the path all the time.
    """

    view_deg: float
    distance_m: float
    height_m: float
    tilt_deg: float = 0.0
    roll_deg: float = 0.0
    focal_length_mm: float = 26.0
    follows: bool = False

    @property
    def floor_m(self) -> NDArray[np.float64]:
        """Where it stands on the floor, [2] in the scene frame."""
        angle = np.radians(self.view_deg)
        return self.distance_m * np.array([-np.sin(angle), np.cos(angle)])


def view_name(view_deg: float) -> str:
    """front, oblique, side or back, as the quality gate names views."""
    from_front = abs((view_deg + 180.0) % 360.0 - 180.0)
    if from_front <= 22.5:
        return "front"
    if from_front >= 157.5:
        return "back"
    return "side" if 67.5 <= from_front <= 112.5 else "oblique"


def draw_camera(rng: np.random.Generator, view_deg: float | None = None) -> Camera:
    """A phone or a low wall camera, aimed at the walker by hand; one in four pans with the walker.

    Args:
        rng: source of the draw.
        view_deg: the view; None draws it, half of the views near front, side or back, half anywhere around.
    """
    drawn = _draw_view_deg(rng)
    lens_mm = float(rng.choice(_LENSES_MM, p=_LENS_SHARES))
    distance_m = float(rng.uniform(3.2, 9.0)) * max(1.0, lens_mm / 30.0) ** 0.5
    height_m = float(rng.uniform(0.7, 1.7) if rng.random() < 0.85 else rng.uniform(1.7, 2.8))
    tilt_deg = float(np.degrees(np.arctan2(height_m - _AIM_M, distance_m)) + rng.normal(0.0, 2.0))
    return Camera(
        (drawn if view_deg is None else view_deg) % 360.0,
        distance_m,
        height_m,
        tilt_deg,
        float(rng.normal(0.0, 1.0)),
        lens_mm,
        bool(rng.random() < 0.25),
    )


def _draw_view_deg(rng: np.random.Generator) -> float:
    if rng.random() < 0.5:
        return float(rng.choice((0.0, 90.0, 180.0, 270.0), p=(0.3, 0.25, 0.2, 0.25)) + rng.normal(0.0, 8.0))
    return float(rng.uniform(0.0, 360.0))


def clear_of_path(camera: Camera, position_m: NDArray[np.floating]) -> Camera:
    """The camera, moved back where the walker would come too near to it or leave the width of its picture.

    Args:
        camera: where it is wished to stand.
        position_m: [frame, 2] the walker in the scene frame.
    """
    away = -camera.floor_m / camera.distance_m
    along = position_m @ away
    aside = np.abs(position_m @ np.array([-away[1], away[0]]))
    inside = (aside + _HALF_WALKER_M) * camera.focal_length_mm / _HALF_PICTURE_MM
    needed = NEAREST_M if camera.follows else np.maximum(inside, NEAREST_M)
    return replace(camera, distance_m=max(camera.distance_m, float((needed - along).max())))


def scene_matrices(camera: Camera, position_m: NDArray[np.floating]) -> NDArray[np.float64]:
    """What the camera makes of a point that stands still in the scene.

    Args:
        camera: see `Camera`; it stands back where the walker would come too near (`clear_of_path`).
        position_m: [frame, 2] the walker in the scene frame, which a camera that `follows` pans to.

    Returns:
        float64 [frame, 3, 4]: (x, y, z, 1) of the scene frame to (u w, v w, w), where u counts right and v down in the
        picture, in tangents of the viewing angle, and w is the depth in metres.
    """
    camera = clear_of_path(camera, position_m)
    floor = camera.floor_m
    ahead = -floor / camera.distance_m
    right = np.array([-ahead[1], ahead[0]])
    pan = np.zeros(len(position_m))
    if camera.follows:
        pan = np.arctan2((position_m - floor) @ right, (position_m - floor) @ ahead)
    c, s = np.cos(pan)[:, None], np.sin(pan)[:, None]
    tilt, roll = np.radians(camera.tilt_deg), np.radians(camera.roll_deg)
    level, up = np.zeros((2, len(pan), 3))
    axes = np.zeros((len(pan), 3, 3))
    axes[:, 0, :2] = right * c - ahead * s
    level[:, :2] = ahead * c + right * s
    up[:, 2] = 1.0
    axes[:, 1] = -(up * np.cos(tilt) + level * np.sin(tilt))
    axes[:, 2] = level * np.cos(tilt) - up * np.sin(tilt)
    turn = np.array([[np.cos(roll), -np.sin(roll), 0.0], [np.sin(roll), np.cos(roll), 0.0], [0.0, 0.0, 1.0]])
    axes = turn @ axes
    return np.concatenate([axes, -(axes @ np.array([*floor, camera.height_m]))[..., None]], -1)


def projection_matrices(
    camera: Camera, position_m: NDArray[np.floating], heading_deg: NDArray[np.floating]
) -> NDArray[np.float64]:
    """What the camera makes of a point that moves with the walker.

    Args:
        camera: see `Camera`.
        position_m: [frame, 2] the walker in the scene frame.
        heading_deg: [frame] how far the walker has turned to the left of the scene's y axis.

    Returns:
        float64 [frame, 3, 4]: (x, y, z, 1) of the walker's frame to (u w, v w, w); see `scene_matrices`.
    """
    scene = scene_matrices(camera, position_m)
    angle = np.radians(heading_deg)
    placed = np.zeros((len(angle), 4, 4))
    placed[:, 0, 0] = placed[:, 1, 1] = np.cos(angle)
    placed[:, 0, 1] = np.sin(angle)
    placed[:, 1, 0] = -np.sin(angle)
    placed[:, 2, 2] = placed[:, 3, 3] = 1.0
    placed[:, :2, 3] = position_m
    return scene @ placed
