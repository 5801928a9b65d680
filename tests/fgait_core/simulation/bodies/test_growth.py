"""Heights and body mass indices follow the published norms."""

import numpy as np
import pytest

from fgait_core.simulation.bodies.growth import (
    AGE_RANGE_YEARS,
    BMI_RANGE,
    bmi_at,
    draw_age_years,
    draw_bmi,
    height_spread_m,
    mean_height_m,
)


@pytest.mark.parametrize(
    ("sex", "age_years", "height_cm"),
    [
        *(("male", 6.0, 115.95), ("male", 10.0, 137.78), ("male", 14.5, 166.31), ("male", 19.0, 176.54)),
        *(("female", 7.0, 120.81), ("female", 11.5, 148.18), ("female", 19.0, 163.15)),
    ],
)
def test_children_are_as_tall_as_who_says(sex: str, age_years: float, height_cm: float):
    assert 100 * mean_height_m(sex, age_years) == pytest.approx(height_cm, abs=0.4)


@pytest.mark.parametrize(("sex", "loss_cm"), [("male", 5.0), ("female", 8.0)])
def test_old_people_have_become_shorter(sex: str, loss_cm: float):
    assert 100 * (mean_height_m(sex, 30.0) - mean_height_m(sex, 80.0)) == pytest.approx(loss_cm, abs=0.1)


def test_peoples_add_to_the_spread_of_heights():
    assert 0.073 < height_spread_m("male", 19.0) < 0.085  # the reference's own is 0.073
    assert 0.065 < height_spread_m("female", 19.0) < 0.077


@pytest.mark.parametrize(
    ("sex", "age_years", "z", "bmi"),
    [  # the reference's table of z scores
        *(("male", 10.0, 0.0, 16.4), ("male", 10.0, 1.0, 18.5), ("male", 10.0, 2.0, 21.4), ("male", 10.0, -2.0, 13.7)),
        *(("female", 16.0, 0.0, 20.7), ("female", 16.0, 2.0, 28.9), ("female", 16.0, -2.0, 16.2)),
    ],
)
def test_children_are_as_heavy_as_who_says(sex: str, age_years: float, z: float, bmi: float):
    assert bmi_at(sex, age_years, z) == pytest.approx(bmi, abs=0.2)


@pytest.mark.parametrize("sex", ["female", "male"])
def test_adults_are_spread_about_the_world_mean(sex: str):
    rng = np.random.default_rng(0)
    drawn = np.array([draw_bmi(rng, sex, age) for age in rng.uniform(20.0, 80.0, 3000)])
    assert drawn.mean() == pytest.approx(24.8, abs=1.0)
    assert 3.2 < drawn.std() < 5.0
    assert np.mean(drawn) > np.median(drawn)  # a long tail of heavy people
    assert BMI_RANGE[0] <= drawn.min()
    assert drawn.max() <= BMI_RANGE[1]


def test_every_age_group_is_drawn():
    rng = np.random.default_rng(0)
    ages = np.array([draw_age_years(rng) for _ in range(3000)])
    assert AGE_RANGE_YEARS[0] <= ages.min()
    assert ages.max() <= AGE_RANGE_YEARS[1]
    counts = np.histogram(ages, [6, 13, 18, 40, 65, 90])[0] / len(ages)
    assert counts.min() > 0.1
    assert counts.max() < 0.3
