"""Heel strikes and toe offs of both feet together, step by step, in the picture: what videos need beside Zeni 2008.

Three things differ from a laboratory, and each is answered here:

* In a side view the landmark network takes the left leg for the right one now and then, just where they pass each
  other. But one foot or the other is always ahead: the foot that is farthest ahead turns once a step, whatever its
  name, and the names alternate. They are given so that most landmarks agree.
* Towards the camera a foot that is put down hardly moves in the picture, but a foot that lifts does: toe offs are seen
  and heel strikes are not. Away from the camera it is the other way round: a foot that is ahead stands higher in the
  picture, and how far it is lifted can be taken off. In these views the kind that is seen gives the step, and the other
  kind is *placed*, a usual double support before or after it. Stance, swing and double support are therefore not
  measured there, but strides, steps and phases are.
* The turning points are early or late by a share of the stride that depends on the view. `OFFSETS` takes it away; it
  was measured on simulated walkers other than those of the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from fgait_core.gait_parameters.signals import RATE_HZ, Floats, FootTracks, GaitSignals

MIN_STEP_S, MIN_STRIDE_S = 0.25, 0.5
MIN_SWING = 0.015
"""Feet that swing less than this share of the body height do not step."""
PROMINENCE = 0.35
"""A turning point counts if it stands out by this share of the usual range."""
MISSED_STEP = 1.6
"""Two turning points farther apart than so many usual steps have a missed one between them."""
SAME_FOOT_COST = 1.5
"""How many sure landmarks must say so before one foot is believed to have stepped twice in a row."""
AFTER_STRIKE = 0.3
"""A foot leaves the floor within this share of a stride after the other one has met it."""
LIFT_SHARE = 0.65
"""How much of a foot's height in the landmark network's space is taken from its height in the picture: what is left is
how far ahead it is. Chosen on simulated walkers filmed from low and high cameras."""


@dataclass(frozen=True, slots=True)
class Offsets:
    """When, after a turning point, the events are, as shares of a stride."""

    strike: float
    off: float


OFFSETS: dict[str, Offsets] = {
    "across": Offsets(strike=0.01, off=0.0),
    "front": Offsets(strike=-0.19, off=-0.045),
    "back": Offsets(strike=0.02, off=0.16),
}
"""Across: of the foot farthest ahead and of the foot farthest behind. Front: both of the moment when a foot is highest
in the picture, the strike being the other foot's. Back: both of the moment when a foot is farthest ahead, the toe off
being the other foot's."""


@dataclass(frozen=True, slots=True, eq=False)
class Turns:
    """Turning points of one kind in order of time; `foot` is 0 for the left and 1 for the right one."""

    time_s: Floats
    foot: NDArray[np.int64]


def step_events(signals: GaitSignals) -> tuple[Turns, Turns]:
    """Heel strikes and toe offs of one stretch."""
    tracks, offsets = signals.picture, OFFSETS[signals.view]
    if signals.view == "across":
        strikes, offs = _farthest(signals.times_s, tracks)
    elif signals.view == "front":
        offs = _of_each_foot(signals.times_s, tracks.ankle[:, :, 1])
        strikes = Turns(offs.time_s, 1 - offs.foot)
    else:
        strikes = _of_each_foot(signals.times_s, _height(tracks) - LIFT_SHARE * _height(signals.space))
        offs = Turns(strikes.time_s, 1 - strikes.foot)
    stride_s = _stride_s(strikes)
    return _moved(strikes, offsets.strike * stride_s), _moved(offs, offsets.off * stride_s)


def _farthest(times_s: Floats, tracks: FootTracks) -> tuple[Turns, Turns]:
    """When the foot ahead is farthest ahead, and when the foot behind is farthest behind."""
    ankle, toe = _side_by_side(tracks.ankle[:, :, 0]), _side_by_side(tracks.toe[:, :, 0])
    ahead = _peaks(ankle.max(axis=1), MIN_STEP_S)
    strikes = _named(times_s[ahead], _sure((ankle[:, 0] - ankle[:, 1])[ahead]))
    behind = _peaks(-toe.min(axis=1), MIN_STEP_S)
    offs_s = times_s[behind]
    seems_left = _sure((toe[:, 1] - toe[:, 0])[behind]) + _after_the_other(offs_s, strikes)
    return strikes, _named(offs_s, seems_left)


