"""What sex and age do to a healthy gait: the averages that `healthy.draw_gait` draws around.

The numbers lie within published ones (`norms`, docs/evidence/simulation.md). Sources of the shapes:
- Children step faster in proportion to their short legs; from four years on the step over leg length is an adult's
  (Sutherland 1997), if anything a little longer (Froehle 2013); stride times settle until 14 (Hausdorff 1999).
- Past 55 people slow down (Bohannon & Andrews 2011), by shorter steps and hardly by fewer (Öberg 1993); arms swing less
  (Mirelman 2015), pelvis and trunk turn less (Cury 2021), the trunk leans forward (Tanaka 2025).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_SPEED_BY_AGE: tuple[tuple[float, ...], tuple[float, ...]] = (
    (55.0, 60.0, 65.0, 75.0, 85.0, 90.0),
    (1.0, 0.97, 0.935, 0.88, 0.76, 0.70),
)
"""Age and walking speed relative to that at 20 to 55."""

_CADENCE_SHARE_OF_SLOWING = 0.25


@dataclass(frozen=True, slots=True)
class ExpectedGait:
    """Averages of healthy people of one sex and age.

    Attributes:
        cadence_steps_min: steps a minute.
        stride_over_leg: stride length over leg length.
        arm_range_deg: peak to peak of the upper arms, mean of both sides.
        turning: turns of pelvis and trunk, relative to young adults.
        sway: sideways movement over leg length, relative to adults.
        trunk_pitch_deg, head_pitch_deg: lean forward, more than young adults.
        knee_bend_deg: bend of the knees, more than young adults.
        stride_time_cv: how much stride times differ, as a share.
        spread: how much people of that age differ, relative to young adults.
    """

    cadence_steps_min: float
    stride_over_leg: float
    arm_range_deg: float
    turning: float
    sway: float
    trunk_pitch_deg: float
    head_pitch_deg: float
    knee_bend_deg: float
    stride_time_cv: float
    spread: float


def expected_gait(sex: str, age_years: float) -> ExpectedGait:
    """The average healthy gait of a sex ("female" or "male") and age."""
    female = 1.0 if sex == "female" else -1.0
    growing = float(np.clip((15.0 - age_years) / 9.0, 0.0, 1.0))
    old = float(np.clip((age_years - 55.0) / 25.0, 0.0, 1.4))
    slowing = float(np.interp(age_years, *_SPEED_BY_AGE))
    return ExpectedGait(
        cadence_steps_min=(114.0 + (3.0 - 2.0 * growing) * female + 15.5 * growing**1.4)
        * slowing**_CADENCE_SHARE_OF_SLOWING,
        stride_over_leg=1.65 * (1.0 + 0.09 * growing) * slowing ** (1.0 - _CADENCE_SHARE_OF_SLOWING),
        arm_range_deg=31.5 * (1.0 - 0.22 * old),
        turning=1.0 - 0.15 * old,
        sway=1.0 + 0.2 * growing,
        trunk_pitch_deg=5.0 * old,
        head_pitch_deg=7.0 * old,
        knee_bend_deg=3.0 * old,
        stride_time_cv=0.016 + 0.018 * growing + 0.008 * old,
        spread=1.0 + 0.4 * old + 0.1 * growing,
    )
