"""One person's way of walking: Fourier series over the channels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fgait_core.simulation.gait.channels import ARM_SWING, CHANNEL_INDEX, LEG_SWING, N_HARMONICS


@dataclass(frozen=True, slots=True, eq=False)
class Gait:
    """One person's way of walking.

    Attributes:
        coefficients: complex [harmonic, channel].
        cadence_steps_min: steps a minute.
        stride_over_leg: stride length over leg length; sets how fast the walker travels past the camera.
        spine_deg: [5, 3] static yaw, roll, pitch of the five trunk bones on top of the movement (a curved spine).
        stride_time_cv: how much one stride's time differs from the next, as a share of the mean.
    """

    coefficients: NDArray[np.complex128]
    cadence_steps_min: float
    stride_over_leg: float
    spine_deg: NDArray[np.float64]
    stride_time_cv: float = 0.02

    def speed_m_s(self, leg_m: float) -> float:
        """Walking speed of somebody with that leg length."""
        return self.stride_over_leg * leg_m * self.cadence_steps_min / 120.0

    def scaled(self, channels: tuple[str, ...], factor: float) -> Gait:
        """The same gait with the movement (not the posture) of some channels multiplied."""
        coefficients = self.coefficients.copy()
        coefficients[1:, [CHANNEL_INDEX[name] for name in channels]] *= factor
        return replace(self, coefficients=coefficients)

    def shifted(self, channels: tuple[str, ...], amount: float) -> Gait:
        """The same gait with the posture of some channels moved, in degrees or leg lengths."""
        coefficients = self.coefficients.copy()
        coefficients[0, [CHANNEL_INDEX[name] for name in channels]] += amount
        return replace(self, coefficients=coefficients)

    def with_stride(self, factor: float) -> Gait:
        """Longer or shorter strides: legs, and the way that they carry the body."""
        return replace(self.with_leg_swing(factor), stride_over_leg=self.stride_over_leg * factor)

    def with_leg_swing(self, factor: float) -> Gait:
        """Wider or narrower swings of the legs; heels and toes lift as much more or less, feet stand flat as before."""
        gait = self.scaled(LEG_SWING, factor)
        gait.coefficients[:, [CHANNEL_INDEX["l_foot_sag"], CHANNEL_INDEX["r_foot_sag"]]] *= factor
        return gait

    def with_cadence(self, factor: float) -> Gait:
        """Quicker or slower steps."""
        return replace(self, cadence_steps_min=self.cadence_steps_min * factor)

    def at_speed(self, factor: float) -> Gait:
        """The same person walking faster or slower: cadence and stride share the change, arms swing with the stride."""
        gait = self.with_cadence(factor**0.55).with_stride(factor**0.45)
        return gait.scaled(ARM_SWING, factor**0.8)

    def cycle(self, n: int = 60) -> NDArray[np.float64]:
        """One whole cycle without noise: [n, channel]."""
        return np.real(_waves_of_a_cycle(n) @ self.coefficients)

    def range_of(self, channel: str) -> float:
        """Peak to peak of one channel over a cycle."""
        return float(np.ptp(np.real(_waves_of_a_cycle(60) @ self.coefficients[:, CHANNEL_INDEX[channel]])))


def evaluate(coefficients: NDArray[np.complex128], phase: NDArray[np.float64]) -> NDArray[np.float64]:
    """Channels [frame, channel] at phases [frame] counted in cycles."""
    return np.real(_waves(phase) @ coefficients)


def _waves(phase: NDArray[np.float64]) -> NDArray[np.complex128]:
    order = np.arange(N_HARMONICS + 1)
    return np.exp(2j * np.pi * phase[:, None] * order) * np.where(order == 0, 1.0, 2.0)


@cache
def _waves_of_a_cycle(n: int) -> NDArray[np.complex128]:
    return _waves(np.arange(n) / n)
