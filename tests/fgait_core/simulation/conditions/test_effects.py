"""Effects: as large as the cited studies allow, on simulated pairs."""

import numpy as np
import pytest

from fgait_core.errors import ConfigError
from fgait_core.simulation.conditions.effects import PUBLISHED, MeasuredEffect, cohens_d, effects_table, measure_effects


@pytest.fixture(scope="module")
def measured() -> tuple[MeasuredEffect, ...]:
    return measure_effects(150, seed=2)


def test_the_smallest_significant_effect_is_that_of_a_t_test():
    lemke = next(effect for effect in PUBLISHED if effect.study == "Lemke 2000" and effect.measure == "speed_m_s")
    assert lemke.smallest_d == pytest.approx(1.289, abs=0.002)  # t(30) = 3.646 at p = .001, times sqrt(2 / 16)


def test_cohens_d_is_in_standard_deviations():
    rng = np.random.default_rng(0)
    assert cohens_d(rng.normal(5.0, 2.0, 20_000), rng.normal(4.0, 2.0, 20_000)) == pytest.approx(0.5, abs=0.03)


def test_effects_have_the_published_direction(measured: tuple):
    for effect in measured:
        if effect.published.direction:
            assert effect.simulated_d * effect.published.direction > 0.05, effect.published


def test_effects_are_no_larger_than_published_ones(measured: tuple):
    for effect in measured:
        if effect.published.direction:
            assert abs(effect.simulated_d) < 1.4, effect.published


def test_what_studies_did_not_find_they_could_have_missed(measured: tuple):
    for effect in measured:
        if not effect.published.direction:
            assert abs(effect.simulated_d) < effect.published.smallest_d + 0.2, effect.published


def test_a_single_pair_cannot_be_compared():
    with pytest.raises(ConfigError, match="at least 2"):
        measure_effects(1, 1)


def test_the_table_has_a_row_for_each_finding(measured: tuple):
    lines = effects_table(measured).splitlines()
    assert len(lines) == 2 + len(PUBLISHED)
    assert lines[2].startswith("| depression, 18-60 years | `speed_m_s` | Lemke 2000 | 16 + 16 | −1.29 or more | −")
    assert sum("none found, below 0." in line for line in lines) == 7
    assert any("| +0.66 | +" in line for line in lines)
    assert {line.count("|") for line in lines} == {7}
