"""Heel strikes and toe offs of both feet together, step by step, in the picture: what videos need beside Zeni 2008.

Three things differ from a laboratory, and each is answered here:

* In a side view the landmark network takes the left leg for the right one now and then, just where they pass each
  other. But one foot or the other is always ahead: the foot that is farthest ahead turns once a step, whatever its
  name, and the names alternate. They are given so that most landmarks agree.
* Towards the camera a foot that is put down hardly moves in the picture, but a foot that lifts does: toe offs are seen
  and heel strikes are not. Away from the camera it is the other way round. There the two feet's difference turns once
  a step at the event that is seen, and the other kind is *placed*, a usual double support before or after it. Stance,
  swing and double support are therefore not measured in these views, but strides, steps and phases are.
* The turning points are early or late by a share of the stride that depends on the view. `OFFSETS` takes it away; it
  was measured on simulated walkers other than those of the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from fgait_core.gait_parameters.signals import RATE_HZ, Floats, FootTracks, GaitSignals

MIN_STEP_S = 0.25
MIN_SWING = 0.015
"""Feet that swing less than this share of the body height do not step."""
PROMINENCE = 0.35
"""A turning point counts if it stands out by this share of the usual range."""
MISSED_STEP = 1.6
"""Two turning points farther apart than so many usual steps have a missed one between them."""


@dataclass(frozen=True, slots=True)
class Offsets:
    """When, after a turning point, the events are, as shares of a stride."""

    strike: float
    off: float


OFFSETS: dict[str, Offsets] = {
    "across": Offsets(strike=0.0, off=0.0),
    "front": Offsets(strike=-0.17, off=-0.02),
    "back": Offsets(strike=0.01, off=0.145),
}
"""Across: of the foot farthest ahead and of the foot farthest behind. Front and back: both of the moment when a foot is
highest against the other one: a foot that has just left the floor towards the camera, a foot that is farthest ahead
away from it. The strike in front and the toe off at the back are the other foot's."""


@dataclass(frozen=True, slots=True, eq=False)
class Turns:
    """Turning points of one kind in order of time; `foot` is 0 for the left and 1 for the right one."""

    time_s: Floats
    foot: NDArray[np.int64]


def step_events(signals: GaitSignals) -> tuple[Turns, Turns]:
    """Heel strikes and toe offs of one stretch."""
    tracks, offsets = signals.picture, OFFSETS[signals.view]
    if signals.view == "across":
        ahead, behind = _farthest(signals.times_s, tracks)
        stride_s = _stride_s(ahead)
        return _moved(ahead, offsets.strike * stride_s), _moved(behind, offsets.off * stride_s)
    seen = _of_the_difference(signals.times_s, tracks)
    stride_s = _stride_s(seen)
    other = Turns(seen.time_s, 1 - seen.foot)
    strikes, offs = (other, seen) if signals.view == "front" else (seen, other)
    return _moved(strikes, offsets.strike * stride_s), _moved(offs, offsets.off * stride_s)


def _farthest(times_s: Floats, tracks: FootTracks) -> tuple[Turns, Turns]:
    """When the foot ahead is farthest ahead, and when the foot behind is farthest behind."""
    ankle, toe = _side_by_side(tracks.ankle[:, :, 0]), _side_by_side(tracks.toe[:, :, 0])
    strikes = _named(times_s, _peaks(ankle.max(axis=1)), ankle[:, 0] - ankle[:, 1])
    offs = _named(times_s, _peaks(-toe.min(axis=1)), toe[:, 1] - toe[:, 0])
    return strikes, offs


def _side_by_side(ahead: Floats) -> Floats:
    """Takes away what keeps one foot ahead of the other all the time: seen obliquely, the width of the hips does."""
    low, high = np.percentile(ahead[:, 0] - ahead[:, 1], [5, 95])
    return ahead - (low + high) / 4 * np.array([1.0, -1.0])


def _of_the_difference(times_s: Floats, tracks: FootTracks) -> Turns:
    """When a foot is highest against the other one."""
    up = _side_by_side(tracks.ankle[:, :, 1])
    left = up[:, 0] - up[:, 1]
    return _named(times_s, np.sort(np.concatenate([_peaks(left), _peaks(-left)])), left)


def _peaks(signal: Floats) -> NDArray[np.int64]:
    low, high = np.percentile(signal, [5, 95])
    prominence = max(MIN_SWING, PROMINENCE * float(high - low))
    return find_peaks(signal, prominence=prominence, distance=round(MIN_STEP_S * RATE_HZ))[0]


def _named(times_s: Floats, turns: NDArray[np.int64], left: Floats) -> Turns:
    """Gives turning points to the left and right foot in turn; `left` is positive where it seems to be the left one."""
    time_s, seems_left = times_s[turns], left[turns]
    foot = np.zeros(len(turns), np.int64)
    for part in _without_missed(time_s):
        alternating = np.where(np.arange(len(part)) % 2 == 0, 1.0, -1.0)
        first = 0 if float((alternating * seems_left[part]).sum()) >= 0 else 1
        foot[part] = (first + np.arange(len(part))) % 2
    return Turns(time_s, foot)


def _without_missed(time_s: Floats) -> list[NDArray[np.int64]]:
    """Numbers of the turning points that follow each other without a missed one."""
    between_s = np.diff(time_s)
    if len(between_s) == 0:
        return [np.arange(len(time_s))]
    return np.split(np.arange(len(time_s)), np.flatnonzero(between_s > MISSED_STEP * np.median(between_s)) + 1)


def _stride_s(turns: Turns) -> float:
    """Usual time of a stride; 0 where there are no two steps."""
    between_s = np.diff(turns.time_s)
    return 2.0 * float(np.median(between_s)) if len(between_s) else 0.0


def _moved(turns: Turns, by_s: float) -> Turns:
    return Turns(turns.time_s + by_s, turns.foot)
