"""How tall and how heavy people are at which age: the norms that drawn bodies follow.

Sources: children and adolescents: WHO reference 2007 for 5 to 19 years (de Onis et al., Bull World Health Organ
2007;85:660), height at every birthday, body mass index at every second, linear between. Adult height: the reference's
value at 19, less what age takes (Sorkin, Muller & Andres, Am J Epidemiol 1999;150:969: 3 cm in men and 5 cm in women by
70, 5 and 8 cm by 80). Adult body mass index: round figures around the world mean of 24.2 (men) and 24.4 kg/m² (women)
of NCD-RisC (Lancet 2016;387:1377), rising to about 65 years and falling after.

**Deviations**: peoples differ in height, so 3 cm of common spread are added to the reference's own.
"""

from __future__ import annotations

import numpy as np

AGE_RANGE_YEARS: tuple[float, float] = (6.0, 90.0)
BMI_RANGE: tuple[float, float] = (13.0, 42.0)

_CHILD_YEARS = np.arange(6, 20)
_HEIGHT_CM: dict[str, tuple[float, ...]] = {
    "male": (
        *(115.95, 121.73, 127.27, 132.57, 137.78, 143.11, 149.08),
        *(156.04, 163.18, 168.96, 172.90, 175.16, 176.14, 176.54),
    ),
    "female": (
        *(115.12, 120.81, 126.56, 132.49, 138.64, 144.99, 151.23),
        *(156.37, 159.79, 161.67, 162.52, 162.85, 163.06, 163.15),
    ),
}
"""Median height at 6, 7 ... 19 years; the distribution is normal."""

_HEIGHT_VARIATION: dict[str, tuple[float, ...]] = {
    "male": (
        *(0.0425, 0.0434, 0.0444, 0.0454, 0.0463, 0.0470, 0.0475),
        *(0.0476, 0.0471, 0.0462, 0.0450, 0.0436, 0.0424, 0.0413),
    ),
    "female": (
        *(0.0445, 0.0453, 0.0458, 0.0461, 0.0461, 0.0458, 0.0452),
        *(0.0444, 0.0435, 0.0426, 0.0418, 0.0411, 0.0405, 0.0401),
    ),
}
"""Standard deviation over median."""

_LOSS_YEARS = (30.0, 40.0, 70.0, 80.0, 90.0)
_LOSS_CM: dict[str, tuple[float, ...]] = {"male": (0.0, 0.3, 3.0, 5.0, 6.5), "female": (0.0, 0.5, 5.0, 8.0, 10.0)}
_PEOPLES_SPREAD = 3.0 / 170.0

_BMI_YEARS = (6, 8, 10, 12, 14, 16, 18, 19, 25, 35, 50, 65, 80, 90)
_BMI_LMS: dict[str, tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]] = {
    "male": (
        (-0.99, -1.46, -1.74, -1.78, -1.62, -1.35, -1.03, -0.84, -0.7, -0.6, -0.6, -0.6, -0.5, -0.4),
        (15.3, 15.7, 16.4, 17.5, 19.0, 20.5, 21.7, 22.2, 23.3, 24.6, 25.6, 25.6, 24.6, 24.0),
        (0.087, 0.095, 0.106, 0.115, 0.122, 0.126, 0.128, 0.129, 0.14, 0.15, 0.155, 0.155, 0.15, 0.145),
    ),
    "female": (
        (-1.08, -1.39, -1.49, -1.40, -1.23, -1.04, -0.85, -0.75, -0.7, -0.6, -0.6, -0.6, -0.5, -0.4),
        (15.3, 15.7, 16.6, 18.0, 19.6, 20.7, 21.3, 21.4, 22.4, 23.7, 25.2, 25.9, 25.0, 24.2),
        (0.102, 0.113, 0.123, 0.131, 0.137, 0.141, 0.143, 0.144, 0.16, 0.175, 0.18, 0.18, 0.175, 0.165),
    ),
}
"""Box-Cox power, median and coefficient of variation at `_BMI_YEARS`; to 19 years the WHO reference's."""

_AGE_GROUPS = ((6.0, 13.0), (13.0, 18.0), (18.0, 40.0), (40.0, 65.0), (65.0, 90.0))
_AGE_SHARES = (0.14, 0.12, 0.26, 0.25, 0.23)
"""Children and adolescents are drawn more often than an even spread would have them."""


def mean_height_m(sex: str, age_years: float) -> float:
    """Mean standing height of "female" or "male" people of an age."""
    grown_cm = np.interp(age_years, _CHILD_YEARS, _HEIGHT_CM[sex])
    return float(grown_cm - np.interp(age_years, _LOSS_YEARS, _LOSS_CM[sex])) / 100.0


def height_spread_m(sex: str, age_years: float) -> float:
    """Standard deviation of the standing height at an age."""
    own = np.interp(age_years, _CHILD_YEARS, _HEIGHT_VARIATION[sex])
    return mean_height_m(sex, age_years) * float(np.hypot(own, _PEOPLES_SPREAD))


def bmi_at(sex: str, age_years: float, z: float) -> float:
    """Body mass index in kg/m² that lies `z` standard deviations from the median of sex and age."""
    power, median, variation = (np.interp(age_years, _BMI_YEARS, row) for row in _BMI_LMS[sex])
    return float(median * (1.0 + power * variation * z) ** (1.0 / power))


def draw_age_years(rng: np.random.Generator) -> float:
    """An age between 6 and 90 years."""
    low, high = _AGE_GROUPS[int(rng.choice(len(_AGE_GROUPS), p=_AGE_SHARES))]
    return float(rng.uniform(low, high))


def draw_bmi(rng: np.random.Generator, sex: str, age_years: float) -> float:
    """A body mass index in kg/m² for sex and age, kept within `BMI_RANGE`."""
    z = float(np.clip(rng.normal(), -2.6, 2.6))
    return float(np.clip(bmi_at(sex, age_years, z), *BMI_RANGE))
