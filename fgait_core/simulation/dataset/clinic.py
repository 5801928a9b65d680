"""A simulated clinic: patients who differ from the walkers that the bundled model learned from.

Bodies are of the bank's test split, which no bundled model was trained or calibrated on; they are older, walk slower
and keep their winter clothes on. Two cameras hang high on the wall, near and wide, where SimGait's are mostly held by
hand, and each sees one view; the segmentation is rougher. Classes are as frequent as the plan says, drawn apart from
each other and from everything else. All of it is simulated and proves nothing about patients.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fgait_core.errors import ConfigError
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.conditions.combined import DEPRESSION_CLASSES, SCOLIOSIS_CLASSES, draw_conditions
from fgait_core.simulation.dataset.layouts import Take
from fgait_core.simulation.dataset.plan import PersonPlan, SimulationPlan, bodies_of
from fgait_core.simulation.dataset.rows import AGE_GROUPS, SequenceRow, age_group, describe
from fgait_core.simulation.gait.prior import GaitPrior
from fgait_core.simulation.outfit.clothing import CLOTHING, Outfit
from fgait_core.simulation.picture.camera import Camera
from fgait_core.simulation.walker import Recording, RecordingSetup, Walker, Wanted, draw_setup, draw_walker, record

Part = Literal["patients", "others"]
PARTS: tuple[Part, ...] = ("patients", "others")

_STREAM = 0xC11C
"""Apart from every seed of `SimulationPlan`, whose generators begin with three numbers, the first of them its seed."""
_LABELS, _BODIES, _PERSON, _RECORDING = range(4)
_OTHERS_OF = 4
"""One of so many bodies is for the people of "others"."""

_AGE_SHARES = {"6-12": 0.05, "13-17": 0.15, "18-39": 0.15, "40-64": 0.30, "65-90": 0.35}
_CLOTHING_SHARES = {
    "female": (0.02, 0.10, 0.0, 0.15, 0.10, 0.25, 0.38),
    "male": (0.02, 0.18, 0.0, 0.0, 0.0, 0.40, 0.40),
}
_THICKER = 1.4
_SPEED = (0.92, 0.08)
_NOISE = (1.3, 2.2)


@dataclass(frozen=True, slots=True)
class ClinicSite:
    """One room of the clinic with its camera, which does not pan.

    Attributes:
        name: as the clinic calls it.
        views_deg: directions of walking, see `Camera`; one is drawn for each recording.
        distance_m, height_m: lowest and highest; a camera is put up anew now and then.
        aim_m: height over the floor that it points at.
        focal_length_mm: of its lens.
    """

    name: str
    views_deg: tuple[float, ...]
    distance_m: tuple[float, float]
    height_m: tuple[float, float]
    aim_m: float
    focal_length_mm: float

    def draw_camera(self, rng: np.random.Generator) -> Camera:
        """The camera in one recording."""
        distance_m, height_m = float(rng.uniform(*self.distance_m)), float(rng.uniform(*self.height_m))
        tilt_deg = float(np.degrees(np.arctan2(height_m - self.aim_m, distance_m)))
        view_deg = float(rng.choice(self.views_deg) + rng.normal(0.0, 5.0)) % 360.0
        return Camera(view_deg, distance_m, height_m, tilt_deg, float(rng.normal(0.0, 1.5)), self.focal_length_mm)


CORRIDOR = ClinicSite("Corridor", (90.0, 270.0), (3.2, 4.2), (2.2, 2.7), 0.95, 24.0)
HALL = ClinicSite("Hall", (0.0,), (4.5, 6.0), (2.2, 2.7), 0.95, 24.0)


@dataclass(frozen=True, slots=True)
class ClinicPlan:
    """What a simulated clinic has seen. A person depends on seed, part and number alone, whatever the other numbers.

    Attributes:
        people: how many.
        recordings: of each.
        frames: of each recording.
        frame_rate_hz: frames a second.
        seed: of the clinic; no two seeds have a person in common, though persons of two clinics may share a body.
        part: "patients", or "others" who come to the same clinic and share no body with any of the patients.
        depression: share of people with a depression.
        scoliosis: share of people with a scoliosis (class positive).
        mild_scoliosis: share of the class neutral.
        sites: rooms, drawn evenly for each recording.

    Raises:
        ConfigError: if a value makes no sense.
    """

    people: int
    recordings: int = 1
    frames: int = 60
    frame_rate_hz: float = 25.0
    seed: int = 1
    part: Part = "patients"
    depression: float = 0.4
    scoliosis: float = 0.4
    mild_scoliosis: float = 0.2
    sites: tuple[ClinicSite, ...] = (CORRIDOR, HALL)

    def __post_init__(self) -> None:
        if self.part not in PARTS:
            raise ConfigError(f"A clinic has no part {self.part!r}. Choose one of: {', '.join(PARTS)}.")
        if min(self.depression, self.scoliosis, self.mild_scoliosis) < 0 or max(self.depression, self.healthy) > 1:
            raise ConfigError("Shares of classes lie between 0 and 1, and those of scoliosis sum to 1 at the most.")
        if self.healthy < -1e-9:
            raise ConfigError("Shares of the classes of scoliosis must sum to 1 at the most.")
        if not self.sites:
            raise ConfigError("A clinic needs at least one site with a camera.")
        _ = self.simulation  # checks the numbers

    @property
    def healthy(self) -> float:
        """Share of people of the class negative of scoliosis."""
        return 1.0 - self.scoliosis - self.mild_scoliosis

    @property
    def simulation(self) -> SimulationPlan:
        """The plan of the simulator that says which bodies there are and how recordings are described."""
        return SimulationPlan("test", self.people, self.recordings, self.frames, self.frame_rate_hz, self.seed)

    def rng(self, *key: int) -> np.random.Generator:
        """A generator for one part of the plan."""
        return np.random.default_rng((_STREAM, self.seed, PARTS.index(self.part), *key, _STREAM))


@dataclass(frozen=True, slots=True)
class ClinicFacts:
    """What is known of a recording of the clinic: the exact row of the simulator, and where it was filmed."""

    row: SequenceRow
    site: str


def plan_clinic_person(plan: ClinicPlan, bank: BodyBank, number: int) -> PersonPlan:
    """Labels and body of one person, drawn apart from each other.

    Bodies come in rounds of random order, so that nobody shares one with anybody of the same clinic before about 500
    patients.
    """
    rng = plan.rng(_LABELS, number)
    scoliosis = str(rng.choice(SCOLIOSIS_CLASSES, p=(max(plan.healthy, 0.0), plan.mild_scoliosis, plan.scoliosis)))
    depression = DEPRESSION_CLASSES[int(rng.random() < plan.depression)]
    bodies = _bodies(plan.part, plan.simulation, bank)
    a_round = (len(bodies) + 1) // 2
    round_, place = divmod(number, a_round)
    return PersonPlan(number, int(_in_order(plan.rng(_BODIES, round_), bodies, bank)[place]), scoliosis, depression)


def simulate_clinic_person(plan: ClinicPlan, bank: BodyBank, number: int) -> Iterator[tuple[ClinicFacts, Recording]]:
    """All recordings of one person, one after the other, each with what is known of it.

    Raises:
        ConfigError: if the bank has no body for the plan.
    """
    person = plan_clinic_person(plan, bank, number)
    rng = plan.rng(_PERSON, number)
    conditions = draw_conditions(rng, person.scoliosis, person.depression)
    walker = draw_walker(bank.body(person.body), conditions, GaitPrior.packaged(), rng)
    for place in range(plan.recordings):
        seed = int(plan.rng(_RECORDING, number, place).integers(2**32))
        rng = np.random.default_rng(seed)
        site = plan.sites[int(rng.integers(len(plan.sites)))]
        take = Take(f"{place:02d}", _draw_setup(walker, site, plan.frames / plan.frame_rate_hz, rng))
        made = record(walker, bank, take.setup, plan.frames, plan.frame_rate_hz, rng)
        row = describe(plan.simulation, person, walker, take, made, seed)
        name = f"{plan.part}-{plan.seed}-{number:06d}"
        yield ClinicFacts(replace(row, key=f"{name}-{take.name}", person=name), site.name), made


def _draw_setup(walker: Walker, site: ClinicSite, duration_s: float, rng: np.random.Generator) -> RecordingSetup:
    """Straight on, in winter clothes, slowly, and badly segmented."""
    clothing = str(rng.choice(CLOTHING, p=_CLOTHING_SHARES[walker.body.sex]))
    setup = draw_setup(walker, rng, Wanted(clothing=clothing, plain=True), duration_s)
    return replace(
        setup,
        camera=site.draw_camera(rng),
        outfit=_thicker(setup.outfit),
        speed=float(np.clip(rng.normal(*_SPEED), 0.7, 1.2)),
        noise=float(rng.uniform(*_NOISE)),
    )


def _thicker(outfit: Outfit) -> Outfit:
    worn = ("legs_m", "trunk_m", "arms_m")
    return replace(outfit, **{name: _THICKER * getattr(outfit, name) for name in worn})


@lru_cache(maxsize=4)
def _bodies(part: Part, simulation: SimulationPlan, bank: BodyBank) -> NDArray[np.int64]:
    bodies = bodies_of(simulation, bank)
    others = np.arange(len(bodies)) % _OTHERS_OF == _OTHERS_OF - 1
    return bodies[others == (part == "others")]


def _in_order(rng: np.random.Generator, bodies: NDArray[np.int64], bank: BodyBank) -> NDArray[np.int64]:
    """The bodies in random order, those of frequent ages first (Efraimidis and Spirakis 2006)."""
    ages = np.array([AGE_GROUPS.index(age_group(age)) for age in bank.age_years[bodies].tolist()])
    shares = np.array([_AGE_SHARES[name] for name in AGE_GROUPS])
    weights = (shares / np.maximum(np.bincount(ages, minlength=len(AGE_GROUPS)), 1))[ages]
    return bodies[np.argsort(rng.exponential(size=len(bodies)) / weights)]
