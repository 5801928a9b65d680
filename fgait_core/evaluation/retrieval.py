"""Distances between embeddings, averaged over the horizontal parts."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray


def part_distance(
    probe: NDArray[np.float32], gallery: NDArray[np.float32], kind: Literal["euclidean", "cosine"] = "euclidean"
) -> NDArray[np.float32]:
    """Mean over the parts of the distance of each part.

    Source: FoundationGait, evaluation: d = mean over p of the distance of probe part p to gallery part p.

    Args:
        probe: float32 `[probe, channel, part]`.
        gallery: float32 `[gallery, channel, part]`.
        kind: "euclidean", or "cosine" for 1 - cosine similarity.

    Returns:
        float32 `[probe, gallery]`.
    """
    total = np.zeros((len(probe), len(gallery)), np.float32)
    for part in range(probe.shape[2]):
        total += _distance(probe[:, :, part], gallery[:, :, part], kind)
    return total / np.float32(probe.shape[2])


def _distance(probe: NDArray[np.float32], gallery: NDArray[np.float32], kind: str) -> NDArray[np.float32]:
    if kind == "cosine":
        return np.float32(1) - _unit(probe) @ _unit(gallery).T
    squares = (probe**2).sum(1)[:, None] + (gallery**2).sum(1)[None, :] - 2 * probe @ gallery.T
    return np.sqrt(np.maximum(squares, 0))


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-12))
