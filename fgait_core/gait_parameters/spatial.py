"""Lengths and speeds of a walk seen from the side, in body heights.

The way along the picture is read in body heights of the walker at that place; the way towards the camera or away from
it follows from how the body's height in the picture changes, for the focal length that a phone usually has. In profile
that second part is small, so that a wrong focal length hardly matters; from other views it would decide the result, and
no length is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fgait_core.gait_parameters.cycles import Cycle
from fgait_core.gait_parameters.measured import Measured, asymmetry_of, mean_of
from fgait_core.gait_parameters.picture_series import PictureSeries, of_strides
from fgait_core.gait_parameters.times import Step
from fgait_core.silhouettes.people import FOCAL_LENGTH_WIDTHS
from fgait_core.silhouettes.segmenter import ANKLES, HIPS
from fgait_core.silhouettes.walk import Walk


@dataclass(frozen=True, slots=True)
class _Way:
    """Where the hips are over the floor, in body heights: across the picture and away from the camera."""

    across: float
    away: float

    def to(self, other: _Way) -> _Way:
        return _Way(other.across - self.across, other.away - self.away)

    @property
    def length(self) -> float:
        return float(np.hypot(self.across, self.away))


def lengths_of(
    walk: Walk, series: Sequence[PictureSeries], cycles: Sequence[Cycle], steps: Sequence[Step]
) -> dict[str, Measured | None]:
    """Step length, its asymmetry and walking speed, in body heights and seconds."""
    focal_px = FOCAL_LENGTH_WIDTHS * max(walk.video.width_px, walk.video.height_px)
    strides = [_stride(stretch, samples, focal_px) for stretch, samples in of_strides(series, cycles)]
    speeds = [way.length / seconds for way, seconds in strides if seconds > 0]
    left, right = (
        _step_lengths(series, [step for step in steps if step.foot == foot], focal_px) for foot in ("left", "right")
    )
    return {
        "step_length": mean_of([*left, *right]),
        "walking_speed": mean_of(speeds),
        "step_length_asymmetry": asymmetry_of(mean_of(left), mean_of(right)),
    }


def _stride(stretch: PictureSeries, samples: slice, focal_px: float) -> tuple[_Way, float]:
    """The way of one stride and its time."""
    first, last = samples.start, samples.stop - 1
    seconds = float(stretch.times_s[last] - stretch.times_s[first])
    return _place(stretch, first, focal_px).to(_place(stretch, last, focal_px)), seconds


def _place(stretch: PictureSeries, sample: int, focal_px: float) -> _Way:
    height_px = float(stretch.height_px[sample])
    hips_px = float(stretch.middle_of(HIPS)[sample, 0])
    return _Way((hips_px - stretch.middle_px) / height_px, focal_px / height_px)


def _step_lengths(series: Sequence[PictureSeries], steps: Sequence[Step], focal_px: float) -> list[float]:
    """How far the ankles are apart along the way when the foot lands."""
    found = []
    for step in steps:
        for stretch in series:
            samples = stretch.within(step.start_s, step.end_s)
            if samples is not None:
                way, _ = _stride(stretch, samples, focal_px)
                apart_px = float(np.ptp(stretch.points_px[samples.stop - 1, list(ANKLES), 0]))
                straight = abs(way.across) / max(way.length, 1e-6)
                if straight > 0.5:
                    found.append(apart_px / float(stretch.height_px[samples.stop - 1]) / straight)
                break
    return found
