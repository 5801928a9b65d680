"""Published detectors of heel strike and toe off, each reading the same signals.

Both were made for markers in a laboratory; `docs/evidence/gait_parameters.md` says how they do on landmarks of videos.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from fgait_core.gait_parameters.signals import RATE_HZ, Floats, GaitSignals

MIN_SWING_M = 0.08
"""A foot that swings less than this against the hips does not step."""
PROMINENCE = 0.35
"""A turning point counts if it stands out by this share of the usual range."""
MIN_STRIDE_S = 0.5
LOW_HEEL = 0.35
"""O'Connor 2007: a heel strikes while it is in the lower 35 % of the range of its height."""


@dataclass(frozen=True, slots=True, eq=False)
class FootEvents:
    """Events of one foot in one stretch, in order of time.

    Attributes:
        strikes_s: float64 [strike], when the heel meets the floor.
        offs_s: float64 [off], when the toes leave it.
    """

    strikes_s: Floats
    offs_s: Floats


Detector = Callable[[GaitSignals], tuple[FootEvents, FootEvents]]
"""Gives the events of the left and of the right foot."""


def coordinates(signals: GaitSignals) -> tuple[FootEvents, FootEvents]:
    """Zeni 2008, co-ordinate based: a heel strikes where it is farthest ahead of the hips, toes leave farthest behind.

    Zeni JA, Richards JG, Higginson JS. Two simple methods for determining gait events during treadmill and overground
    walking using kinematic data. Gait & Posture 27:710-714 (2008).

    Deviations: the middle of the hips stands for the sacrum.
    """
    left, right = (
        FootEvents(
            signals.times_s[_turns(signals.heel_m[:, foot, 0])], signals.times_s[_turns(-signals.toe_m[:, foot, 0])]
        )
        for foot in (0, 1)
    )
    return left, right


def foot_velocity(signals: GaitSignals) -> tuple[FootEvents, FootEvents]:
    """O'Connor 2007: events are turning points of the speed at which the middle of the foot rises.

    Toes leave where it rises fastest, a heel strikes where it falls fastest with the heel near the floor.

    O'Connor CM, Thorpe SK, O'Malley MJ, Vaughan CL. Automatic detection of gait events using kinematic data. Gait &
    Posture 25:469-474 (2007).

    Deviations: heights are those against the hips, which bob by some centimetres themselves.
    """
    left, right = (_by_foot_velocity(signals, foot) for foot in (0, 1))
    return left, right


def _by_foot_velocity(signals: GaitSignals, foot: int) -> FootEvents:
    heel = signals.heel_m[:, foot, 1]
    rising = np.gradient((heel + signals.toe_m[:, foot, 1]) / 2) * RATE_HZ
    low, high = np.percentile(heel, [1, 99])
    falls = _turns(-rising, least=0.0)
    near_floor = heel[falls] < low + LOW_HEEL * (high - low)
    return FootEvents(signals.times_s[falls[near_floor]], signals.times_s[_turns(rising, least=0.0)])


def _turns(signal: Floats, least: float = MIN_SWING_M) -> NDArray[np.int64]:
    """Numbers of the samples at which a signal that goes up and down is highest."""
    low, high = np.percentile(signal, [5, 95])
    prominence = max(least, PROMINENCE * float(high - low))
    return find_peaks(signal, prominence=prominence, distance=round(MIN_STRIDE_S * RATE_HZ))[0]


DETECTORS: dict[str, Detector] = {
    "coordinates (Zeni 2008)": coordinates,
    "foot velocity (O'Connor 2007)": foot_velocity,
}
DETECTOR = "coordinates (Zeni 2008)"
"""The better one; see the evidence."""
