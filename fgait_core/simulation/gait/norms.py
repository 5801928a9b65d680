"""Published norms of healthy gait, and how simulated people compare: `fgait simulate norms` prints the table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgait_core.progress import Progress, ignore_progress
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.gait.healthy import draw_gait
from fgait_core.simulation.gait.prior import GaitPrior
from fgait_core.simulation.gait.truth import gait_truth

_LAB = "motion capture of 10 healthy adults"
_VAN_CRIEKINGE = "Van Criekinge 2023, 138 adults"
_BOHANNON = "Bohannon & Andrews 2011, 23,111 adults"
_HAUSDORFF = "Hausdorff 1999"


@dataclass(frozen=True, slots=True)
class Norm:
    """One published figure.

    Attributes:
        number: one of `NUMBERS`.
        sex: "female", "male" or "both".
        ages_years: from, to.
        mean, sd: published; sd is None where the source gives none.
        within: how far the simulated mean may lie from the published one.
        source: where it was published.
    """

    number: str
    sex: str
    ages_years: tuple[float, float]
    mean: float
    sd: float | None
    within: float
    source: str


_SHARE = "left_arm_leads"

NUMBERS: dict[str, str] = {
    "cadence_steps_min": "cadence, steps/min",
    "stride_over_leg": "stride over leg length",
    "speed_m_s": "speed, m/s",
    "hip_range_deg": "hip range, degrees",
    "knee_range_deg": "knee range, degrees",
    "arm_range_deg": "arm range, degrees",
    "arm_asymmetry_percent": "arm asymmetry, %",
    _SHARE: "share whose left arm swings more",
    "pelvis_yaw_range_deg": "pelvic yaw, degrees",
    "bob_percent_of_leg": "vertical bob, % of leg length",
    "stride_time_cv_percent": "variation of stride times, %",
}
"""Numbers that norms are given for, with their names in tables."""


def _speeds(sex: str, by_decade: tuple[float, ...]) -> tuple[Norm, ...]:
    decades = ((20.0, 30.0), (30.0, 40.0), (40.0, 50.0), (50.0, 60.0), (60.0, 70.0), (70.0, 80.0), (80.0, 90.0))
    return tuple(
        Norm("speed_m_s", sex, decade, mean, None, 0.18, _BOHANNON)
        for decade, mean in zip(decades, by_decade, strict=True)
    )


NORMS: tuple[Norm, ...] = (
    Norm("cadence_steps_min", "both", (20.0, 60.0), 110.5, 9.6, 5.0, _LAB),
    Norm("cadence_steps_min", "both", (6.0, 8.0), 125.7, 7.1, 5.0, _HAUSDORFF + ", 20 children"),
    Norm("cadence_steps_min", "both", (11.0, 15.0), 111.9, 6.5, 5.0, _HAUSDORFF + ", 12 children"),
    Norm("stride_over_leg", "both", (20.0, 60.0), 1.5, 0.2, 0.22, _LAB),
    *_speeds("male", (1.358, 1.433, 1.434, 1.433, 1.339, 1.262, 0.968)),
    *_speeds("female", (1.341, 1.337, 1.390, 1.313, 1.241, 1.132, 0.943)),
    Norm("speed_m_s", "both", (60.0, 85.0), 1.24, 0.28, 0.18, "Kasović 2021, 565 adults"),
    Norm("speed_m_s", "both", (6.0, 8.0), 1.20, 0.13, 0.18, _HAUSDORFF + ", 20 children"),
    Norm("speed_m_s", "both", (11.0, 15.0), 1.28, None, 0.18, _HAUSDORFF + ", 12 children"),
    Norm("hip_range_deg", "both", (20.0, 60.0), 38.0, 4.0, 9.5, _LAB),
    Norm("hip_range_deg", "both", (20.0, 60.0), 44.0, 4.1, 3.5, _VAN_CRIEKINGE),
    Norm("knee_range_deg", "both", (20.0, 60.0), 62.0, 7.0, 3.5, _LAB),
    Norm("knee_range_deg", "both", (20.0, 60.0), 56.1, 5.4, 8.0, _VAN_CRIEKINGE),
    Norm("arm_range_deg", "both", (20.0, 60.0), 31.0, 7.0, 3.0, _LAB),
    Norm("arm_asymmetry_percent", "both", (20.0, 60.0), 45.0, 22.0, 8.0, _LAB),
    Norm("arm_asymmetry_percent", "both", (60.0, 80.0), 39.5, 21.8, 6.0, "Killeen 2018, 334 adults"),
    Norm(_SHARE, "both", (60.0, 80.0), 0.67, None, 0.12, "Killeen 2018, 334 adults"),
    Norm("pelvis_yaw_range_deg", "both", (20.0, 60.0), 11.0, 4.0, 1.5, _LAB),
    Norm("bob_percent_of_leg", "both", (20.0, 60.0), 4.1, None, 0.6, _LAB),
    Norm("stride_time_cv_percent", "both", (6.0, 8.0), 3.6, 0.9, 0.7, "Wu 2013, of the children of Hausdorff 1999"),
    Norm("stride_time_cv_percent", "both", (11.0, 15.0), 2.1, None, 0.7, _HAUSDORFF + ", 12 children"),
    Norm("stride_time_cv_percent", "both", (20.0, 30.0), 1.3, None, 0.7, _HAUSDORFF + ", 10 adults"),
)
"""Published figures that simulated healthy people are held against."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One norm and what simulated people of that sex and age show.

    Attributes:
        norm: the published figure.
        mean, sd: simulated.
    """

    norm: Norm
    mean: float
    sd: float

    @property
    def fits(self) -> bool:
        """Whether the simulated mean lies within the norm's band."""
        return abs(self.mean - self.norm.mean) <= self.norm.within


