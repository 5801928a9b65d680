"""Small changes of a walk that should not change what moved its score: another cut, a shift, a rougher outline."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from fgait_core.explanation.occlusion import Pictures

_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_MISSING = 1 / 3


def unchanged(pictures: Pictures) -> Pictures:
    """The pictures themselves."""
    return pictures


def shifted_right(pictures: Pictures) -> Pictures:
    """One pixel to the right, as where a segmenter sees the middle of the body elsewhere."""
    return _shifted(pictures, 1)


def rougher_and_shifted_left(pictures: Pictures) -> Pictures:
    """One pixel to the left, with one in three of the outermost pixels of the body missing, as of another segmenter."""
    planes = np.ascontiguousarray(_shifted(pictures, -1)).reshape(-1, *pictures.shape[-2:])
    inner = np.stack([cv2.erode(plane, _CROSS) for plane in planes])
    missing = np.random.default_rng(0).random(planes.shape) < _MISSING
    return np.where(missing, inner, planes).astype(np.uint8).reshape(pictures.shape)


SMALL_CHANGES: tuple[tuple[int, Callable[[Pictures], Pictures]], ...] = (
    (0, unchanged),
    (2, shifted_right),
    (4, rougher_and_shifted_left),
)
"""How many frames later the windows begin, where the walk is long enough, and what is done to the pictures."""


def _shifted(pictures: Pictures, columns: int) -> NDArray[np.uint8]:
    moved = np.zeros_like(pictures)
    if columns > 0:
        moved[..., columns:] = pictures[..., :-columns]
    else:
        moved[..., :columns] = pictures[..., -columns:]
    return moved
