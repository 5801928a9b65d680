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
    knots = np.arange(-3, int(np.ceil((time_s[-1] - time_s[0]) / change_s)) + 4)
    window = np.exp(-0.5 * ((time_s[:, None] - time_s[0]) / change_s - knots) ** 2)
    window /= np.sqrt((window**2).sum(1, keepdims=True))
    return window @ rng.normal(size=(len(knots), n_channels))
