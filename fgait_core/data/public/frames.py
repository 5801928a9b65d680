"""Foreign arrays as the silhouettes, poses and body parts of this project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgait_core.alignment import CUT_PX, SQUARE_PX
from fgait_core.data.public.findings import SequenceFault
from fgait_core.sequence import JOINTS, WIDTH_PX

MOST_PARTS = 15
"""Highest number of a body part that a shard can hold."""


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What a sequence holds.

    Attributes:
        frames: uint8 `[frame, 64, 44]`, 0 background to 255 body.
        poses: float32 `[frame, 17, 3]`, where there are some.
        parsing: uint8 `[frame, 64, 44]`, numbers of body parts, where there are some.
        several_files: whether the silhouettes were the first of several files, and nobody said which.
    """

    frames: NDArray[np.uint8]
    poses: NDArray[np.float32] | None = None
    parsing: NDArray[np.uint8] | None = None
    several_files: bool = False


def silhouettes_of(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Silhouettes of an array `[frame, 64, 64]` or `[frame, 64, 44]` of grey levels 0 to 255, or of 0 to 1.

    Returns:
        uint8 `[frame, 64, 44]`, 0 to 255; of 64 columns the middle 44.

    Raises:
        SequenceFault: if it has another shape or other values.
    """
    cut = _cut(array, "silhouettes")
    if cut.dtype == np.bool_:
        return cut.astype(np.uint8) * np.uint8(255)
    low, high = (cut.min(), cut.max()) if cut.size else (0, 0)
    # Written so that not-a-number fails, too.
    if not (low >= 0 and high <= 255):
        raise SequenceFault("wrong_shape", f"silhouettes have grey levels from 0 to 255; these go from {low} to {high}")
    if high <= 1:
        return (cut > 0.5).astype(np.uint8) * np.uint8(255)
    return np.ascontiguousarray(cut.astype(np.uint8))


def parsing_of(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Body parts of an array `[frame, 64, 64]` or `[frame, 64, 44]` of numbers 0 (background) to 15.

    Raises:
        SequenceFault: if it has another shape or other values.
    """
    cut = _cut(array, "body parts")
    if cut.size and not (cut.min() >= 0 and cut.max() <= MOST_PARTS and np.array_equal(cut, cut.astype(np.uint8))):
        raise SequenceFault("wrong_shape", f"body parts are whole numbers from 0 to {MOST_PARTS}; these are not")
    return np.ascontiguousarray(cut.astype(np.uint8))


def poses_of(array: NDArray[Any]) -> NDArray[np.float32]:
    """Poses of an array `[frame, 17, 3]`: x and y in source pixels and confidence of COCO's joints.

    Raises:
        SequenceFault: if it has another shape.
    """
    if array.ndim != 3 or array.shape[1:] != (JOINTS, 3):
        raise SequenceFault("wrong_shape", f"poses are [frame, {JOINTS}, 3]; these are {list(array.shape)}")
    return array.astype(np.float32)


def _cut(array: NDArray[Any], what: str) -> NDArray[Any]:
    if array.ndim != 3 or array.shape[1:] not in ((SQUARE_PX, SQUARE_PX), (SQUARE_PX, WIDTH_PX)):
        raise SequenceFault(
            "wrong_shape",
            f"{what} are [frame, {SQUARE_PX}, {SQUARE_PX}] or [frame, {SQUARE_PX}, {WIDTH_PX}]; "
            f"these are {list(array.shape)}",
        )
    return array[:, :, CUT_PX:-CUT_PX] if array.shape[2] == SQUARE_PX else array
