"""From the logits of a recording's windows to one calibrated score with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from fgait_core.evaluation.calibration import Calibrator

DRAWS_PER_REPLICATE = 50


@dataclass(frozen=True, slots=True, eq=False)
class FusedScore:
    """Score of a recording.

    Attributes:
        probabilities: float64 `[class]`, calibrated.
        interval: 95 % interval of the probability of the positive class; holds the probability itself.
    """

    probabilities: NDArray[np.float64]
    interval: tuple[float, float]


def fuse_windows(
    logits: NDArray[np.float64],
    calibrators: Sequence[Calibrator],
    *,
    positive_index: int,
    independent_windows: int,
    rng: np.random.Generator,
) -> FusedScore:
    """Averages calibrated logits over the windows and finds out how far the result could have come out otherwise.

    Each bootstrap replicate of head and calibrator scores `DRAWS_PER_REPLICATE` random choices of windows; the interval
    holds the middle 95 % of what they say. As windows overlap, a choice has only as many of them as fit side by side.

    Args:
        logits: float64 `[window, 1 + replicates, class]`; the main head comes first.
        calibrators: one for each head, in the same order.
        positive_index: place of the positive class.
        independent_windows: how many windows fit side by side into the recording, at least 1.
        rng: source of every draw.
    """
    calibrated = np.stack([each.calibrated_logits(logits[:, r]) for r, each in enumerate(calibrators)], axis=1)
    probabilities = softmax(calibrated[:, 0].mean(0))
    others = calibrated[:, 1:] if len(calibrators) > 1 else calibrated
    size = (DRAWS_PER_REPLICATE, min(max(independent_windows, 1), len(logits)))
    drawn = rng.integers(len(logits), size=size)
    possible = softmax(others[drawn].mean(1), axis=-1)[..., positive_index]
    low, high = np.percentile(possible, [2.5, 97.5])
    point = float(probabilities[positive_index])
    return FusedScore(probabilities, (min(float(low), point), max(float(high), point)))
