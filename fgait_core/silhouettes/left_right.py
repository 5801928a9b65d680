"""Repair of swapped legs: in side view the landmark network takes the left leg for the right one now and then.

A second-order Viterbi over "as found" and "swapped" chooses the labels under which the legs move most smoothly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fgait_core.silhouettes.segmenter import N_LANDMARKS

LEFT_LEG = (25, 27, 29, 31)
RIGHT_LEG = (26, 28, 30, 32)
COST_LIMIT = 0.15
"""Share of the body height above which a jump costs no more: a wrong landmark must not decide alone."""
SWAP_COST = 0.02
SPEED_WEIGHT = 0.5
MAX_GAP_S = 0.25


def swapped_order() -> NDArray[np.int64]:
    """The order of the 33 landmarks after the legs have changed places."""
    order = np.arange(N_LANDMARKS)
    order[list(LEFT_LEG)], order[list(RIGHT_LEG)] = RIGHT_LEG, LEFT_LEG
    return order


def find_swaps(
    landmarks_px: NDArray[np.float32], body_height_px: float, timestamps_s: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """The frames in which left and right leg should change places.

    Args:
        landmarks_px: [frame, 33, 2].
        body_height_px: for judging distances.
        timestamps_s: [frame]; a stretch between gaps is judged by itself.

    Returns:
        bool [frame].
    """
    swaps = np.zeros(len(landmarks_px), bool)
    hips = landmarks_px[:, [23, 24]].mean(axis=1)
    legs = np.stack([landmarks_px[:, LEFT_LEG], landmarks_px[:, RIGHT_LEG]], axis=1) - hips[:, None, None]
    legs = legs / max(body_height_px, 1.0)
    borders = np.flatnonzero(np.diff(timestamps_s) > MAX_GAP_S) + 1
    for stretch in np.split(np.arange(len(legs)), borders):
        if len(stretch) > 2:
            swaps[stretch] = _best_path(legs[stretch])
    return swaps


def _cost(differences: NDArray[np.floating]) -> float:
    return float(np.minimum(np.abs(differences), COST_LIMIT).sum())


def _best_path(legs: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Second-order Viterbi; `legs` is [frame, side, joint, xy] in body heights."""
    both = np.stack([legs, legs[:, ::-1]], axis=1)
    frames = len(both)
    states = (0, 1)
    best = np.empty((2, 2))
    came_from = np.zeros((frames, 2, 2), int)
    for s in states:
        for u in states:
            best[s, u] = _cost(both[1, u] - both[0, s]) + SWAP_COST * (s + u)
    for t in range(2, frames):
        previous, best = best, np.empty((2, 2))
        for s in states:
            for u in states:
                step = SPEED_WEIGHT * _cost(both[t, u] - both[t - 1, s]) + SWAP_COST * u
                costs = [previous[q, s] + _cost(both[t, u] - 2 * both[t - 1, s] + both[t - 2, q]) for q in states]
                came_from[t, s, u] = int(np.argmin(costs))
                best[s, u] = min(costs) + step
    path = np.zeros(frames, int)
    path[-2], path[-1] = np.unravel_index(int(np.argmin(best)), best.shape)
    for t in range(frames - 1, 1, -1):
        path[t - 2] = came_from[t, path[t - 1], path[t]]
    return path.astype(bool)
