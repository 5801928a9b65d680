"""Folds by person: who is predicted by a fit that did not see them."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def folds_of(person: NDArray[np.str_], kind: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """The fold of each row; all rows of a person are in one, and every kind is spread evenly.

    Args:
        person: `[row]`.
        kind: int64 `[row]`, the class of the row; of a person with several the first counts.
        count: of folds.
        seed: another seed, other folds. The order of the rows changes nothing.

    Returns:
        int64 `[row]`, 0 to `count` - 1.
    """
    kinds = {name: int(kind[person == name].min()) for name in np.unique(person).tolist()}
    shuffled = sorted(kinds, key=lambda name: (kinds[name], hashlib.sha256(f"{seed}:{name}".encode()).digest()))
    fold = {name: place % count for place, name in enumerate(shuffled)}
    return np.array([fold[name] for name in person.tolist()], np.int64)
