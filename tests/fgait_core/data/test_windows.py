"""A recording is cut into windows at the network's rate, over no gap."""

from __future__ import annotations

import numpy as np
import pytest

from fgait_core.data.skeleton_maps import skeleton_maps
from fgait_core.data.windows import recording_windows
from fgait_core.errors import ConfigError
from fgait_core.sequence import SilhouetteSequence


def sequence(times_s: np.ndarray) -> SilhouetteSequence:
    """Frame i has its number in the first pixels, one bit each."""
    frames = np.zeros((len(times_s), 64, 44), np.uint8)
    for number, frame in enumerate(frames):
        frame[0, :16] = [255 * (number >> bit & 1) for bit in range(16)]
    return SilhouetteSequence(frames, times_s, np.arange(len(times_s)))


def numbers(windows: np.ndarray) -> np.ndarray:
    assert windows.shape[1] == 1
    return (windows[:, 0, :, 0, :16] // 255) @ (1 << np.arange(16))


def test_every_other_frame_of_25_hz_makes_12_and_a_half() -> None:
    windows = recording_windows(sequence(np.arange(40) / 25), frame_rate_hz=12.5, frames=12, hop=4)
    np.testing.assert_array_equal(numbers(windows), [2 * np.arange(12) + 8 * start for start in range(3)])


def test_no_window_spans_a_gap() -> None:
    times = np.concatenate([np.arange(20), np.arange(40, 70)]) / 10
    windows = numbers(recording_windows(sequence(times), frame_rate_hz=10, frames=15, hop=5))
    assert windows.min() == 0
    assert windows.max() >= 48
    for window in windows:
        assert window.max() < 20 or window.min() >= 20
    assert len(windows) == 2 + 4


def test_a_short_walk_is_repeated() -> None:
    windows = numbers(recording_windows(sequence(np.arange(5) / 10), frame_rate_hz=10, frames=12, hop=3))
    np.testing.assert_array_equal(windows, [np.arange(12) % 5])


def test_grey_becomes_black_or_white() -> None:
    walk = sequence(np.arange(3) / 10)
    walk.frames[:, 30, 30:33] = (127, 128, 255)
    windows = recording_windows(walk, frame_rate_hz=10, frames=3, hop=1)
    np.testing.assert_array_equal(windows[0, 0, 0, 30, 30:33], (0, 255, 255))


def with_poses(frames: int) -> SilhouetteSequence:
    """A body whose legs open from frame to frame, in silhouettes and in poses."""
    pose = np.zeros((frames, 17, 3), np.float32)
    pose[..., 0], pose[..., 1], pose[..., 2] = 22, np.linspace(4, 61, 17), 0.9
    pose[:, 15, 0] -= np.arange(frames)
    pose[:, 16, 0] += np.arange(frames)
    body = np.zeros((frames, 64, 44), np.uint8)
    body[:, 2:, 16:28] = 255
    return SilhouetteSequence(body, np.arange(frames) / 25, np.arange(frames), pose)


def test_poses_are_resampled_with_the_silhouettes() -> None:
    walk = with_poses(12)
    assert walk.poses is not None
    windows = recording_windows(walk, frame_rate_hz=12.5, frames=4, hop=2, modality="skeleton_maps")
    assert windows.shape == (2, 2, 4, 64, 44)
    every_other = skeleton_maps(walk.poses[::2])
    np.testing.assert_array_equal(windows[0].swapaxes(0, 1), every_other[:4])
    np.testing.assert_array_equal(windows[1].swapaxes(0, 1), every_other[2:6])


def test_parsing_divides_the_silhouette_among_its_channels() -> None:
    windows = recording_windows(with_poses(6), frame_rate_hz=25, frames=6, hop=2, modality="parsing_maps")
    assert windows.shape == (1, 6, 6, 64, 44)
    np.testing.assert_array_equal(windows.sum(axis=1, dtype=int), np.where(with_poses(6).frames > 127, 255, 0)[None])


@pytest.mark.parametrize("modality", ["skeleton_maps", "parsing_maps"])
def test_a_walk_without_poses_is_refused_where_they_are_needed(modality) -> None:
    with pytest.raises(ConfigError, match="fgait silhouettes"):
        recording_windows(sequence(np.arange(20) / 25), frame_rate_hz=25, frames=4, hop=2, modality=modality)