def _sure(left: Floats) -> Floats:
    """Scales to at most 1."""
    return left / max(float(np.abs(left).max(initial=0.0)), 1e-6)


def _after_the_other(offs_s: Floats, strikes: Turns) -> Floats:
    """1 for a toe off that follows a strike of the right foot, so that the left one leaves, -1 for one of the left."""
    said = np.zeros(len(offs_s))
    latest_s = AFTER_STRIKE * _stride_s(strikes)
    for number, off_s in enumerate(offs_s):
        since_s = off_s - strikes.time_s
        near = np.flatnonzero((since_s >= 0) & (since_s < latest_s))
        if len(near):
            said[number] = 1.0 if strikes.foot[near[-1]] == 1 else -1.0
    return said


def _height(tracks: FootTracks) -> Floats:
    """Mean height of the points of each foot, [sample, foot]."""
    return (tracks.ankle[:, :, 1] + tracks.heel[:, :, 1] + tracks.toe[:, :, 1]) / 3


def _side_by_side(ahead: Floats) -> Floats:
    """Takes away what keeps one foot ahead of the other all the time: seen obliquely, the width of the hips does."""
    low, high = np.percentile(ahead[:, 0] - ahead[:, 1], [5, 95])
    return ahead - (low + high) / 4 * np.array([1.0, -1.0])


def _of_each_foot(times_s: Floats, signal: Floats) -> Turns:
    """When the signal [sample, foot] of a foot is highest; seen from the front or the back, feet keep their names."""
    peaks = [_peaks(signal[:, foot], MIN_STRIDE_S) for foot in (0, 1)]
    samples, feet = np.concatenate(peaks), np.repeat([0, 1], [len(found) for found in peaks])
    order = np.argsort(samples, kind="stable")
    return Turns(times_s[samples[order]], feet[order])


def _peaks(signal: Floats, apart_s: float) -> NDArray[np.int64]:
    low, high = np.percentile(signal, [5, 95])
    prominence = max(MIN_SWING, PROMINENCE * float(high - low))
    return find_peaks(signal, prominence=prominence, distance=round(apart_s * RATE_HZ))[0]


def _named(time_s: Floats, seems_left: Floats) -> Turns:
    """Names the foot of each turning point; `seems_left` is positive where it seems to be the left one.

    The feet take turns unless a step was missed, and landmarks are right more often than not: of all ways to name them
    (Viterbi) the one that contradicts both least is taken.
    """
    if len(time_s) == 0:
        return Turns(np.zeros(0), np.zeros(0, np.int64))
    wrong = np.stack([np.maximum(-seems_left, 0.0), np.maximum(seems_left, 0.0)], axis=1)
    between_s = np.diff(time_s)
    usual_s = float(np.median(between_s)) if len(between_s) else 0.0
    same_cost = np.where(between_s > MISSED_STEP * usual_s, 0.0, SAME_FOOT_COST)
    best, came_from = wrong[0], []
    for cost, here in zip(same_cost, wrong[1:], strict=True):
        ways = best[:, None] + cost * np.eye(2)
        came_from.append(ways.argmin(axis=0))
        best = ways.min(axis=0) + here
    foot = [int(best.argmin())]
    for chosen in reversed(came_from):
        foot.append(int(chosen[foot[-1]]))
    return Turns(time_s, np.array(foot[::-1]))


def _stride_s(turns: Turns) -> float:
    """Usual time of a stride; 0 where there are no two steps."""
    between_s = np.diff(turns.time_s)
    return 2.0 * float(np.median(between_s)) if len(between_s) else 0.0


def _moved(turns: Turns, by_s: float) -> Turns:
    return Turns(turns.time_s + by_s, turns.foot)
