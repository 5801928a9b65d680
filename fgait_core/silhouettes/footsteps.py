"""Footsteps and the manner of moving, from landmarks: enough to tell walking from standing, kicking or cycling.

The feet are farthest apart at each foot contact. The difference between left and right ankle, taken along the level
direction in which it varies most (forwards, whatever the view), therefore swings once per stride; each turning point is
one footstep.

Deviations: contacts are counted, not timed for gait parameters; double support is not measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter
from scipy.signal import find_peaks

from fgait_core.silhouettes.body import BODY_HEIGHT_M
from fgait_core.silhouettes.people import FOCAL_LENGTH_WIDTHS
from fgait_core.silhouettes.segmenter import ANKLES, HIPS, KNEES, SHOULDERS
from fgait_core.silhouettes.walk import Walk

MAX_GAP_S = 0.25
SMOOTHING_S = 0.05
MIN_SWING_M = 0.12
MIN_SWING_SHARE = 0.35
"""A turning point counts if the swing to it is at least this share of the usual swing."""


@dataclass(frozen=True, slots=True, eq=False)
class Manner:
    """How a person moves.

    Attributes:
        step_times_s: float64 [step], when the feet were farthest apart, in order of time.
        cadence_per_min: steps a minute; 0 with fewer than two steps.
        travel_body_heights: largest distance between two places, sideways and in depth, the camera's motion removed.
        speed_body_heights_s: that distance by the time that it took.
        straight_leg_deg: usual angle of the straighter knee; 180 is straight.
        trunk_lean_deg: usual lean of the trunk in the picture against upright.
        view_deg: angle between the chest's direction and the camera: 0 front, 90 side, 180 back.
    """

    step_times_s: NDArray[np.float64]
    cadence_per_min: float
    travel_body_heights: float
    speed_body_heights_s: float
    straight_leg_deg: float
    trunk_lean_deg: float
    view_deg: float

    @property
    def steps(self) -> int:
        """Number of footsteps."""
        return len(self.step_times_s)


def manner_of(walk: Walk) -> Manner:
    """Measures how the person of a walk moves."""
    steps_s, intervals_s = _footsteps(walk)
    travel, seconds = _travel(walk)
    return Manner(
        step_times_s=steps_s,
        cadence_per_min=60.0 / float(np.median(intervals_s)) if len(intervals_s) else 0.0,
        travel_body_heights=travel,
        speed_body_heights_s=travel / seconds if seconds > 0 else 0.0,
        straight_leg_deg=float(np.median(np.maximum(_knee_deg(walk, 0), _knee_deg(walk, 1)))),
        trunk_lean_deg=_trunk_lean_deg(walk),
        view_deg=_view_deg(walk),
    )


def _footsteps(walk: Walk) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times of the footsteps, and the intervals between those that follow each other without a gap."""
    times_s = walk.sequence.timestamps_s
    apart_m = walk.world_m[:, ANKLES[0]] - walk.world_m[:, ANKLES[1]]
    level_m = apart_m[:, [0, 2]].astype(np.float64)
    found: list[NDArray[np.float64]] = []
    borders = np.flatnonzero(np.diff(times_s) > MAX_GAP_S) + 1
    for stretch in np.split(np.arange(len(times_s)), borders):
        if len(stretch) >= 5:
            found.append(_turning_points_s(level_m[stretch], times_s[stretch]))
    if not found:
        return np.zeros(0), np.zeros(0)
    return np.concatenate(found), np.concatenate([np.diff(times) for times in found])


def _turning_points_s(level_m: NDArray[np.float64], times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    rate_hz = 1.0 / float(np.median(np.diff(times_s)))
    even_s = np.arange(times_s[0], times_s[-1], 1.0 / rate_hz)
    even = np.stack([np.interp(even_s, times_s, level_m[:, i]) for i in range(2)], axis=1)
    calm = median_filter(even, size=(5 if rate_hz > 40 else 3, 1), mode="nearest")
    calm = gaussian_filter1d(calm, SMOOTHING_S * rate_hz, axis=0, mode="nearest")
    calm = calm - np.median(calm, axis=0)
    _, _, directions = np.linalg.svd(calm, full_matrices=False)
    swing = calm @ directions[0]
    usual = float(np.percentile(swing, 95) - np.percentile(swing, 5))
    prominence = max(MIN_SWING_M, MIN_SWING_SHARE * usual)
    # Padding lets the first and the last turning point count only if the swing really turns there.
    turns = np.concatenate([find_peaks(sign * swing, prominence=prominence)[0] for sign in (1.0, -1.0)])
    return even_s[np.sort(turns)]


def _travel(walk: Walk) -> tuple[float, float]:
    """Largest distance between two places in body heights, and the time between them."""
    side_px = max(walk.video.width_px, walk.video.height_px)
    scale = median_filter(walk.scales_px_per_m.astype(np.float64), size=min(9, len(walk.sequence)), mode="nearest")
    hips_px = walk.landmarks_px[:, HIPS, 0].mean(axis=1) - walk.camera_px[:, 0]
    places = np.stack([(hips_px - walk.video.width_px / 2) / scale, FOCAL_LENGTH_WIDTHS * side_px / scale], axis=1)
    places /= BODY_HEIGHT_M
    # Some hundred places are enough, and the table of distances stays small for long videos.
    chosen = np.unique(np.linspace(0, len(places) - 1, min(len(places), 300)).astype(int))
    distances = np.linalg.norm(places[chosen][:, None] - places[chosen][None], axis=2)
    a, b = np.unravel_index(int(np.argmax(distances)), distances.shape)
    times_s = walk.sequence.timestamps_s[chosen]
    return float(distances[a, b]), float(abs(times_s[a] - times_s[b]))


def _knee_deg(walk: Walk, side: int) -> NDArray[np.float64]:
    knee = walk.world_m[:, KNEES[side]]
    thigh = walk.world_m[:, HIPS[side]] - knee
    shank = walk.world_m[:, ANKLES[side]] - knee
    lengths = np.linalg.norm(thigh, axis=1) * np.linalg.norm(shank, axis=1)
    cosine = (thigh * shank).sum(axis=1) / np.maximum(lengths, 1e-6)
    return np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))


def _trunk_lean_deg(walk: Walk) -> float:
    trunk = walk.landmarks_px[:, SHOULDERS].mean(axis=1) - walk.landmarks_px[:, HIPS].mean(axis=1)
    return float(np.median(np.degrees(np.arctan2(np.abs(trunk[:, 0]), -trunk[:, 1]))))


def _view_deg(walk: Walk) -> float:
    """From the lines of the shoulders and the hips: they point to the right in the picture for who faces the camera."""
    lines = [walk.world_m[:, pair[0]] - walk.world_m[:, pair[1]] for pair in (SHOULDERS, HIPS)]
    angles = [np.arctan2(np.abs(line[:, 2]), line[:, 0]) for line in lines]
    return float(np.degrees(np.median(np.concatenate(angles))))
