"""The standing shape of a simulated trunk in numbers that a tape measure or a good eye could give."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fgait_core.simulation.bodies.skeleton import BONE_INDEX, SPINE
from fgait_core.simulation.gait.channels import CHANNEL_INDEX
from fgait_core.simulation.gait.style import Gait


def trunk_angles(gait: Gait) -> dict[str, float]:
    """Every static angle of the trunk in degrees, and what sums them up whichever side is convex.

    Args:
        gait: whose posture and `spine_deg` count.

    Returns:
        Tilt (left side up) and turn (left side forward) of the five trunk bones from the lowest up, and the largest
        difference of tilt and of turn between any two of them, the sizes of shoulder tilt, head tilt and pelvic tilt.
    """
    tilt, turn = gait.spine_deg[:, 1], gait.spine_deg[:, 0]
    out = {f"{bone}_tilt_deg": float(angle) for bone, angle in zip(SPINE, tilt, strict=True)}
    out |= {f"{bone}_turn_deg": float(angle) for bone, angle in zip(SPINE, turn, strict=True)}
    shoulders = _posture_deg(gait, "pel_roll") + _posture_deg(gait, "ch_roll") + float(tilt[-1])
    return out | {
        "tilt_range_deg": float(np.ptp(tilt)),
        "turn_range_deg": float(np.ptp(turn)),
        "shoulder_tilt_size_deg": abs(shoulders),
        "head_tilt_size_deg": abs(_posture_deg(gait, "hd_roll")),
        "pelvic_tilt_size_deg": abs(_posture_deg(gait, "pel_roll")),
    }


def right_shoulder_cm(gait: Gait, joints_m: NDArray[np.floating]) -> float:
    """How much higher the right shoulder stands than the left; joints [bone, 3] at rest."""
    across_m = float(np.linalg.norm(joints_m[BONE_INDEX["l_upper_arm"]] - joints_m[BONE_INDEX["r_upper_arm"]]))
    tilt_deg = float(gait.spine_deg[-1, 1]) + _posture_deg(gait, "pel_roll") + _posture_deg(gait, "ch_roll")
    return -100.0 * across_m * float(np.sin(np.radians(tilt_deg)))


def right_shift_cm(gait: Gait, joints_m: NDArray[np.floating]) -> float:
    """How far the curve alone carries the base of the neck to the walker's right; joints [bone, 3] at rest."""
    chain_m = joints_m[[BONE_INDEX[bone] for bone in (*SPINE, "neck")]]
    lengths_m = np.linalg.norm(np.diff(chain_m, axis=0), axis=1)
    return 100.0 * float(lengths_m @ np.sin(np.radians(gait.spine_deg[:, 1])))


def _posture_deg(gait: Gait, channel: str) -> float:
    return float(np.real(gait.coefficients[0, CHANNEL_INDEX[channel]]))
