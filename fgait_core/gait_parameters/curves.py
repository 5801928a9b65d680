"""Joint angles over the gait cycle, the mean of the strides of one recording."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from fgait_core.gait_parameters.angles import CURVE_JOINTS, is_seen, joint_deg, near_strides
from fgait_core.gait_parameters.cycles import Cycle
from fgait_core.gait_parameters.picture_series import PictureSeries, of_cycles
from fgait_core.gait_parameters.posture import tilt_deg, trunk_lean_deg
from fgait_core.screening_result import JointCurveFacts
from fgait_core.silhouettes.segmenter import HIPS

Floats = NDArray[np.float64]
Places = Sequence[tuple[PictureSeries, slice]]

POINTS = 51
LEAST_STRIDES = 2


def curves_of(series: Sequence[PictureSeries], cycles: Sequence[Cycle], view: str) -> tuple[JointCurveFacts, ...]:
    """The curves that a view supports.

    From the side: the limbs of the near side from heel strike to heel strike of its foot, and the trunk. From the
    front: the pelvis, from heel strike to heel strike of the left foot.
    """
    if view == "side":
        places = near_strides(series, cycles)
        limbs = [_limb(places, joint) for joint in CURVE_JOINTS]
        return tuple(curve for curve in (*limbs, _curve(places, trunk_lean_deg, "trunk", "")) if curve is not None)
    if view == "front":
        places = of_cycles(series, [cycle for cycle in cycles if cycle.foot == "left"])
        curve = _curve(places, lambda stretch: tilt_deg(stretch, HIPS), "pelvis", "")
        return () if curve is None else (curve,)
    return ()


def _limb(places: Places, joint: str) -> JointCurveFacts | None:
    seen = [place for place in places if is_seen(place[0], joint)]
    side = seen[0][0].near_side if seen else ""
    same = [place for place in seen if place[0].near_side == side]
    return _curve(same, lambda stretch: joint_deg(stretch, joint), joint, side)


def _curve(
    places: Places, angle_deg: Callable[[PictureSeries], Floats], joint: str, side: str
) -> JointCurveFacts | None:
    if len(places) < LEAST_STRIDES:
        return None
    strides = np.stack([over_cycle(angle_deg(stretch)[samples]) for stretch, samples in places])
    return JointCurveFacts.model_validate(
        {
            "joint": joint,
            "side": side,
            "mean_deg": np.round(strides.mean(axis=0), 2).tolist(),
            "sd_deg": np.round(strides.std(axis=0, ddof=1), 2).tolist(),
            "strides": len(strides),
        }
    )


def over_cycle(values: Floats) -> Floats:
    """Values of one stride brought to `POINTS` points from 0 to 100 % of its cycle."""
    return np.interp(np.linspace(0.0, len(values) - 1.0, POINTS), np.arange(len(values)), values)
