"""Means, asymmetries and variations with their standard errors."""

import pytest

from fgait_core.gait_parameters.measured import Measured, asymmetry_of, mean_of, variation_of


def test_a_mean_knows_its_number_and_standard_error():
    mean = mean_of([1.0, 2.0, 3.0, float("nan")])
    assert mean is not None
    assert (mean.value, mean.n) == (2.0, 3)
    assert mean.standard_error == pytest.approx(1.0 / 3**0.5)


def test_one_step_has_no_standard_error_and_none_no_mean():
    assert mean_of([1.5]) == Measured(1.5, 1, None)
    assert mean_of([]) is None


def test_another_unit_scales_the_error_too():
    assert Measured(0.4, 5, 0.01).times(-2.0) == Measured(-0.8, 5, 0.02)


def test_asymmetry_is_positive_where_the_left_is_longer():
    found = asymmetry_of(Measured(1.1, 4, 0.03), Measured(0.9, 3, 0.04))
    assert found is not None
    assert (found.value, found.n) == (pytest.approx(20.0), 7)
    assert found.standard_error == pytest.approx(5.0)
    assert asymmetry_of(None, Measured(1.0, 2, None)) is None


def test_variation_needs_three_values():
    found = variation_of([0.9, 1.0, 1.1])
    assert found is not None
    assert found.value == pytest.approx(10.0)
    assert found.standard_error == pytest.approx(5.0)
    assert variation_of([1.0, 1.1]) is None
