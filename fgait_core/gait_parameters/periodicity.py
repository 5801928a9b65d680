"""How long a stride takes, found without telling left from right and without any event: a check on the events.

The outline grows and shrinks, the ankles part and meet, and the head rises and falls in step, whichever leg the
landmark network takes for the left one. The mean autocorrelation of these peaks at one stride.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from fgait_core.gait_parameters.measured import Measured
from fgait_core.gait_parameters.signals import MIN_STRETCH_S, stretches
from fgait_core.silhouettes.segmenter import ANKLES, EARS, NOSE
from fgait_core.silhouettes.walk import Walk

Floats = NDArray[np.float64]

RATE_HZ = 60.0
SHORTEST_S, LONGEST_S = 0.75, 1.9
LEAST_CORRELATION = 0.3
SAME_SHARE = 0.85
"""A shorter lag that correlates nearly as well as the best one is the stride; the best one is then two strides."""
_SMOOTHING_S, _SLOW_S = 0.035, 0.5


def stride_period_s(walk: Walk) -> float | None:
    """Usual time of a stride; None where the movement does not repeat clearly enough or the walk is too short."""
    found = stride_time_of(walk)
    return None if found is None else found.value


def stride_time_of(walk: Walk) -> Measured | None:
    """The same with the number of strides seen and the standard error, from how far the four signals differ."""
    times_s = walk.sequence.timestamps_s
    lags = np.arange(1, round(LONGEST_S * RATE_HZ) + 2)
    parts, seen_s = [], []
    for stretch in stretches(times_s):
        seconds = float(times_s[stretch[-1]] - times_s[stretch[0]])
        if seconds >= max(MIN_STRETCH_S, 1.5 * SHORTEST_S):
            parts.append(_autocorrelations(walk, stretch, lags))
            seen_s.append(seconds)
    if not parts:
        return None
    each = np.average(np.stack(parts), axis=0, weights=seen_s)
    lag = _best_lag(each.mean(axis=0), lags)
    if lag is None:
        return None
    period_s = _peak_near(each.mean(axis=0), lags, lag) / RATE_HZ
    spread_s = np.std([_peak_near(row, lags, lag) / RATE_HZ for row in each], ddof=1)
    return Measured(period_s, int(sum(seen_s) / period_s), float(spread_s) / np.sqrt(len(each)))


def _autocorrelations(walk: Walk, stretch: NDArray[np.int64], lags: NDArray[np.int64]) -> Floats:
    times_s = walk.sequence.timestamps_s[stretch]
    even_s = np.arange(float(times_s[0]), float(times_s[-1]), 1.0 / RATE_HZ)
    rows = [np.interp(even_s, times_s, signal[stretch]) for signal in _signals(walk)]
    return np.stack([_autocorrelation(row, lags) for row in rows])


def _signals(walk: Walk) -> tuple[Floats, ...]:
    boxes = walk.boxes_px.astype(np.float64)
    points, world = walk.landmarks_px.astype(np.float64), walk.world_m.astype(np.float64)
    height = np.maximum(boxes[:, 3] - boxes[:, 1], 1.0)
    left, right = ANKLES
    return (
        (boxes[:, 2] - boxes[:, 0]) / height,
        np.linalg.norm(points[:, left] - points[:, right], axis=1) / height,
        np.linalg.norm(world[:, left] - world[:, right], axis=1),
        (points[:, [NOSE, *EARS], 1].mean(axis=1) - walk.camera_px[:, 1]) / height,
    )


def _autocorrelation(values: Floats, lags: NDArray[np.int64]) -> Floats:
    """At the lags; 0 where fewer than a third of the values overlap."""
    calm = gaussian_filter1d(values, _SMOOTHING_S * RATE_HZ, mode="nearest")
    calm = calm - gaussian_filter1d(calm, _SLOW_S * RATE_HZ, mode="nearest")
    calm -= calm.mean()
    power = max(float((calm**2).mean()), 1e-12)
    out = np.zeros(len(lags))
    for place, lag in enumerate(lags.tolist()):
        if 3 * (len(calm) - lag) >= len(calm):
            out[place] = float((calm[lag:] * calm[:-lag]).mean()) / power
    return out


def _best_lag(correlation: Floats, lags: NDArray[np.int64]) -> int | None:
    peaks, _ = find_peaks(correlation, height=LEAST_CORRELATION)
    peaks = peaks[(lags[peaks] >= SHORTEST_S * RATE_HZ) & (lags[peaks] <= LONGEST_S * RATE_HZ)]
    if len(peaks) == 0:
        return None
    good = peaks[correlation[peaks] >= SAME_SHARE * correlation[peaks].max()]
    return int(lags[good[0]])


def _peak_near(correlation: Floats, lags: NDArray[np.int64], lag: int) -> float:
    """The highest place within a tenth of a lag, between the samples by a parabola."""
    near = np.flatnonzero(np.abs(lags - lag) <= 0.1 * lag)
    place = int(near[np.argmax(correlation[near])])
    if place in (0, len(lags) - 1):
        return float(lags[place])
    before, at, after = correlation[place - 1 : place + 2].tolist()
    bend = before - 2.0 * at + after
    shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return float(lags[place]) + float(np.clip(shift, -0.5, 0.5))
