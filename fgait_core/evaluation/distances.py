"""Distances between embeddings, averaged over the horizontal parts, a block of probes at a time.

Source: FoundationGait, evaluation: d = mean over the parts of the distance of probe part to gallery part.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from fgait_core.errors import ConfigError

Kind = Literal["euclidean", "cosine"]
DistanceRows = Callable[[slice], NDArray[np.float32]]
"""For a slice of the probes their distances to the whole gallery: float32 `[probe, gallery]`, the caller's own."""

BLOCK_BYTES = 256 * 2**20
"""Size of one block of distances."""
_TILE_ROWS = 256
_TILE = 1024


class PreparedGallery:
    """A gallery laid out for fast distances: one float32 matrix for each part.

    Args:
        embeddings: `[gallery, channel, part]`, float16 or float32, in memory or mapped from disk.
        kind: "euclidean", or "cosine" for 1 - cosine similarity.

    Raises:
        ConfigError: if a number is not finite.
    """

    def __init__(self, embeddings: NDArray[np.floating], kind: Kind = "euclidean") -> None:
        self._kind: Kind = kind
        entries, channels, parts = embeddings.shape
        self._matrices = np.empty((parts, channels, entries), np.float32)
        for start in range(0, entries, _TILE):
            self._matrices[:, :, start : start + _TILE] = _by_part(embeddings[start : start + _TILE], kind).swapaxes(
                1, 2
            )
        self._squares = np.einsum("pce,pce->pe", self._matrices, self._matrices)

    def __len__(self) -> int:
        return self._matrices.shape[2]

    def distances(self, probe: NDArray[np.floating]) -> NDArray[np.float32]:
        """Distances float32 `[probe, gallery]` of `[probe, channel, part]`."""
        rows = _by_part(probe, self._kind)
        squares = np.einsum("pnc,pnc->pn", rows, rows)
        total = np.empty((len(probe), len(self)), np.float32)

        def fill(start: int) -> None:
            for first in range(0, len(probe), _TILE_ROWS):
                tile = slice(first, first + _TILE_ROWS), slice(start, start + _TILE)
                total[tile] = self._tile(rows, squares, *tile)

        in_threads(fill, range(0, len(self), _TILE))
        return total

    def _tile(
        self, rows: NDArray[np.float32], squares: NDArray[np.float32], probes: slice, entries: slice
    ) -> NDArray[np.float32]:
        """Distances of some probes and some entries; so few that they stay in the processor's cache."""
        total = np.zeros((len(rows[0, probes]), self._matrices[0, 0, entries].size), np.float32)
        for part, matrix in enumerate(self._matrices):
            products = rows[part, probes] @ matrix[:, entries]
            if self._kind == "cosine":
                total += 1 - products
            else:
                _add_euclidean(products, squares[part, probes], self._squares[part, entries], total)
        total /= np.float32(len(rows))
        return total


def blocks(probes: int, entries: int) -> Iterator[slice]:
    """Slices of the probes whose distances to all entries take at most `BLOCK_BYTES`."""
    size = max(BLOCK_BYTES // (4 * max(entries, 1)), 1)
    return (slice(start, min(start + size, probes)) for start in range(0, probes, size))


def in_threads(work: Callable[[int], None], items: range) -> None:
    """Does the items on all cores; each matrix product within uses one."""
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(_cores()) as pool:
        list(pool.map(work, items))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _by_part(embeddings: NDArray[np.floating], kind: Kind) -> NDArray[np.float32]:
    """`[row, channel, part]` to float32 `[part, row, channel]`, for cosine at unit length."""
    rows = np.ascontiguousarray(np.moveaxis(np.asarray(embeddings, np.float32), 2, 0))
    if not np.isfinite(rows).all():
        raise ConfigError("An embedding holds a number that is not finite; embed the sequences again.")
    if kind == "cosine":
        rows /= np.maximum(np.linalg.norm(rows, axis=2, keepdims=True), np.float32(1e-12))
    return rows


@njit(nogil=True, cache=True)
def _add_euclidean(products, probe_squares, gallery_squares, total) -> None:
    """Adds sqrt(|x|^2 + |y|^2 - 2 x y) of every pair."""
    for row in range(products.shape[0]):
        for column in range(products.shape[1]):
            square = probe_squares[row] + gallery_squares[column] - np.float32(2) * products[row, column]
            total[row, column] += np.sqrt(square if square > 0 else np.float32(0))
