"""Which sequences and which frames go into a training step.

Everything is drawn from a `numpy.random.Generator`, so a stored generator state continues a run exactly.

Deviations from the published samplers: each step draws distinct sequences (the published bilateral sampler may draw
one sequence twice in a batch, a false negative of the contrastive loss); people are drawn first, then one sequence of
each, so that no batch holds the same person twice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fgait_core.data.shards import ShardFolder
from fgait_core.errors import ConfigError


class PersonSampler:
    """Draws batches of sequences of different people; each epoch visits everybody once.

    Args:
        folder: where the sequences lie.
        batch: sequences of a batch, at most as many as there are people.
        rng: source of every draw.

    Raises:
        ConfigError: if there are fewer people than the batch needs.
    """

    def __init__(self, folder: ShardFolder, batch: int, rng: np.random.Generator) -> None:
        names, owner = np.unique(folder.person, return_inverse=True)
        if len(names) < batch:
            raise ConfigError(
                f"A batch of {batch} sequences needs {batch} people; {folder.path} has {len(names)}. "
                "Use a smaller batch."
            )
        self._sequences = [np.flatnonzero(owner == number) for number in range(len(names))]
        self._batch = batch
        self._rng = rng
        self.queue: NDArray[np.int64] = np.empty(0, np.int64)

    def draw(self) -> NDArray[np.int64]:
        """Numbers of the sequences of the next batch, int64 `[batch]`, each of another person."""
        while len(self.queue) < self._batch:
            late = np.setdiff1d(np.arange(len(self._sequences)), self.queue)
            self.queue = np.concatenate([self.queue, self._rng.permutation(late)])
        people, self.queue = self.queue[: self._batch], self.queue[self._batch :]
        return np.array([self._rng.choice(self._sequences[person]) for person in people], np.int64)


def clip_rows(
    folder: ShardFolder,
    sequences: NDArray[np.int64],
    *,
    frames: int,
    stride: int,
    skip: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Draws an ordered clip of each sequence, as the published fixed-ordered sampling does.

    Of a window of `frames + skip` steps at a random place, `frames` are kept in order. A sequence that is too short is
    repeated from its beginning.

    Args:
        folder: where the sequences lie.
        sequences: int64 `[batch]`.
        frames: frames of a clip.
        stride: a step of the window is this many frames.
        skip: steps of the window that are left out.
        rng: source of every draw.

    Returns:
        int64 `[batch, frames]`, rows of `folder.packed`.
    """
    rows = np.empty((len(sequences), frames), np.int64)
    span = (frames + skip - 1) * stride + 1
    for place, sequence in enumerate(sequences):
        length = int(folder.frames[sequence])
        start = int(rng.integers(0, max(length - span, 0) + 1))
        steps = np.arange(frames + skip)
        if skip:
            steps = np.sort(rng.permutation(steps)[:frames])
        rows[place] = folder.first_frame[sequence] + (start + steps * stride) % length
    return rows
