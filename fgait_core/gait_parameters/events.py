"""Heel strikes and toe offs of a walk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgait_core.gait_parameters.detectors import DETECTOR, DETECTORS
from fgait_core.gait_parameters.signals import gait_signals
from fgait_core.silhouettes.walk import Walk

FEET: tuple[str, str] = ("left", "right")
HEEL_STRIKE, TOE_OFF = "heel_strike", "toe_off"


@dataclass(frozen=True, slots=True, eq=False)
class GaitEvents:
    """Events of both feet in order of time; all arrays have one entry for each event.

    Attributes:
        foot: str [event], "left" or "right".
        kind: str [event], "heel_strike" or "toe_off".
        time_s: float64 [event], time of the recording.
        detector: name of the detector that found them.
    """

    foot: NDArray[np.str_]
    kind: NDArray[np.str_]
    time_s: NDArray[np.float64]
    detector: str

    def __len__(self) -> int:
        return len(self.time_s)

    def times_of(self, foot: str, kind: str) -> NDArray[np.float64]:
        """Times of one kind of event of one foot, in order."""
        return self.time_s[(self.foot == foot) & (self.kind == kind)]


def detect_events(walk: Walk, detector: str = DETECTOR) -> GaitEvents:
    """Finds heel strikes and toe offs in every stretch of a walk without gaps.

    An event that would lie before or behind its stretch, as a placed one may, is none: nobody was seen then.

    Args:
        walk: of `track_walk`.
        detector: one of `DETECTORS`.
    """
    found: list[tuple[float, str, str]] = []
    for signals in gait_signals(walk):
        first_s, last_s = signals.times_s[[0, -1]].tolist()
        for foot, events in zip(FEET, DETECTORS[detector](signals), strict=True):
            of_kinds = (events.strikes_s, HEEL_STRIKE), (events.offs_s, TOE_OFF)
            found += [
                (at, foot, kind) for times_s, kind in of_kinds for at in times_s.tolist() if first_s <= at <= last_s
            ]
    found.sort()
    return GaitEvents(
        foot=np.array([foot for _, foot, _ in found], dtype=np.str_),
        kind=np.array([kind for _, _, kind in found], dtype=np.str_),
        time_s=np.array([time_s for time_s, _, _ in found], dtype=np.float64),
        detector=detector,
    )
