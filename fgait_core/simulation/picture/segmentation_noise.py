"""What a segmenter does to an outline: lost detail, filled gaps, edges that wander from frame to frame.

The numbers were fitted to pairs of a true mask and the mask that the software's own segmenter found in a shaded video
of the same walker, and compared with its masks of a real walker (docs/evidence/simulation.md, "Segmentation noise").
"""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

PART_SHARE = 0.04
"""Parts smaller than this share of the largest one are dropped, as the segmentation of videos does."""

_COARSE_CELLS, _FINE_CELLS = 16, 42
"""Cells of the two noise lattices along the height of the picture: about 6 % and 2.4 % of the body height."""
_FINE_POOL = 8
"""So many fine lattices a recording; each frame takes one of them, which is as random to the eye and much faster."""
_SMOOTHING = 0.0088
"""Standard deviation of the blur that loses detail, in picture heights, at amount 1."""
_COARSE_SD, _FINE_SD = 0.0042, 0.0018
"""Wandering of the edge in picture heights, at amount 1."""
_LASTING, _PERSISTENCE = 0.25, 0.78
"""Share of the variance that stays through a recording, and correlation of the rest from frame to frame."""
_BIAS_SD = 0.0008
"""How far a whole recording is too wide or too narrow, in picture heights."""
_STEEPER = np.clip(np.round((np.arange(256) - 127.5) * 1.35 + 127.5), 0, 255).astype(np.uint8)
"""Grey levels about the middle spread by 1.35: then as many pixels are grey as in segmented videos (1.9 %)."""


