"""k-reciprocal re-ranking: two sequences are close if their nearest neighbours are the same.

Source: Zhong et al. 2017, "Re-ranking person re-identification with k-reciprocal encoding", with the distance itself
(not its square) scaled by the farthest of each row, as the published gait protocols use it.

Deviations: neighbour sets are sparse matrices and distances come block by block, so memory grows with the number of
sequences, not with its square; single precision where the published code rounds to half precision.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from fgait_core.errors import ConfigError
from fgait_core.evaluation.distances import DistanceRows, blocks
from fgait_core.evaluation.retrieval import smallest
from fgait_core.progress import Progress, ignore_progress


def rerank(
    rows: DistanceRows,
    probes: int,
    sequences: int,
    *,
    k1: int = 6,
    k2: int = 6,
    distance_weight: float = 0.3,
    progress: Progress = ignore_progress,
) -> DistanceRows:
    """Distances of the probes to the gallery that take their neighbours into account.

    Args:
        rows: distances of all sequences, the probes first and then the gallery, to all sequences; asked for several
            times.
        probes: how many of the sequences are probes.
        sequences: how many there are of both.
        k1: neighbours that must be mutual; published 6.
        k2: neighbours whose sets are averaged; published 6.
        distance_weight: share of the distance itself, lambda; published 0.3.
        progress: told after each block.

    Returns:
        For a slice of the probes float32 `[probe, gallery]`.

    Raises:
        ConfigError: if there are too few sequences for `k1` and `k2`.
    """
    if sequences <= max(k1 + 1, k2):
        raise ConfigError(f"Re-ranking with k1 {k1} and k2 {k2} needs more than {max(k1 + 1, k2)} sequences.")
    neighbours, farthest = _neighbours(rows, sequences, max(k1 + 1, k2), progress)
    members = _expanded_sets(neighbours, k1)
    weights = _weights(rows, members, farthest, progress)
    averaged = csr_matrix(_membership(neighbours[:, :k2], np.ones((sequences, k2), bool)) @ weights / np.float32(k2))
    gallery = averaged[probes:].tocsc()

    def final(block: slice) -> NDArray[np.float32]:
        probe = averaged[block.start : block.stop]
        shared = np.zeros((probe.shape[0], sequences - probes), np.float32)
        _add_overlap(probe.indptr, probe.indices, probe.data, gallery.indptr, gallery.indices, gallery.data, shared)
        scaled = rows(block)[:, probes:] / farthest[block, None]
        jaccard = 1 - shared / (2 - shared)
        return np.asarray((1 - distance_weight) * jaccard + distance_weight * scaled, np.float32)

    return final


def _neighbours(
    rows: DistanceRows, sequences: int, count: int, progress: Progress
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The nearest of each sequence, itself among them, and the distance of the farthest."""
    nearest = np.empty((sequences, count), np.int64)
    farthest = np.empty(sequences, np.float32)
    for block in blocks(sequences, sequences):
        distances = rows(block)
        nearest[block], farthest[block] = smallest(distances, count), distances.max(1)
        progress(block.stop / sequences, "re-ranking: finding neighbours")
    return nearest, np.maximum(farthest, np.float32(1e-12))


def _expanded_sets(neighbours: NDArray[np.int64], k1: int) -> csr_matrix:
    """Mutual neighbours, with those of a member added where more than two thirds of them are mutual already."""
    mutual = _mutual(neighbours[:, : k1 + 1])
    inner = _mutual(neighbours[:, : round(k1 / 2) + 1])
    overlap = (mutual @ inner.T).multiply(mutual).tocsr()
    size = np.asarray(inner.sum(1)).ravel()
    overlap.data = (overlap.data > 2 / 3 * size[overlap.indices]).astype(np.float32)
    overlap.eliminate_zeros()
    members = (mutual + overlap @ inner).tocsr()
    members.sort_indices()
    return members


def _mutual(nearest: NDArray[np.int64]) -> csr_matrix:
    """Which of the nearest of each sequence have it among their own nearest."""
    own = np.arange(len(nearest))[:, None, None]
    return _membership(nearest, (nearest[nearest] == own).any(2))


def _membership(columns: NDArray[np.int64], chosen: NDArray[np.bool_]) -> csr_matrix:
    """Sparse float32 `[sequence, sequence]` with 1 at the chosen columns of each row."""
    ends = np.concatenate([[0], np.cumsum(chosen.sum(1))])
    places = columns[chosen]
    return csr_matrix((np.ones(len(places), np.float32), places, ends), shape=(len(columns), len(columns)))


def _weights(rows: DistanceRows, members: csr_matrix, farthest: NDArray[np.float32], progress: Progress) -> csr_matrix:
    """exp(-scaled distance) of each member; each row sums to 1."""
    sequences = len(farthest)
    for block in blocks(sequences, sequences):
        entries = slice(members.indptr[block.start], members.indptr[block.stop])
        count = np.diff(members.indptr[block.start : block.stop + 1])
        row = np.repeat(np.arange(len(count)), count)
        scaled = rows(block)[row, members.indices[entries]] / farthest[block][row]
        weight = np.exp(-scaled)
        members.data[entries] = weight / np.bincount(row, weight, len(count))[row]
        progress(block.stop / sequences, "re-ranking: weighing neighbours")
    return members


@njit(nogil=True, cache=True)
def _add_overlap(probe_ends, probe_places, probe_data, gallery_ends, gallery_places, gallery_data, shared) -> None:
    """Adds sum over members of min(weight in the probe's set, weight in the gallery entry's set)."""
    for row in range(len(shared)):
        for at in range(probe_ends[row], probe_ends[row + 1]):
            member, weight = probe_places[at], probe_data[at]
            for other in range(gallery_ends[member], gallery_ends[member + 1]):
                shared[row, gallery_places[other]] += min(weight, gallery_data[other])
