"""Who is probe, who is gallery, and what does not count, for a protocol and a data set."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgait_core.errors import ConfigError
from fgait_core.evaluation.protocol_definitions import Condition, Protocol
from fgait_core.evaluation.retrieval import Excluded

_NAMED = 5


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """Embedded sequences with what a protocol asks of them.

    Attributes:
        embeddings: `[sequence, channel, part]`, float16 or float32, in memory or mapped from disk.
        persons: text `[sequence]`.
        types: text `[sequence]`, what the walk was like, as the data set names it.
        views: text `[sequence]`, the camera's place, as the data set names it.
    """

    embeddings: NDArray[np.floating]
    persons: NDArray[np.str_]
    types: NDArray[np.str_]
    views: NDArray[np.str_]

    def __post_init__(self) -> None:
        lengths = {len(self.embeddings), len(self.persons), len(self.types), len(self.views)}
        if len(lengths) != 1 or self.embeddings.ndim != 3:
            raise ConfigError(
                "Retrieval needs embeddings [sequence, channel, part] and one person, type and view for each; got "
                f"embeddings {self.embeddings.shape}, {len(self.persons)} persons, {len(self.types)} types and "
                f"{len(self.views)} views."
            )

    def __len__(self) -> int:
        return len(self.persons)

    @property
    def keys(self) -> NDArray[np.str_]:
        """`person-type-view` of each sequence, as partition files name it."""
        parts = zip(self.persons.tolist(), self.types.tolist(), self.views.tolist(), strict=True)
        return np.array(["-".join(each) for each in parts], str)

    def embeddings_of(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        """Embeddings of some rows; a copy only where not all are wanted."""
        return self.embeddings if np.array_equal(rows, np.arange(len(self))) else self.embeddings[rows]


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """One condition of a protocol in a data set.

    Attributes:
        condition: its definition.
        probe: rows of the probes.
        gallery: rows of the gallery.
    """

    condition: Condition
    probe: NDArray[np.int64]
    gallery: NDArray[np.int64]


def find_searches(
    protocol: Protocol,
    data: Sequences,
    *,
    probe_set: Collection[str] | None = None,
    gallery_set: Collection[str] | None = None,
) -> list[Search]:
    """Probes and gallery of each condition for which there are both.

    Raises:
        ConfigError: if there are none, or a list is missing or names what is not there.
    """
    everything = np.arange(len(data))
    if protocol.split == "all":
        return [Search(protocol.conditions[0], everything, everything)]
    if protocol.split == "types":
        return _searches_by_type(protocol, data)
    listed = _listed(protocol, data, probe_set if protocol.split == "probe_set" else gallery_set)
    chosen, others = everything[listed], everything[~listed]
    if not len(others):
        raise ConfigError(f"Every sequence is in the {protocol.split.upper()}, so there is nothing to compare with.")
    probe, gallery = (chosen, others) if protocol.split == "probe_set" else (others, chosen)
    return [Search(protocol.conditions[0], probe, gallery)]


def not_counted(
    protocol: Protocol, data: Sequences, probe: NDArray[np.int64], gallery: NDArray[np.int64]
) -> Excluded | None:
    """Which gallery entries do not count for a probe; None if all do."""
    if protocol.same == "none":
        return None
    own = np.arange(len(data))
    if protocol.same == "view":
        names = np.char.add(np.char.add(data.persons, "\n"), places(protocol, data))
        own = np.unique(names, return_inverse=True)[1]
    return lambda block: own[probe[block], None] == own[gallery]


def places(protocol: Protocol, data: Sequences) -> NDArray[np.str_]:
    """What counts as the view of each sequence: the view itself, or its camera."""
    if not protocol.camera:
        return data.views
    return np.array([view.split("_")[0] for view in data.views.tolist()], str)


def _searches_by_type(protocol: Protocol, data: Sequences) -> list[Search]:
    measured = ~np.isin(data.views, protocol.left_out_views)
    found = [
        Search(
            each,
            np.flatnonzero(_fits(data, each.probe) & measured),
            np.flatnonzero(_fits(data, each.gallery) & measured),
        )
        for each in protocol.conditions
    ]
    searches = [each for each in found if len(each.probe) and len(each.gallery)]
    if not searches:
        wanted = "; ".join(f"probes {each.probe}, gallery {each.gallery}" for each in protocol.conditions)
        names = [name for name in np.unique(data.types).tolist() if name]
        seen = f"the types {', '.join(names[: 2 * _NAMED])}" if names else "no types"
        raise ConfigError(
            f"No types of these data fit the protocol {protocol.name} ({wanted}). The data have {seen}. Use "
            "the data set's own names, or the protocol any."
        )
    return searches


def _fits(data: Sequences, pattern: str) -> NDArray[np.bool_]:
    names, number = np.unique(data.types, return_inverse=True)
    return np.array([re.fullmatch(pattern, name) is not None for name in names.tolist()], bool)[number]


def _listed(protocol: Protocol, data: Sequences, listed: Collection[str] | None) -> NDArray[np.bool_]:
    name = protocol.split.upper()
    if not listed:
        raise ConfigError(f"The protocol {protocol.name} needs a partition file with a {name}: use --partition FILE.")
    keys = data.keys
    missing = sorted(set(listed) - set(keys.tolist()))
    if missing:
        raise ConfigError(
            f"{len(missing)} of {len(set(listed))} sequences of the {name} are not in the data: "
            f"{', '.join(missing[:_NAMED])}{', ...' if len(missing) > _NAMED else ''}. The data name them like "
            f"{keys[0]}. Use the partition file that belongs to the data, or import what is missing."
        )
    return np.isin(keys, list(listed))
