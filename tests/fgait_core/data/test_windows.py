"""A recording is cut into windows at the network's rate, over no gap."""

from __future__ import annotations

import numpy as np

from fgait_core.data.windows import recording_windows
from fgait_core.sequence import SilhouetteSequence


def sequence(times_s: np.ndarray) -> SilhouetteSequence:
    """Frame i has its number in the first pixels, one bit each."""
    frames = np.zeros((len(times_s), 64, 44), np.uint8)
    for number, frame in enumerate(frames):
        frame[0, :16] = [255 * (number >> bit & 1) for bit in range(16)]
    return SilhouetteSequence(frames, times_s, np.arange(len(times_s)))


def numbers(windows: np.ndarray) -> np.ndarray:
    return (windows[:, :, 0, :16] // 255) @ (1 << np.arange(16))


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
    np.testing.assert_array_equal(windows[0, 0, 30, 30:33], (0, 255, 255))
