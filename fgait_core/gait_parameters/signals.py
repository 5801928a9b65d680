"""How the feet of a walker move against the hips, forwards and upwards: what event detectors read.

A recording has gaps (frames in which the body is cut or hidden) and any frame rate. Each stretch without a gap is
brought to one even rate, freed of single wrong landmarks and low-pass filtered as gait laboratories do (Butterworth,
fourth order, forwards and backwards, so that nothing is delayed).

The same movement is given twice: in space, from the landmark network's own guess of depth, and in the picture, where
nothing is guessed: sideways the way the walker faces, and upwards. A camera above the floor shows a foot that is nearer
to it lower, so that upwards is forwards for who walks away and backwards for who comes near.

Somebody who turns is seen from another side; a stretch ends there, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

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
VIEW_SMOOTHING_S = 0.5
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
    """The feet in one stretch without gaps and turns.

    Attributes:
        times_s: float64 [sample], `RATE_HZ` a second, times of the recording.
        space: in the landmark network's space; forwards is where hips and shoulders face.
        picture: in the picture; forwards is sideways to where the walker faces.
        view: "front", "back" or "across" (side and oblique).
    """

    times_s: Floats
    space: FootTracks
    picture: FootTracks
    view: str


def gait_signals(walk: Walk) -> tuple[GaitSignals, ...]:
    """The signals of each stretch of a walk that is long enough to hold a step."""
    times_s = walk.sequence.timestamps_s
    found: list[GaitSignals] = []
    for part in stretches(times_s):
        if times_s[part[-1]] - times_s[part[0]] >= MIN_STRETCH_S:
            found += _signals_of(walk, part)
    return tuple(found)


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


def _signals_of(walk: Walk, part: NDArray[np.int64]) -> list[GaitSignals]:
    times_s = walk.sequence.timestamps_s[part]
    even_s = np.arange(times_s[0], times_s[-1], 1.0 / RATE_HZ)
    points = list(HIPS + ANKLES + HEELS + TOES)
    world = smoothed(walk.world_m[part].astype(np.float64), times_s, even_s)
    picture = smoothed(walk.landmarks_px[part][:, points].astype(np.float64), times_s, even_s)
    picture /= _height_px(walk.boxes_px[part], times_s, even_s)[:, None, None]
    facing = _facing(world)
    sideways = np.stack([np.sign(facing[:, 0]), np.zeros(len(facing))], axis=1)
    space, seen = world[:, points][:, :, [0, 2, 1]] / BODY_HEIGHT_M, picture[:, :, [0, 0, 1]]
    return [
        GaitSignals(even_s[run], _tracks(space[run], facing[run]), _tracks(seen[run], sideways[run]), view)
        for run, view in _runs_of_a_view(facing)
    ]


def _height_px(boxes_px: NDArray[np.float32], times_s: Floats, even_s: Floats) -> Floats:
    """Height of the body in the picture, without what changes within a step."""
    tall = smoothed((boxes_px[:, 3] - boxes_px[:, 1]).astype(np.float64), times_s, even_s)
    return np.maximum(gaussian_filter1d(tall, HEIGHT_SMOOTHING_S * RATE_HZ, mode="nearest"), 1.0)


def _runs_of_a_view(facing: Floats) -> list[tuple[slice, str]]:
    """Samples in a row that show the walker from one side, where they are long enough to hold a step."""
    calm = gaussian_filter1d(facing, VIEW_SMOOTHING_S * RATE_HZ, axis=0, mode="nearest")
    angles = np.degrees(np.arctan2(np.abs(calm[:, 0]), -calm[:, 1]))
    classes = np.digitize(angles, [FRONT_DEG, BACK_DEG])
    borders = [0, *(np.flatnonzero(np.diff(classes)) + 1).tolist(), len(classes)]
    return [
        (slice(first, behind), ("front", "across", "back")[classes[first]])
        for first, behind in pairwise(borders)
        if behind - first >= MIN_STRETCH_S * RATE_HZ
    ]


def _tracks(points: Floats, forwards: Floats) -> FootTracks:
    """Feet against hips.

    Args:
        points: [sample, point, axis]: hips, ankles, heels, toes, left before right; the last axis is down.
        forwards: [sample, first two axes].
    """
    feet = points[:, 2:] - points[:, :2].mean(axis=1, keepdims=True)
    ahead = np.einsum("tpi,ti->tp", feet[:, :, :2], forwards)
    placed = np.stack([ahead, -feet[:, :, 2]], axis=-1)
    return FootTracks(placed[:, 0:2], placed[:, 2:4], placed[:, 4:6])


def _facing(world: Floats) -> Floats:
    """Where the walker faces, [sample, to the right and away], from the lines of hips and shoulders."""
    lines = world[:, [HIPS[0], SHOULDERS[0]]].sum(axis=1) - world[:, [HIPS[1], SHOULDERS[1]]].sum(axis=1)
    left = gaussian_filter1d(lines[:, [0, 2]], DIRECTION_SMOOTHING_S * RATE_HZ, axis=0, mode="nearest")
    left /= np.maximum(np.linalg.norm(left, axis=1, keepdims=True), 1e-6)
    return np.stack([left[:, 1], -left[:, 0]], axis=1)
