"""Draws the gaits of healthy people: the legs swing as far as the stride asks for, the arms as far as published."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fgait_core.simulation.gait.ageing import expected_gait
from fgait_core.simulation.gait.channels import CHANNEL_INDEX, LEG_SWING, knee_deg
from fgait_core.simulation.gait.prior import GaitPrior
from fgait_core.simulation.gait.style import Gait

_TURNING = 1.3
"""Pelvis and trunk of the prior turn less than published."""

_WIDEST_ARM_DEG = 58.0

_KNEE_RANGE_DEG = 58.0
"""Knees are drawn towards this range: the prior's components add up to more than people differ."""

_WIDEST_KNEE_DEG = 72.0

_STRIDE_PER_REACH = 1.93
"""Stride over the reach of one foot, both over leg length: 1.55 / 0.805 in the mean of the prior's people."""


def draw_gait(prior: GaitPrior, rng: np.random.Generator, sex: str, age_years: float) -> Gait:
    """A healthy person's gait, given sex and age (6 to 90; averages and sources: `ageing`).

    The legs swing as far as the stride asks for, the arms as far as published. Women: more pelvic roll, less sway,
    elbows closer.
    """
    expected, female = expected_gait(sex, age_years), 1.0 if sex == "female" else -1.0
    coefficients = prior.draw(rng)
    cadence, stride = rng.normal(expected.cadence_steps_min, 6.5), rng.normal(expected.stride_over_leg, 0.11)
    gait = Gait(
        coefficients,
        float(np.clip(cadence, 80.0, 155.0)),
        float(np.clip(stride, 0.8, 2.2)),
        np.zeros((5, 3), np.float64),
        expected.stride_time_cv * _scatter(rng, 0.2),
    )
    gait = gait.at_speed(_scatter(rng, 0.075 * expected.spread))
    gait = gait.with_leg_swing(float(np.clip(gait.stride_over_leg / _stride_of_swing(gait), 0.65, 1.4)))
    uneven = float(rng.normal(0.0, 0.015))
    gait = gait.scaled(LEG_SWING[:2], 1.0 + uneven).scaled(LEG_SWING[2:], 1.0 - uneven)
    gait = _with_usual_knees(gait)
    gait = _with_arm_ranges(gait, float(np.clip(rng.normal(1.0, 0.18), 0.4, 1.6)) * expected.arm_range_deg, rng)
    gait = gait.scaled(("pel_yaw", "ch_yaw"), _TURNING * expected.turning)
    gait = gait.scaled(("pel_roll",), 1.0 + 0.10 * female)
    gait = gait.scaled(("px", "ch_roll"), (1.0 - 0.10 * female) * expected.sway)
    gait = gait.shifted(("l_uarm_lat", "r_uarm_lat"), -1.0 * female)
    gait = gait.shifted(("ch_pitch",), expected.trunk_pitch_deg).shifted(("hd_pitch",), expected.head_pitch_deg)
    return gait.shifted(("l_shank_sag", "r_shank_sag"), -expected.knee_bend_deg)


def _scatter(rng: np.random.Generator, spread: float) -> float:
    return float(np.exp(np.clip(rng.normal(), -2.5, 2.5) * spread))


def _stride_of_swing(gait: Gait) -> float:
    """The stride over leg length that the swing of the legs reaches: how far each foot goes under the body, twice."""
    cycle = np.radians(gait.cycle())
    reach = [
        np.ptp(
            np.sin(cycle[:, CHANNEL_INDEX[f"{side}_thigh_sag"]]) + np.sin(cycle[:, CHANNEL_INDEX[f"{side}_shank_sag"]])
        )
        for side in "lr"
    ]
    return _STRIDE_PER_REACH * float(np.mean(reach)) / 2.0


def _with_usual_knees(gait: Gait) -> Gait:
    """Knees that bend about as far as published, and backwards by a healthy 3 degrees at most."""
    coefficients = gait.coefficients.copy()
    for side in "lr":
        shank = CHANNEL_INDEX[f"{side}_shank_sag"]
        excess = float(np.ptp(knee_deg(gait.cycle(), side))) / _KNEE_RANGE_DEG - 1.0
        coefficients[2:, shank] *= np.clip(1.0 - 0.9 * excess, 0.5, 1.3)
        still = float(np.ptp(knee_deg(replace(gait, coefficients=coefficients).cycle(), side)))
        coefficients[1:, shank] *= min(1.0, 1.0 - 1.1 * (still / _WIDEST_KNEE_DEG - 1.0))
        bent_deg = knee_deg(replace(gait, coefficients=coefficients).cycle(), side)
        coefficients[0, shank] += min(0.0, 3.0 + float(bent_deg.min()))
    return replace(gait, coefficients=coefficients)


def _with_arm_ranges(gait: Gait, mean_deg: float, rng: np.random.Generator) -> Gait:
    """Arms that swing so far on average, unequally: healthy arms differ, the left swings more in two of three.

    The difference over the larger swing is 0.40 ± 0.22 (Killeen 2018: 39.5 ± 21.8 %).
    """
    less = float(rng.beta(1.6, 2.4))
    ranges = (2.0 * mean_deg / (2.0 - less), 2.0 * mean_deg * (1.0 - less) / (2.0 - less))
    for side, range_deg in zip("lr" if rng.random() < 0.69 else "rl", ranges, strict=True):
        factor = min(range_deg, _WIDEST_ARM_DEG) / max(gait.range_of(f"{side}_uarm_sag"), 1e-6)
        gait = _with_arm_swing(gait, side, float(np.clip(factor, 0.1, 3.0)))
    return gait


def _with_arm_swing(gait: Gait, side: str, factor: float) -> Gait:
    """One upper arm that swings more or less; its elbow bends and straightens only a little more or less."""
    upper, fore = CHANNEL_INDEX[f"{side}_uarm_sag"], CHANNEL_INDEX[f"{side}_farm_sag"]
    coefficients = gait.coefficients.copy()
    elbow = (coefficients[1:, fore] - coefficients[1:, upper]) * factor**0.4
    coefficients[1:, upper] *= factor
    coefficients[1:, fore] = coefficients[1:, upper] + elbow
    return replace(gait, coefficients=coefficients)
