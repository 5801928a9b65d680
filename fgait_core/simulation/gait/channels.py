"""The 31 channels that a gait is written in: angles in degrees; `px`, `py` and `pz` in leg lengths."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

N_HARMONICS = 6

CHANNELS: tuple[str, ...] = (
    *("pel_yaw", "pel_roll", "pel_pitch", "px", "py", "pz"),
    *("ch_yaw", "ch_roll", "ch_pitch", "hd_roll", "hd_pitch"),
    *(
        f"{side}_{segment}_{plane}"
        for side in "lr"
        for segment in ("thigh", "shank", "foot", "uarm", "farm")
        for plane in ("sag", "lat")
    ),
)
"""Channels: pelvis, trunk relative to it, head, limb directions (`sag` forward of straight down, `lat` outward)."""

CHANNEL_INDEX: dict[str, int] = {name: index for index, name in enumerate(CHANNELS)}

POSITION_CHANNELS: tuple[str, ...] = ("px", "py", "pz")

CHANNEL_UNIT: NDArray[np.float64] = np.array([0.01 if name in POSITION_CHANNELS else 1.0 for name in CHANNELS])
"""What counts as one unit of noise: one degree, or a hundredth of the leg length."""

ARM_SWING: tuple[str, ...] = ("l_uarm_sag", "l_farm_sag", "r_uarm_sag", "r_farm_sag")

LEG_SWING: tuple[str, ...] = ("l_thigh_sag", "l_shank_sag", "r_thigh_sag", "r_shank_sag")


def knee_deg(cycle: NDArray[np.float64], side: str) -> NDArray[np.float64]:
    """How far the left or right ("l", "r") knee is bent [frame], of channels [frame, channel]."""
    return cycle[:, CHANNEL_INDEX[f"{side}_thigh_sag"]] - cycle[:, CHANNEL_INDEX[f"{side}_shank_sag"]]
