"""Retrieval by sorting, one probe after the other: slow, and easy to believe."""

from __future__ import annotations

import numpy as np


def naive_distance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Mean over the parts of the Euclidean distance, in double precision."""
    difference = x.astype(np.float64)[:, None] - y.astype(np.float64)[None]
    return np.sqrt((difference**2).sum(2)).mean(2)


def naive_places(distances: np.ndarray, right: np.ndarray, counts: np.ndarray) -> tuple[float, float, float]:
    """Rank of the first right entry, average precision and INP of one probe; zeros without a right entry."""
    order = [int(place) for place in np.argsort(distances, kind="stable") if counts[place]]
    ranks = [number for number, place in enumerate(order, 1) if right[place]]
    if not ranks:
        return 0.0, 0.0, 0.0
    return ranks[0], float(np.mean([(k + 1) / rank for k, rank in enumerate(ranks)])), len(ranks) / ranks[-1]
