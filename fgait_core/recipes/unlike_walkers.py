"""Recordings that are no walking people, to measure whether a package notices: drawn things and altered walkers.

None of them is used to fit anything. They are made up; what a real segmenter makes of a chair is measured apart.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from fgait_core.sequence import HEIGHT_PX, WIDTH_PX

Clip = NDArray[np.uint8]
Drawn = Callable[[np.random.Generator, int], Clip]
Altered = Callable[[Clip, np.random.Generator], Clip]

_CENTRE_PX = WIDTH_PX / 2
_ANIMAL_WIDTH_PX = 96


def _grid(width_px: int = WIDTH_PX) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y, x = np.mgrid[0:HEIGHT_PX, 0:width_px].astype(np.float64)
    return y, x


def _box(rng: np.random.Generator, frames: int) -> Clip:
    """An upright box that rocks."""
    y, x = _grid()
    half_px, turn = rng.uniform(6, 22), rng.uniform(0, 0.3)
    lean = [4 * np.sin(turn * frame) * (y - 32) / 32 for frame in range(frames)]
    return _clip([np.abs(x - _CENTRE_PX - each) < half_px for each in lean])


def _ball(rng: np.random.Generator, frames: int) -> Clip:
    """A ball or egg that breathes."""
    y, x = _grid()
    half_px, turn = rng.uniform(16, 38), rng.uniform(0, 0.5)
    width = [half_px * (1 + 0.1 * np.sin(turn * frame)) for frame in range(frames)]
    return _clip([((x - _CENTRE_PX) / each) ** 2 + ((y - 32) / 32) ** 2 < 1 for each in width])


def _four_legged(rng: np.random.Generator, frames: int) -> Clip:
    """A four-legged animal that trots, seen from its side; as in real pictures only its middle fits the width."""
    y, x = _grid(_ANIMAL_WIDTH_PX)
    along = (x - _ANIMAL_WIDTH_PX / 2) * rng.choice([-1, 1])
    size, start, pace = rng.uniform(0.8, 1.2), rng.uniform(0, 6), rng.uniform(0.35, 0.7)
    trunk = (along / (30 * size)) ** 2 + ((y - 26) / 11) ** 2 < 1
    head = ((along - 32 * size) / 10) ** 2 + ((y - 12) / 7) ** 2 < 1
    neck = (np.abs(along - 26 * size + (26 - y) * 0.4) < 5) & (y < 28) & (y > 8)
    left = (_ANIMAL_WIDTH_PX - WIDTH_PX) // 2
    pictures = []
    for frame in range(frames):
        body = trunk | head | neck
        for leg, place in enumerate((-22, -18, 18, 22)):
            swing = 8 * np.sin(pace * frame + start + 1.6 * leg) * (y - 30) / 34
            body = body | ((np.abs(along - place * size - swing) < 2.5) & (y > 30))
        pictures.append(body[:, left : left + WIDTH_PX])
    return _clip(pictures)


def _pixel_noise(rng: np.random.Generator, frames: int) -> Clip:
    """Each pixel by chance."""
    return _clip(list(rng.random((frames, HEIGHT_PX, WIDTH_PX)) < rng.uniform(0.2, 0.8)))


def _blob_noise(rng: np.random.Generator, frames: int) -> Clip:
    """Smooth blobs, other ones in each frame."""
    width = rng.uniform(2, 6)
    return _clip([_blobs(rng, width) for _ in range(frames)])


def _still_blobs(rng: np.random.Generator, frames: int) -> Clip:
    """Smooth blobs that stay."""
    return _clip([_blobs(rng, rng.uniform(3, 8))] * frames)


def _blobs(rng: np.random.Generator, width_px: float) -> NDArray[np.bool_]:
    return cv2.GaussianBlur(rng.normal(size=(HEIGHT_PX, WIDTH_PX)), (0, 0), width_px) > 0


def _standing(clip: Clip, rng: np.random.Generator) -> Clip:
    """One frame of a walk, repeated."""
    return np.repeat(clip[rng.integers(len(clip))][None], len(clip), axis=0)


def _shuffled(clip: Clip, rng: np.random.Generator) -> Clip:
    """The frames of a walk in random order."""
    return clip[rng.permutation(len(clip))]


def _upside_down(clip: Clip, rng: np.random.Generator) -> Clip:
    """A walk on its head."""
    return clip[:, ::-1]


def _upper_body(clip: Clip, rng: np.random.Generator) -> Clip:
    """Only what is above the hips or thighs, filling the height, as of a camera that is too near."""
    return _zoomed(clip, 0, int(rng.integers(28, 40)))


def _lower_body(clip: Clip, rng: np.random.Generator) -> Clip:
    """Only what is below the waist or hips."""
    return _zoomed(clip, int(rng.integers(24, 36)), HEIGHT_PX)


def _zoomed(clip: Clip, top: int, bottom: int) -> Clip:
    width = round(WIDTH_PX * HEIGHT_PX / (bottom - top))
    left = (width - WIDTH_PX) // 2
    zoomed = [cv2.resize(frame[top:bottom] * 255, (width, HEIGHT_PX)) for frame in clip]
    return _clip([frame[:, left : left + WIDTH_PX] > 127 for frame in zoomed])


def _clip(pictures: list[NDArray[np.bool_]]) -> Clip:
    return np.stack(pictures).astype(np.uint8)


DRAWN: dict[str, Drawn] = {
    "pixel_noise": _pixel_noise,
    "blob_noise": _blob_noise,
    "still_blobs": _still_blobs,
    "box": _box,
    "ball": _ball,
    "four_legged_animal": _four_legged,
}
"""Things that are no people: of a source of draws and a number of frames uint8 `[frame, 64, 44]`, 0 or 1."""

ALTERED: dict[str, Altered] = {
    "upside_down_walker": _upside_down,
    "upper_body_only": _upper_body,
    "lower_body_only": _lower_body,
    "standing_person": _standing,
    "shuffled_frames": _shuffled,
}
"""Walkers made unlike walkers: of such a clip and a source of draws another one."""
