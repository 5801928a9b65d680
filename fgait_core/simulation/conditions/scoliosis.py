"""Scoliosis: Cobb angles by class, and how a curve shows in the standing shape and in the gait.

A class is that of the *measured* Cobb angle. What shapes the trunk is the true angle, which a reading misses by a few
degrees; how much of it shows at the surface differs from person to person, and straight backs are not quite straight
either. So neither the true angle nor the perfect view of a trunk tells the class for sure. Sources and measured sizes:
docs/evidence/simulation.md, "Conditions".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fgait_core.simulation.conditions.doses import DoseDistribution
from fgait_core.simulation.gait.style import Gait

SCOLIOSIS_CLASSES: tuple[str, ...] = ("negative", "neutral", "positive")
"""Measured Cobb angle below 10° (healthy asymmetry), 10 to 20° (mild), above 20 and up to 50°."""

MEASURED_COBB_DEG: dict[str, DoseDistribution] = {
    "negative": DoseDistribution(0.0, 4.0, 0.0, 10.0),
    "neutral": DoseDistribution(12.0, 7.0, 10.0, 20.0),
    "positive": DoseDistribution(30.0, 10.0, 20.0, 50.0),
}
"""Readings of each class: small curves are the most common ones (Orthopedics 10:921, 1987)."""

READING_ERROR_DEG = 3.0
"""Standard deviation of a Cobb reading about the true angle (Morrissy 1990: 95 % of two observers within 7.2°)."""


@dataclass(frozen=True, slots=True)
class CurveType:
    """How a curve tilts the five trunk bones, from the lowest up, when its (upper) curve is convex to the right.

    Attributes:
        share: of people.
        right: share of convex to the right.
        tilt: of each bone to the side, in parts of the tilt at the surface; top and bottom of a curve tilt against
            each other, and the bones above and below bring the head back over the pelvis.
        turn: of each bone about the body's axis, in parts of the turn at the apex.
    """

    share: float
    right: float
    tilt: tuple[float, float, float, float, float]
    turn: tuple[float, float, float, float, float]


CURVES: dict[str, CurveType] = {
    "thoracic": CurveType(0.35, 0.80, (-0.04, 0.28, 0.42, -0.08, -0.09), (0.0, 0.2, 0.7, 1.0, 0.5)),
    "thoracolumbar": CurveType(0.25, 0.45, (0.20, 0.42, 0.00, -0.18, -0.07), (0.2, 0.8, 1.0, 0.4, 0.2)),
    "lumbar": CurveType(0.15, 0.30, (0.42, 0.14, -0.22, -0.08, -0.04), (0.8, 1.0, 0.4, 0.1, 0.0)),
    "double": CurveType(0.25, 0.80, (-0.32, -0.02, 0.42, 0.06, -0.09), (-0.7, -0.4, 0.5, 1.0, 0.4)),
}
"""Shares: of operated curves half are main thoracic, of those found in schools most are thoracolumbar; between the two.
Sides: right thoracic and left lumbar curves are typical (Orthopedics 10:921, 1987)."""

_UNEVEN_DEG = np.array((2.2, 2.2, 2.2, 2.0, 1.1))
_TILT_PER_COBB = 0.62
_TURN_PER_COBB = 0.22
_SHOWN_SPREAD = 0.6
"""Spread (of the logarithm) of what shows at the surface between people with the same curve: surface measures hardly
follow the Cobb angle (review in Scoliosis 5:12, 2010)."""


def draw_true_cobb_deg(rng: np.random.Generator, measured_deg: float) -> float:
    """The angle behind a reading; one below zero is a curve to the other side."""
    return float(abs(measured_deg + rng.normal(0.0, READING_ERROR_DEG)))


def draw_curve(rng: np.random.Generator) -> tuple[str, str]:
    """Type of curve and its convex side, "right" or "left"."""
    curve = str(rng.choice(list(CURVES), p=[kind.share for kind in CURVES.values()]))
    return curve, "right" if rng.random() < CURVES[curve].right else "left"


def with_asymmetry(gait: Gait, rng: np.random.Generator) -> Gait:
    """The uneven trunk that people without scoliosis have, too.

    Two in three children show no turn of the trunk, 3 to 4 % one of 7° or more (Grivas 2006, 2,071 children); the tilt
    is ours.
    """
    spine: NDArray[np.float64] = gait.spine_deg.copy()
    spine[:, 1] += rng.normal(0.0, 0.5) + rng.normal(0.0, _UNEVEN_DEG)
    turned_deg = rng.normal(0.0, 4.2 if rng.random() < 1 / 3 else 0.5)
    spine[:, 0] += turned_deg * np.array(CURVES["thoracic"].turn)
    return replace(gait, spine_deg=spine)


def with_scoliosis(gait: Gait, cobb_deg: float, curve: str, side: str, rng: np.random.Generator) -> Gait:
    """A curved, turned and stiffer trunk, a tilted pelvis, slightly shorter and slower strides, unequal arms.

    Args:
        gait: of the same person without a curve.
        cobb_deg: true Cobb angle.
        curve: a key of `CURVES`.
        side: convex side of the (upper) curve.
        rng: for what differs between people with the same curve.

    Sources: shoulder, pelvis and hip motion reduced at every severity (Mahaudens 2009); frontal motion of the pelvis
    reduced, no clear effect on speed (meta-analysis, J Clin Neurosci 2020); slower, shorter strides, left as right (31
    against 31, Arch Physiother 2015).
    """
    right = 1.0 if side == "right" else -1.0
    kind = CURVES[curve]
    shown_deg = right * cobb_deg * _scatter(rng, _SHOWN_SPREAD)
    turned_deg = shown_deg * _scatter(rng, 0.25)
    spine: NDArray[np.float64] = gait.spine_deg.copy()
    spine[:, 1] += shown_deg * (_TILT_PER_COBB * np.array(kind.tilt) + rng.normal(0.0, 0.02))
    spine[:, 0] += turned_deg * _TURN_PER_COBB * np.array(kind.turn)
    gait = replace(gait, spine_deg=spine)
    pelvis_deg = right * rng.normal(0.02, 0.02) * cobb_deg
    gait = gait.shifted(("pel_roll",), pelvis_deg).shifted(("ch_roll",), -pelvis_deg)
    gait = gait.shifted(("hd_roll",), rng.normal(0.0, 0.02) * cobb_deg)
    return _with_stiff_trunk(gait, cobb_deg, side, rng)


def _with_stiff_trunk(gait: Gait, cobb_deg: float, side: str, rng: np.random.Generator) -> Gait:
    stiffness = 0.30 * (1.0 - np.exp(-cobb_deg / 9.0))
    gait = gait.scaled(("pel_roll", "ch_roll"), 1.0 - min(stiffness * _scatter(rng, 0.4), 0.7))
    gait = gait.scaled(("pel_yaw", "ch_yaw"), 1.0 - min(0.7 * stiffness * _scatter(rng, 0.4), 0.7))
    dose = min(cobb_deg / 40.0, 1.2)
    gait = gait.with_stride(1.0 - min(0.06 * dose * _scatter(rng, 0.4), 0.3)).with_cadence(1.0 - 0.03 * dose)
    stiff, free = ("r", "l") if side == "right" else ("l", "r")
    uneven = min(0.18 * dose * abs(rng.normal(1.0, 0.5)), 0.5)
    gait = gait.scaled((f"{stiff}_uarm_sag", f"{stiff}_farm_sag"), 1.0 - uneven)
    gait = gait.scaled((f"{free}_uarm_sag", f"{free}_farm_sag"), 1.0 + 0.5 * uneven)
    return gait.shifted((f"{stiff}_uarm_lat",), 1.5 * dose)


def _scatter(rng: np.random.Generator, spread: float) -> float:
    """A factor about one: people with the same curve differ."""
    return float(np.exp(rng.normal(0.0, spread)))
