"""Hides parts of a walk from the network: bands of the body, and parts of the gait cycle.

Source: Zeiler & Fergus 2014 (occlusion). What is hidden is not blanked, which would make a picture of no person, but
filled with what is usual: a band with that of the healthy reference frames whose other rows are most alike, a part of
the cycle with the frames next to it. Blank bands, and the average outline of healthy walkers, were tried and agree less
with what the simulator knows (docs/evidence/explanation.md).

Deviations:
    * Bands of the body and parts of the cycle instead of squares: they have names, and their number is small.
    * Windows lie side by side, so that each frame counts once; at most `MOST_WINDOWS` of them, spread over the walk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pictures = NDArray[np.uint8]
"""uint8 `[window, channel, frame, 64, 44]`."""

BANDS: dict[str, tuple[int, int]] = {
    "head": (0, 9),
    "shoulders": (9, 17),
    "trunk": (17, 27),
    "hips": (27, 35),
    "thighs": (35, 47),
    "lower_legs": (47, 64),
}
"""First row and row behind the last, of 64: the aligned body reaches from the first row to the last."""

PHASES = 6
MOST_WINDOWS = 3
_FEWEST_FRAMES_OF_A_PHASE = 2
_NEAREST = 5


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """What the network sees of a walk, with the phase of each frame.

    Attributes:
        pictures: uint8 `[window, channel, frame, 64, 44]`.
        phase: float64 `[window, frame]`, share of the gait cycle, NaN where it is not known.
    """

    pictures: Pictures
    phase: NDArray[np.float64]

    @property
    def phases(self) -> tuple[int, ...]:
        """Parts of the cycle that can be hidden: all of them, or none where one is hardly seen."""
        part = phase_number(self.phase)
        counts = [int((part == each).sum()) for each in range(PHASES)]
        return tuple(range(PHASES)) if min(counts) >= _FEWEST_FRAMES_OF_A_PHASE else ()


def phase_number(phase: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which of the `PHASES` parts of the cycle a phase belongs to; -1 where it is not known."""
    known = np.nan_to_num(phase, nan=-1.0)
    return np.where(known < 0, -1, np.minimum(known * PHASES, PHASES - 1).astype(np.int64))


def side_by_side(starts: NDArray[np.int64], frames: int) -> NDArray[np.int64]:
    """Of overlapping windows of one walk those that lie side by side, at most `MOST_WINDOWS`, spread over the walk.

    Args:
        starts: int64 `[window]`, first frame of each window, rising.
        frames: of a window.
    """
    chosen: list[int] = []
    for start in starts.tolist():
        if not chosen or start >= chosen[-1] + frames:
            chosen.append(start)
    places = np.unique(np.linspace(0, len(chosen) - 1, min(len(chosen), MOST_WINDOWS)).round().astype(np.int64))
    return np.array(chosen, np.int64)[places]


def hide_band(pictures: Pictures, rows: tuple[int, int], usual: NDArray[np.uint8]) -> Pictures:
    """The pictures with a band of the body taken from other people, frame by frame.

    Args:
        pictures: of one channel.
        rows: of the band.
        usual: uint8 `[other frame, 64, 44]`, 0 or 255; the band shows what most of those do whose other rows differ in
            the fewest pixels.
    """
    windows, _, frames, height, width = pictures.shape
    kept = np.ones(height, bool)
    kept[rows[0] : rows[1]] = False
    own = (pictures[:, 0].reshape(-1, height, width)[:, kept] > 0).reshape(windows * frames, -1).astype(np.float32)
    others = (usual[:, kept] > 0).reshape(len(usual), -1).astype(np.float32)
    differing = own.sum(1)[:, None] + others.sum(1) - 2 * own @ others.T
    nearest = np.argsort(differing, axis=1, kind="stable")[:, :_NEAREST]
    band = (usual[:, rows[0] : rows[1]] > 0)[nearest].mean(1) > 0.5
    hidden = pictures.copy()
    hidden[:, 0, :, rows[0] : rows[1]] = band.reshape(windows, frames, -1, width) * np.uint8(255)
    return hidden


def hide_phase(windows: Windows, part: int) -> Pictures:
    """The pictures with the frames of a part of the cycle replaced by the nearest other frame of the window."""
    hidden = windows.pictures.copy()
    for window, inside in enumerate(phase_number(windows.phase) == part):
        if not inside.any() or inside.all():
            continue
        others = np.flatnonzero(~inside)
        for frame in np.flatnonzero(inside).tolist():
            nearest = others[np.abs(others - frame).argmin()]
            hidden[window, :, frame] = windows.pictures[window, :, nearest]
    return hidden


def all_hidden(windows: Windows, usual: NDArray[np.uint8]) -> Pictures:
    """The windows as they are, then with each band hidden, then with each part of the cycle hidden.

    Returns:
        uint8 `[1 + bands + phases, window, channel, frame, 64, 44]`.
    """
    bands = [hide_band(windows.pictures, rows, usual) for rows in BANDS.values()]
    return np.stack([windows.pictures, *bands, *(hide_phase(windows, part) for part in windows.phases)])
