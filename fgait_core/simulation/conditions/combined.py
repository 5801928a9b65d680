"""Conditions as doses: scoliosis, depression, and distractors that are neither.

Every effect has a scatter of its own from person to person, healthy people have small doses too, and the doses of the
classes overlap. So no score can be perfect, as in people (`oracle` says how good one can be). The sizes follow the
literature in docs/evidence/simulation.md; they are simulated and prove nothing about patients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fgait_core.simulation.conditions.depression import DEPRESSION_CLASSES, DOSES, with_depression
from fgait_core.simulation.conditions.distractors import DISTRACTORS, draw_distractor, with_distractor
from fgait_core.simulation.conditions.scoliosis import (
    CURVES,
    MEASURED_COBB_DEG,
    SCOLIOSIS_CLASSES,
    draw_curve,
    draw_true_cobb_deg,
    with_asymmetry,
    with_scoliosis,
)
from fgait_core.simulation.gait.style import Gait

__all__ = [
    "CURVES",
    "DEPRESSION_CLASSES",
    "DISTRACTORS",
    "HEALTHY",
    "SCOLIOSIS_CLASSES",
    "Conditions",
    "draw_conditions",
    "with_conditions",
]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a simulated person has.

    Attributes:
        scoliosis: one of `SCOLIOSIS_CLASSES`, by the measured Cobb angle.
        measured_cobb_deg: what a reader of the radiograph found.
        cobb_deg: the true Cobb angle, which shapes the body.
        curve: a key of `CURVES`; people without scoliosis have a trace of one.
        side: "right" or "left", the convex side (of the upper curve of a double one).
        depression: "no" or "yes".
        depression_dose: 0 nothing, 1 a typical major depression.
        distractor: one of `DISTRACTORS`.
        distractor_dose: 0 (without one) to 1.
        distractor_side: "right" or "left".
    """

    scoliosis: str
    measured_cobb_deg: float
    cobb_deg: float
    curve: str
    side: str
    depression: str
    depression_dose: float
    distractor: str
    distractor_dose: float
    distractor_side: str


HEALTHY = Conditions("negative", 0.0, 0.0, "thoracic", "right", "no", 0.0, "none", 0.0, "right")


def draw_conditions(rng: np.random.Generator, scoliosis: str, depression: str) -> Conditions:
    """Doses for given classes."""
    measured_deg = MEASURED_COBB_DEG[scoliosis].draw(rng)
    true_deg = draw_true_cobb_deg(rng, measured_deg)
    curve, side = draw_curve(rng)
    dose = DOSES[depression].draw(rng)
    return Conditions(scoliosis, measured_deg, true_deg, curve, side, depression, dose, *draw_distractor(rng))


def with_conditions(gait: Gait, conditions: Conditions, age_years: float, rng: np.random.Generator) -> Gait:
    """The gait of a healthy person changed by what that person has."""
    gait = with_asymmetry(gait, rng)
    gait = with_scoliosis(gait, conditions.cobb_deg, conditions.curve, conditions.side, rng)
    gait = with_depression(gait, conditions.depression_dose, age_years, rng)
    return with_distractor(gait, conditions.distractor, conditions.distractor_dose, conditions.distractor_side)
