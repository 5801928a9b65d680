"""Measures embeddings under a retrieval protocol and lays the results out as the papers do."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from fgait_core.errors import ConfigError
from fgait_core.evaluation.distances import DistanceRows, Kind, PreparedGallery
from fgait_core.evaluation.protocol_definitions import Protocol, find_protocol
from fgait_core.evaluation.protocol_result import ConditionResult, ProtocolResult
from fgait_core.evaluation.reranking import rerank
from fgait_core.evaluation.retrieval import look_up, summarise
from fgait_core.evaluation.selection import Search, Sequences, find_searches, not_counted, places
from fgait_core.progress import Progress, ignore_progress, part_of


def evaluate_protocol(
    name: str,
    embeddings: NDArray[np.floating],
    persons: NDArray[np.str_],
    types: NDArray[np.str_],
    views: NDArray[np.str_],
    *,
    probe_set: Collection[str] | None = None,
    gallery_set: Collection[str] | None = None,
    distance: Kind = "euclidean",
    rounded_cells: bool = True,
    reranked: bool = False,
    progress: Progress = ignore_progress,
) -> ProtocolResult:
    """Measures embeddings under one protocol.

    Args:
        name: of the protocol, one of `PROTOCOLS`.
        embeddings: `[sequence, channel, part]`, float16 or float32, in memory or mapped from disk.
        persons: `[sequence]`.
        types: `[sequence]`.
        views: `[sequence]`.
        probe_set: `person-type-view` of the probes, for protocols that list them.
        gallery_set: the same of the gallery.
        distance: "euclidean" or "cosine".
        rounded_cells: round cells to two decimals before they are averaged, where the published tables do.
        reranked: re-rank by k-reciprocal neighbours, for protocols that measure all probes at once.
        progress: told as it goes on.

    Raises:
        ConfigError: if there is no such protocol, a listed sequence is not in the data, no sequence fits, nobody in the
            gallery is looked for, or the protocol knows no re-ranking.
    """
    protocol = find_protocol(name)
    if reranked:
        require_reranking(protocol)
    data = Sequences(embeddings, *(np.asarray(each).astype(str) for each in (persons, types, views)))
    searches = find_searches(protocol, data, probe_set=probe_set, gallery_set=gallery_set)
    found = []
    for number, search in enumerate(searches):
        told = part_of(progress, number / len(searches), (number + 1) / len(searches))
        found.append(_measure(protocol, data, search, distance, reranked, told))
    left_out = tuple(each.name for each in protocol.conditions if each not in [search.condition for search in searches])
    return ProtocolResult(protocol, protocol.rounded and rounded_cells, tuple(found), left_out)


def require_reranking(protocol: Protocol) -> None:
    """Checks that a protocol measures all probes at once in one gallery.

    Raises:
        ConfigError: if it does not.
    """
    if protocol.layout != "whole" or protocol.same != "none":
        raise ConfigError(
            f"The protocol {protocol.name} has no re-ranking; it is for one set of probes in one gallery."
        )


def distance_rows(
    data: Sequences,
    probe: NDArray[np.int64],
    gallery: NDArray[np.int64],
    distance: Kind,
    *,
    reranked: bool = False,
    progress: Progress = ignore_progress,
) -> DistanceRows:
    """Distances of some sequences to others, block by block, re-ranked if wanted."""
    if not reranked:
        prepared, probes = PreparedGallery(data.embeddings_of(gallery), distance), data.embeddings_of(probe)
        return lambda block: prepared.distances(probes[block])
    both = np.concatenate([probe, gallery])
    embeddings = data.embeddings[both]
    prepared = PreparedGallery(embeddings, distance)
    return rerank(lambda block: prepared.distances(embeddings[block]), len(probe), len(both), progress=progress)


def _measure(
    protocol: Protocol, data: Sequences, search: Search, distance: Kind, reranked: bool, progress: Progress
) -> ConditionResult:
    """Looks all probes up in each gallery of the layout and averages over the probes of each view."""
    place = places(protocol, data)
    views = np.unique(place[np.concatenate([search.probe, search.gallery])]).tolist()
    galleries = [search.gallery]
    if protocol.layout == "view_pairs":
        galleries = [search.gallery[place[search.gallery] == view] for view in views]
    found = np.zeros((len(galleries), len(search.probe), 3))
    for number, gallery in enumerate(galleries):
        told = part_of(progress, number / len(galleries), (number + 1) / len(galleries))
        if len(gallery):
            found[number] = look_up(
                distance_rows(data, search.probe, gallery, distance, reranked=reranked, progress=told),
                data.persons[search.probe],
                data.persons[gallery],
                excluded=not_counted(protocol, data, search.probe, gallery),
                progress=told,
            )
    if not (found > 0).any():
        name = f"{protocol.name} {search.condition.name}".strip()
        raise ConfigError(f"No probe of {name} has a sequence of the same person in the gallery: check the names.")
    groups = [np.ones(len(search.probe), bool)]
    if protocol.layout != "whole":
        groups = [place[search.probe] == view for view in views]
    cells = [
        [_cell(protocol, found[number, group], len(gallery)) for number, gallery in enumerate(galleries)]
        for group in groups
    ]
    shape = {"whole": (), "probe_views": (len(views),), "view_pairs": (len(views), len(views))}[protocol.layout]
    return ConditionResult(
        name=search.condition.name,
        cells={name: np.array([[cell[name] for cell in row] for row in cells]).reshape(shape) for name in cells[0][0]},
        views=tuple(views) if protocol.layout != "whole" else (),
        curve=summarise(found[0], (1,), protocol.missing).curve if protocol.layout == "whole" else None,
        probes=len(search.probe),
        gallery=len(search.gallery),
        without_match=int((found[:, :, 0] == 0).sum()),
    )


def _cell(protocol: Protocol, found: NDArray[np.float64], gallery: int) -> dict[str, float]:
    """Percentages of the probes of one view in one gallery; NaN without data."""
    matched = (found[:, 0] > 0).any()
    if gallery and len(found) and matched:
        measures = summarise(found, protocol.ranks, protocol.missing)
        averages = {"mAP": measures.mean_average_precision, "mINP": measures.mean_inp}
        return {f"rank-{k}": measures.rank[k] for k in protocol.ranks} | {n: averages[n] for n in protocol.averages}
    nothing = 0.0 if gallery and len(found) and protocol.missing == "wrong" else float("nan")
    return dict.fromkeys([*(f"rank-{k}" for k in protocol.ranks), *protocol.averages], nothing)
