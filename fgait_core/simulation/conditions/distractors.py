"""What makes a gait look unusual and is neither scoliosis nor depression: "abnormal" must not be the label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from fgait_core.simulation.gait.channels import ARM_SWING, CHANNEL_INDEX
from fgait_core.simulation.gait.style import Gait

SHARE = 0.4
"""Share of people with a distractor, whatever their conditions."""

DOSE_RANGE = (0.3, 1.0)


def draw_distractor(rng: np.random.Generator) -> tuple[str, float, str]:
    """A distractor, its dose (0 without one) and side."""
    name = str(rng.choice(DISTRACTORS[1:])) if rng.random() < SHARE else DISTRACTORS[0]
    dose, side = float(rng.uniform(*DOSE_RANGE)), "right" if rng.random() < 0.5 else "left"
    return name, 0.0 if name == DISTRACTORS[0] else dose, side


def with_distractor(gait: Gait, distractor: str, dose: float, side: str) -> Gait:
    """The gait of the same person with that distractor; "none" changes nothing."""
    return _CHANGES[distractor](gait, dose, side[0])


def _unchanged(gait: Gait, dose: float, side: str) -> Gait:
    return gait


def _limp(gait: Gait, dose: float, side: str) -> Gait:
    """One leg swings less, the trunk swings over it."""
    gait = gait.scaled((f"{side}_thigh_sag", f"{side}_shank_sag"), 1.0 - 0.25 * dose)
    gait = gait.scaled(("ch_roll", "px"), 1.0 + 0.8 * dose).with_cadence(1.0 - 0.08 * dose)
    return replace(gait, stride_over_leg=gait.stride_over_leg * (1.0 - 0.12 * dose))


def _reduced_arm_swing(gait: Gait, dose: float, side: str) -> Gait:
    """One arm nearly still, the other a little."""
    other = "l" if side == "r" else "r"
    gait = gait.scaled((f"{side}_uarm_sag", f"{side}_farm_sag"), 1.0 - 0.75 * dose)
    return gait.scaled((f"{other}_uarm_sag", f"{other}_farm_sag"), 1.0 - 0.3 * dose)


def _stoop(gait: Gait, dose: float, side: str) -> Gait:
    """Trunk and head forward."""
    return gait.shifted(("ch_pitch",), 10.0 * dose).shifted(("hd_pitch",), 12.0 * dose)


def _shuffling(gait: Gait, dose: float, side: str) -> Gait:
    """Short quick steps on bent knees, feet hardly lifted, little arm swing."""
    gait = gait.with_stride(1.0 - 0.35 * dose).with_cadence(1.0 + 0.04 * dose)
    gait = gait.scaled(("l_foot_sag", "r_foot_sag"), 1.0 - 0.5 * dose).scaled(ARM_SWING, 1.0 - 0.35 * dose)
    gait = gait.shifted(("l_thigh_sag", "r_thigh_sag"), 3.0 * dose).shifted(("l_shank_sag", "r_shank_sag"), -4.0 * dose)
    return gait.shifted(("ch_pitch",), 3.0 * dose)


def _knee_stiffness(gait: Gait, dose: float, side: str) -> Gait:
    """One knee bends less; the leg swings outward instead and the pelvis rises to clear the floor."""
    thigh, shank = (CHANNEL_INDEX[f"{side}_{part}_sag"] for part in ("thigh", "shank"))
    coefficients = gait.coefficients.copy()
    lost = 0.45 * dose * (coefficients[1:, thigh] - coefficients[1:, shank])
    coefficients[1:, shank] += lost
    for part in ("thigh", "shank", "foot"):
        coefficients[1:, CHANNEL_INDEX[f"{side}_{part}_lat"]] += 0.25 * lost * (part != "foot")
    coefficients[1:, CHANNEL_INDEX["pel_roll"]] += (0.12 if side == "l" else -0.12) * lost
    return replace(gait, coefficients=coefficients).with_cadence(1.0 - 0.05 * dose)


_CHANGES: dict[str, Callable[[Gait, float, str], Gait]] = {
    "none": _unchanged,
    "limp": _limp,
    "reduced_arm_swing": _reduced_arm_swing,
    "stoop": _stoop,
    "shuffling": _shuffling,
    "knee_stiffness": _knee_stiffness,
}
DISTRACTORS: tuple[str, ...] = tuple(_CHANGES)
