"""The tables that travel with the package, and what is read from them."""

import json
from importlib import resources

import pytest

from fgait_core.gait_parameters.names import PARAMETERS
from fgait_core.gait_parameters.norms import accuracy_of, norm_of
from fgait_core.gait_parameters.subject import Subject

ROWS = json.loads((resources.files("fgait_core.gait_parameters") / "accuracy.json").read_text())["rows"]


def test_no_view_gives_a_validated_parameter_that_it_cannot_support():
    refused = {(row["parameter"], row["view"]) for row in ROWS if not row["supported"]}
    measured = {(row["parameter"], row["view"]) for row in ROWS}
    for name, parameter in PARAMETERS.items():
        if parameter.validated and not parameter.in_metres:
            assert parameter.views
            for view in parameter.views:
                assert (name, view) in measured - refused, (name, view)


def test_every_given_parameter_has_a_detectable_change():
    for name, parameter in PARAMETERS.items():
        for view in parameter.views:
            accuracy = accuracy_of(name, view, 30.0)
            assert accuracy is not None, (name, view)
            assert accuracy.minimal_detectable_change is not None, (name, view)
            assert accuracy.error >= abs(accuracy.bias)


def test_the_nearest_frame_rate_counts():
    assert accuracy_of("cadence", "side", 58.0) == accuracy_of("cadence", "side", 60.0)
    assert accuracy_of("cadence", "side", 240.0) == accuracy_of("cadence", "side", 60.0)


def test_published_norms_go_before_simulated_ones():
    adult = norm_of("cadence", "side", 30.0, Subject(30.0, "female"))
    old = norm_of("cadence", "side", 30.0, Subject(80.0, "female"))
    assert adult is not None
    assert old is not None
    assert not adult.simulated
    assert old.simulated
    assert old.ages_years == (65.0, 90.0)


@pytest.mark.parametrize("age_years", [6.0, 12.9, 40.0, 89.0])
def test_every_age_has_a_norm_and_no_age_has_none(age_years):
    assert norm_of("step_length", "side", 30.0, Subject(age_years)) is not None
    assert norm_of("step_length", "side", 30.0, Subject(None, "male")) is None
    assert norm_of("step_length", "side", 30.0, Subject(4.0, "male")) is None


def test_unknown_sex_is_the_mean_of_both_and_wider_than_the_narrower():
    both, woman, man = (norm_of("cadence", "side", 30.0, Subject(80.0, sex)) for sex in (None, "female", "male"))
    assert both is not None
    assert woman is not None
    assert man is not None
    assert (both.sex, woman.sex, man.sex) == ("both", "female", "male")
    assert both.mean == pytest.approx((woman.mean + man.mean) / 2)
    assert both.sd > min(woman.sd, man.sd)


def test_a_simulated_norm_is_as_wide_as_the_error_of_measurement_at_least():
    norm, accuracy = norm_of("knee_range", "side", 30.0, Subject(30.0, "male")), accuracy_of("knee_range", "side", 30.0)
    assert norm is not None
    assert accuracy is not None
    assert norm.sd > accuracy.error


@pytest.mark.parametrize("age_years", [8.0, 30.0, 80.0])
@pytest.mark.parametrize(("name", "seconds"), [("stride_time", 120.0), ("step_time", 60.0)])
def test_cadence_and_the_times_that_it_is_made_of_are_usual_together(age_years, name, seconds):
    rhythm, time = (norm_of(known, "side", 30.0, Subject(age_years, "male")) for known in ("cadence", name))
    assert rhythm is not None
    assert time is not None
    assert time.source == rhythm.source
    assert time.mean - 2 * time.sd == pytest.approx(seconds / (rhythm.mean + 2 * rhythm.sd), abs=2e-4)
    assert time.mean + 2 * time.sd == pytest.approx(seconds / (rhythm.mean - 2 * rhythm.sd), abs=2e-4)


def test_whatever_is_given_has_a_norm_for_every_age():
    for name, parameter in PARAMETERS.items():
        for view in parameter.views:
            for age_years in (10.0, 15.0, 30.0, 50.0, 70.0):
                norm = norm_of(name, view, 30.0, Subject(age_years, "female"))
                assert norm is not None, (name, view, age_years)
                assert norm.sd > 0
