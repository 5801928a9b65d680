"""Skeleton maps: a pose drawn as soft joints and soft limbs, without the outline of the body.

Source: the idea of SkeletonGait (Fan et al., AAAI 2024, arXiv 2311.13444): centre a pose by the hips, scale it by its
height, and draw Gaussian heat maps whose strength is the confidence, one of joints and one of limbs.

Deviations: the highest and the lowest joint come to lie where eyes and ankles are in an aligned silhouette, so that the
maps and silhouettes of a walk lie on each other; the width of the Gaussians is ours, in pixels of the small map itself;
joints of low confidence vanish, and with them the limbs that end there.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fgait_core.data.joints import LEFT_HIP, LIMBS, RIGHT_HIP, SURE
from fgait_core.sequence import HEIGHT_PX, WIDTH_PX

CHANNELS = ("joints", "limbs")
HIGHEST_ROW_PX = 4.0
"""Of the highest joint, an eye or ear, at 0.94 of the stature."""
LOWEST_ROW_PX = 61.5
"""Of the lowest joint, an ankle, at 0.04 of the stature."""
SIGMA_PX = 2.0
_REACH_PX = 7
"""Further away, a Gaussian is below half a grey level."""
_FALL = np.float32(1.0 / (2.0 * SIGMA_PX * SIGMA_PX))
_NOTHING = np.float32(-7.0)
"""Exponent of less than half a grey level."""
_LIMBS = np.array(LIMBS)


def skeleton_maps(poses: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Draws poses.

    Args:
        poses: float32 `[..., 17, 3]`, x and y of COCO's joints in pixels of any picture, and confidence 0..1.

    Returns:
        uint8 `[..., 2, 64, 44]`: joints and limbs, 0..255; black where no joint is sure.
    """
    flat = np.ascontiguousarray(poses.reshape(-1, *poses.shape[-2:]), np.float32)
    maps = np.zeros((len(flat), len(CHANNELS), HEIGHT_PX, WIDTH_PX), np.uint8)
    _draw(placed(flat), _LIMBS, maps)
    return maps.reshape(*poses.shape[:-2], *maps.shape[1:])


def placed(poses: NDArray[np.float32]) -> NDArray[np.float32]:
    """Poses in pixels of the map, whose pixel i reaches from i to i + 1.

    Args:
        poses: float32 `[pose, 17, 3]`.

    Returns:
        float32 `[pose, 17, 3]`; the confidence of joints that are not sure is 0.
    """
    x, y = poses[..., 0], poses[..., 1]
    confidence: NDArray[np.float64] = np.where(np.isfinite(poses).all(axis=-1), poses[..., 2], 0.0)
    sure = np.greater_equal(confidence, SURE)
    top = np.where(sure, y, np.inf).min(axis=1, initial=np.inf)
    bottom = np.where(sure, y, -np.inf).max(axis=1, initial=-np.inf)
    # One joint alone, or joints on one line, give no scale: such a pose is not drawn.
    drawn = bottom - top > 1e-3
    scale = (LOWEST_ROW_PX - HIGHEST_ROW_PX) / np.where(drawn, bottom - top, 1.0)
    top = np.where(drawn, top, 0.0)
    middle = _middle(x, sure)
    return np.stack(
        [
            np.where(sure, (x - middle[:, None]) * scale[:, None] + WIDTH_PX / 2, 0.0),
            np.where(sure, (y - top[:, None]) * scale[:, None] + HIGHEST_ROW_PX, 0.0),
            np.where(sure & drawn[:, None], np.minimum(confidence, 1.0), 0.0),
        ],
        axis=-1,
    ).astype(np.float32)


def _middle(x: NDArray[np.floating], sure: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Between the hips; between all sure joints where no hip is seen."""
    hip = np.isin(np.arange(x.shape[1]), (LEFT_HIP, RIGHT_HIP))
    chosen = np.where(np.any(sure & hip, axis=1, keepdims=True), sure & hip, sure)
    return np.where(chosen, x, 0.0).sum(axis=1) / np.maximum(chosen.sum(axis=1), 1)


@njit(cache=True)
def _draw(poses, limbs, maps):  # pragma: no cover - compiled
    # Maxima are taken of the exponents, so that each pixel needs one exponential only.
    height, width = maps.shape[2:]
    exponents = np.empty((height, width), np.float32)
    for frame in range(poses.shape[0]):
        exponents[:] = _NOTHING
        for joint in range(poses.shape[1]):
            x, y, strength = poses[frame, joint]
            _raise(exponents, x, y, x, y, strength)
        _shade(exponents, maps[frame, 0])
        exponents[:] = _NOTHING
        for limb in range(limbs.shape[0]):
            x0, y0, one = poses[frame, limbs[limb, 0]]
            x1, y1, other = poses[frame, limbs[limb, 1]]
            _raise(exponents, x0, y0, x1, y1, min(one, other))
        _shade(exponents, maps[frame, 1])


@njit(cache=True)
def _raise(exponents, x0, y0, x1, y1, strength):  # pragma: no cover - compiled
    """Makes exponents at least those of a Gaussian around the line from one point to the other."""
    if strength <= 0.0:
        return
    height, width = exponents.shape
    start = np.float32(np.log(strength))
    dx, dy = x1 - x0, y1 - y0
    inverse = np.float32(1.0) / max(dx * dx + dy * dy, np.float32(1e-9))
    for row in range(max(0, int(min(y0, y1)) - _REACH_PX), min(height, int(max(y0, y1)) + _REACH_PX + 1)):
        py = np.float32(row + 0.5) - y0
        for column in range(max(0, int(min(x0, x1)) - _REACH_PX), min(width, int(max(x0, x1)) + _REACH_PX + 1)):
            px = np.float32(column + 0.5) - x0
            along = min(max((px * dx + py * dy) * inverse, np.float32(0.0)), np.float32(1.0))
            away_x, away_y = px - along * dx, py - along * dy
            exponent = start - (away_x * away_x + away_y * away_y) * _FALL
            if exponent > exponents[row, column]:
                exponents[row, column] = exponent


@njit(cache=True)
def _shade(exponents, picture):  # pragma: no cover - compiled
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            if exponents[row, column] > _NOTHING:
                picture[row, column] = int(255.0 * np.exp(exponents[row, column]) + 0.5)
