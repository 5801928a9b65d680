"""`fgait_core.alignment.align` for whole recordings of black and white masks, compiled.

The same recipe and the same fixed-point arithmetic as OpenCV's cubic interpolation, without leaving compiled code:
the columns that hold nobody are skipped, and each frame also says where it came from, for poses and parsing maps.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fgait_core.alignment import CUT_PX, MIN_MASS, SQUARE_PX

_WIDTH_PX = SQUARE_PX - 2 * CUT_PX
_ONE = 2048
"""Interpolation weights are whole parts of it."""
_SHIFT = 22
_HALF = 1 << (_SHIFT - 1)


@njit(cache=True)
def _cubic(target, scale, size, taps, weights):  # pragma: no cover - compiled
    """The four source positions and weights of one target position."""
    at = np.float32((target + 0.5) * scale - 0.5)
    first = int(np.floor(at))
    x = np.float32(at - np.float32(first))
    a, one = np.float32(-0.75), np.float32(1.0)
    w0 = ((a * (x + one) - np.float32(5.0) * a) * (x + one) + np.float32(8.0) * a) * (x + one) - np.float32(4.0) * a
    w1 = ((a + np.float32(2.0)) * x - (a + np.float32(3.0))) * x * x + one
    y = one - x
    w2 = ((a + np.float32(2.0)) * y - (a + np.float32(3.0))) * y * y + one
    w3 = one - w0 - w1 - w2
    for tap, weight in enumerate((w0, w1, w2, w3)):
        taps[tap] = min(max(first - 1 + tap, 0), size - 1)
        weights[tap] = np.rint(weight * np.float32(_ONE))


@njit(cache=True)
def _bounds(mask, columns):  # pragma: no cover - compiled
    """First and after-last row and column of the foreground, and the number of its pixels; `columns` is scratch."""
    height, width = mask.shape
    top, bottom, count = height, 0, 0
    columns[:] = 0
    for row in range(height):
        own = np.uint8(0)
        for column in range(width):
            own |= mask[row, column]
            columns[column] += mask[row, column] & np.uint8(1)
        if own:
            top, bottom = min(top, row), row + 1
    left, right = width, 0
    for column in range(width):
        if columns[column]:
            left, right, count = min(left, column), column + 1, count + columns[column]
    return top, bottom, left, right, count


@njit(cache=True)
def _scale_down(mask, bounds, line, tall):  # pragma: no cover - compiled
    """Scales the occupied rows to 64: `tall` [column, row] in parts of `_ONE`."""
    top, bottom, left, right, _ = bounds
    taps, weights = np.empty(4, np.uint64), np.empty(4, np.float32)
    for row in range(SQUARE_PX):
        _cubic(row, (bottom - top) / SQUARE_PX, bottom - top, taps, weights)
        a, b, c, d = weights[0], weights[1], weights[2], weights[3]
        one, two = mask[top + taps[0]], mask[top + taps[1]]
        three, four = mask[top + taps[2]], mask[top + taps[3]]
        for column in range(left, right):
            line[column] = (
                a * (one[column] & np.uint8(1))
                + b * (two[column] & np.uint8(1))
                + c * (three[column] & np.uint8(1))
                + d * (four[column] & np.uint8(1))
            )
        for column in range(left, right):
            tall[column, row] = line[column]


@njit(cache=True)
def _scale_across(tall, bounds, ratio, begin, end, scaled):  # pragma: no cover - compiled
    """Scales the columns `begin` to `end` of the wanted width: `scaled` [column, row], grey levels."""
    left, right = bounds[2], bounds[3]
    taps, weights = np.empty(4, np.uint64), np.empty(4, np.float32)
    for column in range(begin, end):
        _cubic(column, ratio, tall.shape[0], taps, weights)
        for tap in range(4):
            if not left <= taps[tap] < right:
                taps[tap], weights[tap] = left, np.float32(0.0)
        a, b, c, d = weights[0], weights[1], weights[2], weights[3]
        one, two, three, four = tall[taps[0]], tall[taps[1]], tall[taps[2]], tall[taps[3]]
        for row in range(SQUARE_PX):
            # Whole numbers below 2^24 are exact in single precision.
            sum_ = int(a * one[row] + b * two[row] + c * three[row] + d * four[row])
            scaled[column, row] = min(max((255 * sum_ + _HALF) >> _SHIFT, 0), 255)


@njit(cache=True)
def _halving_column(scaled, begin, end):  # pragma: no cover - compiled
    total = 0
    for column in range(begin, end):
        for row in range(SQUARE_PX):
            total += scaled[column, row]
    passed = 0
    for column in range(begin, end):
        for row in range(SQUARE_PX):
            passed += scaled[column, row]
        if 2 * passed > total:
            return column
    return 0


@njit(cache=True)
def _align(masks, out, framing):  # pragma: no cover - compiled
    size = masks.shape[2]
    counts, line = np.zeros(size, np.int32), np.zeros(size, np.float32)
    tall = np.zeros((size, SQUARE_PX), np.float32)
    scaled = np.zeros((SQUARE_PX * size, SQUARE_PX), np.int32)
    usable = np.zeros(masks.shape[0], np.bool_)
    for frame in range(masks.shape[0]):
        bounds = _bounds(masks[frame], counts)
        if bounds[4] * 255 <= MIN_MASS:
            continue
        rows = bounds[1] - bounds[0]
        width = SQUARE_PX * size // rows
        ratio = size / width
        begin, end = max(int(bounds[2] / ratio) - 3, 0), min(int(bounds[3] / ratio) + 4, width)
        _scale_down(masks[frame], bounds, line, tall)
        _scale_across(tall, bounds, ratio, begin, end, scaled)
        centre = _halving_column(scaled, begin, end)
        if centre == 0:
            continue
        usable[frame] = True
        first = centre - _WIDTH_PX // 2
        for column in range(max(begin, first), min(end, first + _WIDTH_PX)):
            for row in range(SQUARE_PX):
                out[frame, row, column - first] = scaled[column, row]
        # A pixel's whole-numbered point is its middle in the picture; here it reaches from there to the next.
        across, down = width / size, SQUARE_PX / rows
        framing[frame, 0], framing[frame, 1] = across, 0.5 * across - first
        framing[frame, 2], framing[frame, 3] = down, (0.5 - bounds[0]) * down
    return usable


def align_all(masks: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.bool_]]:
    """Masks aligned to 64 x 44.

    Args:
        masks: uint8 [frame, size, size], 0 or 255.

    Returns:
        The silhouettes uint8 [frame, 64, 44], within one grey level of `align`; framing float64 [frame, 4]: scale and
        shift across, scale and shift down, from points of the picture (a pixel's middle is its whole number) to points
        of the silhouette (a pixel reaches from its whole number to the next); which frames had enough mass, bool
        [frame] (the others are 0).
    """
    out = np.zeros((len(masks), SQUARE_PX, _WIDTH_PX), np.uint8)
    framing = np.zeros((len(masks), 4))
    usable = _align(np.ascontiguousarray(masks), out, framing)
    return out, framing, usable


def to_silhouette(points_px: NDArray[np.float32], framing: NDArray[np.float64]) -> NDArray[np.float32]:
    """Points of the picture [frame, point, 2] in pixels of the aligned silhouettes; `framing` is from `align_all`."""
    return (points_px * framing[:, None, 0::2] + framing[:, None, 1::2]).astype(np.float32)
