"""Heel strikes and toe offs: where they are, whose they are, and where there are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from fgait_core.gait_parameters.detectors import DETECTORS, PICTURE, SPACE, STEPS
from fgait_core.gait_parameters.events import FEET, HEEL_STRIKE, TOE_OFF, GaitEvents, detect_events
from fgait_core.gait_parameters.signals import gait_signals
from fgait_core.silhouettes.left_right import swapped_order
from fgait_core.silhouettes.walk import Walk

STRIDE_S = 1.1
SURE_S = 0.03

StickWalk = Callable[..., Walk]
AfterWalk = Callable[[Walk, Walk], Walk]


def _ahead(foot: int, toe: bool) -> np.ndarray:
    """How far a foot of the stick figure is ahead of the hips, at 1,000 moments of a stride."""
    turn = 2 * np.pi * np.arange(1000) / 1000 + np.pi * foot
    thigh, knee = np.radians(20 * np.cos(turn)), np.radians(30 - 30 * np.sin(turn))
    return 0.25 * np.sin(thigh) + 0.25 * np.sin(thigh - knee) + 0.12 * toe


def _away_s(times_s: np.ndarray, share: float) -> np.ndarray:
    """How far times are from the nearest moment that is at that share of a stride."""
    return (times_s - share * STRIDE_S + STRIDE_S / 2) % STRIDE_S - STRIDE_S / 2


def _in_order(events: GaitEvents) -> list[tuple[str, str]]:
    return list(zip(events.foot.tolist(), events.kind.tolist(), strict=True))


@pytest.mark.parametrize("rate_hz", [20.0, 30.0, 60.0])
@pytest.mark.parametrize("faces", [1.0, -1.0])
@pytest.mark.parametrize("detector", [SPACE, PICTURE, STEPS])
def test_seen_from_the_side_feet_turn_where_they_are_farthest(
    stick_walk: StickWalk, detector: str, faces: float, rate_hz: float
):
    events = detect_events(stick_walk(stride_s=STRIDE_S, rate_hz=rate_hz, faces=faces, seconds=5.0), detector)
    assert events.detector == detector
    for foot, name in enumerate(FEET):
        strikes_s, offs_s = events.times_of(name, HEEL_STRIKE), events.times_of(name, TOE_OFF)
        assert len(strikes_s) >= 3
        assert len(offs_s) >= 3
        assert np.abs(_away_s(strikes_s, _ahead(foot, False).argmax() / 1000)).max() < SURE_S
        assert np.abs(_away_s(offs_s, _ahead(foot, True).argmin() / 1000)).max() < SURE_S


@pytest.mark.parametrize("view", ["side", "front", "back"])
@pytest.mark.parametrize("kind", [HEEL_STRIKE, TOE_OFF])
def test_feet_take_turns_in_every_view(stick_walk: StickWalk, view: str, kind: str):
    events = detect_events(stick_walk(view=view, stride_s=STRIDE_S, seconds=5.0))
    feet = events.foot[events.kind == kind]
    assert len(feet) >= 6
    assert np.all(feet[1:] != feet[:-1])
    assert np.diff(events.time_s[events.kind == kind]) == pytest.approx(STRIDE_S / 2, abs=0.03)


@pytest.mark.parametrize("view", ["front", "back"])
def test_the_other_foot_leaves_after_a_strike_where_one_of_them_is_placed(stick_walk: StickWalk, view: str):
    events = detect_events(stick_walk(view=view, stride_s=STRIDE_S, seconds=5.0))
    order = ("left", HEEL_STRIKE), ("right", TOE_OFF), ("right", HEEL_STRIKE), ("left", TOE_OFF)
    found = _in_order(events)
    first = order.index(found[0])
    assert found == [order[(first + n) % 4] for n in range(len(found))]
    strikes_s, offs_s = events.times_of("left", HEEL_STRIKE), events.times_of("right", TOE_OFF)
    after_s = offs_s[np.searchsorted(offs_s, strikes_s[0])] - strikes_s[0]
    assert 0.10 < after_s / STRIDE_S < 0.16  # a usual double support


def test_a_stride_is_as_long_from_the_front_as_it_is(stick_walk: StickWalk):
    for view in ("front", "back"):
        events = detect_events(stick_walk(view=view, stride_s=STRIDE_S, seconds=6.0))
        for foot in FEET:
            for kind in (HEEL_STRIKE, TOE_OFF):
                assert np.diff(events.times_of(foot, kind)) == pytest.approx(STRIDE_S, abs=0.02)


def test_legs_taken_for_each_other_keep_their_events(stick_walk: StickWalk):
    walk = stick_walk(stride_s=STRIDE_S, rate_hz=60.0, seconds=5.0)
    right = detect_events(walk)
    landmarks, world = walk.landmarks_px.copy(), walk.world_m.copy()
    # From where the legs pass each other to where they pass the next time: a swap that no jump gives away.
    apart = walk.world_m[:, 27, 0] - walk.world_m[:, 28, 0]
    crossings = np.flatnonzero(np.diff(np.sign(apart)) != 0)
    wrong = slice(int(crossings[3]) + 1, int(crossings[4]) + 1)
    landmarks[wrong], world[wrong] = landmarks[wrong][:, swapped_order()], world[wrong][:, swapped_order()]
    mistaken = replace(walk, landmarks_px=landmarks, world_m=world)
    assert _in_order(detect_events(mistaken)) == _in_order(right)
    assert detect_events(mistaken).time_s == pytest.approx(right.time_s, abs=0.05)
    assert _in_order(detect_events(mistaken, PICTURE)) != _in_order(right)


def test_nothing_is_found_in_a_gap(stick_walk: StickWalk):
    events = detect_events(stick_walk(stride_s=STRIDE_S, seconds=6.0, lost=(2.0, 3.5)))
    assert not np.any((events.time_s > 2.0) & (events.time_s < 3.5))
    assert np.any(events.time_s < 2.0)
    assert np.any(events.time_s > 3.5)


@pytest.mark.parametrize("detector", list(DETECTORS))
def test_who_stands_has_no_events(stick_walk: StickWalk, detector: str):
    walk = stick_walk(seconds=3.0)
    still = replace(
        walk,
        landmarks_px=np.repeat(walk.landmarks_px[:1], len(walk.world_m), axis=0),
        world_m=np.repeat(walk.world_m[:1], len(walk.world_m), axis=0),
    )
    events = detect_events(still, detector)
    assert len(events) == 0
    assert events.times_of("left", HEEL_STRIKE).shape == (0,)


@pytest.mark.parametrize("begins_s", np.arange(0.0, STRIDE_S, 0.1).round(1).tolist())
@pytest.mark.parametrize("view", ["front", "back"])
def test_no_event_is_placed_where_nobody_was_seen(stick_walk: StickWalk, view: str, begins_s: float):
    times_s = detect_events(stick_walk(view=view, stride_s=STRIDE_S, seconds=6.0, lost=(-1.0, begins_s))).time_s
    assert begins_s < times_s[0]
    assert times_s[-1] < 6.0


def test_too_short_a_stretch_is_left_out(stick_walk: StickWalk):
    assert gait_signals(stick_walk(seconds=0.4)) == ()
    assert len(detect_events(stick_walk(seconds=0.4))) == 0


def test_a_walker_who_turns_is_seen_in_two_stretches(stick_walk: StickWalk, after: AfterWalk):
    turned = after(stick_walk(view="front", seconds=3.0), stick_walk(view="back", seconds=3.0))
    views = [signals.view for signals in gait_signals(turned)]
    assert views[0] == "front"
    assert views[-1] == "back"
