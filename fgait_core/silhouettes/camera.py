"""How the camera itself moves: the shift of the background from frame to frame."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fgait_core.silhouettes.video import Frame

GREY_WIDTH_PX = 160
MAX_RATE_HZ = 12.0
MIN_RESPONSE = 0.05
"""Below this the two pictures have nothing in common (a cut, a flash, no texture): the shift is unknown."""
DEAD_ZONE_PX = 0.15
"""Noise of the estimate on a still camera, in pixels of the small picture."""


class CameraPath:
    """Follows the background by phase correlation of small grey pictures, about twelve times a second."""

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._last_s = -np.inf
        self._at = np.zeros(2)
        self._window: NDArray[np.float32] | None = None
        self._speeds: list[float] = []

    def follow(self, frame: Frame, width_px: float) -> tuple[float, float]:
        """Where a still point of the first frame is now, as (x, y) shift in pixels.

        Args:
            frame: the next frame.
            width_px: width of the picture in whose pixels the answer is wanted.
        """
        elapsed_s = frame.time_s - self._last_s
        if elapsed_s >= 1.0 / MAX_RATE_HZ:
            small = frame.grey(GREY_WIDTH_PX).astype(np.float32)
            if self._last is not None and self._last.shape == small.shape:
                step = self._shift(self._last, small)
                self._at += step
                self._speeds.append(float(np.hypot(step[0], step[1])) / GREY_WIDTH_PX / elapsed_s)
            self._last, self._last_s = small, frame.time_s
        x, y = (self._at * width_px / GREY_WIDTH_PX).tolist()
        return x, y

    @property
    def median_speed(self) -> float:
        """Usual speed of the background in picture widths a second; 0 for a still camera."""
        return float(np.median(self._speeds)) if self._speeds else 0.0

    def _shift(self, before: NDArray[np.float32], now: NDArray[np.float32]) -> NDArray[np.float64]:
        if self._window is None or self._window.shape != now.shape:
            self._window = cv2.createHanningWindow((now.shape[1], now.shape[0]), cv2.CV_32F).astype(np.float32)
        shift, response = cv2.phaseCorrelate(before, now, self._window)
        known = response >= MIN_RESPONSE and float(np.hypot(shift[0], shift[1])) >= DEAD_ZONE_PX
        return np.array(shift) if known else np.zeros(2)
