"""Gait cycles and phases."""

from __future__ import annotations

import numpy as np
import pytest

from fgait_core.gait_parameters.cycles import Cycle, gait_cycles, phase_of_frames
from fgait_core.gait_parameters.events import HEEL_STRIKE, TOE_OFF, GaitEvents

TIMES_S = np.arange(0.0, 5.0, 1 / 30)


def _events(*events: tuple[float, str, str]) -> GaitEvents:
    times_s, feet, kinds = zip(*sorted(events), strict=True)
    return GaitEvents(np.array(feet), np.array(kinds), np.array(times_s), "by hand")


def test_a_cycle_runs_from_strike_to_strike_of_one_foot():
    events = _events(
        (0.5, "left", HEEL_STRIKE),
        (0.62, "right", TOE_OFF),
        (1.0, "right", HEEL_STRIKE),
        (1.13, "left", TOE_OFF),
        (1.5, "left", HEEL_STRIKE),
        (2.1, "right", HEEL_STRIKE),
    )
    assert gait_cycles(events, TIMES_S) == (
        Cycle("left", 0.5, 1.5, toe_off_s=1.13, opposite_heel_strike_s=1.0, opposite_toe_off_s=0.62),
        Cycle("right", 1.0, 2.1, toe_off_s=None, opposite_heel_strike_s=1.5, opposite_toe_off_s=1.13),
    )


def test_what_was_found_twice_is_left_open():
    events = _events(
        (0.5, "left", HEEL_STRIKE), (1.0, "left", TOE_OFF), (1.2, "left", TOE_OFF), (1.5, "left", HEEL_STRIKE)
    )
    assert [cycle.toe_off_s for cycle in gait_cycles(events, TIMES_S)] == [None]


@pytest.mark.parametrize(("off_s", "kept"), [(0.9, False), (1.0, True), (1.3, True), (1.4, False)])
def test_no_foot_leaves_the_floor_so_early_or_so_late(off_s: float, kept: bool):
    strikes = [(0.5, "left", HEEL_STRIKE), (1.5, "left", HEEL_STRIKE)]
    found = gait_cycles(_events(*strikes, (off_s, "left", TOE_OFF)), TIMES_S)
    assert [cycle.toe_off_s for cycle in found] == [off_s if kept else None]


def test_no_cycle_reaches_over_a_gap():
    strikes = [(at, "left", HEEL_STRIKE) for at in (0.5, 1.5, 2.7, 3.7)]
    found = gait_cycles(_events(*strikes), TIMES_S[(TIMES_S < 1.8) | (TIMES_S > 2.4)])
    assert [(cycle.start_s, cycle.end_s) for cycle in found] == [(0.5, 1.5), (2.7, 3.7)]


@pytest.mark.parametrize("duration_s", [0.4, 3.0])
def test_no_stride_is_so_short_or_so_long(duration_s: float):
    strikes = [(0.2, "left", HEEL_STRIKE), (0.2 + duration_s, "left", HEEL_STRIKE)]
    assert gait_cycles(_events(*strikes), TIMES_S) == ()


def test_phases_are_those_of_the_left_foot():
    cycles = (Cycle("left", 1.0, 2.0, None, None, None), Cycle("right", 0.5, 1.5, None, None, None))
    times_s = np.array([0.7, 1.0, 1.25, 1.999, 2.0])
    phase = phase_of_frames(times_s, cycles)
    assert phase[1:4] == pytest.approx([0.0, 0.25, 0.999])
    assert np.isnan(phase[[0, 4]]).all()
