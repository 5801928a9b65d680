"""Cuts a recording into the windows that the network scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fgait_core.config import ModalityName
from fgait_core.data.modalities import MODALITIES
from fgait_core.sequence import SilhouetteSequence

BINARY_ABOVE = 127
"""A grey level above this is body; training data hold nothing but body and background."""


def recording_windows(
    sequence: SilhouetteSequence,
    *,
    frame_rate_hz: float,
    frames: int,
    hop: int,
    modality: ModalityName = "silhouettes",
) -> NDArray[np.uint8]:
    """Resamples a walk in time and cuts it into overlapping windows that span no gap.

    Where no stretch without a gap is long enough, the longest one is repeated from its beginning to fill one window, as
    short sequences are in training.

    Args:
        sequence: the walk.
        frame_rate_hz: the network's frame rate.
        frames: frames of a window.
        hop: frames from the start of one window to the next.
        modality: what the network sees.

    Returns:
        uint8 `[window, channel, frames, 64, 44]`, at least one window.

    Raises:
        ConfigError: if the walk lacks the poses that the modality is made of.
    """
    even = sequence.resampled(frame_rate_hz)
    starts = window_starts(even, frame_rate_hz, frames)
    if starts:
        rows = np.array([first for stretch in starts for first in stretch[::hop]])[:, None] + np.arange(frames)
    else:
        longest = max(_stretches(even, frame_rate_hz), key=len)
        rows = longest[np.arange(frames) % len(longest)][None]
    return np.ascontiguousarray(network_pictures(even, modality)[rows].swapaxes(1, 2))


def window_starts(even: SilhouetteSequence, frame_rate_hz: float, frames: int) -> list[NDArray[np.int64]]:
    """Where windows that span no gap may begin: for each stretch that is long enough, all first frames.

    Args:
        even: the walk at the network's frame rate.
        frame_rate_hz: that rate.
        frames: of a window.
    """
    return [each[: len(each) - frames + 1] for each in _stretches(even, frame_rate_hz) if len(each) >= frames]


def network_pictures(even: SilhouetteSequence, modality: ModalityName) -> NDArray[np.uint8]:
    """What the network sees of each frame: uint8 `[frame, channel, 64, 44]`.

    Raises:
        ConfigError: if the walk lacks the poses that the modality is made of.
    """
    return MODALITIES[modality].pictures(np.where(even.frames > BINARY_ABOVE, 255, 0).astype(np.uint8), even.poses)


def _stretches(even: SilhouetteSequence, frame_rate_hz: float) -> list[NDArray[np.int64]]:
    """Numbers of the frames between gaps."""
    breaks = np.flatnonzero(np.diff(even.timestamps_s) > 1.5 / frame_rate_hz) + 1
    return np.split(np.arange(len(even)), breaks)