def compare_with_norms(
    bank: BodyBank, prior: GaitPrior, people: int, seed: int, progress: Progress = ignore_progress
) -> list[Comparison]:
    """Draws `people` healthy walkers for each sex and age of `NORMS` and compares them.

    Leg lengths are those of bodies of that sex nearest in age.
    """
    groups: dict[tuple[str, tuple[float, float]], list[dict[str, float]]] = {}
    out = []
    for done, norm in enumerate(NORMS):
        progress(done / len(NORMS), "Simulating healthy walkers.")
        key = (norm.sex, norm.ages_years)
        if key not in groups:
            groups[key] = _people(bank, prior, norm, people, seed)
        values = np.array([person[norm.number] for person in groups[key]])
        out.append(Comparison(norm, float(values.mean()), float(values.std())))
    return out


def _people(bank: BodyBank, prior: GaitPrior, norm: Norm, people: int, seed: int) -> list[dict[str, float]]:
    rng = np.random.default_rng((seed, int(norm.ages_years[0]), len(norm.sex)))
    bodies = {sex: np.flatnonzero(bank.sex == sex) for sex in ("female", "male")}
    out = []
    for number in range(people):
        sex = ("female", "male")[number % 2] if norm.sex == "both" else norm.sex
        age_years = float(rng.uniform(*norm.ages_years))
        out.append(_numbers(prior, sex, age_years, _leg_m(bank, bodies[sex], age_years, rng), rng))
    return out


def _leg_m(bank: BodyBank, bodies: NDArray[np.int64], age_years: float, rng: np.random.Generator) -> float:
    nearest = bodies[np.argsort(np.abs(bank.age_years[bodies] - age_years), kind="stable")[:10]]
    return bank.body(int(rng.choice(nearest))).leg_m


def _numbers(prior: GaitPrior, sex: str, age_years: float, leg_m: float, rng: np.random.Generator) -> dict[str, float]:
    gait = draw_gait(prior, rng, sex, age_years)
    truth = gait_truth(gait, leg_m)
    return {
        **truth,
        "arm_range_deg": (truth["arm_swing_left_deg"] + truth["arm_swing_right_deg"]) / 2,
        "arm_asymmetry_percent": 100.0 * abs(truth["arm_asymmetry"]),
        _SHARE: float(truth["arm_asymmetry"] > 0),
        "bob_percent_of_leg": 100.0 * truth["bob_over_leg"],
        "stride_time_cv_percent": 100.0 * gait.stride_time_cv,
    }


def norm_table(comparisons: list[Comparison]) -> str:
    """The comparisons as a Markdown table."""
    lines = ["| | sex, age | simulated | published | source |", "|---|---|---|---|---|"]
    for comparison in comparisons:
        norm = comparison.norm
        digits = 2 if norm.mean < 3 else 1
        published = f"{norm.mean:.{digits}f}" + ("" if norm.sd is None else f" ± {norm.sd:.{digits}f}")
        simulated = f"{comparison.mean:.{digits}f}" + (
            f" ± {comparison.sd:.{digits}f}" if norm.number != _SHARE else ""
        )
        who = f"{norm.sex}, {norm.ages_years[0]:.0f}–{norm.ages_years[1]:.0f}"
        lines.append(f"| {NUMBERS[norm.number]} | {who} | {simulated} | {published} | {norm.source} |")
    return "\n".join(lines)
