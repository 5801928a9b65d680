"""Retrieval: who in a gallery is nearest to a probe, and how often it is the same person.

Distances come block by block, so memory does not grow with the number of probes. Ranks are counted, not sorted: only
the places of the right entries matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fgait_core.errors import ConfigError
from fgait_core.evaluation.distances import DistanceRows, Kind, PreparedGallery, blocks, in_threads
from fgait_core.progress import Progress, ignore_progress

Missing = Literal["skip", "wrong"]
Excluded = Callable[[slice], NDArray[np.bool_]]
"""For a slice of the probes, which gallery entries do not count: bool `[probe, gallery]`."""
CURVE_RANKS = 50
_ROWS_A_THREAD = 16


@dataclass(frozen=True, slots=True, eq=False)
class RetrievalMeasures:
    """How well a gallery tells who the probes are.

    Attributes:
        rank: for each wanted k the percentage of probes with the right person among the k nearest.
        mean_average_precision: in percent.
        mean_inp: mean inverse negative penalty in percent: how far down the last right entry lies.
        probes: probes that counted.
        without_match: probes without a right entry in the gallery, which were left out or counted as wrong.
        curve: float64 `[50 or fewer]`, percentage at rank 1, 2, ... (cumulative match characteristic).
    """

    rank: Mapping[int, float]
    mean_average_precision: float
    mean_inp: float
    probes: int
    without_match: int
    curve: NDArray[np.float64]


def part_distance(
    probe: NDArray[np.float32], gallery: NDArray[np.float32], kind: Kind = "euclidean"
) -> NDArray[np.float32]:
    """Mean over the parts of the distance of each part.

    Args:
        probe: float32 `[probe, channel, part]`.
        gallery: float32 `[gallery, channel, part]`.
        kind: "euclidean", or "cosine" for 1 - cosine similarity.

    Returns:
        float32 `[probe, gallery]`.
    """
    return PreparedGallery(gallery, kind).distances(probe)


def measure_retrieval(
    probe: NDArray[np.floating],
    gallery: NDArray[np.floating],
    probe_person: NDArray[np.str_],
    gallery_person: NDArray[np.str_],
    *,
    excluded: Excluded | None = None,
    ranks: Sequence[int] = (1, 5, 10),
    distance: Kind = "euclidean",
    missing: Missing = "skip",
    progress: Progress = ignore_progress,
) -> RetrievalMeasures:
    """Looks every probe up in the gallery.

    Args:
        probe: `[probe, channel, part]`, float16 or float32, in memory or mapped from disk.
        gallery: `[gallery, channel, part]`, likewise.
        probe_person: `[probe]`, who they are.
        gallery_person: `[gallery]`.
        excluded: gallery entries that do not count for a probe; by default all count.
        ranks: which ranks to report.
        distance: "euclidean" or "cosine".
        missing: what becomes of a probe that has no right entry: left out, or counted as wrong.
        progress: told after each block.

    Raises:
        ConfigError: if nothing can be measured: an empty set, no right entry for any probe, a number that is
            not finite.
    """
    if len(probe) == 0 or len(gallery) == 0:
        raise ConfigError(f"Retrieval needs probes and a gallery, but there are {len(probe)} and {len(gallery)}.")
    prepared = PreparedGallery(gallery, distance)
    return measure_distances(
        lambda block: prepared.distances(probe[block]),
        probe_person,
        gallery_person,
        excluded=excluded,
        ranks=ranks,
        missing=missing,
        progress=progress,
    )


def measure_distances(
    rows: DistanceRows,
    probe_person: NDArray[np.str_],
    gallery_person: NDArray[np.str_],
    *,
    excluded: Excluded | None = None,
    ranks: Sequence[int] = (1, 5, 10),
    missing: Missing = "skip",
    progress: Progress = ignore_progress,
) -> RetrievalMeasures:
    """As `measure_retrieval`, from distances that come block by block."""
    found = look_up(rows, probe_person, gallery_person, excluded=excluded, progress=progress)
    return summarise(found, ranks, missing)


def look_up(
    rows: DistanceRows,
    probe_person: NDArray[np.str_],
    gallery_person: NDArray[np.str_],
    *,
    excluded: Excluded | None = None,
    progress: Progress = ignore_progress,
) -> NDArray[np.float64]:
    """Where the right entries of each probe stand; equal distances rank by place in the gallery.

    Average precision is the mean over the right entries of the precision at each; the inverse negative penalty (INP) is
    the number of right entries divided by the rank of the last one.

    Returns:
        float64 `[probe, 3]`: rank of the first right entry, average precision, INP; all 0 where there is none.
    """
    codes = np.unique(np.concatenate([probe_person, gallery_person]), return_inverse=True)[1]
    probe_code, gallery_code = codes[: len(probe_person)], codes[len(probe_person) :]
    found = np.zeros((len(probe_person), 3))
    for block in blocks(len(probe_person), len(gallery_person)):
        distances = rows(block)
        if excluded is not None:
            distances[excluded(block)] = np.inf
        _rank_block(distances, probe_code[block], gallery_code, found[block])
        progress(block.stop / len(probe_person), "looking probes up in the gallery")
    return found


def summarise(found: NDArray[np.float64], ranks: Sequence[int], missing: Missing) -> RetrievalMeasures:
    """Measures over probes from what `look_up` found of each.

    Raises:
        ConfigError: if no probe has a right entry.
    """
    matched = found[:, 0] > 0
    if not matched.any():
        raise ConfigError("No probe has a sequence of the same person in the gallery; check how people are named.")
    counted = found[matched] if missing == "skip" else found
    first = np.where(counted[:, 0] > 0, counted[:, 0], np.inf)
    steps = sorted({*ranks, *range(1, CURVE_RANKS + 1)})
    share = {k: 100 * float((first <= k).sum()) / len(first) for k in steps}
    return RetrievalMeasures(
        rank={k: share[k] for k in ranks},
        mean_average_precision=100 * float(counted[:, 1].mean()),
        mean_inp=100 * float(counted[:, 2].mean()),
        probes=len(counted),
        without_match=int((~matched).sum()),
        curve=np.array([share[k] for k in range(1, CURVE_RANKS + 1)]),
    )


def nearest(
    probe: NDArray[np.floating],
    gallery: NDArray[np.floating],
    count: int,
    *,
    excluded: Excluded | None = None,
    distance: Kind = "euclidean",
    progress: Progress = ignore_progress,
) -> NDArray[np.int64]:
    """Places in the gallery of the nearest entries of each probe, nearest first: int64 `[probe, count or fewer]`."""
    prepared = PreparedGallery(gallery, distance)
    return nearest_by_distance(
        lambda block: prepared.distances(probe[block]),
        len(probe),
        len(gallery),
        count,
        excluded=excluded,
        progress=progress,
    )


def nearest_by_distance(
    rows: DistanceRows,
    probes: int,
    entries: int,
    count: int,
    *,
    excluded: Excluded | None = None,
    progress: Progress = ignore_progress,
) -> NDArray[np.int64]:
    """As `nearest`, from distances that come block by block."""
    kept = min(count, entries)
    places = np.empty((probes, kept), np.int64)
    for block in blocks(probes, entries):
        distances = rows(block)
        if excluded is not None:
            distances[excluded(block)] = np.inf
        places[block] = smallest(distances, kept)
        progress(block.stop / probes, "finding the nearest in the gallery")
    return places


def smallest(distances: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Places of the `count` smallest of each row, in order; equal ones by place."""
    limit = np.partition(distances, count - 1, axis=1)[:, count - 1 : count]
    chosen = np.empty((len(distances), count), np.int64)
    for row, values in enumerate(distances):
        near = np.flatnonzero(values <= limit[row])
        chosen[row] = near[np.argsort(values[near], kind="stable")][:count]
    return chosen


