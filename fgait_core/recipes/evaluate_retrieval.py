"""Measures embeddings under a retrieval protocol: which sequences, what lists, which examples to show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgait_core.data.public.partition import Partition
from fgait_core.data.shards import ShardFolder
from fgait_core.errors import ConfigError
from fgait_core.evaluation.distances import Kind
from fgait_core.evaluation.protocol_definitions import PROTOCOLS, Protocol
from fgait_core.evaluation.protocols import evaluate_protocol, require_reranking
from fgait_core.evaluation.retrieval import nearest
from fgait_core.evaluation.selection import Sequences, find_searches, not_counted, places
from fgait_core.evaluation.submissions import SUBMISSIONS, make_submission
from fgait_core.progress import Progress, ignore_progress
from fgait_core.recipes.findings import Findings
from fgait_core.recipes.plots import Caption, Example, examples_plot, match_plot

_EXAMPLES = 6
_NEAREST = 5
_FRAMES = 4
_LETTERS = 32
_ARRAYS = ("embeddings", "persons", "types", "views")


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """Embedded sequences, and who looks for whom where a list says so.

    Attributes:
        data: the sequences.
        probe_set: `person-type-view` of listed probes; None without a list.
        gallery_set: the same of the gallery.
        folder: where their silhouettes are; None for embeddings from a file.
        rows: place of each sequence in the folder.
    """

    data: Sequences
    probe_set: frozenset[str] | None = None
    gallery_set: frozenset[str] | None = None
    folder: ShardFolder | None = None
    rows: NDArray[np.int64] | None = None


def require_protocol(name: str, reranked: bool) -> None:
    """Checks the name of a protocol or a submission before anything expensive is done.

    Raises:
        ConfigError: if there is none, or none with the re-ranking that is asked for.
    """
    if name not in PROTOCOLS and name not in SUBMISSIONS:
        raise ConfigError(f"There is no protocol {name!r}; known ones: {', '.join([*PROTOCOLS, *SUBMISSIONS])}.")
    if reranked and name in PROTOCOLS:
        require_reranking(PROTOCOLS[name])
    if reranked and name in SUBMISSIONS and not SUBMISSIONS[name].reranked:
        raise ConfigError(f"The submission {name} is not re-ranked; leave --rerank out.")


def of_folder(folder: ShardFolder, embeddings: NDArray[np.floating], partition: Path | None) -> Embedded:
    """Sequences of a folder of shards with what the partition file, or else the import, says of them.

    Persons are called by the column `id` where there is one, because partition files call them so. With a partition
    file, or where the column `part` says "test" of some, only the test people count.

    Raises:
        ConfigError: if the partition cannot be read or none of its test people is there.
    """
    persons = folder.column("id") if "id" in folder.columns else folder.person
    data = Sequences(embeddings, persons, _column(folder, "type"), _column(folder, "view"))
    if partition is None:
        return _by_columns(folder, data)
    lists = Partition.read(partition)
    rows = np.flatnonzero(np.isin(persons, lists.test))
    if not len(rows):
        seen = ", ".join(np.unique(persons)[:5].tolist())
        raise ConfigError(f"None of the people in TEST_SET of {partition} is in {folder.path}, which has {seen}, ...")
    return Embedded(_chosen(data, rows), lists.probe, lists.gallery, folder, rows)


def of_file(path: Path) -> tuple[Embedded, bool | None]:
    """Embeddings of an .npz file, and whether it says that they are of simulated data.

    Raises:
        ConfigError: if the file cannot be read, lacks an array, or has objects in one.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError) as error:
        raise ConfigError(f"{path} is no readable .npz file of plain arrays: {error}") from error
    missing = [name for name in _ARRAYS if name not in held]
    if missing:
        raise ConfigError(f"{path} lacks {', '.join(missing)}; it needs the arrays {', '.join(_ARRAYS)}.")
    data = Sequences(held["embeddings"], *(held[name].astype(str) for name in _ARRAYS[1:]))
    probe, gallery = (
        frozenset(held[name].astype(str).tolist()) if name in held else None for name in ("probe_set", "gallery_set")
    )
    return Embedded(data, probe, gallery), bool(held["simulated"]) if "simulated" in held else None


def require_searches(name: str, folder: ShardFolder, partition: Path | None) -> None:
    """Checks that a protocol finds probes and a gallery, before anything is embedded.

    Raises:
        ConfigError: if it does not.
    """
    embedded = of_folder(folder, np.empty((len(folder), 0, 0), np.float32), partition)
    if name in PROTOCOLS:
        lists = {"probe_set": embedded.probe_set, "gallery_set": embedded.gallery_set}
        find_searches(PROTOCOLS[name], embedded.data, **lists)


def save_embedded(path: Path, embedded: Embedded, simulated: bool) -> None:
    """Writes what `of_file` reads."""
    data = embedded.data
    lists = {"probe_set": embedded.probe_set, "gallery_set": embedded.gallery_set}
    arrays = {name: np.array(sorted(each)) for name, each in lists.items() if each is not None}
    arrays |= {"embeddings": data.embeddings, "persons": data.persons, "types": data.types, "views": data.views}
    np.savez(path, allow_pickle=False, simulated=np.array(simulated), **arrays)


