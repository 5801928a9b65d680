"""Lengths and speeds of a walk seen from the side, in body heights.

The way along the picture is read in body heights of the walker at that place; the way towards the camera or away from
it follows from how the body's height in the picture changes, for the focal length that a phone usually has. In profile
that second part is small, so that a wrong focal length hardly matters; from other views it would decide the result, and
no length is given. A step is as long as the ankles are apart along the way when they are farthest apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from fgait_core.gait_parameters.measured import Measured, asymmetry_of, mean_of
from fgait_core.gait_parameters.picture_series import PictureSeries, whole_strides
from fgait_core.gait_parameters.signals import RATE_HZ
from fgait_core.silhouettes.people import FOCAL_LENGTH_WIDTHS
from fgait_core.silhouettes.segmenter import ANKLES, HIPS
from fgait_core.silhouettes.walk import Walk

WAY_TOLERANCE = 0.35
"""By how much strides over the floor may differ from two steps before the speed is not believed."""
LEAST_ACROSS = 0.5
"""A way that goes across the picture by less than this share of its length is no profile."""
APART_IN_TIME = 0.6
"""Two steps are at least this share of a step's time apart."""
LEAST_SHARE = 0.5
"""A step is at least this share of the long ones."""


@dataclass(frozen=True, slots=True)
class _Way:
    """From one place on the floor to another, in body heights: across the picture and away from the camera."""

    across: float
    away: float

    @property
    def length(self) -> float:
        return float(np.hypot(self.across, self.away))


def lengths_of(walk: Walk, series: Sequence[PictureSeries], stride_s: float) -> dict[str, Measured | None]:
    """Step length, its asymmetry and walking speed, in body heights and seconds.

    Args:
        walk: for the size of its picture.
        series: of `picture_series`.
        stride_s: of `periodicity.stride_time_of`.
    """
    focal_px = FOCAL_LENGTH_WIDTHS * max(walk.video.width_px, walk.video.height_px)
    ways = [_way(stretch, samples, focal_px) for stretch, samples in whole_strides(series, stride_s)]
    steps = [step for stretch in series for step in _steps(stretch, stride_s, focal_px)]
    left, right = (mean_of([length for foot, length in steps if foot == side]) for side in ("left", "right"))
    step_length = mean_of([length for _, length in steps])
    believed = _agree([way.length for way in ways], step_length)
    return {
        "step_length": step_length,
        "walking_speed": mean_of([way.length / stride_s for way in ways]) if believed else None,
        "step_length_asymmetry": asymmetry_of(left, right),
    }


def _agree(stride_lengths: Sequence[float], step_length: Measured | None) -> bool:
    """Whether the way over the floor fits the steps: it does not where the camera's own motion was misread."""
    if not stride_lengths or step_length is None:
        return False
    return abs(float(np.mean(stride_lengths)) / (2.0 * step_length.value) - 1.0) <= WAY_TOLERANCE


def _way(stretch: PictureSeries, samples: slice, focal_px: float) -> _Way:
    """The way of the hips from the first to the last of some samples."""
    ends = [samples.start, samples.stop - 1]
    heights_px = stretch.height_px[ends]
    across = (stretch.middle_of(HIPS)[ends, 0] - stretch.middle_px) / heights_px
    away = focal_px / heights_px
    return _Way(float(across[1] - across[0]), float(away[1] - away[0]))


def _steps(stretch: PictureSeries, stride_s: float, focal_px: float) -> Iterator[tuple[str, float]]:
    """The leading foot and the length of each step."""
    apart = _ankles_apart(stretch)
    half = round(0.5 * stride_s * RATE_HZ)
    tall = LEAST_SHARE * float(np.percentile(np.abs(apart), 95))
    for peak in find_peaks(np.abs(apart), height=tall, distance=max(1, round(APART_IN_TIME * half)))[0].tolist():
        around = slice(max(0, peak - half), min(len(apart), peak + half + 1))
        way = _way(stretch, around, focal_px)
        share = abs(way.across) / max(way.length, 1e-6)
        if share >= LEAST_ACROSS:
            yield ("left" if apart[peak] > 0 else "right"), abs(float(apart[peak])) / share


def _ankles_apart(stretch: PictureSeries) -> NDArray[np.float64]:
    """How far the left ankle is before the right one [sample], in body heights across the picture."""
    apart_px = stretch.points_px[:, ANKLES[0], 0] - stretch.points_px[:, ANKLES[1], 0]
    return (apart_px if stretch.faces_right else -apart_px) / stretch.height_px
