"""What a gait measures, as a laboratory would report it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fgait_core.simulation.gait.channels import CHANNEL_INDEX, CHANNELS, knee_deg
from fgait_core.simulation.gait.style import Gait


def gait_truth(gait: Gait, leg_m: float) -> dict[str, float]:
    """Numbers of a gait as walked, over one noiseless stride.

    Args:
        gait: the gait, conditions and speed of the recording included.
        leg_m: leg length.

    Returns:
        cadence, stride over leg length, speed, ranges (peak to peak) of hip, knee and arms, mean lean and tilt of
        trunk, head and pelvis (forward and left-side-up positive), vertical bob and lateral sway over leg length,
        ranges of the turns of pelvis and trunk, and asymmetries (left against right) as shares.
    """
    cycle = gait.cycle()
    mean = dict(zip(CHANNELS, gait.coefficients[0].real.tolist(), strict=True))
    range_of = dict(zip(CHANNELS, np.ptp(cycle, axis=0).tolist(), strict=True))
    hip = {side: range_of[f"{side}_thigh_sag"] for side in "lr"}
    knee = {side: float(np.ptp(knee_deg(cycle, side))) for side in "lr"}
    arm = {side: range_of[f"{side}_uarm_sag"] for side in "lr"}
    return {
        "cadence_steps_min": gait.cadence_steps_min,
        "stride_over_leg": gait.stride_over_leg,
        "speed_m_s": gait.speed_m_s(leg_m),
        "hip_range_deg": (hip["l"] + hip["r"]) / 2,
        "knee_range_deg": (knee["l"] + knee["r"]) / 2,
        "arm_swing_left_deg": arm["l"],
        "arm_swing_right_deg": arm["r"],
        "elbow_flexion_deg": (mean["l_farm_sag"] - mean["l_uarm_sag"] + mean["r_farm_sag"] - mean["r_uarm_sag"]) / 2,
        "trunk_pitch_deg": mean["ch_pitch"] + float(gait.spine_deg[-1, 2]),
        "head_pitch_deg": mean["hd_pitch"],
        "trunk_roll_deg": mean["pel_roll"] + mean["ch_roll"] + float(gait.spine_deg[-1, 1]),
        "head_roll_deg": mean["hd_roll"],
        "pelvis_roll_deg": mean["pel_roll"],
        "pelvis_roll_range_deg": range_of["pel_roll"],
        "pelvis_yaw_range_deg": range_of["pel_yaw"],
        "trunk_yaw_range_deg": range_of["ch_yaw"],
        "trunk_roll_range_deg": range_of["ch_roll"],
        "bob_over_leg": float(np.ptp(pelvis_height_over_leg(cycle))),
        "sway_over_leg": range_of["px"],
        "step_asymmetry": _asymmetry(hip["l"], hip["r"]),
        "knee_asymmetry": _asymmetry(knee["l"], knee["r"]),
        "arm_asymmetry": _asymmetry(arm["l"], arm["r"]),
    }


def _asymmetry(left: float, right: float) -> float:
    return (left - right) / max(left, right, 1e-6)


def pelvis_height_over_leg(channels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Height of the hips [frame] over leg length, the lower foot on the floor; channels [frame, channel].

    Thigh 0.47 and shank 0.53 of the leg, the ankle 0.10 over the sole, which reaches 0.07 behind it and 0.25 before it;
    hips 0.28 apart (means of the adults among the bodies).
    """
    below = []
    lift = 0.14 * np.sin(np.radians(channels[:, CHANNEL_INDEX["pel_roll"]]))
    for side, outward in (("l", 1.0), ("r", -1.0)):
        thigh, shank, foot = (
            np.radians(channels[:, CHANNEL_INDEX[f"{side}_{name}_sag"]]) for name in ("thigh", "shank", "foot")
        )
        ankle = 0.47 * np.cos(thigh) + 0.53 * np.cos(shank) + 0.10 * np.cos(foot)
        below.append(ankle - outward * lift + np.maximum(0.07 * np.sin(foot), -0.25 * np.sin(foot)))
    return np.maximum(*below)