def measure_protocol(
    name: str,
    embedded: Embedded,
    *,
    distance: Kind,
    reranked: bool,
    seed: int,
    progress: Progress = ignore_progress,
) -> Findings:
    """Measures, tables and plots of one protocol.

    Raises:
        ConfigError: see `evaluate_protocol`.
    """
    if name in SUBMISSIONS:
        table = make_submission(name, embedded.data, distance=distance, progress=progress)
        facts = {"name": name, "distance": distance, "reranked": SUBMISSIONS[name].reranked, "probes": len(table.rows)}
        return Findings({"submission": facts}, (), {}, files={"submission.csv": table.csv()})
    data = embedded.data
    result = evaluate_protocol(
        name,
        data.embeddings,
        data.persons,
        data.types,
        data.views,
        probe_set=embedded.probe_set,
        gallery_set=embedded.gallery_set,
        distance=distance,
        reranked=reranked,
        progress=progress,
    )
    curves = {each.name: each.curve for each in result.conditions if each.curve is not None}
    facts = {
        "name": name,
        "title": result.protocol.title,
        "distance": distance,
        "reranked": reranked,
        "rounded_cells": result.rounded_cells,
        "summary": result.summary,
        "exact": result.exact,
        "published": result.published,
        "conditions": [
            {
                "name": each.name,
                "probes": each.probes,
                "gallery": each.gallery,
                "without_match": each.without_match,
                "curve": None if each.curve is None else each.curve.tolist(),
            }
            for each in result.conditions
        ],
        "left_out": list(result.left_out),
    }
    plots: dict[str, Callable[[Caption], Any]] = {}
    if curves:
        plots["cumulative_match"] = lambda caption: match_plot(result.protocol.title, curves, caption)
    if embedded.folder is not None:
        examples = find_examples(result.protocol, embedded, distance, seed)
        plots["retrieval_examples"] = lambda caption: examples_plot(result.protocol.title, examples, caption)
    return Findings({"protocol": facts}, result.tables, plots)


def find_examples(protocol: Protocol, embedded: Embedded, distance: Kind, seed: int) -> list[Example]:
    """Some probes drawn at random with their nearest gallery entries; in pairs of views, none of the probe's view."""
    data, folder, rows = embedded.data, embedded.folder, embedded.rows
    if folder is None or rows is None:
        return []
    lists = {"probe_set": embedded.probe_set, "gallery_set": embedded.gallery_set}
    search = find_searches(protocol, data, **lists)[0]
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.permutation(search.probe)[:_EXAMPLES])
    place = places(protocol, data)

    def same_view(block: slice) -> NDArray[np.bool_]:
        return place[drawn[block], None] == place[search.gallery]

    excluded = same_view if protocol.layout == "view_pairs" else not_counted(protocol, data, drawn, search.gallery)
    found = nearest(
        data.embeddings_of(drawn),
        data.embeddings_of(search.gallery),
        min(_NEAREST, len(search.gallery) - 1) or 1,
        excluded=excluded,
        distance=distance,
    )
    return [
        Example(
            probe=_strip(folder, int(rows[probe])),
            name=_name(data, probe),
            found=tuple(_strip(folder, int(rows[each])) for each in search.gallery[near]),
            names=tuple(_name(data, each) for each in search.gallery[near]),
            right=tuple((data.persons[search.gallery[near]] == data.persons[probe]).tolist()),
        )
        for probe, near in zip(drawn.tolist(), found, strict=True)
    ]


def _by_columns(folder: ShardFolder, data: Sequences) -> Embedded:
    part = _column(folder, "part")
    rows = np.flatnonzero(part == "test") if (part == "test").any() else np.arange(len(data))
    chosen, role = _chosen(data, rows), _column(folder, "role")[rows]
    if not np.isin(role, ("probe", "gallery")).any():
        return Embedded(chosen, None, None, folder, rows)
    keys = chosen.keys
    return Embedded(
        chosen, frozenset(keys[role == "probe"].tolist()), frozenset(keys[role == "gallery"].tolist()), folder, rows
    )


def _chosen(data: Sequences, rows: NDArray[np.int64]) -> Sequences:
    return Sequences(data.embeddings_of(rows), data.persons[rows], data.types[rows], data.views[rows])


def _column(folder: ShardFolder, name: str) -> NDArray[np.str_]:
    return folder.column(name) if name in folder.columns else np.full(len(folder), "", np.str_)


def _name(data: Sequences, row: int) -> str:
    return shorten(f"person {data.persons[row]} {data.types[row]} {data.views[row]}", _LETTERS, placeholder=" …")


def _strip(folder: ShardFolder, sequence: int) -> NDArray[np.uint8]:
    """A few frames of a sequence, evenly spread, side by side."""
    places_of = np.linspace(0, folder.frames[sequence] - 1, _FRAMES).round().astype(np.int64)
    return np.concatenate(list(folder.take(folder.first_frame[sequence] + places_of)), axis=1)
