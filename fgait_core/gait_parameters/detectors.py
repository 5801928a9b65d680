"""Published detectors of heel strike and toe off, each reading the same signals, and the one that is used.

The published ones were made for markers in a laboratory; `docs/evidence/gait_parameters.md` says how they do on
landmarks of videos.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from fgait_core.gait_parameters.signals import RATE_HZ, Floats, GaitSignals
from fgait_core.gait_parameters.steps import step_events

MIN_SWING = 0.015
"""A foot that swings less than this share of the body height against the hips does not step."""
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


BothFeet = tuple[FootEvents, FootEvents]
"""Left and right."""
Detector = Callable[[GaitSignals], BothFeet]


def coordinates(signals: GaitSignals, source: str) -> BothFeet:
    """Zeni 2008, by co-ordinates: a foot strikes where it is farthest ahead of the hips, and leaves farthest behind.

    Zeni JA, Richards JG, Higginson JS. Two simple methods for determining gait events during treadmill and overground
    walking using kinematic data. Gait & Posture 27:710-714 (2008).

    Deviations: the middle of the hips stands for the sacrum and the ankle, which landmark networks find best, for the
    heel.

    Args:
        signals: of one stretch.
        source: "space" or "picture", whose co-ordinates.
    """
    tracks = signals.space if source == "space" else signals.picture
    return _both(
        FootEvents(signals.times_s[_turns(tracks.ankle[:, foot, 0])], signals.times_s[_turns(-tracks.toe[:, foot, 0])])
        for foot in (0, 1)
    )


def foot_velocity(signals: GaitSignals) -> BothFeet:
    """O'Connor 2007, by velocity: the foot leaves where its middle rises fastest, and strikes where it falls fastest.

    O'Connor CM, Thorpe SK, O'Malley MJ, Vaughan CL. Automatic detection of gait events using kinematic data. Gait &
    Posture 25:469-474 (2007).

    Deviations: heights are those against the hips, which bob by some centimetres themselves.
    """
    return _both(_by_foot_velocity(signals, foot) for foot in (0, 1))


def _by_foot_velocity(signals: GaitSignals, foot: int) -> FootEvents:
    heel = signals.space.heel[:, foot, 1]
    rising = np.gradient((heel + signals.space.toe[:, foot, 1]) / 2) * RATE_HZ
    falls = _turns(-rising)
    return FootEvents(signals.times_s[falls[_near_floor(heel, falls)]], signals.times_s[_turns(rising)])


def foot_acceleration(signals: GaitSignals) -> BothFeet:
    """Hreljac and Marshall 2000, by acceleration: a heel strikes where its fall is stopped most, toes leave where they
    are pulled forwards most.

    Hreljac A, Marshall RN. Algorithms to determine event timing during normal walking using kinematic data. Journal of
    Biomechanics 33:783-786 (2000).

    Deviations: accelerations are those against the hips; of the heel's only those near the floor count.
    """
    return _both(_by_foot_acceleration(signals, foot) for foot in (0, 1))


def _by_foot_acceleration(signals: GaitSignals, foot: int) -> FootEvents:
    heel = signals.space.heel[:, foot, 1]
    stops = _turns(_acceleration(heel))
    pulls = _turns(_acceleration(signals.space.toe[:, foot, 0]))
    return FootEvents(signals.times_s[stops[_near_floor(heel, stops)]], signals.times_s[pulls])


def _acceleration(place: Floats) -> Floats:
    return np.gradient(np.gradient(place)) * RATE_HZ**2


def _near_floor(heel: Floats, samples: NDArray[np.int64]) -> NDArray[np.bool_]:
    low, high = np.percentile(heel, [1, 99])
    return heel[samples] < low + LOW_HEEL * (high - low)


def _both(feet: Iterable[FootEvents]) -> BothFeet:
    left, right = feet
    return left, right


def _turns(signal: Floats) -> NDArray[np.int64]:
    """Numbers of the samples at which a signal that goes up and down is highest."""
    low, high = np.percentile(signal, [5, 95])
    prominence = max(MIN_SWING, PROMINENCE * float(high - low))
    return find_peaks(signal, prominence=prominence, distance=round(MIN_STRIDE_S * RATE_HZ))[0]


def steps_in_picture(signals: GaitSignals) -> BothFeet:
    """Zeni 2008 in the picture and for both feet together, as `steps` says."""
    strikes, offs = step_events(signals)
    return _both(FootEvents(strikes.time_s[strikes.foot == foot], offs.time_s[offs.foot == foot]) for foot in (0, 1))


SPACE = "co-ordinates in space (Zeni 2008)"
PICTURE = "co-ordinates in the picture (Zeni 2008)"
VELOCITY = "foot velocity (O'Connor 2007)"
ACCELERATION = "foot acceleration (Hreljac 2000)"
STEPS = "steps in the picture (after Zeni 2008)"
DETECTORS: dict[str, Detector] = {
    SPACE: partial(coordinates, source="space"),
    PICTURE: partial(coordinates, source="picture"),
    VELOCITY: foot_velocity,
    ACCELERATION: foot_acceleration,
    STEPS: steps_in_picture,
}
DETECTOR = STEPS
"""The best one; see the evidence."""
