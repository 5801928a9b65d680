"""From the logits of the windows of one or more recordings to one calibrated score with its interval."""

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


@dataclass(frozen=True, slots=True, eq=False)
class ClipLogits:
    """What the heads say of the windows of one recording.

    Attributes:
        logits: float64 `[window, 1 + replicates, class]`; the main head comes first.
        calibrators: one for each head, in the same order.
        independent_windows: how many windows fit side by side into the recording, at least 1.
    """

    logits: NDArray[np.float64]
    calibrators: Sequence[Calibrator]
    independent_windows: int


def fuse_clips(clips: Sequence[ClipLogits], *, positive_index: int, rng: np.random.Generator) -> FusedScore:
    """Averages calibrated logits over windows and recordings, and finds how far that could have come out otherwise.

    Each recording counts the same, however long it is. Each bootstrap replicate of head and calibrator scores
    `DRAWS_PER_REPLICATE` random choices of windows of every recording; the interval holds the middle 95 % of what they
    say. As windows overlap, a choice has only as many of them as fit side by side.

    Args:
        clips: recordings of the same person, at least one, all with the same number of heads.
        positive_index: place of the positive class.
        rng: source of every draw.
    """
    means, possible = [], []
    for clip in clips:
        calibrated = np.stack(
            [each.calibrated_logits(clip.logits[:, r]) for r, each in enumerate(clip.calibrators)], axis=1
        )
        means.append(calibrated[:, 0].mean(0))
        others = calibrated[:, 1:] if len(clip.calibrators) > 1 else calibrated
        size = (DRAWS_PER_REPLICATE, min(max(clip.independent_windows, 1), len(clip.logits)))
        possible.append(others[rng.integers(len(clip.logits), size=size)].mean(1))
    probabilities = softmax(np.mean(means, axis=0))
    said = softmax(np.mean(possible, axis=0), axis=-1)[..., positive_index]
    low, high = np.percentile(said, [2.5, 97.5])
    point = float(probabilities[positive_index])
    return FusedScore(probabilities, (min(float(low), point), max(float(high), point)))
