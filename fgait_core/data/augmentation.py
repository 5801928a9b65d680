"""Augmentations of silhouette clips; one draw holds for all frames of a clip.

Source: FoundationGait, the augmentation of pre-training. Each geometric change works on uint8 and on all frames at once
(as channels of one picture, four at a time).

Deviations: the published code turns clips into floating point in the middle; everything here stays 0..255 until the
network. Its blur uses a number type that current NumPy no longer has.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fgait_core.config import AugmentationConfig

Clip = NDArray[np.uint8]
"""uint8 `[frame, height, width]`, 0 background to 255 body."""

_LARGEST_SHIFT_PX = 10
_LARGEST_TURN_DEG = 10.0
_KERNELS = (
    *((cv2.MORPH_RECT, size) for size in ((5, 3), (5, 5), (3, 5))),
    *((cv2.MORPH_CROSS, size) for size in ((3, 3), (3, 5), (5, 3))),
    *((cv2.MORPH_ELLIPSE, size) for size in ((3, 3), (3, 5), (5, 3))),
)
_CHANNELS_OF_A_WARP = 4


def warp(clip: Clip, matrix: NDArray[np.float64]) -> Clip:
    """Moves all frames by a 2x3 affine or 3x3 perspective matrix, bilinear, zeros from outside."""
    frames, height, width = clip.shape
    picture = np.ascontiguousarray(clip.transpose(1, 2, 0))
    move = cv2.warpAffine if matrix.shape[0] == 2 else cv2.warpPerspective
    warped = [
        move(picture[:, :, start : start + _CHANNELS_OF_A_WARP], matrix, (width, height)).reshape(height, width, -1)
        for start in range(0, frames, _CHANNELS_OF_A_WARP)
    ]
    return np.ascontiguousarray(np.concatenate(warped, axis=2).transpose(2, 0, 1)).astype(np.uint8, copy=False)


def affine_matrix(source_px: NDArray[np.int64], target_px: NDArray[np.int64], height: int, width: int) -> NDArray:
    """The affine map of three corners.

    Args:
        source_px: int `[3, 2]`, distance (x, y) of each source point from its corner: top left, top right, bottom left.
        target_px: the same for the points that they move to.
        height: of a frame.
        width: of a frame.
    """

    def points(distance_px: NDArray[np.int64]) -> NDArray[np.float32]:
        corners = np.array([(0, 0), (height, 0), (0, width)], np.float32)
        inwards = np.array([(1, 1), (-1, 1), (1, -1)], np.float32)
        return (corners + inwards * distance_px).astype(np.float32)

    return cv2.getAffineTransform(points(source_px), points(target_px))


def perspective_matrix(left_px: tuple[int, int], right_px: tuple[int, int], height: int, width: int) -> NDArray:
    """The map that takes points on the top and bottom border to the corners.

    Args:
        left_px: x of the left point at the top and at the bottom.
        right_px: x of the right point at the top and at the bottom.
        height: of a frame.
        width: of a frame.
    """
    source = np.array([(left_px[0], 0), (right_px[0], 0), (right_px[1], height), (left_px[1], height)], np.float32)
    target = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    return cv2.getPerspectiveTransform(source, target)


def rotation_matrix(degrees: float, height: int, width: int) -> NDArray:
    """Rotation about the centre of the frame, counter-clockwise."""
    return cv2.getRotationMatrix2D((width // 2, height // 2), degrees, 1.0)


def dilate_band(clip: Clip, kernel: NDArray[np.uint8], top: int, bottom: int) -> Clip:
    """Thickens the rows from `top` to before `bottom`; the edges of the band act as borders of the picture."""
    changed = clip.copy()
    for frame in changed:
        frame[top:bottom] = cv2.dilate(frame[top:bottom], kernel)
    return changed


def blur_band(clip: Clip, top: int, bottom: int) -> Clip:
    """Smooths the rows from `top` to before `bottom` and makes them black and white again at 0.2."""
    changed = clip.copy()
    for frame in changed:
        smooth = cv2.GaussianBlur(frame[top:bottom].astype(np.float32), (3, 3), 0)
        frame[top:bottom] = np.where(smooth > 0.2 * 255, 255, 0)
    return changed


def _draw_affine(clip: Clip, rng: np.random.Generator) -> Clip:
    points = rng.integers(0, _LARGEST_SHIFT_PX, size=(2, 3, 2))
    return warp(clip, affine_matrix(points[0], points[1], *clip.shape[1:]))


def _draw_perspective(clip: Clip, rng: np.random.Generator) -> Clip:
    inset = rng.integers(0, _LARGEST_SHIFT_PX, size=4)
    height, width = clip.shape[1:]
    right = (width - 1 - int(inset[2]), width - 1 - int(inset[3]))
    return warp(clip, perspective_matrix((int(inset[0]), int(inset[1])), right, height, width))


def _draw_rotation(clip: Clip, rng: np.random.Generator) -> Clip:
    return warp(clip, rotation_matrix(rng.uniform(-_LARGEST_TURN_DEG, _LARGEST_TURN_DEG), *clip.shape[1:]))


def _draw_flip(clip: Clip, rng: np.random.Generator) -> Clip:
    return clip[:, :, ::-1]


def _draw_band(rng: np.random.Generator) -> tuple[int, int]:
    return int(rng.integers(9, 21)), int(rng.integers(39, 51))


def _draw_dilation(clip: Clip, rng: np.random.Generator) -> Clip:
    shape, size = _KERNELS[int(rng.integers(len(_KERNELS)))]
    kernel = np.asarray(cv2.getStructuringElement(shape, size), np.uint8)
    return dilate_band(np.ascontiguousarray(clip), kernel, *_draw_band(rng))


def _draw_blur(clip: Clip, rng: np.random.Generator) -> Clip:
    return blur_band(np.ascontiguousarray(clip), *_draw_band(rng))


def augment(clips: NDArray[np.uint8], config: AugmentationConfig, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Changes each clip by chance, in the published order.

    Flipping is right for screening because no label says left or right.

    Args:
        clips: uint8 `[batch, frame, height, width]`, 0..255; left as it is.
        config: how likely each change is.
        rng: source of every draw.

    Returns:
        A changed copy.
    """
    steps = (
        (config.affine, _draw_affine),
        (config.perspective, _draw_perspective),
        (config.rotate, _draw_rotation),
        (config.flip, _draw_flip),
        (config.dilate, _draw_dilation),
        (config.blur, _draw_blur),
    )
    changed = clips.copy()
    for place in range(len(changed)):
        wanted = rng.random(len(steps))
        for (probability, change), chance in zip(steps, wanted, strict=True):
            if chance < probability:
                changed[place] = change(changed[place], rng)
    return changed
