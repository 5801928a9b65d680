"""How the feet of a walker move against the hips, forwards and upwards: what event detectors read.

A recording has gaps (frames in which the body is cut or hidden) and any frame rate. Each stretch without a gap is
brought to one even rate, freed of single wrong landmarks and low-pass filtered as gait laboratories do (Butterworth,
fourth order, forwards and backwards, so that nothing is delayed).

The same movement is given twice: in space, from the landmark network's own guess of depth, and in the picture, where
nothing is guessed. Forwards in the picture is sideways in a side view; towards the camera it is downwards, because a
camera above the floor shows a nearer foot lower, and away from it upwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d, median_filter
from scipy.signal import butter, sosfiltfilt

from fgait_core.silhouettes.body import BODY_HEIGHT_M
from fgait_core.silhouettes.segmenter import ANKLES, HEELS, HIPS, SHOULDERS, TOES
from fgait_core.silhouettes.walk import Walk

MAX_GAP_S = 0.25
MIN_STRETCH_S = 0.5
RATE_HZ = 100.0
CUT_OFF_HZ = 6.0
DIRECTION_SMOOTHING_S = 0.4
"""The way somebody faces changes slowly; the turns of hips and shoulders within a stride are left out."""
HEIGHT_SMOOTHING_S = 0.2
DEPTH_SHARE = 0.35
"""How far a metre towards the camera moves a foot down the picture, against a metre sideways; about right will do."""
FRONT_DEG, BACK_DEG = 22.5, 157.5

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FootTracks:
    """Points of both feet against the middle of the hips, in body heights.

    Attributes:
        ankle, heel, toe: float64 [sample, foot (left, right), forwards and up].
    """

    ankle: Floats
    heel: Floats
    toe: Floats


@dataclass(frozen=True, slots=True, eq=False)
class GaitSignals:
    """The feet in one stretch without gaps.

    Attributes:
        times_s: float64 [sample], `RATE_HZ` a second, times of the recording.
        space: in the landmark network's space.
        picture: in the picture.
        view_deg: how far the walker turns from the camera: 0 front, 90 side, 180 back.
        frame_rate_hz: of the recording in this stretch.
    """

    times_s: Floats
    space: FootTracks
    picture: FootTracks
    view_deg: float
    frame_rate_hz: float

    @property
    def view(self) -> str:
        """front, back or across."""
        if self.view_deg <= FRONT_DEG:
            return "front"
        return "back" if self.view_deg >= BACK_DEG else "across"


def gait_signals(walk: Walk) -> tuple[GaitSignals, ...]:
    """The signals of each stretch of a walk that is long enough to hold a step."""
    times_s = walk.sequence.timestamps_s
    long_ones = (part for part in stretches(times_s) if times_s[part[-1]] - times_s[part[0]] >= MIN_STRETCH_S)
    return tuple(_signals_of(walk, part) for part in long_ones)


def stretches(times_s: Floats) -> list[NDArray[np.int64]]:
    """The numbers of the frames between gaps, stretch by stretch."""
    return np.split(np.arange(len(times_s)), np.flatnonzero(np.diff(times_s) > MAX_GAP_S) + 1)


def smoothed(values: Floats, times_s: Floats, even_s: Floats) -> Floats:
    """Values [frame, ...] brought to even times, single wrong ones and everything above `CUT_OFF_HZ` taken away."""
    rate_hz = 1.0 / float(np.median(np.diff(times_s)))
    size = (5 if rate_hz > 40 else 3, *[1] * (values.ndim - 1))
    calm = median_filter(values, size=size, mode="nearest")
    even = PchipInterpolator(times_s, calm, axis=0)(even_s)
    sos = butter(2, CUT_OFF_HZ, fs=RATE_HZ, output="sos")  # forwards and backwards: fourth order
    return sosfiltfilt(sos, even, axis=0, padtype="odd", padlen=min(len(even) - 1, round(0.3 * RATE_HZ)))


def _signals_of(walk: Walk, part: NDArray[np.int64]) -> GaitSignals:
    times_s = walk.sequence.timestamps_s[part]
    even_s = np.arange(times_s[0], times_s[-1], 1.0 / RATE_HZ)
    points = list(HIPS + ANKLES + HEELS + TOES)
    world = smoothed(walk.world_m[part].astype(np.float64), times_s, even_s)
    picture = smoothed(walk.landmarks_px[part][:, points].astype(np.float64), times_s, even_s)
    boxes_px = walk.boxes_px[part].astype(np.float64)
    height_px = smoothed(boxes_px[:, 3] - boxes_px[:, 1], times_s, even_s)
    height_px = gaussian_filter1d(height_px, HEIGHT_SMOOTHING_S * RATE_HZ, mode="nearest")
    facing = _facing(world)
    down = facing * np.array([1.0, -DEPTH_SHARE])
    down /= np.maximum(np.linalg.norm(down, axis=1, keepdims=True), 1e-6)
    angles = np.degrees(np.arctan2(np.abs(facing[:, 0]), -facing[:, 1]))
    return GaitSignals(
        times_s=even_s,
        space=_tracks(world[:, points] / BODY_HEIGHT_M, facing, across=(0, 2)),
        picture=_tracks(picture / np.maximum(height_px, 1.0)[:, None, None], down, across=(0, 1)),
        view_deg=float(np.median(angles)),
        frame_rate_hz=1.0 / float(np.median(np.diff(times_s))),
    )


def _tracks(points: Floats, forwards: Floats, across: tuple[int, int]) -> FootTracks:
    """Feet against hips; `points` are hips, ankles, heels, toes, left before right, `forwards` has the axes `across`."""
    feet = points[:, 2:] - points[:, :2].mean(axis=1, keepdims=True)
    ahead = np.einsum("tpi,ti->tp", feet[:, :, list(across)], forwards)
    placed = np.stack([ahead, -feet[:, :, 1]], axis=-1)
    return FootTracks(placed[:, 0:2], placed[:, 2:4], placed[:, 4:6])


def _facing(world: Floats) -> Floats:
    """Where the walker faces, [sample, to the right and away], from the lines of hips and shoulders."""
    lines = sum(world[:, pair[0]] - world[:, pair[1]] for pair in (HIPS, SHOULDERS))
    left = gaussian_filter1d(lines[:, [0, 2]], DIRECTION_SMOOTHING_S * RATE_HZ, axis=0, mode="nearest")
    left /= np.maximum(np.linalg.norm(left, axis=1, keepdims=True), 1e-6)
    return np.stack([left[:, 1], -left[:, 0]], axis=1)
