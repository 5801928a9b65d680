"""How the camera itself moves: the shift of the background from frame to frame.

Corners spread evenly over a small picture are followed by optical flow (Lucas-Kanade). The walker must not be taken for
the background, above all in front of a plain wall: so a still camera is believed first, if enough places of the picture
stand still, and a shift only if it is the same nearly everywhere. Otherwise the shift is unknown and taken as none.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fgait_core.silhouettes.video import Frame

GREY_WIDTH_PX = 320
MAX_RATE_HZ = 12.0
CELL_PX = 32
MIN_CORNER = 1e-3
"""Least strength of a corner; noise and compression make weaker ones."""
STILL_PX = 0.35
SAME_PX = 1.0
STILL_SHARE = 0.3
MOVING_SHARE = 0.6
MIN_CELLS = 6
MIN_SPREAD = 0.5
"""Share of the picture's width over which the agreeing places must be spread."""


class CameraPath:
    """Follows the background about twelve times a second."""

    def __init__(self) -> None:
        self._last: NDArray[np.uint8] | None = None
        self._last_s = -np.inf
        self._at = np.zeros(2)
        self._speeds: list[float] = []

    def follow(self, frame: Frame, width_px: float) -> tuple[float, float]:
        """Where a still point of the first frame is now, as (x, y) shift in pixels.

        Args:
            frame: the next frame.
            width_px: width of the picture in whose pixels the answer is wanted.
        """
        elapsed_s = frame.time_s - self._last_s
        if elapsed_s >= 1.0 / MAX_RATE_HZ:
            small = frame.grey(GREY_WIDTH_PX)
            if self._last is not None and self._last.shape == small.shape:
                step = background_shift(self._last, small)
                self._at += step
                self._speeds.append(float(np.linalg.norm(step)) / GREY_WIDTH_PX / elapsed_s)
            self._last, self._last_s = small, frame.time_s
        x, y = (self._at * width_px / GREY_WIDTH_PX).tolist()
        return x, y

    @property
    def mean_speed(self) -> float:
        """Mean speed of the background in picture widths a second; 0 for a still camera."""
        return float(np.mean(self._speeds)) if self._speeds else 0.0


def background_shift(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Shift (x, y) of the background between two grey pictures, in their pixels; zero where it is unknown."""
    corners = _corners(before)
    if len(corners) < MIN_CELLS:
        return np.zeros(2)
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        before, now, corners[:, None], corners[:, None].copy(), winSize=(15, 15), maxLevel=3
    )
    seen = found[:, 0] == 1
    places, shifts = corners[seen], (moved[:, 0] - corners)[seen]
    if len(shifts) < MIN_CELLS:
        return np.zeros(2)
    width = before.shape[1]
    if _agree(np.linalg.norm(shifts, axis=1) < STILL_PX, places, STILL_SHARE, width):
        return np.zeros(2)
    usual = np.median(shifts, axis=0)
    if _agree(np.linalg.norm(shifts - usual, axis=1) < SAME_PX, places, MOVING_SHARE, width):
        return usual.astype(np.float64)
    return np.zeros(2)


def _agree(same: NDArray[np.bool_], places: NDArray[np.float32], share: float, width_px: int) -> bool:
    if same.sum() < max(MIN_CELLS, share * len(same)):
        return False
    return float(np.ptp(places[same, 0])) >= MIN_SPREAD * width_px


def _corners(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The strongest corner of each cell of the picture, float32 [corner, xy]."""
    strength = cv2.cornerMinEigenVal(grey, 3)
    corners: list[tuple[int, int]] = []
    for y in range(0, grey.shape[0] - CELL_PX // 2, CELL_PX):
        for x in range(0, grey.shape[1] - CELL_PX // 2, CELL_PX):
            cell = strength[y : y + CELL_PX, x : x + CELL_PX]
            best = int(np.argmax(cell))
            row, column = divmod(best, cell.shape[1])
            if cell[row, column] >= MIN_CORNER:
                corners.append((x + column, y + row))
    return np.array(corners, np.float32).reshape(-1, 2)
