"""Swapped legs are put right, and right ones are left alone."""

import numpy as np
import pytest

from fgait_core.silhouettes.left_right import LEFT_LEG, RIGHT_LEG, find_swaps, swapped_order

HEIGHT_PX = 400.0


def walking_legs(frames=120, rate_hz=30.0, cadence_hz=0.9):
    """Landmarks of a walker from the side: legs swing against each other, the far leg a little higher."""
    times_s = np.arange(frames) / rate_hz
    landmarks = np.zeros((frames, 33, 2), np.float32)
    swing = 0.22 * HEIGHT_PX * np.sin(2 * np.pi * cadence_hz * times_s)
    for legs, sign, lift in ((LEFT_LEG, 1, 0), (RIGHT_LEG, -1, 6)):
        for depth, joint in enumerate(legs, start=1):
            landmarks[:, joint, 0] = sign * swing * depth / 4
            landmarks[:, joint, 1] = 80 * depth - lift
    landmarks += np.random.default_rng(0).normal(0, 1.5, landmarks.shape).astype(np.float32)
    return landmarks, times_s


def test_nothing_is_swapped_where_nothing_is_wrong():
    landmarks, times_s = walking_legs()
    assert not find_swaps(landmarks, HEIGHT_PX, times_s).any()


@pytest.mark.parametrize("swapped", [[20], [33, 34, 35], list(range(50, 58)), [10, 40, 41, 90]])
def test_swaps_are_found(swapped):
    landmarks, times_s = walking_legs()
    wrong = landmarks.copy()
    wrong[swapped] = wrong[swapped][:, swapped_order()]
    found = find_swaps(wrong, HEIGHT_PX, times_s)
    wrong[found] = wrong[found][:, swapped_order()]

    def jumps(points):
        return (np.abs(np.diff(points[:, 27, 0])) > 0.08 * HEIGHT_PX).sum()

    assert jumps(landmarks) == 0
    assert jumps(wrong) == 0
    assert np.abs(wrong - landmarks).max(axis=(1, 2)).astype(bool).sum() <= 3


def test_stretches_between_gaps_are_judged_by_themselves():
    landmarks, times_s = walking_legs()
    times_s = np.where(np.arange(120) < 60, times_s, times_s + 5.0)
    assert find_swaps(landmarks, HEIGHT_PX, times_s).shape == (120,)


@pytest.mark.parametrize("frames", [1, 2])
def test_too_short_to_judge(frames):
    landmarks, times_s = walking_legs(frames)
    assert not find_swaps(landmarks, HEIGHT_PX, times_s).any()


def test_sample_has_hardly_any_jumps_left(sample):
    ankles = sample.walk.landmarks_px[:, 27:29, 0] - sample.walk.landmarks_px[:, 23:25, 0].mean(axis=1)[:, None]
    jumps = np.abs(np.diff(ankles, axis=0)) > 0.12 * sample.walk.body_height_px
    assert jumps.sum() <= 4
