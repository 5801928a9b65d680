"""Noise that changes slowly, in seconds and not in frames, so that every frame rate records the same walk."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def slow_noise(time_s: Floats, n_channels: int, change_s: float, rng: np.random.Generator) -> Floats:
    """Smooth noise [frame, channel] of standard deviation 1.

    Independent numbers every `change_s` seconds, joined by a Gaussian window. What is drawn depends on the first and
    the last time only.

    Args:
        time_s: [frame], rising.
        n_channels: channels, independent of each other.
        change_s: over which time the noise changes; its correlation falls to 0.78 after it, to 0.37 after the double.
        rng: source of the numbers.
    """
    since = (time_s - time_s[0]) / change_s
    nearby = np.floor(since).astype(np.int64)[:, None] + np.arange(-3, 5)
    window = np.exp(-0.5 * (since[:, None] - nearby) ** 2)
    window /= np.sqrt((window**2).sum(1, keepdims=True))
    numbers = rng.normal(size=(int(nearby[-1, -1]) + 4, n_channels))
    return np.einsum("fk,fkc->fc", window, numbers[nearby + 3])
