"""How a simulated person walks: Fourier series over 31 channels, drawn from a prior of 23 real walkers.

The prior (`gait_prior.npz`, see docs/data_sources.md) holds the mean and the principal components of five people of
the CMU motion-capture database and eighteen of Schreiber & Moissenet 2019. It gives the dynamics only; the posture
(the mean of each channel) comes from an explicit table, because marker models differ in it. Angles are in degrees,
`px`, `py` and `pz` in leg lengths.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from fgait_core.errors import ConfigError

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

_POSTURE: dict[str, tuple[float, float, float]] = {
    "uarm_sag": (-3.0, 4.0, 2.5),
    "farm_sag": (20.0, 6.0, 2.5),
    "uarm_lat": (6.0, 2.5, 1.2),
    "farm_lat": (3.0, 3.5, 1.5),
    "ch_pitch": (1.5, 2.8, 0.0),
    "hd_pitch": (4.0, 6.0, 0.0),
    "pel_roll": (0.0, 0.0, 0.6),
    "ch_roll": (0.0, 0.0, 0.8),
    "pel_yaw": (0.0, 0.0, 1.5),
    "ch_yaw": (0.0, 0.0, 1.5),
    "hd_roll": (0.0, 0.0, 1.0),
    "foot_lat": (7.0, 4.0, 2.0),
    "px": (0.0, 0.0, 0.0),
}
"""Mean, spread between people, spread between the sides (or about the middle) of each posture channel, in degrees."""

_DYNAMICS_SPREAD = 0.85
_ASYMMETRY_SPREAD = 0.5
_MEAN_STRIDE_OVER_LEG = 1.55


@dataclass(frozen=True, slots=True, eq=False)
class GaitPrior:
    """Mean and principal components of real gait cycles.

    Attributes:
        mean: complex [harmonic, channel].
        symmetric, asymmetric: float [component, 2 * harmonic * channel]; real parts, then imaginary parts.
        symmetric_sd, asymmetric_sd: float [component].
    """

    mean: NDArray[np.complex128]
    symmetric: NDArray[np.float64]
    symmetric_sd: NDArray[np.float64]
    asymmetric: NDArray[np.float64]
    asymmetric_sd: NDArray[np.float64]

    @classmethod
    def packaged(cls) -> GaitPrior:
        """The prior that travels with the package."""
        return _packaged_prior()

    def draw(self, rng: np.random.Generator) -> NDArray[np.complex128]:
        """Fourier coefficients [harmonic, channel] of one healthy adult, posture included."""
        symmetric = np.clip(rng.normal(size=len(self.symmetric_sd)), -2.2, 2.2) * _DYNAMICS_SPREAD * self.symmetric_sd
        asymmetric = np.clip(rng.normal(size=len(self.asymmetric_sd)), -2, 2) * _ASYMMETRY_SPREAD * self.asymmetric_sd
        flat = symmetric @ self.symmetric + asymmetric @ self.asymmetric
        half = flat.size // 2
        coefficients = self.mean + (flat[:half] + 1j * flat[half:]).reshape(self.mean.shape)
        _set_posture(coefficients, rng)
        return coefficients


@cache
def _packaged_prior() -> GaitPrior:
    with (
        resources.as_file(resources.files("fgait_core.simulation") / "gait_prior.npz") as path,
        np.load(path, allow_pickle=False) as stored,
    ):
        if tuple(stored["channels"]) != CHANNELS:
            raise ConfigError("The packaged gait prior has other channels than this version; reinstall the package.")
        return GaitPrior(stored["mean"], stored["V"], stored["sd"], stored["VA"], stored["sdA"])


def _set_posture(coefficients: NDArray[np.complex128], rng: np.random.Generator) -> None:
    for channel, (mean, spread, side_spread) in _POSTURE.items():
        own = mean + rng.normal(0.0, spread)
        names = (channel,) if channel in CHANNEL_INDEX else (f"l_{channel}", f"r_{channel}")
        for name in names:
            coefficients[0, CHANNEL_INDEX[name]] = own + rng.normal(0.0, side_spread)


@dataclass(frozen=True, slots=True, eq=False)
class Gait:
    """One person's way of walking.

    Attributes:
        coefficients: complex [harmonic, channel].
        cadence_steps_min: steps a minute.
        stride_over_leg: stride length over leg length; sets how fast the walker travels past the camera.
        spine_deg: [5, 3] static yaw, roll, pitch of the five trunk bones on top of the movement (a curved spine).
    """

    coefficients: NDArray[np.complex128]
    cadence_steps_min: float
    stride_over_leg: float
    spine_deg: NDArray[np.float64]

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
        gait = self.scaled(LEG_SWING, factor)
        return replace(gait, stride_over_leg=self.stride_over_leg * factor)

    def with_cadence(self, factor: float) -> Gait:
        """Quicker or slower steps."""
        return replace(self, cadence_steps_min=self.cadence_steps_min * factor)

    def at_speed(self, factor: float) -> Gait:
        """The same person walking faster or slower: cadence and stride share the change, arms swing with the stride."""
        gait = self.with_cadence(factor**0.55).with_stride(factor**0.45)
        return gait.scaled(ARM_SWING, factor**0.8)

    def cycle(self, n: int = 60) -> NDArray[np.float64]:
        """One whole cycle without noise: [n, channel]."""
        return evaluate(self.coefficients, np.arange(n) / n)

    def range_of(self, channel: str) -> float:
        """Peak to peak of one channel over a cycle."""
        return float(np.ptp(self.cycle()[:, CHANNEL_INDEX[channel]]))


def evaluate(coefficients: NDArray[np.complex128], phase: NDArray[np.float64]) -> NDArray[np.float64]:
    """Channels [frame, channel] at phases [frame] counted in cycles."""
    order = np.arange(len(coefficients))
    waves = np.exp(2j * np.pi * phase[:, None] * order) * np.where(order == 0, 1.0, 2.0)
    return np.real(waves @ coefficients)


def draw_gait(prior: GaitPrior, rng: np.random.Generator, sex: str, age_years: float) -> Gait:
    """A healthy person's gait, given sex and age.

    Women: higher cadence, shorter steps, more pelvic roll, elbows closer. Past 55: slower, shorter strides, less arm
    swing, a slight stoop (norms and sources: docs/evidence/simulation.md).
    """
    female = 1.0 if sex == "female" else -1.0
    old = float(np.clip((age_years - 55.0) / 25.0, 0.0, 1.2))
    cadence = rng.normal(111.0 + 2.5 * female - 5.0 * old + 0.9 * max(0.0, 18.0 - age_years), 8.0)
    gait = Gait(
        prior.draw(rng), float(np.clip(cadence, 82.0, 142.0)), _MEAN_STRIDE_OVER_LEG, np.zeros((5, 3), np.float64)
    )
    gait = gait.with_stride(float(np.clip(rng.normal(1.0 - 0.02 * female - 0.12 * old, 0.04), 0.7, 1.25)))
    gait = gait.scaled(ARM_SWING, 1.18 * float(np.exp(rng.normal(0.0, 0.12))) * (1.0 - 0.22 * old))
    for side, share in zip("lr", _arm_shares(rng), strict=True):
        gait = gait.scaled((f"{side}_uarm_sag", f"{side}_farm_sag"), share)
    gait = gait.scaled(("pel_yaw", "ch_yaw"), 1.2)
    gait = gait.scaled(("pel_roll",), 1.0 + 0.10 * female).scaled(("px", "ch_roll"), 1.0 - 0.10 * female)
    gait = gait.shifted(("l_uarm_lat", "r_uarm_lat"), -1.0 * female)
    gait = gait.shifted(("ch_pitch",), 5.0 * old).shifted(("hd_pitch",), 7.0 * old)
    return gait.shifted(("l_shank_sag", "r_shank_sag"), -3.0 * old)


def _arm_shares(rng: np.random.Generator) -> tuple[float, float]:
    """Left and right arm swing relative to their mean: healthy arms differ, the left swings more in two of three."""
    more = abs(rng.normal(0.0, 0.22))
    more = more if rng.random() < 2 / 3 else -more
    return 1.0 + min(max(more, -0.5), 0.5), 1.0 - min(max(more, -0.5), 0.5)


def draw_channels(gait: Gait, n_frames: int, frame_rate_hz: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """One recording of a gait: channels [frame, channel], with stride-to-stride and slow variation.

    The start is at a random moment of the cycle.
    """
    n_channels = len(CHANNELS)
    coefficients = gait.coefficients.copy()
    coefficients[1:] *= 1.0 + rng.normal(0.0, 0.03, (1, n_channels))
    coefficients[0] += rng.normal(0.0, 0.6, n_channels) * CHANNEL_UNIT
    cycle_s = 120.0 / gait.cadence_steps_min
    phase = rng.random() + np.arange(n_frames) / (frame_rate_hz * cycle_s)
    phase = phase + np.cumsum(rng.normal(0.0, 0.0025, n_frames))
    return evaluate(coefficients, phase) + _slow_noise(n_frames, n_channels, rng) * CHANNEL_UNIT


def _slow_noise(n_frames: int, n_channels: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise that changes over about a fifth of a second, standard deviation about 0.5."""
    kernel = np.exp(-0.5 * (np.arange(-4, 5) / 3.0) ** 2)
    kernel /= kernel.sum()
    raw = rng.normal(0.0, 1.2, (n_frames + len(kernel) - 1, n_channels))
    windows = np.lib.stride_tricks.sliding_window_view(raw, len(kernel), axis=0)
    return windows @ kernel
