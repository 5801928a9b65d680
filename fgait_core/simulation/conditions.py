"""Conditions as doses: scoliosis, depression, and distractors that are neither.

Every effect has a scatter of its own from person to person, healthy people have small doses too, and the doses of the
classes touch or overlap. So no score can be perfect, as in people. The sizes follow the literature in
docs/evidence/simulation.md; they are simulated and prove nothing about patients.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fgait_core.simulation.motion import ARM_SWING, Gait

SCOLIOSIS_CLASSES: tuple[str, ...] = ("negative", "neutral", "positive")
"""Cobb below 10° (healthy asymmetry), 10 to 20° (mild), above 20 and up to 50°."""

DEPRESSION_CLASSES: tuple[str, ...] = ("no", "yes")
CURVES: tuple[str, ...] = ("thoracic", "lumbar", "double")
DISTRACTORS: tuple[str, ...] = ("none", "limp", "reduced_arm_swing", "stoop")
_DISTRACTOR_SHARE = (0.61, 0.13, 0.13, 0.13)

_CURVE_ROLL: dict[str, tuple[float, ...]] = {
    "thoracic": (0.0, 0.22, 0.45, 0.05, -0.16),
    "lumbar": (0.35, 0.45, 0.05, -0.20, -0.12),
    "double": (-0.35, -0.15, 0.45, 0.15, -0.15),
}
"""Tilt of the five trunk bones from the lowest up, in parts of the surface tilt, for a curve convex to the right."""

_CURVE_YAW: tuple[float, ...] = (0.0, 0.1, 0.25, 0.3, 0.15)
_SURFACE_TILT_PER_COBB = 0.65
_AXIAL_TURN_PER_COBB = 0.35


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a simulated person has.

    Attributes:
        scoliosis: one of `SCOLIOSIS_CLASSES`.
        cobb_deg: Cobb angle.
        curve: one of `CURVES`; people without scoliosis have a trace of one.
        side: "right" or "left", the convex side (of the upper curve of a double one).
        depression: "no" or "yes".
        depression_dose: 0 nothing, 1 a typical major depression.
        distractor: one of `DISTRACTORS`.
        distractor_dose: 0 to 1.
        distractor_side: "right" or "left".
    """

    scoliosis: str
    cobb_deg: float
    curve: str
    side: str
    depression: str
    depression_dose: float
    distractor: str
    distractor_dose: float
    distractor_side: str


HEALTHY = Conditions("negative", 0.0, "thoracic", "right", "no", 0.0, "none", 0.0, "right")


def draw_conditions(rng: np.random.Generator, scoliosis: str, depression: str) -> Conditions:
    """Doses for given classes."""
    return Conditions(
        scoliosis,
        draw_cobb_deg(rng, scoliosis),
        str(rng.choice(CURVES, p=(0.5, 0.25, 0.25))),
        "right" if rng.random() < 0.7 else "left",
        depression,
        draw_depression_dose(rng, depression),
        str(rng.choice(DISTRACTORS, p=_DISTRACTOR_SHARE)),
        float(rng.uniform(0.3, 1.0)),
        "right" if rng.random() < 0.5 else "left",
    )


def draw_cobb_deg(rng: np.random.Generator, scoliosis: str) -> float:
    """Cobb angle in degrees for a class."""
    if scoliosis == "negative":
        return float(min(abs(rng.normal(0.0, 4.0)), 9.9))
    if scoliosis == "neutral":
        return float(rng.uniform(10.0, 20.0))
    return float(20.0 + 30.0 * rng.beta(1.4, 1.4))


def draw_depression_dose(rng: np.random.Generator, depression: str) -> float:
    """Severity: people without a depression have low moods too, and some with one hardly show it."""
    if depression == "no":
        return float(min(abs(rng.normal(0.0, 0.25)), 0.9))
    return float(np.clip(rng.normal(1.0, 0.38), 0.2, 2.0))


def with_conditions(gait: Gait, conditions: Conditions, age_years: float, rng: np.random.Generator) -> Gait:
    """The gait of a healthy person changed by what that person has."""
    gait = with_scoliosis(gait, conditions.cobb_deg, conditions.curve, conditions.side, rng)
    gait = with_depression(gait, conditions.depression_dose, age_years, rng)
    return with_distractor(gait, conditions)


def _scatter(rng: np.random.Generator, spread: float) -> float:
    return float(np.exp(rng.normal(0.0, spread)))


