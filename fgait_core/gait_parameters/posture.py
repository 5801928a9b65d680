"""How the body is held and moves as a whole: lean, obliquities, sway and bob, stride by stride."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fgait_core.gait_parameters.measured import Measured, mean_of
from fgait_core.gait_parameters.picture_series import PictureSeries
from fgait_core.silhouettes.segmenter import EARS, HIPS, NOSE, SHOULDERS

Floats = NDArray[np.float64]
LANDMARKS_LEAN_DEG = 4.0
"""Mean error over simulated walkers in profile (docs/evidence/gait_parameters.md)."""
Places = Sequence[tuple[PictureSeries, slice]]


def posture_of(strides: Places) -> dict[str, Measured | None]:
    """Trunk lean, obliquities, lateral sway and head bob.

    Means are over whole strides, so that the swing of a stride takes itself out.

    Args:
        strides: of `picture_series.whole_strides`.
    """
    return {
        "trunk_lean": mean_of([float(trunk_lean_deg(stretch)[samples].mean()) for stretch, samples in strides]),
        "shoulder_obliquity": mean_of([float(tilt_deg(s, SHOULDERS)[samples].mean()) for s, samples in strides]),
        "pelvis_obliquity": mean_of([float(tilt_deg(s, HIPS)[samples].mean()) for s, samples in strides]),
        "lateral_sway": mean_of([100.0 * _range_about_line(_across(s)[samples]) for s, samples in strides]),
        "head_bob": mean_of([100.0 * _range_about_line(_head_down(s)[samples]) for s, samples in strides]),
    }


def trunk_lean_deg(stretch: PictureSeries) -> Floats:
    """Lean of the trunk against upright [sample], forward positive; in profile only.

    In the picture the landmarks of the shoulders lie behind the joints and those of the hips before them, so that
    somebody who stands upright seems to lean backwards by `LANDMARKS_LEAN_DEG`; that is taken away.
    """
    trunk_px = stretch.middle_of(SHOULDERS) - stretch.middle_of(HIPS)
    forward = 1.0 if stretch.faces_right else -1.0
    return np.degrees(np.arctan2(forward * trunk_px[:, 0], -trunk_px[:, 1])) + LANDMARKS_LEAN_DEG


def tilt_deg(stretch: PictureSeries, pair: tuple[int, int]) -> Floats:
    """Tilt of the line from the left to the right landmark of a pair [sample]: the right one lower is positive."""
    line_px = stretch.points_px[:, pair[1]] - stretch.points_px[:, pair[0]]
    return np.degrees(np.arctan2(line_px[:, 1], np.abs(line_px[:, 0])))


def _across(stretch: PictureSeries) -> Floats:
    return (stretch.middle_of(HIPS)[:, 0] - stretch.middle_px) / stretch.height_px


def _head_down(stretch: PictureSeries) -> Floats:
    return stretch.middle_of((NOSE, *EARS))[:, 1] / stretch.height_px


def _range_about_line(values: Floats) -> float:
    """Peak to peak about the line from the first to the last value: the way that the walker goes is left out."""
    return float(np.ptp(values - np.linspace(values[0], values[-1], len(values))))
