"""What classical baselines see of sequences: gait energy images and parameters of the silhouettes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from fgait_core.data.shards import ShardFolder
from fgait_core.evaluation.silhouette_parameters import silhouette_parameters
from fgait_core.progress import Progress, ignore_progress
from fgait_core.sequence import HEIGHT_PX, WIDTH_PX

UNKNOWN_VIEW = -1
_AT_ONCE = 256


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Windows of equal length, cut side by side out of sequences.

    Attributes:
        sequence: int64 `[window]`, number of the sequence over all folders.
        person: int64 `[window]`, number of the person over all folders.
        view: int64 `[window]`, 0 (towards the camera) to 4 (away) in steps of 45 degrees, both sides alike;
            `UNKNOWN_VIEW` where the data do not say it.
        energy: float16 `[window, pixel]`, see `energy_image`.
        parameters: float32 `[window, parameter]`, see `silhouette_parameters`.
    """

    sequence: NDArray[np.int64]
    person: NDArray[np.int64]
    view: NDArray[np.int64]
    energy: NDArray[np.float16]
    parameters: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.sequence)

    def of_sequences(self, said: NDArray[np.float64], sequences: int) -> NDArray[np.float64]:
        """Mean over the windows of each sequence: `[window, class]` to `[sequence, class]`; NaN where there is none."""
        total = np.zeros((sequences, said.shape[1]))
        np.add.at(total, self.sequence, said)
        count = np.bincount(self.sequence, minlength=sequences)[:, None]
        return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def measure_windows(
    folders: Sequence[ShardFolder],
    frames: int,
    *,
    limit: int | None = None,
    seed: int = 0,
    progress: Progress = ignore_progress,
) -> Windows:
    """Cuts sequences into windows and measures each.

    Args:
        folders: of shards.
        frames: of a window; a shorter sequence is repeated from its beginning.
        limit: so many sequences at the most, drawn by `seed`; None takes all.
        seed: of that draw.
        progress: told as it goes on.
    """
    first = np.cumsum([0, *(len(folder) for folder in folders)])
    people = np.cumsum([0, *(len(folder.people) for folder in folders)])
    chosen = np.sort(np.random.default_rng(seed).permutation(first[-1])[:limit])
    found: list[Windows] = []
    for number, folder in enumerate(folders):
        own = chosen[(chosen >= first[number]) & (chosen < first[number + 1])] - first[number]
        for start in range(0, len(own), _AT_ONCE):
            found.append(_measured(folder, own[start : start + _AT_ONCE], frames, int(first[number]), people[number]))
            progress(min((first[number] + own[start]) / first[-1], 1.0), f"measuring {folder.path.name}")
    return Windows(*(np.concatenate([getattr(each, field.name) for each in found]) for field in fields(Windows)))


def energy_image(silhouettes: NDArray[np.uint8], mirrored: NDArray[np.bool_]) -> NDArray[np.float16]:
    """Mean, spread and left-right difference of the silhouettes over time, each at half size.

    Source: gait energy image, Han & Bhanu 2006.

    Args:
        silhouettes: uint8 `[window, frame, 64, 44]`, 0 or 1.
        mirrored: bool `[window]`, which are to be mirrored, so that all walk the same way.

    Returns:
        float16 `[window, 3 * 32 * 22]`.
    """
    energy = silhouettes.mean(1, dtype=np.float32)
    energy[mirrored] = energy[mirrored, :, ::-1]
    half = _halved(energy)
    images = (half, 0.5 * _halved(np.sqrt(energy * (1 - energy))), np.abs(half - half[..., ::-1]))
    return np.concatenate([each.reshape(len(energy), -1) for each in images], 1).astype(np.float16)


def _measured(
    folder: ShardFolder, sequences: NDArray[np.int64], frames: int, first_sequence: int, first_person: int
) -> Windows:
    length = folder.frames[sequences]
    count = np.maximum(length // frames, 1)
    of_window = np.repeat(np.arange(len(sequences)), count)
    place = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    rows = (place[:, None] * frames + np.arange(frames)) % length[of_window, None]
    clips = folder.take(folder.first_frame[sequences][of_window, None] + rows)
    view, to_the_left = _views(folder, sequences)
    return Windows(
        sequence=sequences[of_window] + first_sequence,
        person=folder.person_number[sequences][of_window] + first_person,
        view=view[of_window],
        energy=energy_image(clips, to_the_left[of_window]),
        parameters=silhouette_parameters(clips, folder.frame_rate_hz).astype(np.float32),
    )


def _views(folder: ShardFolder, sequences: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The view of each sequence, and whether it walks to the left of the picture."""
    if "view_deg" not in folder.columns:
        return np.full(len(sequences), UNKNOWN_VIEW), np.zeros(len(sequences), bool)
    written = folder.column("view_deg")[sequences]
    angle = np.array([float(text) if text else np.nan for text in written.tolist()])
    turned = np.nan_to_num((angle + 180.0) % 360.0 - 180.0)
    view = np.rint(np.abs(turned) / 45.0).astype(np.int64)
    return np.where(np.isnan(angle), UNKNOWN_VIEW, view), (turned < 0) & (view > 0) & (view < 4)


def _halved(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of every 2 x 2 pixels."""
    return images.reshape(-1, HEIGHT_PX // 2, 2, WIDTH_PX // 2, 2).mean((2, 4))
