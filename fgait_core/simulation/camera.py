"""A pinhole camera that stands still while somebody walks past, towards or away from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_AIM_M = 0.95
"""Height over the floor that the camera points at."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the camera stands.

    Attributes:
        view_deg: direction of walking: 0 towards the camera, 90 to the right of the picture, 180 away, 270 to the left.
        distance_m: from the walker in the middle of the recording, along the floor.
        height_m: over the floor.
        roll_deg: a camera that is not held level.
    """

    view_deg: float
    distance_m: float
    height_m: float
    roll_deg: float


def view_name(view_deg: float) -> str:
    """front, oblique, side or back, as the quality gate names views."""
    from_front = abs((view_deg + 180.0) % 360.0 - 180.0)
    if from_front <= 22.5:
        return "front"
    if from_front >= 157.5:
        return "back"
    return "side" if 67.5 <= from_front <= 112.5 else "oblique"


def draw_camera(rng: np.random.Generator) -> Camera:
    """A phone or a low wall camera: half of the views near front, side or back, half anywhere around."""
    if rng.random() < 0.5:
        view = float(rng.choice((0.0, 90.0, 180.0, 270.0), p=(0.3, 0.25, 0.2, 0.25)) + rng.normal(0.0, 8.0))
    else:
        view = float(rng.uniform(0.0, 360.0))
    return Camera(
        view % 360.0,
        float(rng.uniform(3.5, 9.0)),
        float(rng.uniform(0.8, 1.7) if rng.random() < 0.85 else rng.uniform(1.7, 2.7)),
        float(rng.normal(0.0, 0.8)),
    )


def project(points_m: NDArray[np.floating], camera: Camera, travel_m: NDArray[np.floating]) -> NDArray[np.float32]:
    """Perspective projection.

    Args:
        points_m: [frame, vertex, 3] in the walker's frame (see `skeleton`), z over the floor.
        camera: where the camera stands.
        travel_m: [frame] how far the walker has come along the walking direction, 0 in the middle of the recording.

    Returns:
        float32 [frame, vertex, 2]: right and down in the picture, in tangents of the viewing angle.
    """
    angle = np.radians(camera.view_deg)
    c, s = np.cos(angle), np.sin(angle)
    right = -points_m[..., 0]  # x is the walker's left; see `skeleton`
    forward = points_m[..., 1] + travel_m[:, None]
    across = -right * c + forward * s
    away = camera.distance_m - right * s - forward * c
    tilt = np.arctan2(camera.height_m - _AIM_M, camera.distance_m)
    above = points_m[..., 2] - camera.height_m
    depth = away * np.cos(tilt) - above * np.sin(tilt)
    up = above * np.cos(tilt) + away * np.sin(tilt)
    u, v = across / depth, -up / depth
    roll = np.radians(camera.roll_deg)
    cr, sr = np.cos(roll), np.sin(roll)
    return np.stack([u * cr - v * sr, u * sr + v * cr], -1).astype(np.float32)


def fit_to_picture(points: NDArray[np.float32], size_px: int, margin_px: int = 2) -> NDArray[np.float32]:
    """Scales every frame so that the person fills the height of a square picture: pixels [frame, vertex, 2]."""
    low, high = points.min(1, keepdims=True), points.max(1, keepdims=True)
    scale = (size_px - 2 * margin_px) / (high - low)[..., 1:2]
    centred = (points - (low + high) / 2) * scale + size_px / 2
    return np.ascontiguousarray(centred, np.float32)
