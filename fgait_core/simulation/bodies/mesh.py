"""The closed triangle mesh that all bodies of a bank share, prepared for skinning and filling."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fgait_core.errors import ConfigError
from fgait_core.simulation.bodies.bank import BodyBank

WEIGHTS_A_VERTEX = 4
"""A vertex follows its heaviest bones only."""


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """What is the same for all bodies and recordings.

    Numbers have no sign, because compiled code then does not ask whether an index counts from the end.

    Attributes:
        faces: uint32 [face, 3].
        edges: uint32 [edge, 4]: from vertex, to vertex, the face that runs along it so, the face that runs against it.
        vertex_start: uint32 [vertex + 1], where each vertex's entries begin.
        entry_bone: uint32 [entry], the bones that each vertex follows, vertex after vertex.
        entry_weight: float32 [entry], how much it follows them; sums to 1 for each vertex.
        main_bone: int32 [vertex], the heaviest bone.
    """

    faces: NDArray[np.uint32]
    edges: NDArray[np.uint32]
    vertex_start: NDArray[np.uint32]
    entry_bone: NDArray[np.uint32]
    entry_weight: NDArray[np.float32]
    main_bone: NDArray[np.int32]


@lru_cache(maxsize=4)
def mesh_of(bank: BodyBank) -> Mesh:
    """The mesh of a bank, prepared once."""
    return make_mesh(bank.faces, bank.weights)


def make_mesh(faces: NDArray[np.int32], weights: NDArray[np.float32]) -> Mesh:
    """Prepares a mesh.

    Args:
        faces: int32 [face, 3]; every edge must belong to two faces that run along it in opposite directions.
        weights: float32 [vertex, bone].

    Raises:
        ConfigError: if the mesh has holes.
    """
    light = np.argsort(-weights, axis=1, kind="stable")[:, WEIGHTS_A_VERTEX:]
    kept = weights.astype(np.float64)
    np.put_along_axis(kept, light, 0.0, axis=1)
    kept[kept < 1e-3] = 0.0
    kept /= kept.sum(1, keepdims=True)
    vertex, bone = np.nonzero(kept)
    return Mesh(
        np.ascontiguousarray(faces, np.uint32),
        _edges(faces),
        np.searchsorted(vertex, np.arange(len(weights) + 1)).astype(np.uint32),
        bone.astype(np.uint32),
        kept[vertex, bone].astype(np.float32),
        weights.argmax(1).astype(np.int32),
    )


def _edges(faces: NDArray[np.int32]) -> NDArray[np.uint32]:
    start, end = faces.ravel().astype(np.int64), np.roll(faces, -1, axis=1).ravel().astype(np.int64)
    face = np.repeat(np.arange(len(faces)), 3)
    key = np.minimum(start, end) * (int(faces.max()) + 1) + np.maximum(start, end)
    along, against = np.flatnonzero(start < end), np.flatnonzero(start > end)
    along, against = along[np.argsort(key[along])], against[np.argsort(key[against])]
    if not np.array_equal(key[along], key[against]):
        raise ConfigError("The mesh of this body bank has holes. Build it again with `fgait simulate bodies`.")
    return np.stack([start[along], end[along], face[along], face[against]], -1).astype(np.uint32)
