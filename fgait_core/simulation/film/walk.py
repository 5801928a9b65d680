"""Walks that are filmed: who walks, where, and the silhouettes that a perfect segmenter would find in the film."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from fgait_core.errors import ConfigError
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.dataset.plan import SimulationPlan, draw_planned_walker, plan_person
from fgait_core.simulation.film.video import FilmSize, film
from fgait_core.simulation.outfit.carried import CARRYING
from fgait_core.simulation.outfit.clothing import CLOTHING
from fgait_core.simulation.walker import (
    ANYTHING,
    PosedWalk,
    RecordingSetup,
    Walker,
    Wanted,
    draw_setup,
    pose_walk,
    record,
)

_SETUP, _WALK, _LOOKS = 100, 101, 102  # lower ones belong to `plan` and `generator`


@dataclass(frozen=True, slots=True, eq=False)
class FilmedWalk:
    """One walk, its film and its silhouettes.

    Attributes:
        plan: whose person walks; frames and rate, too.
        bank: bodies.
        number: of the person.
        walker: who walks.
        setup: circumstances.
        walk: the walk in space.
    """

    plan: SimulationPlan
    bank: BodyBank
    number: int
    walker: Walker
    setup: RecordingSetup
    walk: PosedWalk

    def frames(self, size: FilmSize | None = None) -> Iterator[NDArray[np.uint8]]:
        """The film, RGB uint8 [row, column, 3] a frame."""
        return film(self.walker, self.bank, self.setup, self.walk, self.plan.rng(_LOOKS, self.number), size)

    def silhouettes(self, noise: float) -> NDArray[np.uint8]:
        """The same walk as aligned silhouettes, uint8 [frame, 64, 44]; 0 exact, 1 as a segmenter finds them."""
        setup, rng = replace(self.setup, noise=noise), self.plan.rng(_WALK, self.number)
        return record(self.walker, self.bank, setup, self.plan.frames, self.plan.frame_rate_hz, rng).silhouettes


def film_person(plan: SimulationPlan, bank: BodyBank, number: int, wanted: Wanted = ANYTHING) -> FilmedWalk:
    """A walk of one of a plan's people, to be filmed.

    Args:
        plan: split, seed, number and rate of frames; it need not have so many people.
        bank: bodies.
        number: of the person.
        wanted: what is fixed of the circumstances; the rest is drawn.

    Raises:
        ConfigError: if the bank has no body for the plan, nobody wears or carries what is wanted, or the view is no
            number.
    """
    if wanted.view_deg is not None and not isfinite(wanted.view_deg):
        raise ConfigError("The view must be a number of degrees, such as 90.")
    for name, known in ((wanted.clothing, CLOTHING), (wanted.carrying, CARRYING)):
        if name is not None and name not in known:
            raise ConfigError(f"No simulated person wears or carries {name!r}. Choose one of: {', '.join(known)}.")
    walker = draw_planned_walker(plan, bank, plan_person(plan, bank, number))
    setup = draw_setup(walker, plan.rng(_SETUP, number), wanted, plan.frames / plan.frame_rate_hz)
    walk = pose_walk(walker, bank, setup, plan.frames, plan.frame_rate_hz, plan.rng(_WALK, number))
    return FilmedWalk(plan, bank, number, walker, setup, walk)
