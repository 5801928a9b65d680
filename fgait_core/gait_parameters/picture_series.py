"""The walker in the plane of the picture, stretch by stretch at an even rate: what lengths and angles are read from.

Places are in pixels of the video with the camera's own motion removed, smoothed as the signals of the events are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgait_core.gait_parameters.cycles import Cycle
from fgait_core.gait_parameters.signals import MIN_STRETCH_S, RATE_HZ, smoothed, stretches
from fgait_core.silhouettes.segmenter import HEELS, TOES
from fgait_core.silhouettes.walk import Walk

Floats = NDArray[np.float64]

_TALLEST_SHARE = 90.0
"""Percentile of the mask's height that counts as body height: the mask is tallest when the legs pass each other."""


@dataclass(frozen=True, slots=True, eq=False)
class PictureSeries:
    """One stretch of a walk without gaps.

    Attributes:
        times_s: float64 [sample], `signals.RATE_HZ` a second, times of the recording.
        points_px: float64 [sample, 33, 2], the landmarks; x right, y down.
        height_px: float64 [sample], body height at the walker's distance.
        seen: float64 [33], median visibility of each landmark.
        middle_px: the middle of the picture, x.
    """

    times_s: Floats
    points_px: Floats
    height_px: Floats
    seen: Floats
    middle_px: float

    @property
    def faces_right(self) -> bool:
        """Whether the walker faces the right of the picture, by where the toes point."""
        feet_px = self.points_px[:, list(TOES), 0] - self.points_px[:, list(HEELS), 0]
        return float(np.median(feet_px)) > 0

    @property
    def near_side(self) -> str:
        """The side of the body that is turned to the camera in profile."""
        return "right" if self.faces_right else "left"

    def middle_of(self, landmarks: Sequence[int]) -> Floats:
        """The mean of some landmarks, float64 [sample, 2]."""
        return self.points_px[:, list(landmarks)].mean(axis=1)

    def within(self, start_s: float, end_s: float) -> slice | None:
        """The samples from a time to another; None where the stretch does not hold both."""
        slack_s = 1.5 / RATE_HZ
        if start_s < self.times_s[0] - slack_s or end_s > self.times_s[-1] + slack_s:
            return None
        first, last = np.searchsorted(self.times_s, (start_s, end_s)).tolist()
        return slice(first, min(last + 1, len(self.times_s)))


def picture_series(walk: Walk) -> tuple[PictureSeries, ...]:
    """The stretches of a walk that are long enough to hold a step."""
    times_s = walk.sequence.timestamps_s
    placed_px = walk.landmarks_px.astype(np.float64) - walk.camera_px.astype(np.float64)[:, None]
    heights_px = (walk.boxes_px[:, 3] - walk.boxes_px[:, 1]).astype(np.float64)
    found = []
    for stretch in stretches(times_s):
        if times_s[stretch[-1]] - times_s[stretch[0]] < MIN_STRETCH_S:
            continue
        even_s = np.arange(float(times_s[stretch[0]]), float(times_s[stretch[-1]]), 1.0 / RATE_HZ)
        found.append(
            PictureSeries(
                even_s,
                smoothed(placed_px[stretch], times_s[stretch], even_s),
                _body_height_px(heights_px[stretch], times_s[stretch], even_s),
                np.median(walk.visibility[stretch], axis=0).astype(np.float64),
                walk.video.width_px / 2.0,
            )
        )
    return tuple(found)


def _body_height_px(heights_px: Floats, times_s: Floats, even_s: Floats) -> Floats:
    """Body height over time: its inverse, the distance, changes evenly in somebody who walks on."""
    middle_s = float(times_s.mean())
    line = np.polynomial.Polynomial.fit(times_s - middle_s, 1.0 / np.maximum(heights_px, 1.0), 2)
    tallest = float(np.percentile(heights_px * line(times_s - middle_s), _TALLEST_SHARE))
    return tallest / line(even_s - middle_s)


def whole_strides(series: Sequence[PictureSeries], stride_s: float) -> list[tuple[PictureSeries, slice]]:
    """The series cut into pieces of one stride each, wherever in the gait cycle they begin."""
    samples = round(stride_s * RATE_HZ)
    return [
        (stretch, slice(start, start + samples + 1))
        for stretch in series
        for start in range(0, len(stretch.times_s) - samples, samples)
    ]


def of_cycles(series: Sequence[PictureSeries], cycles: Sequence[Cycle]) -> list[tuple[PictureSeries, slice]]:
    """Where each cycle lies in the series; cycles that are in none are left out."""
    found = []
    for cycle in cycles:
        for stretch in series:
            samples = stretch.within(cycle.start_s, cycle.end_s)
            if samples is not None:
                found.append((stretch, samples))
                break
    return found
