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
    breaks = np.flatnonzero(np.diff(even.timestamps_s) > 1.5 / frame_rate_hz) + 1
    stretches = np.split(np.arange(len(even)), breaks)
    starts = [stretch[0] + start for stretch in stretches for start in range(0, len(stretch) - frames + 1, hop)]
    if starts:
        rows = np.array(starts)[:, None] + np.arange(frames)
    else:
        longest = max(stretches, key=len)
        rows = longest[np.arange(frames) % len(longest)][None]
    pictures = MODALITIES[modality].pictures(np.where(even.frames > BINARY_ABOVE, 255, 0).astype(np.uint8), even.poses)
    return np.ascontiguousarray(pictures[rows].swapaxes(1, 2))
