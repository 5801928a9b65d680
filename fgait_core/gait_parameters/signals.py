"""How the feet of a walker move against the hips, forwards and upwards: what event detectors read.

A recording has gaps (frames in which the body is cut or hidden) and any frame rate. Each stretch without a gap is
brought to one even rate, freed of single wrong landmarks and low-pass filtered as gait laboratories do (Butterworth,
fourth order, forwards and backwards, so that nothing is delayed).

Forwards is where the hips and the shoulders point, frame by frame, so that a walker may turn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d, median_filter
from scipy.signal import butter, sosfiltfilt

from fgait_core.silhouettes.segmenter import ANKLES, HEELS, HIPS, SHOULDERS, TOES
from fgait_core.silhouettes.walk import Walk

MAX_GAP_S = 0.25
MIN_STRETCH_S = 0.5
RATE_HZ = 100.0
CUT_OFF_HZ = 6.0
DIRECTION_SMOOTHING_S = 0.4
"""The way somebody faces changes slowly; the turns of hips and shoulders within a stride are left out."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class GaitSignals:
    """The feet in one stretch without gaps; axes are [sample, foot (left, right), forwards and up].

    Positions are in the metres of the landmark network (a person of about 1.7 m), from the middle of the hips.

    Attributes:
        times_s: float64 [sample], `RATE_HZ` a second, times of the recording.
        ankle_m, heel_m, toe_m: float64 [sample, 2, 2].
        frame_rate_hz: of the recording in this stretch.
    """

    times_s: Floats
    ankle_m: Floats
    heel_m: Floats
    toe_m: Floats
    frame_rate_hz: float


def gait_signals(walk: Walk) -> tuple[GaitSignals, ...]:
    """The signals of each stretch of a walk that is long enough to hold a step."""
    times_s = walk.sequence.timestamps_s
    found = []
    for stretch in stretches(times_s):
        if times_s[stretch[-1]] - times_s[stretch[0]] >= MIN_STRETCH_S:
            found.append(_signals_of(walk.world_m[stretch].astype(np.float64), times_s[stretch]))
    return tuple(found)


def stretches(times_s: Floats) -> list[NDArray[np.int64]]:
    """The numbers of the frames between gaps, stretch by stretch."""
    return np.split(np.arange(len(times_s)), np.flatnonzero(np.diff(times_s) > MAX_GAP_S) + 1)


def _signals_of(world_m: Floats, times_s: Floats) -> GaitSignals:
    frame_rate_hz = 1.0 / float(np.median(np.diff(times_s)))
    even_s = np.arange(times_s[0], times_s[-1], 1.0 / RATE_HZ)
    points = list(HIPS + SHOULDERS + ANKLES + HEELS + TOES)
    even = smoothed(world_m[:, points], times_s, even_s)
    forwards = _forwards(even)
    feet = even[:, 4:] - even[:, :2].mean(axis=1, keepdims=True)
    ahead = np.einsum("tpi,ti->tp", feet[:, :, [0, 2]], forwards)
    placed = np.stack([ahead, -feet[:, :, 1]], axis=-1)
    return GaitSignals(even_s, placed[:, 0:2], placed[:, 2:4], placed[:, 4:6], frame_rate_hz)


def smoothed(values: Floats, times_s: Floats, even_s: Floats) -> Floats:
    """Values [frame, ...] brought to even times, single wrong ones and everything above `CUT_OFF_HZ` taken away."""
    rate_hz = 1.0 / float(np.median(np.diff(times_s)))
    size = (5 if rate_hz > 40 else 3, *[1] * (values.ndim - 1))
    calm = median_filter(values, size=size, mode="nearest")
    even = PchipInterpolator(times_s, calm, axis=0)(even_s)
    sos = butter(2, CUT_OFF_HZ, fs=RATE_HZ, output="sos")  # forwards and backwards: fourth order
    return sosfiltfilt(sos, even, axis=0, padtype="odd", padlen=min(len(even) - 1, round(0.3 * RATE_HZ)))


def _forwards(even: Floats) -> Floats:
    """Where the walker faces, [sample, x and z], from the lines of hips and shoulders; left is at their left end."""
    lines = (even[:, 0] - even[:, 1]) + (even[:, 2] - even[:, 3])
    left = gaussian_filter1d(lines[:, [0, 2]], DIRECTION_SMOOTHING_S * RATE_HZ, axis=0, mode="nearest")
    left /= np.maximum(np.linalg.norm(left, axis=1, keepdims=True), 1e-6)
    return np.stack([left[:, 1], -left[:, 0]], axis=1)
