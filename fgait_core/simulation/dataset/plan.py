"""What is to be simulated: the plan of a split, and who its people are.

A person depends on the plan's seed, split and layout and the person's number alone. Splits and layouts use disjoint
bodies and disjoint seeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fgait_core.errors import ConfigError
from fgait_core.simulation.bodies.bank import SPLITS, BodyBank
from fgait_core.simulation.conditions.combined import DEPRESSION_CLASSES, SCOLIOSIS_CLASSES, draw_conditions
from fgait_core.simulation.dataset.layouts import IDENTIFICATION_SEQUENCES, LAYOUTS
from fgait_core.simulation.gait.prior import GaitPrior
from fgait_core.simulation.walker import Walker, draw_walker

SLOWEST_HZ, FASTEST_HZ = 15.0, 120.0
_LABELS, _BODIES, _PERSON = range(3)
_TEST_BODIES_SHARED_BY = 3
"""One of so many test bodies is kept for the layout "identification"."""


@dataclass(frozen=True, slots=True)
class SimulationPlan:
    """What to make.

    Attributes:
        split: "train", "calibration" or "test".
        people: how many people.
        sequences: recordings of each.
        frames: frames of each recording, at least two.
        frame_rate_hz: frames a second, 15 to 120.
        seed: of everything.
        poses: also write the seventeen joints of every frame.
        parsing: also write the body part of every pixel.
        layout: "random" draws view, clothes, load and way of each recording; "identification" films each person in
            the types and views of `layouts`.

    Raises:
        ConfigError: if a value makes no sense.
    """

    split: str
    people: int
    sequences: int
    frames: int = 30
    frame_rate_hz: float = 25.0
    seed: int = 1
    poses: bool = False
    parsing: bool = False
    layout: str = "random"

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ConfigError(f"There is no split {self.split!r}. Choose one of: {', '.join(SPLITS)}.")
        if self.layout not in LAYOUTS:
            raise ConfigError(f"There is no layout {self.layout!r}. Choose one of: {', '.join(LAYOUTS)}.")
        if min(self.people, self.sequences, self.frames - 1) < 1 or self.seed < 0:
            raise ConfigError("People and sequences must be positive, frames at least two, the seed not negative.")
        if not SLOWEST_HZ <= self.frame_rate_hz <= FASTEST_HZ:
            raise ConfigError(
                f"The frame rate must lie between {SLOWEST_HZ:g} and {FASTEST_HZ:g} frames a second, not "
                f"{self.frame_rate_hz:g}."
            )
        if self.layout == "identification" and self.sequences != IDENTIFICATION_SEQUENCES:
            raise ConfigError(
                f"The layout identification has {IDENTIFICATION_SEQUENCES} recordings of each person (every type in "
                f"every view), not {self.sequences}. Leave the number out."
            )

    @property
    def name(self) -> str:
        """With what the keys of its sequences begin; no other split and layout has the same."""
        return self.split if self.layout == "random" else f"{self.split}-{self.layout}"

    def rng(self, *key: int) -> np.random.Generator:
        """A generator for one part of the plan."""
        return np.random.default_rng((self.seed, SPLITS.index(self.split), LAYOUTS.index(self.layout), *key))


@dataclass(frozen=True, slots=True)
class PersonPlan:
    """Who a simulated person is, before anything is drawn: labels and body.

    Attributes:
        number: in the split.
        body: number in the bank.
        scoliosis, depression: classes.
    """

    number: int
    body: int
    scoliosis: str
    depression: str


@lru_cache(maxsize=8)
def bodies_of(plan: SimulationPlan, bank: BodyBank) -> NDArray[np.int64]:
    """Numbers of the bodies that a plan's people may have.

    A third of the test bodies is for the layout "identification" and the rest for the other, so that nobody is in both.

    Raises:
        ConfigError: if there is none, or, for the layout "identification", fewer than people.
    """
    bodies = bank.of_split(plan.split)
    if plan.split == "test":
        kept = np.arange(len(bodies)) % _TEST_BODIES_SHARED_BY == _TEST_BODIES_SHARED_BY - 1
        bodies = bodies[kept == (plan.layout == "identification")]
    if len(bodies) == 0:
        raise ConfigError(f"The body bank has no body for the split {plan.name!r}; build a larger one.")
    if plan.layout == "identification" and plan.people > len(bodies):
        raise ConfigError(
            f"People who are to be told apart need a body each; the bank has {len(bodies)} for {plan.people} people. "
            "Ask for fewer people or build a larger bank."
        )
    return bodies


@lru_cache(maxsize=8)
def _shuffled_bodies(plan: SimulationPlan, bank: BodyBank, round_: int) -> NDArray[np.int64]:
    return plan.rng(_BODIES, round_).permutation(bodies_of(plan, bank))


def plan_person(plan: SimulationPlan, bank: BodyBank, number: int) -> PersonPlan:
    """Labels and body of one person; the two are drawn apart from each other.

    Every six people in a row have each combination of the classes once, in random order. Bodies come in rounds of
    random order, so that people outnumbering the bodies share them evenly.

    Raises:
        ConfigError: if the bank has no body for the plan.
    """
    block, place = divmod(number, len(SCOLIOSIS_CLASSES) * len(DEPRESSION_CLASSES))
    combination = int(plan.rng(_LABELS, block).permutation(6)[place])
    round_, position = divmod(number, len(bodies_of(plan, bank)))
    body = int(_shuffled_bodies(plan, bank, round_)[position])
    return PersonPlan(number, body, SCOLIOSIS_CLASSES[combination % 3], DEPRESSION_CLASSES[combination // 3])


def draw_planned_walker(plan: SimulationPlan, bank: BodyBank, person: PersonPlan) -> Walker:
    """The walker for a planned person."""
    rng = plan.rng(_PERSON, person.number)
    conditions = draw_conditions(rng, person.scoliosis, person.depression)
    return draw_walker(bank.body(person.body), conditions, GaitPrior.packaged(), rng)
