"""Which reference walkers are near to a walk, as the network sees it."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from fgait_core.data.modalities import to_network
from fgait_core.explanation.effects import windows_of
from fgait_core.explanation.reference_bank import packaged_bank
from fgait_core.model_package import ModelPackage, SeenWalk, look
from fgait_core.screening_result import ReferenceWalkerFacts

SHOWN = 3

_embedded: WeakKeyDictionary[ModelPackage, dict[str, NDArray[np.float64] | None]] = WeakKeyDictionary()
"""Of each loaded package the embeddings of the reference walkers of each view, computed when first asked for."""


def nearest_walkers(package: ModelPackage, seen: SeenWalk, shown: int = SHOWN) -> tuple[ReferenceWalkerFacts, ...]:
    """The reference walkers of the same view whose embeddings point most nearly the same way, the nearest first.

    Args:
        package: whose network compares; it sees silhouettes alone.
        seen: the walk.
        shown: how many.

    Returns:
        None at all where the view is not known, or the walk or theirs is shorter than a window of the package.
    """
    bank = packaged_bank()
    places = np.flatnonzero(bank.view == seen.view)
    windows = windows_of(package, seen, None)
    if windows is None or len(places) == 0:
        return ()
    references = _of_view(package, str(seen.view), places)
    if references is None:
        return ()
    similarity = references @ embedding(package, windows.pictures)
    return tuple(
        _facts(int(places[place]), float(similarity[place])) for place in np.argsort(-similarity)[:shown].tolist()
    )


def embedding(package: ModelPackage, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Where a walk lies: the mean features of its windows against those of the training people, at unit length.

    Args:
        package: whose network looks.
        pictures: uint8 `[window, channel, frame, 64, 44]`.
    """
    pooled = look(package.network, to_network(pictures))[1].numpy()
    direction = package.guard.along(pooled).mean(0)
    return direction / max(float(np.linalg.norm(direction)), 1e-9)


def _of_view(package: ModelPackage, view: str, places: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """Embeddings `[walker, feature]`; None for a package whose windows are longer than the stride of each walker."""
    known = _embedded.setdefault(package, {})
    if view not in known:
        walks = [SeenWalk(packaged_bank().sequence(place), view) for place in places.tolist()]
        windows = [each for walk in walks if (each := windows_of(package, walk, None)) is not None]
        whole = len(windows) == len(walks)
        known[view] = np.stack([embedding(package, each.pictures) for each in windows]) if whole else None
    return known[view]


def _facts(place: int, similarity: float) -> ReferenceWalkerFacts:
    bank = packaged_bank()
    return ReferenceWalkerFacts(
        id=str(bank.ids[place]),
        similarity=similarity,
        sex=str(bank.sex[place]),
        age_years=float(bank.age_years[place]),
        view=str(bank.view[place]),
        labels={"scoliosis": str(bank.scoliosis[place]), "depression": str(bank.depression[place])},
        doses={
            "scoliosis": float(bank.cobb_deg[place]),
            "depression": float(bank.depression_dose[place]),
        },
    )
