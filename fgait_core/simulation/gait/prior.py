"""The prior that gaits are drawn from: 23 real walkers.

The prior (`prior.npz`, see docs/data_sources.md) holds the mean and the principal components of five people of
the CMU motion-capture database and eighteen of Schreiber & Moissenet 2019. It gives the dynamics only; the posture
(the mean of each channel) comes from an explicit table, because marker models differ in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from fgait_core.errors import ConfigError
from fgait_core.simulation.gait.channels import CHANNEL_INDEX, CHANNELS

_POSTURE: dict[str, tuple[float, float, float]] = {
    "uarm_sag": (-12.0, 3.5, 2.0),
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

_ELBOW = (22.0, 5.0, 2.5)
"""The same of the elbow: how far the forearm points further forward than the upper arm."""

_DYNAMICS_SPREAD = 0.85

_ASYMMETRY_SPREAD = 0.5


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
        resources.as_file(resources.files("fgait_core.simulation.gait") / "prior.npz") as path,
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
    mean, spread, side_spread = _ELBOW
    own = mean + rng.normal(0.0, spread)
    for side in "lr":
        upper = coefficients[0, CHANNEL_INDEX[f"{side}_uarm_sag"]]
        coefficients[0, CHANNEL_INDEX[f"{side}_farm_sag"]] = upper + own + rng.normal(0.0, side_spread)
