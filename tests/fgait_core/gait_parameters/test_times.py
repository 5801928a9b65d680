"""Times from cycles."""

import pytest

from fgait_core.gait_parameters.cycles import Cycle
from fgait_core.gait_parameters.measured import Measured
from fgait_core.gait_parameters.times import steps_of, sure_cycles, times_of


def cycles(strides=3, stride_s=1.0, limp_s=0.0):
    """Regular cycles of both feet; with a limp the left foot lands late."""
    found = []
    for number in range(strides):
        start = number * stride_s
        left = start + 0.5 * stride_s + limp_s
        found.append(Cycle("right", start, start + stride_s, start + 0.62 * stride_s, left, start + 0.12 * stride_s))
        found.append(Cycle("left", left, left + stride_s, None, start + stride_s, None))
    return tuple(found)


def test_each_step_is_counted_once_though_cycles_overlap():
    steps = steps_of(cycles())
    assert len(steps) == 7
    assert [step.foot for step in steps[:3]] == ["left", "right", "left"]
    assert all(step.time_s == pytest.approx(0.5) for step in steps)


def test_a_step_that_is_far_too_long_is_left_out():
    late = (*cycles(2), Cycle("right", 5.0, 6.0, None, 5.9, None))
    assert max(step.time_s for step in steps_of(late)) == pytest.approx(0.5)


def test_cycles_that_contradict_the_rhythm_are_not_believed():
    wrong = Cycle("left", 9.0, 9.6, None, None, None)
    assert sure_cycles((*cycles(), wrong), 1.05) == cycles()
    assert sure_cycles(cycles(), None) == ()


def test_times_of_a_regular_walk():
    found = times_of(cycles(), Measured(1.0, 3, 0.01))
    value = {name: measured.value for name, measured in found.items() if measured is not None}
    assert value["cadence"] == pytest.approx(120.0)
    assert value["step_time"] == pytest.approx(0.5)
    assert value["stance"] == pytest.approx(62.0)
    assert value["swing"] == pytest.approx(38.0)
    assert value["double_support"] == pytest.approx(24.0)
    assert value["step_time_asymmetry"] == pytest.approx(0.0, abs=1e-9)
    assert value["stride_time_variability"] == pytest.approx(0.0, abs=1e-9)
    cadence, step_time = found["cadence"], found["step_time"]
    assert cadence is not None
    assert step_time is not None
    assert (cadence.n, step_time.n) == (6, 6)
    assert cadence.standard_error == pytest.approx(1.2)


def test_a_late_left_foot_is_an_asymmetry():
    found = times_of(cycles(limp_s=0.05), None)["step_time_asymmetry"]
    assert found is not None
    assert found.value == pytest.approx(20.0)


def test_without_rhythm_there_is_no_cadence():
    found = times_of((), None)
    assert set(found.values()) == {None}


def test_feet_that_do_not_take_turns_have_no_double_support():
    odd = Cycle("left", 0.0, 1.0, 0.46, 0.5, 0.96)
    assert times_of((odd,), None)["double_support"] is None
