"""Augmentations of clips; one draw holds for all frames and channels of a clip.

Source: FoundationGait (arXiv 2512.00691), the augmentations of pre-training and fine-tuning; random erasing: Zhong et
al., AAAI 2020. Each geometric change works on uint8 and on all frames at once (as channels of one picture, four at a
time).

Deviations: the published code turns clips into floating point in the middle; everything here stays 0..255 until the
network. It moves silhouettes 64 columns wide and cuts them to 44 afterwards, where shards hold 44 columns, so that what
leaves the picture at a side stays lost (published data sets that come with 44 columns are treated as here). Its blur
uses a number type that current NumPy no longer has. It turns frames about a point off their middle, see
`ReproduceConfig.off_centre_rotation`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fgait_core.config import AugmentationConfig

Clip = NDArray[np.uint8]
"""uint8 `[frame, height, width]`, 0 background to 255 body; channels lie one after the other as more frames."""

_LARGEST_SHIFT_PX = 10
_LARGEST_TURN_DEG = 10.0
_KERNELS = (
    *((cv2.MORPH_RECT, size) for size in ((5, 3), (5, 5), (3, 5))),
    *((cv2.MORPH_CROSS, size) for size in ((3, 3), (3, 5), (5, 3))),
    *((cv2.MORPH_ELLIPSE, size) for size in ((3, 3), (3, 5), (5, 3))),
)
_CHANNELS_OF_A_WARP = 4
_SMOOTH = np.array([1, 2, 1], np.float32)
_SMOOTH_BODY_ABOVE = 0.2 * 255 * float(_SMOOTH.sum()) ** 2
_ERASED_SHARE = (0.05, 0.2)
_ERASED_ASPECT = (0.3, 3.3)
_ERASING_TRIES = 100


@dataclass(frozen=True, slots=True)
class ChannelRules:
    """What an augmentation must know of the channels of a clip.

    Attributes:
        mirrored: order of the channels in a mirror.
        smooth: whether a moved pixel may be mixed of its neighbours; if not it is the nearest one.
        off_centre_rotation: see `ReproduceConfig`.
    """

    mirrored: tuple[int, ...] = (0,)
    smooth: bool = True
    off_centre_rotation: bool = False


def _picture(clip: Clip) -> NDArray[np.uint8]:
    """The frames as channels of one picture: OpenCV then changes all of them at once."""
    frames, height, width = clip.shape
    return cv2.transpose(clip.reshape(frames, -1)).reshape(height, width, frames).astype(np.uint8, copy=False)


def _frames(picture: NDArray[np.uint8]) -> Clip:
    height, width, frames = picture.shape
    return cv2.transpose(picture.reshape(-1, frames)).reshape(frames, height, width).astype(np.uint8, copy=False)


def warp(clip: Clip, matrix: NDArray[np.float64], *, smooth: bool = True) -> Clip:
    """Moves all frames by a 2x3 affine or 3x3 perspective matrix, bilinear or nearest, zeros from outside."""
    frames, height, width = clip.shape
    move = cv2.warpAffine if matrix.shape[0] == 2 else cv2.warpPerspective
    flags = cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST
    warped = np.empty(clip.shape, np.uint8)
    for at in range(0, frames, _CHANNELS_OF_A_WARP):
        picture = cv2.merge(tuple(clip[at : at + _CHANNELS_OF_A_WARP]))
        warped[at : at + _CHANNELS_OF_A_WARP] = cv2.split(move(picture, matrix, (width, height), flags=flags))
    return warped


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


def rotation_matrix(degrees: float, height: int, width: int, *, off_centre: bool = False) -> NDArray:
    """Rotation about the centre of the frame, counter-clockwise.

    Args:
        degrees: of the turn.
        height: of a frame.
        width: of a frame.
        off_centre: as published: row and column of the centre are mistaken for each other.
    """
    centre = (height // 2, width // 2) if off_centre else (width // 2, height // 2)
    return cv2.getRotationMatrix2D(centre, degrees, 1.0)


def dilate_band(clip: Clip, kernel: NDArray[np.uint8], top: int, bottom: int) -> Clip:
    """Thickens the rows from `top` to before `bottom`; the edges of the band act as borders of the picture."""
    picture = _picture(clip)
    picture[top:bottom] = cv2.dilate(picture[top:bottom], kernel).reshape(picture[top:bottom].shape)
    return _frames(picture)


def blur_band(clip: Clip, top: int, bottom: int) -> Clip:
    """Smooths the rows from `top` to before `bottom` and makes them black and white again at 0.2."""
    picture = _picture(clip)
    smooth = cv2.sepFilter2D(picture[top:bottom], cv2.CV_16S, _SMOOTH, _SMOOTH).reshape(picture[top:bottom].shape)
    picture[top:bottom] = (smooth > _SMOOTH_BODY_ABOVE) * np.uint8(255)
    return _frames(picture)


def erase_box(clip: Clip, top: int, left: int, height: int, width: int) -> Clip:
    """Blackens a box in all frames."""
    changed = clip.copy()
    changed[:, top : top + height, left : left + width] = 0
    return changed


def _affine(clip: Clip, rng: np.random.Generator, rules: ChannelRules) -> Clip:
    points = rng.integers(0, _LARGEST_SHIFT_PX, size=(2, 3, 2))
    return warp(clip, affine_matrix(points[0], points[1], *clip.shape[1:]), smooth=rules.smooth)


def _perspective(clip: Clip, rng: np.random.Generator, rules: ChannelRules) -> Clip:
    inset = rng.integers(0, _LARGEST_SHIFT_PX, size=4)
    height, width = clip.shape[1:]
    right = (width - 1 - int(inset[2]), width - 1 - int(inset[3]))
    return warp(clip, perspective_matrix((int(inset[0]), int(inset[1])), right, height, width), smooth=rules.smooth)


def _flip(clip: Clip, rng: np.random.Generator, rules: ChannelRules) -> Clip:
    mirrored = cv2.flip(clip.reshape(-1, clip.shape[2]), 1).reshape(len(rules.mirrored), -1, *clip.shape[1:])
    return mirrored[list(rules.mirrored)].reshape(clip.shape).astype(np.uint8, copy=False)


def _rotate(clip: Clip, rng: np.random.Generator, rules: ChannelRules) -> Clip:
    degrees = rng.uniform(-_LARGEST_TURN_DEG, _LARGEST_TURN_DEG)
    matrix = rotation_matrix(degrees, *clip.shape[1:], off_centre=rules.off_centre_rotation)
    return warp(clip, matrix, smooth=rules.smooth)


def _band(rng: np.random.Generator) -> tuple[int, int]:
    return int(rng.integers(9, 21)), int(rng.integers(39, 51))


def _dilate(clip: Clip, rng: np.random.Generator, rules: ChannelRules) -> Clip:
    shape, size = _KERNELS[int(rng.integers(len(_KERNELS)))]
    kernel = np.asarray(cv2.getStructuringElement(shape, size), np.uint8)
    return dilate_band(clip, kernel, *_band(rng))


def _blur(clip: Clip, rng: np.random.Generator, rules: ChannelRules) -> Clip:
    return blur_band(clip, *_band(rng))


def _erase(clip: Clip, rng: np.random.Generator, rules: ChannelRules) -> Clip:
    """Draws boxes until one fits into the frame, which nearly every one does."""
    rows, columns = clip.shape[1:]
    for _ in range(_ERASING_TRIES):
        area = rng.uniform(*_ERASED_SHARE) * rows * columns
        aspect = rng.uniform(*_ERASED_ASPECT)
        height, width = round((area * aspect) ** 0.5), round((area / aspect) ** 0.5)
        if height < rows and width < columns:
            top, left = int(rng.integers(0, rows - height + 1)), int(rng.integers(0, columns - width + 1))
            return erase_box(clip, top, left, height, width)
    return clip


_Change = Callable[[Clip, np.random.Generator, ChannelRules], Clip]
_IN_ORDER: dict[str, _Change] = {
    "affine": _affine,
    "perspective": _perspective,
    "flip": _flip,
    "rotate": _rotate,
    "dilate": _dilate,
    "blur": _blur,
    "erase": _erase,
}
"""The published order: pre-training uses all but `rotate` and `erase`, fine-tuning `perspective`, `flip`, `rotate`."""


def augment(
    clips: NDArray[np.uint8],
    config: AugmentationConfig,
    rng: np.random.Generator | Sequence[np.random.Generator],
    rules: ChannelRules | None = None,
) -> NDArray[np.uint8]:
    """Changes each clip by chance, in the published order.

    Flipping is right for screening because no label says left or right.

    Args:
        clips: uint8 `[clip, channel, frame, height, width]`, 0..255; left as it is.
        config: how likely each change is.
        rng: source of every draw, or one for each clip.
        rules: of the channels; by default those of one channel of grey levels.

    Returns:
        A changed copy.
    """
    rules = rules or ChannelRules()
    rngs = [rng] * len(clips) if isinstance(rng, np.random.Generator) else rng
    likely = [(getattr(config, name), change) for name, change in _IN_ORDER.items()]
    changed = clips.copy()
    for clip, source in zip(changed, rngs, strict=True):
        wanted = source.random(len(likely))
        frames = clip.reshape(-1, *clip.shape[2:])
        for (probability, change), chance in zip(likely, wanted, strict=True):
            if chance < probability:
                frames = change(frames, source, rules)
        clip[:] = frames.reshape(clip.shape)
    return changed