def _rank_block(
    distances: NDArray[np.float32],
    probe_code: NDArray[np.int64],
    gallery_code: NDArray[np.int64],
    found: NDArray[np.float64],
) -> None:
    def rank(start: int) -> None:
        rows = slice(start, start + _ROWS_A_THREAD)
        _rank_rows(distances[rows], probe_code[rows], gallery_code, found[rows])

    in_threads(rank, range(0, len(distances), _ROWS_A_THREAD))


@njit(nogil=True, cache=True)
def _rank_rows(distances, probe_code, gallery_code, found) -> None:
    """First rank, average precision and INP of each row; entries at infinite distance do not count."""
    for row in range(distances.shape[0]):
        values = distances[row]
        hits = np.flatnonzero(gallery_code == probe_code[row])
        hits = hits[np.isfinite(values[hits])]
        if len(hits) == 0:
            continue
        ranks = np.sort(np.array([_rank(values, hit) for hit in hits]))
        found[row, 0] = ranks[0]
        found[row, 1] = np.mean(np.arange(1, len(ranks) + 1) / ranks)
        found[row, 2] = len(ranks) / ranks[-1]


@njit(nogil=True, cache=True)
def _rank(values, place):
    """1 + how many entries come before one: the nearer ones, and the equal ones that stand before it."""
    limit, count = values[place], np.int32(1)
    for other in range(place):
        count += np.int32(values[other] <= limit)
    for other in range(place + 1, len(values)):
        count += np.int32(values[other] < limit)
    return count