def with_scoliosis(gait: Gait, cobb_deg: float, curve: str, side: str, rng: np.random.Generator) -> Gait:
    """A curved, turned trunk, a stiffer one, shorter strides and unequal arms.

    Sources: Mahaudens 2009 (shoulder, pelvis and hip motion reduced at every severity); reduced speed and stride; no
    left-right difference of step times.
    """
    right = 1.0 if side == "right" else -1.0
    shown = cobb_deg * _scatter(rng, 0.25)
    spine: NDArray[np.float64] = gait.spine_deg.copy()
    spine[:, 1] += right * _SURFACE_TILT_PER_COBB * shown * np.array(_CURVE_ROLL[curve])
    spine[:, 0] += right * _AXIAL_TURN_PER_COBB * cobb_deg * _scatter(rng, 0.3) * np.array(_CURVE_YAW)
    gait = replace(gait, spine_deg=spine)
    gait = gait.shifted(("pel_roll",), right * rng.normal(0.025, 0.02) * cobb_deg)
    gait = gait.shifted(("hd_roll",), -right * 0.03 * shown)
    stiffness = min(0.30 * (1.0 - np.exp(-cobb_deg / 20.0)) * _scatter(rng, 0.4), 0.8)
    gait = gait.scaled(("pel_roll", "ch_roll", "ch_yaw", "pel_yaw"), 1.0 - stiffness)
    dose = min(cobb_deg / 40.0, 1.2)
    gait = gait.with_stride(1.0 - min(0.06 * dose * _scatter(rng, 0.4), 0.3)).with_cadence(1.0 - 0.025 * dose)
    stiff, free = ("r", "l") if side == "right" else ("l", "r")
    uneven = min(0.20 * dose * abs(rng.normal(1.0, 0.4)), 0.6)
    gait = gait.scaled((f"{stiff}_uarm_sag", f"{stiff}_farm_sag"), 1.0 - uneven)
    gait = gait.scaled((f"{free}_uarm_sag", f"{free}_farm_sag"), 1.0 + 0.6 * uneven)
    return gait.shifted((f"{stiff}_uarm_lat",), 2.0 * dose)


def with_depression(gait: Gait, dose: float, age_years: float, rng: np.random.Generator) -> Gait:
    """Slower, shorter strides, less arm swing and vertical motion, more sway, a slumped trunk and head.

    Signs: Michalak 2009, Lemke 2000, Adolph 2021 (sway did not replicate, so it is small). Smaller in the young
    (Kumar 2021 found nothing in young adults).
    """
    felt = dose * float(np.clip((age_years - 5.0) / 30.0, 0.45, 1.0))
    gait = gait.with_stride(max(0.6, 1.0 - 0.11 * felt * _scatter(rng, 0.4)))
    gait = gait.with_cadence(max(0.7, 1.0 - 0.07 * felt * _scatter(rng, 0.4)))
    gait = gait.scaled(ARM_SWING, max(0.15, 1.0 - 0.42 * felt * _scatter(rng, 0.4)))
    gait = gait.scaled(("pz",), max(0.3, 1.0 - 0.2 * felt))
    gait = gait.scaled(("px", "ch_roll", "hd_roll"), 1.0 + 0.12 * felt * _scatter(rng, 0.4))
    gait = gait.scaled(("ch_yaw", "pel_yaw"), max(0.4, 1.0 - 0.15 * felt))
    gait = gait.shifted(("ch_pitch",), 4.5 * felt * _scatter(rng, 0.4))
    return gait.shifted(("hd_pitch",), 9.0 * felt * _scatter(rng, 0.4))


def with_distractor(gait: Gait, conditions: Conditions) -> Gait:
    """A limp, a stiff arm or a stoop, drawn without regard to the conditions: abnormal is not the label."""
    dose, side = conditions.distractor_dose, conditions.distractor_side[0]
    if conditions.distractor == "limp":
        gait = gait.scaled((f"{side}_thigh_sag", f"{side}_shank_sag"), 1.0 - 0.25 * dose)
        gait = gait.scaled(("ch_roll", "px"), 1.0 + 0.8 * dose).with_cadence(1.0 - 0.08 * dose)
        return replace(gait, stride_over_leg=gait.stride_over_leg * (1.0 - 0.12 * dose))
    if conditions.distractor == "reduced_arm_swing":
        other = "l" if side == "r" else "r"
        gait = gait.scaled((f"{side}_uarm_sag", f"{side}_farm_sag"), 1.0 - 0.75 * dose)
        return gait.scaled((f"{other}_uarm_sag", f"{other}_farm_sag"), 1.0 - 0.3 * dose)
    if conditions.distractor == "stoop":
        return gait.shifted(("ch_pitch",), 10.0 * dose).shifted(("hd_pitch",), 12.0 * dose)
    return gait
