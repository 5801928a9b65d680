"""Gait cycles: from one heel strike to the next of the same foot, and where in its cycle a frame is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fgait_core.gait_parameters.events import FEET, HEEL_STRIKE, TOE_OFF, GaitEvents
from fgait_core.gait_parameters.signals import stretches

MIN_CYCLE_S = 0.6
MAX_CYCLE_S = 2.5
STANCE_SHARES = (0.45, 0.85)
"""A toe off at another share of a stride was not one; healthy people leave the floor at about 0.6, slow ones later."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """One stride; events that were not found are None.

    Attributes:
        foot: "left" or "right", whose heel strikes begin and end it.
        start_s: first heel strike.
        end_s: next heel strike of the same foot.
        toe_off_s: when this foot leaves the floor.
        opposite_heel_strike_s: when the other heel strikes.
        opposite_toe_off_s: when the other foot leaves the floor, at the end of the first double support.
    """

    foot: str
    start_s: float
    end_s: float
    toe_off_s: float | None
    opposite_heel_strike_s: float | None
    opposite_toe_off_s: float | None

    @property
    def duration_s(self) -> float:
        """Stride time."""
        return self.end_s - self.start_s


def gait_cycles(events: GaitEvents, times_s: NDArray[np.float64]) -> tuple[Cycle, ...]:
    """The cycles of both feet, in order of their beginning; none reaches over a gap of the recording.

    Args:
        events: of `detect_events`.
        times_s: float64 [frame], times of the recording, for its gaps.
    """
    cycles: list[Cycle] = []
    for stretch in stretches(times_s):
        first_s, last_s = float(times_s[stretch[0]]), float(times_s[stretch[-1]])
        for foot in FEET:
            strikes_s = _between(events.times_of(foot, HEEL_STRIKE), first_s, last_s)
            for start_s, end_s in pairwise(strikes_s):
                if MIN_CYCLE_S <= end_s - start_s <= MAX_CYCLE_S:
                    cycles.append(_cycle(events, foot, float(start_s), float(end_s)))
    return tuple(sorted(cycles, key=lambda cycle: cycle.start_s))


def phase_of_frames(times_s: NDArray[np.float64], cycles: Sequence[Cycle]) -> NDArray[np.float64]:
    """Where in the left foot's cycle each frame is: 0 at a heel strike, almost 1 before the next, NaN outside.

    Args:
        times_s: float64 [frame], times of the recording.
        cycles: of `gait_cycles`.
    """
    phase = np.full(len(times_s), np.nan)
    for cycle in cycles:
        if cycle.foot == FEET[0]:
            inside = (times_s >= cycle.start_s) & (times_s < cycle.end_s)
            phase[inside] = (times_s[inside] - cycle.start_s) / cycle.duration_s
    return phase


def _cycle(events: GaitEvents, foot: str, start_s: float, end_s: float) -> Cycle:
    other = FEET[1 - FEET.index(foot)]
    toe_off_s = _only(events.times_of(foot, TOE_OFF), start_s, end_s)
    if toe_off_s is not None and not STANCE_SHARES[0] <= (toe_off_s - start_s) / (end_s - start_s) <= STANCE_SHARES[1]:
        toe_off_s = None
    opposite_strike_s = _only(events.times_of(other, HEEL_STRIKE), start_s, end_s)
    opposite_off_s = _only(events.times_of(other, TOE_OFF), start_s, end_s)
    return Cycle(foot, start_s, end_s, toe_off_s, opposite_strike_s, opposite_off_s)


def _only(times_s: NDArray[np.float64], start_s: float, end_s: float) -> float | None:
    """The one time strictly inside, or None where there is none or more than one."""
    inside = times_s[(times_s > start_s) & (times_s < end_s)]
    return float(inside[0]) if len(inside) == 1 else None


def _between(times_s: NDArray[np.float64], first_s: float, last_s: float) -> NDArray[np.float64]:
    return times_s[(times_s >= first_s) & (times_s <= last_s)]
