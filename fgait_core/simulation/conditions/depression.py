"""Depression: a severity, and how it shows in the gait.

Signs: slower, shorter strides, less arm swing and vertical motion, more sway, slumped (Michalak 2009); velocity, stride
and cycle time (Lemke 2000); speed, vertical motion and slump replicated in daily life, sway did not (Adolph 2021);
nothing found in 90 young adults (Kumar 2021), only the head further forward in children (Chan 2021). Sizes beside
theirs: docs/evidence/simulation.md, "Conditions".
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fgait_core.simulation.conditions.doses import DoseDistribution
from fgait_core.simulation.gait.channels import ARM_SWING, CHANNEL_INDEX
from fgait_core.simulation.gait.style import Gait

DEPRESSION_CLASSES: tuple[str, ...] = ("no", "yes")

DOSES: dict[str, DoseDistribution] = {
    "no": DoseDistribution(0.0, 0.25, 0.0, 0.9),
    "yes": DoseDistribution(1.0, 0.38, 0.2, 2.0),
}
"""Severity, 1 a typical major depression: people without one have low moods, too, and some with one hardly show it."""

_SCATTER = 0.4
"""Spread (of the logarithm) of each effect between people of the same severity."""


def moving_dose(dose: float, age_years: float) -> float:
    """How much of a dose the movement shows: all from 35 years on, 35 % below 13.

    Nothing was found in the movement of 90 young adults (Kumar 2021) and of 26 children against 23 (Chan 2021).
    """
    return dose * float(np.clip((age_years - 1.0) / 34.0, 0.35, 1.0))


def posture_dose(dose: float, age_years: float) -> float:
    """How much of a dose the posture shows: all from 35 years on, 65 % below 23 (children slump, too: Chan 2021)."""
    return dose * float(np.clip((age_years - 1.0) / 34.0, 0.65, 1.0))


def with_depression(gait: Gait, dose: float, age_years: float, rng: np.random.Generator) -> Gait:
    """The gait of the same person with a depression of that severity."""
    moving, posture = moving_dose(dose, age_years), posture_dose(dose, age_years)

    def effect(size: float, shown: float = moving) -> float:
        return size * shown * float(np.exp(rng.normal(0.0, _SCATTER)))

    gait = gait.with_stride(max(0.6, 1.0 - effect(0.125))).with_cadence(max(0.7, 1.0 - effect(0.085)))
    gait = gait.scaled(ARM_SWING, max(0.15, 1.0 - effect(0.30)))
    gait = _with_flatter_feet(gait, max(0.6, 1.0 - effect(0.15)))
    gait = gait.scaled(("ch_pitch", "hd_pitch"), max(0.3, 1.0 - effect(0.20)))
    gait = gait.scaled(("px", "ch_roll", "hd_roll"), 1.0 + effect(0.12))
    gait = gait.scaled(("ch_yaw", "pel_yaw"), max(0.4, 1.0 - effect(0.12)))
    return gait.shifted(("ch_pitch",), effect(3.4, posture)).shifted(("hd_pitch",), effect(7.5, posture))


def _with_flatter_feet(gait: Gait, factor: float) -> Gait:
    """Heels and toes lift less, so that the body, which they carry, rises and falls less."""
    coefficients = gait.coefficients.copy()
    coefficients[:, [CHANNEL_INDEX["l_foot_sag"], CHANNEL_INDEX["r_foot_sag"]]] *= factor
    return replace(gait, coefficients=coefficients)
