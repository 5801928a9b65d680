"""Angles of the limbs seen from the side, on the side of the body that is turned to the camera.

The far arm and the far leg are hidden half of the time, and the landmark network then guesses; their angles are not
given. Hip: the thigh against upright, forward positive. Knee: bend. Ankle: the foot towards the shank, 0 in standing,
toes up positive. Arm: the upper arm against upright, forward positive.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fgait_core.gait_parameters.cycles import Cycle
from fgait_core.gait_parameters.measured import Measured, mean_of
from fgait_core.gait_parameters.picture_series import PictureSeries, of_cycles
from fgait_core.silhouettes.segmenter import ANKLES, HEELS, HIPS, KNEES, SHOULDERS, TOES

Floats = NDArray[np.float64]

ELBOWS = (13, 14)
CURVE_JOINTS = ("hip", "knee", "arm")
"""Joints whose movement is seen well enough to be drawn; the ankle's is not (docs/evidence/gait_parameters.md)."""
LEAST_SEEN = 0.5
"""Median visibility below which a landmark is a guess."""
_LANDMARKS = {
    "hip": (HIPS, KNEES),
    "knee": (HIPS, KNEES, ANKLES),
    "ankle": (KNEES, ANKLES, HEELS, TOES),
    "arm": (SHOULDERS, ELBOWS),
}
_RANGES = {"hip_range": "hip", "knee_range": "knee", "ankle_range": "ankle", "arm_swing": "arm"}


def ranges_of(strides: Sequence[tuple[PictureSeries, slice]]) -> dict[str, Measured | None]:
    """Peak to peak of each joint of the near side over whole strides, of `picture_series.whole_strides`."""
    return {name: _range(strides, joint) for name, joint in _RANGES.items()}


def _range(strides: Sequence[tuple[PictureSeries, slice]], joint: str) -> Measured | None:
    seen = [(stretch, samples) for stretch, samples in strides if is_seen(stretch, joint)]
    return mean_of([float(np.ptp(joint_deg(stretch, joint)[samples])) for stretch, samples in seen])


def near_strides(series: Sequence[PictureSeries], cycles: Sequence[Cycle]) -> list[tuple[PictureSeries, slice]]:
    """The cycles of the foot on the near side."""
    pairs = ((cycle, of_cycles(series, [cycle])) for cycle in cycles)
    return [place for cycle, places in pairs for place in places if cycle.foot == place[0].near_side]


def is_seen(stretch: PictureSeries, joint: str) -> bool:
    """Whether the landmarks of a joint of the near side are seen most of the time."""
    side = _index(stretch)
    return all(stretch.seen[pair[side]] >= LEAST_SEEN for pair in _LANDMARKS[joint])


def joint_deg(stretch: PictureSeries, joint: str) -> Floats:
    """The angle of a joint of the near side [sample]."""
    points = [stretch.points_px[:, pair[_index(stretch)]] for pair in _LANDMARKS[joint]]
    forward = 1.0 if stretch.faces_right else -1.0
    if joint in ("hip", "arm"):
        return _down_deg(points[0], points[1], forward)
    if joint == "knee":
        return _down_deg(points[0], points[1], forward) - _down_deg(points[1], points[2], forward)
    sole = points[3] - points[2]
    foot_deg = np.degrees(np.arctan2(-sole[:, 1], forward * sole[:, 0]))
    return (foot_deg - _down_deg(points[0], points[1], forward) + 180.0) % 360.0 - 180.0


def _index(stretch: PictureSeries) -> int:
    return 0 if stretch.near_side == "left" else 1


def _down_deg(upper: Floats, lower: Floats, forward: float) -> Floats:
    """Direction of a limb against straight down [sample], forward positive."""
    limb = lower - upper
    return np.degrees(np.arctan2(forward * limb[:, 0], limb[:, 1]))