def degrade(masks: NDArray[np.uint8], amount: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Masks as a segmenter would have found them.

    Args:
        masks: uint8 [frame, height, width], 0 or 255; the body nearly fills the height.
        amount: 0 nothing, 1 typical.
        rng: source of randomness.

    Returns:
        A new array of the same kind, without the parts that are small against the largest one.
    """
    if amount <= 0.0:
        return masks.copy()
    n, height = masks.shape[:2]
    coarse = _wandering(n, _COARSE_CELLS, rng) * np.float32(_COARSE_SD * height * amount)
    fine = _wandering(_FINE_POOL, _FINE_CELLS, rng) * np.float32(_FINE_SD * height * amount)
    chosen = rng.integers(0, _FINE_POOL, n)
    blur_px = _SMOOTHING * height * (0.6 + 0.4 * amount)
    bias_px = float(rng.normal(0.0, _BIAS_SD * height * amount))
    return _degraded(masks, coarse, fine, chosen, _gaussian(blur_px), blur_px, bias_px)


def sharpened(silhouettes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Aligned silhouettes, uint8 of any shape, with edges as steep as those from a segmenter's larger masks.

    The segmenter's masks show a body about 198 pixels high; ours 124, which leaves more grey pixels after alignment.
    """
    table = cv2.LUT(silhouettes.reshape(len(silhouettes), -1), _STEEPER)
    return np.asarray(table, np.uint8).reshape(silhouettes.shape)


def _wandering(n: int, cells: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise [frame, cells + 2, cells + 2] of unit variance and heavy tails, partly lasting, the rest changing."""
    shape = (cells + 2, cells + 2)
    lasting = rng.standard_normal(shape, np.float32) * np.float32(np.sqrt(_LASTING))
    changing = rng.standard_normal((n, *shape), np.float32)
    _persist(changing, lasting, np.float32(_PERSISTENCE), np.float32(np.sqrt(1.0 - _LASTING)))
    return changing


def _gaussian(sigma_px: float) -> NDArray[np.float32]:
    reach = max(1, int(np.ceil(2.5 * sigma_px)))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_px) ** 2)
    return (weights / weights.sum()).astype(np.float32)


@njit(cache=True)
def _persist(noise, lasting, persistence, share):  # pragma: no cover - compiled
    """Turns independent noise into noise that lasts; most of it small, some of it large, as segmenters' errors are."""
    fresh = np.float32(np.sqrt(1.0 - persistence * persistence))
    for frame in range(1, noise.shape[0]):
        for row in range(noise.shape[1]):
            for column in range(noise.shape[2]):
                noise[frame, row, column] = (
                    persistence * noise[frame - 1, row, column] + fresh * noise[frame, row, column]
                )
    for frame in range(noise.shape[0]):
        for row in range(noise.shape[1]):
            for column in range(noise.shape[2]):
                value = lasting[row, column] + share * noise[frame, row, column]
                noise[frame, row, column] = value * abs(value) * np.float32(1.0 / np.sqrt(3.0))


@njit(cache=True)
def _degraded(masks, coarse, fine, chosen, weights, blur_px, bias_px):  # pragma: no cover - compiled
    n, height, width = masks.shape
    reach = len(weights) // 2
    out = np.zeros_like(masks)
    # Crops of the body with an empty rim, as flat lines: shifts along them are what the compiler makes fast.
    size = (height + 2 * reach) * (width + 2 * reach)
    crop, line, soft = np.empty(size, np.float32), np.empty(size, np.float32), np.empty(size, np.float32)
    runs = np.empty((height * (width // 2 + 1) + 1, 5), np.int32)
    columns = np.zeros(width, np.uint8)
    for frame in range(n):
        top, bottom, left, right = _box(masks[frame], columns)
        if bottom <= top:
            continue
        top, bottom, left, right = top - reach, bottom + reach, left - reach, right + reach
        _blur(masks[frame], weights, crop, line, soft, top, bottom, left, right)
        _cut(soft, out[frame], coarse[frame], fine[chosen[frame]], blur_px, bias_px, top, bottom, left, right)
        _drop_specks(out[frame], runs, max(top, 0), min(bottom, height), max(left, 0), min(right, width))
    return out


@njit(cache=True)
def _box(mask, columns):  # pragma: no cover - compiled
    """First and after-last row and column of the foreground; `columns` is scratch."""
    height, width = mask.shape
    top, bottom = height, 0
    columns[:] = 0
    for row in range(height):
        own, lit = mask[row], np.uint8(0)
        for column in range(width):
            lit |= own[column]
            columns[column] |= own[column]
        if lit:
            top, bottom = min(top, row), row + 1
    left, right = width, 0
    for column in range(width):
        if columns[column]:
            left, right = min(left, column), column + 1
    return top, bottom, left, right


@njit(cache=True)
def _blur(mask, weights, crop, line, soft, top, bottom, left, right):  # pragma: no cover - compiled
    reach = len(weights) // 2
    wide = right - left
    size = (bottom - top) * wide
    crop[:size] = np.float32(0.0)
    for row in range(top + reach, bottom - reach):
        start = (row - top) * wide + reach
        source, own = mask[row, left + reach : right - reach], crop[start : start + wide - 2 * reach]
        for k in range(len(source)):
            own[k] = source[k] * np.float32(1.0 / 255.0)
    _shifted_sum(crop, line, weights, size, 1)
    _shifted_sum(line, soft, weights, size, wide)


@njit(cache=True)
def _shifted_sum(source, target, weights, size, step):  # pragma: no cover - compiled
    reach = len(weights) // 2
    target[:size] = np.float32(0.0)
    for tap in range(len(weights)):
        shift = (tap - reach) * step
        first, last = max(0, -shift), min(size, size - shift)
        there, here, weight = source[first + shift : last + shift], target[first:last], weights[tap]
        for k in range(last - first):
            here[k] += weight * there[k]


@njit(cache=True)
def _at(lattice, row, column):  # pragma: no cover - compiled
    i, j = int(row), int(column)
    s, t = row - i, column - j
    upper = lattice[i, j] * (np.float32(1.0) - t) + lattice[i, j + 1] * t
    lower = lattice[i + 1, j] * (np.float32(1.0) - t) + lattice[i + 1, j + 1] * t
    return upper * (np.float32(1.0) - s) + lower * s


@njit(cache=True)
def _cut(soft, out, coarse, fine, blur_px, bias_px, top, bottom, left, right):  # pragma: no cover - compiled
    height, width = out.shape
    side = max(height, width)
    # The blurred edge climbs from 0 to 1; this is how much a shift of one pixel changes it.
    slope = np.float32(1.0 / (np.sqrt(2.0 * np.pi) * blur_px))
    coarse_step = np.float32((coarse.shape[1] - 2.0) / side)
    fine_step = np.float32((fine.shape[1] - 2.0) / side)
    first, last = max(left, 0), min(right, width)
    for row in range(max(top, 0), min(bottom, height)):
        start = (row - top) * (right - left) - left
        values, lit = soft[start + first : start + last], out[row, first:last]
        for k in range(last - first):
            value, column = values[k], first + k
            if value > np.float32(0.98):
                lit[k] = 255
            elif value > np.float32(0.02):
                shift = _at(coarse, np.float32(row) * coarse_step, np.float32(column) * coarse_step)
                shift += _at(fine, np.float32(row) * fine_step, np.float32(column) * fine_step) + np.float32(bias_px)
                if value + slope * shift > np.float32(0.5):
                    lit[k] = 255


@njit(cache=True)
def _drop_specks(out, runs, top, bottom, left, right):  # pragma: no cover - compiled
    """Clears the 8-connected parts that are small against the largest one, in place.

    Works on runs of lit pixels: row, first column, column after the last, number of the part's first run, area.
    """
    count, above = 0, 0
    for row in range(top, bottom):
        begin, column = count, left
        while column < right:
            if out[row, column] == 0:
                column += 1
                continue
            first = column
            while column < right and out[row, column]:
                column += 1
            runs[count] = (row, first, column, count, column - first)
            count += 1
        _join_rows(runs, above, begin, count)
        above = begin
    _clear_small(out, runs, count)


@njit(cache=True)
def _join_rows(runs, above, begin, end):  # pragma: no cover - compiled
    """Joins each run of a row to the runs of the row above that touch it."""
    other = above
    for own in range(begin, end):
        while other < begin and runs[other, 2] < runs[own, 1]:
            other += 1
        touching = other
        while touching < begin and runs[touching, 1] <= runs[own, 2]:
            one, two = _root(runs, own), _root(runs, touching)
            runs[max(one, two), 3] = min(one, two)
            touching += 1


@njit(cache=True)
def _root(runs, run):  # pragma: no cover - compiled
    while runs[run, 3] != run:
        run = runs[run, 3]
    return run


@njit(cache=True)
def _clear_small(out, runs, count):  # pragma: no cover - compiled
    largest, parts = 0, 0
    for run in range(count - 1, -1, -1):
        root = _root(runs, run)
        if root == run:
            parts += 1
            largest = max(largest, runs[run, 4])
        else:
            runs[root, 4] += runs[run, 4]
    if parts < 2:
        return
    for run in range(count):
        if runs[_root(runs, run), 4] < PART_SHARE * largest:
            for column in range(runs[run, 1], runs[run, 2]):
                out[runs[run, 0], column] = 0
