"""Alignment of a person mask to the 64 x 44 silhouette that the network sees.

The recipe is the pretreatment of the public gait data sets (FoundationGait, arXiv 2512.00691): crop to the occupied
rows, scale to 64 rows keeping the aspect ratio, centre on the column that halves the mass, take 64 columns, then drop
10 columns on either side. Speed, height and vertical bob are lost by it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SQUARE_PX = 64
CUT_PX = 10
MIN_MASS = 10_000
"""Least sum of grey levels of a usable mask: about 40 white pixels."""


def occupied_rows(mask: NDArray[np.uint8]) -> tuple[int, int] | None:
    """First row that has foreground and the row after the last one, or None for an empty mask."""
    rows = np.flatnonzero(mask.any(axis=1))
    return None if len(rows) == 0 else (int(rows[0]), int(rows[-1]) + 1)


def halving_column(mask: NDArray[np.uint8]) -> int:
    """The first column at which more than half of the mass has been passed."""
    mass = mask.sum(axis=0, dtype=np.int64).cumsum()
    return int(np.argmax(mass > mass[-1] / 2))


def align_square(mask: NDArray[np.uint8], interpolation: int = cv2.INTER_CUBIC) -> NDArray[np.uint8] | None:
    """The mask aligned to 64 x 64.

    Args:
        mask: uint8 [row, column], 0 background to 255 body.
        interpolation: of OpenCV; the recipe's is cubic.

    Returns:
        uint8 [64, 64], or None where the mask has too little mass or no column halves it.
    """
    rows = occupied_rows(mask)
    if rows is None or int(mask.sum(dtype=np.int64)) <= MIN_MASS:
        return None
    cropped = mask[rows[0] : rows[1]]
    width = int(SQUARE_PX * cropped.shape[1] / cropped.shape[0])
    if width == 0:
        return None
    scaled: NDArray[np.uint8] = cv2.resize(cropped, (width, SQUARE_PX), interpolation=interpolation).astype(np.uint8)
    centre = halving_column(scaled)
    if centre == 0:
        return None
    half = SQUARE_PX // 2
    if centre - half <= 0 or centre + half >= width:
        scaled = np.pad(scaled, ((0, 0), (half, half)))
        centre += half
    return np.ascontiguousarray(scaled[:, centre - half : centre + half], np.uint8)


def align(mask: NDArray[np.uint8], interpolation: int = cv2.INTER_CUBIC) -> NDArray[np.uint8] | None:
    """The mask aligned to 64 x 44, or None where it has too little mass (see `align_square`)."""
    square = align_square(mask, interpolation)
    return None if square is None else np.ascontiguousarray(square[:, CUT_PX:-CUT_PX])
