"""Angles of the limbs seen from the side, on the side of the body that is turned to the camera.

The far arm and the far leg are hidden half of the time, and the landmark network then guesses; their angles are not
given. Hip: the thigh against upright, forward positive. Knee: bend. Arm: the upper arm against upright, forward
positive. The ankle is not seen well enough (docs/evidence/gait_parameters.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fgait_core.gait_parameters.cycles import Cycle
from fgait_core.gait_parameters.measured import Measured, mean_of
from fgait_core.gait_parameters.picture_series import PictureSeries, of_cycles
from fgait_core.silhouettes.segmenter import ANKLES, HIPS, KNEES, SHOULDERS

Floats = NDArray[np.float64]

ELBOWS = (13, 14)
CURVE_JOINTS = ("hip", "knee", "arm")
LEAST_SEEN = 0.5
"""Median visibility below which a landmark is a guess."""
_LANDMARKS = {
    "hip": (HIPS, KNEES),
    "knee": (HIPS, KNEES, ANKLES),
    "arm": (SHOULDERS, ELBOWS),
}
_RANGES = {"hip_range": "hip", "knee_range": "knee", "arm_swing": "arm"}


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
    if joint != "knee":
        return _down_deg(points[0], points[1], forward)
    return _down_deg(points[0], points[1], forward) - _down_deg(points[1], points[2], forward)


def _index(stretch: PictureSeries) -> int:
    return 0 if stretch.near_side == "left" else 1


def _down_deg(upper: Floats, lower: Floats, forward: float) -> Floats:
    """Direction of a limb against straight down [sample], forward positive."""
    limb = lower - upper
    return np.degrees(np.arctan2(forward * limb[:, 0], limb[:, 1]))
