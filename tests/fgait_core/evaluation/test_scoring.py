"""One score from several recordings."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit

from fgait_core.evaluation.calibration import Calibrator
from fgait_core.evaluation.scoring import ClipLogits, FusedScore, fuse_clips

SAME = Calibrator(np.eye(2), np.zeros(2))


def clip(log_odds: float, windows: int = 6, spread: float = 0.5) -> ClipLogits:
    """A recording whose windows scatter about a log odds, with a main head and one replicate."""
    rng = np.random.default_rng(0)
    own = log_odds + spread * rng.normal(size=(windows, 2))
    own += log_odds - own.mean(0)
    return ClipLogits(np.stack([-own / 2, own / 2], axis=-1), [SAME, SAME], windows)


def fused(*clips: ClipLogits) -> FusedScore:
    return fuse_clips(clips, positive_index=1, rng=np.random.default_rng(0))


def test_log_odds_are_averaged_and_each_recording_counts_the_same():
    score = fused(clip(2.0, windows=3), clip(-1.0, windows=30))
    assert logit(score.probabilities[1]) == pytest.approx(0.5)
    assert score.interval[0] <= score.probabilities[1] <= score.interval[1]


def test_more_recordings_of_the_same_kind_narrow_the_interval():
    one = fused(clip(0.5))
    four = fused(*[clip(0.5)] * 4)
    assert four.probabilities[1] == pytest.approx(one.probabilities[1])
    assert four.interval[1] - four.interval[0] < 0.75 * (one.interval[1] - one.interval[0])


def test_each_recording_keeps_its_own_calibrator():
    shifted = Calibrator(np.eye(2), np.array([0.0, 1.0]))
    flat = clip(0.0, spread=0.0)
    other = ClipLogits(flat.logits, [shifted, shifted], flat.independent_windows)
    assert logit(fused(flat, other).probabilities[1]) == pytest.approx(0.5)
