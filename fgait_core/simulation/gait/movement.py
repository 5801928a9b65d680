"""One recording of a gait: the channels frame by frame, along the path and with slow noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fgait_core.simulation.gait.channels import CHANNEL_INDEX, CHANNEL_UNIT, CHANNELS
from fgait_core.simulation.gait.path import Passage
from fgait_core.simulation.gait.slow_noise import slow_noise
from fgait_core.simulation.gait.style import Gait, evaluate

_STANDING_LEG: dict[str, float] = {"thigh": 3.0, "shank": -2.0, "foot": 0.0}
"""Sagittal directions of the leg of somebody who stands, in degrees."""

_LEAD_INTO_TURN: dict[str, float] = {"ch_yaw": 0.12, "ch_roll": 0.05}
"""Degrees that the trunk turns and leans into a turn, for each degree a second."""


def draw_channels(gait: Gait, passage: Passage, frame_rate_hz: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """One recording of a gait: channels [frame, channel], with variation from recording to recording and slow noise.

    Where the walker stands still (`passage.amplitude` 0) the legs are straight and the arms hang. The noise is the
    same at every frame rate.
    """
    n_frames, n_channels = len(passage.phase_cycles), len(CHANNELS)
    coefficients = gait.coefficients.copy()
    coefficients[1:] *= 1.0 + rng.normal(0.0, 0.03, (1, n_channels))
    coefficients[0] += rng.normal(0.0, 0.6, n_channels) * CHANNEL_UNIT
    noise = 0.5 * slow_noise(np.arange(n_frames) / frame_rate_hz, n_channels, 0.1, rng)
    channels = evaluate(coefficients, passage.phase_cycles)
    if passage.amplitude.min() < 1.0:
        amplitude = passage.amplitude[:, None]
        channels = amplitude * channels + (1.0 - amplitude) * _standing(coefficients)
    turning_deg_s = np.gradient(passage.heading_deg) * frame_rate_hz
    for channel, share_s in _LEAD_INTO_TURN.items():
        channels[:, CHANNEL_INDEX[channel]] -= share_s * turning_deg_s
    return channels + noise * CHANNEL_UNIT


def _standing(coefficients: NDArray[np.complex128]) -> NDArray[np.float64]:
    """The channels [channel] of the same person standing still."""
    standing = np.real(coefficients[0]).copy()
    for side in "lr":
        for segment, angle_deg in _STANDING_LEG.items():
            standing[CHANNEL_INDEX[f"{side}_{segment}_sag"]] = angle_deg
    return standing
