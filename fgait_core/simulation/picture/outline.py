"""How rough and restless the outlines of aligned silhouettes are: numbers to compare real and simulated ones by."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_SMOOTHING_PX = 1.5
_GREY = (12, 243)


@dataclass(frozen=True, slots=True)
class OutlineMeasures:
    """Means over a recording. "Per outline" means for each pixel of the silhouette's edge.

    Attributes:
        change: share of the picture that changes from frame to frame.
        blinking: pixels per outline that differ from both neighbouring frames, which agree.
        roughness: pixels per outline that smoothing by 1.5 px moves across the edge.
        grey: grey pixels per outline.
        holes: background enclosed by the body, a frame.
        area: share of the picture that is filled.
    """

    change: float
    blinking: float
    roughness: float
    grey: float
    holes: float
    area: float


def measure_outline(silhouettes: NDArray[np.uint8]) -> OutlineMeasures:
    """Measures silhouettes, uint8 [frame, 64, 44], three frames or more."""
    lit = silhouettes > 127
    outline = float(np.mean([_edge(frame) for frame in lit]))
    blinks = (lit[1:-1] != lit[:-2]) & (lit[:-2] == lit[2:])
    grey = (silhouettes > _GREY[0]) & (silhouettes < _GREY[1])
    return OutlineMeasures(
        change=float(np.abs(np.diff(silhouettes.astype(np.float32), axis=0)).mean() / 255.0),
        blinking=float(blinks.sum((1, 2)).mean()) / outline,
        roughness=float(np.mean([_moved_by_smoothing(frame) for frame in lit])) / outline,
        grey=float(grey.sum((1, 2)).mean()) / outline,
        holes=float(np.mean([_holes(frame) for frame in lit])),
        area=float(lit.mean()),
    )


def overlap(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Intersection over union of two recordings [frame, 64, 44], frame by frame, cut at the middle grey."""
    one, other = first > 127, second > 127
    return (one & other).sum((1, 2)) / np.maximum((one | other).sum((1, 2)), 1)


def _edge(lit: NDArray[np.bool_]) -> int:
    inside = cv2.erode(lit.astype(np.uint8), np.ones((3, 3), np.uint8))
    return int(lit.sum() - inside.sum())


def _moved_by_smoothing(lit: NDArray[np.bool_]) -> int:
    smooth = cv2.GaussianBlur(lit.astype(np.float32), (0, 0), _SMOOTHING_PX) > 0.5
    return int((smooth != lit).sum())


def _holes(lit: NDArray[np.bool_]) -> int:
    background = np.pad(~lit, 1, constant_values=True).astype(np.uint8)
    count, _ = cv2.connectedComponents(background, connectivity=4)
    return count - 2
