"""What a segmenter does to an outline: smoothing, wobbling edges, a bias, holes, lost blobs."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_WOBBLE_CELL_PX = 6
_HOLE_RATE = 0.03


def degrade(masks: NDArray[np.uint8], amount: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Masks as a segmenter would have found them.

    Args:
        masks: uint8 [frame, height, width], 0 or 255.
        amount: 0 nothing, 1 typical.
        rng: source of randomness.

    Returns:
        A new array of the same kind; every frame keeps its largest blob only.
    """
    n, height, width = masks.shape
    cells = (n, height // _WOBBLE_CELL_PX + 1, width // _WOBBLE_CELL_PX + 1)
    lasting = rng.normal(0.0, 1.0, cells[1:])
    wobble = (0.45 * lasting + 0.9 * rng.normal(0.0, 1.0, cells)).astype(np.float32)
    bias = rng.normal(0.0, 0.05 * amount)
    out = np.empty_like(masks)
    for frame in range(n):
        edge = cv2.resize(wobble[frame], (width, height), interpolation=cv2.INTER_CUBIC)
        soft = cv2.GaussianBlur(masks[frame], (0, 0), 1.3 + 0.4 * amount).astype(np.float32) / 255.0
        near = (soft > 0.02) & (soft < 0.98)
        lit = np.where(soft + (0.13 * amount * edge + bias) * near > 0.5, 255, 0).astype(np.uint8)
        if rng.random() < _HOLE_RATE * amount:
            _punch_hole(lit, rng)
        out[frame] = largest_blob(lit)
    return out


def _punch_hole(mask: NDArray[np.uint8], rng: np.random.Generator) -> None:
    rows, columns = np.nonzero(mask)
    if len(rows):
        at = int(rng.integers(len(rows)))
        cv2.circle(mask, (int(columns[at]), int(rows[at])), int(rng.integers(2, 7)), (0.0,), -1)


def largest_blob(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The mask without all but its largest connected part."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count <= 2:
        return mask
    return np.where(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()), 255, 0).astype(np.uint8)
