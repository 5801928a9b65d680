"""Which recordings are made of each person: anyhow, or in fixed types and views to be recognised by.

The types are named as in CASIA-B (Yu et al. 2006): nm-01 and nm-02 in the same clothes, bg-01 with a bag, cl-01 in a
coat; the views are eight instead of eleven and go all around.

Deviations: in CASIA-B all views are filmed at once; here every recording is another walk, so that nothing but the
person is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from fgait_core.simulation.outfit.clothing import Outfit
from fgait_core.simulation.walker import RecordingSetup, Walker, Wanted, draw_setup

LAYOUTS: tuple[str, ...] = ("random", "identification")
TYPES: tuple[str, ...] = ("nm-01", "nm-02", "bg-01", "cl-01")
VIEWS_DEG: tuple[int, ...] = tuple(range(0, 360, 45))
IDENTIFICATION_SEQUENCES = len(TYPES) * len(VIEWS_DEG)
_WINTER = ("jacket", "coat")
_BAGS = ("backpack", "hand_bag", "shoulder_bag")


@dataclass(frozen=True, slots=True)
class Take:
    """One recording to be made.

    Attributes:
        name: of the recording among those of the person.
        setup: its circumstances.
        type, view: as protocols name them; None in the layout "random".
    """

    name: str
    setup: RecordingSetup
    type: str | None = None
    view: str | None = None


def random_take(walker: Walker, place: int, duration_s: float, rng: np.random.Generator) -> Take:
    """The recording with that number, which lasts `duration_s`; everything is drawn."""
    return Take(f"{place:02d}", draw_setup(walker, rng, duration_s=duration_s))


def draw_wardrobe(walker: Walker, rng: np.random.Generator) -> dict[str, Outfit]:
    """What a person wears and carries in each type: the same clothes with and without a bag, and a coat."""
    normal = next(outfit for outfit in _outfits(walker, rng) if outfit.clothing not in _WINTER)
    bag = draw_setup(walker, rng, Wanted(carrying=str(rng.choice(_BAGS)), plain=True)).outfit
    coat = draw_setup(walker, rng, Wanted(clothing="coat", carrying="none", plain=True)).outfit
    with_bag = replace(normal, carrying=bag.carrying, load=bag.load, carrying_side=bag.carrying_side)
    return {"nm-01": normal, "nm-02": normal, "bg-01": with_bag, "cl-01": coat}


def _outfits(walker: Walker, rng: np.random.Generator) -> Iterator[Outfit]:
    while True:
        yield draw_setup(walker, rng, Wanted(carrying="none", plain=True)).outfit


def identification_take(walker: Walker, wardrobe: dict[str, Outfit], place: int, rng: np.random.Generator) -> Take:
    """The recording with that number: types one after the other, each in all views."""
    type_, view_deg = TYPES[place // len(VIEWS_DEG)], VIEWS_DEG[place % len(VIEWS_DEG)]
    setup = draw_setup(walker, rng, Wanted(view_deg=float(view_deg), plain=True))
    view = f"{view_deg:03d}"
    return Take(f"{type_}-{view}", replace(setup, outfit=wardrobe[type_]), type_, view)
