"""Augmented batches of each step, loaded in the training process or ahead of it in others.

A batch is a function of the seed, the number of the step and the share of it that a process takes; see
docs/decisions/0011-batches-from-the-step-number.md.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.context import BaseContext

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from fgait_core.config import TrainingConfig
from fgait_core.data.augmentation import ChannelRules, augment
from fgait_core.data.modalities import MODALITIES
from fgait_core.data.sampling import Sampler, clip_generators, clip_rows
from fgait_core.data.shards import ShardFolder
from fgait_core.errors import ConfigError, FGaitError

_STEPS_AHEAD = 2


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The share of a step that one process takes at once.

    Attributes:
        step: number of the step, from 1.
        folder: number of the data set.
        sequences: int64 `[clip]`, numbers of sequences within it.
        views: for each view uint8 `[clip, channel, frame, 64, 44]`, augmented, 0..255.
    """

    step: int
    folder: int
    sequences: NDArray[np.int64]
    views: tuple[NDArray[np.uint8], ...]


def positions_of(part: int, parts: int, batch: int, crops: Sequence[int]) -> NDArray[np.int64]:
    """Places in the global batch of what a part of it takes.

    The body crops cut a batch into a chunk for each number of bands, and a chunk into halves. Each part takes the same
    slice of every half, so that its own chunks and halves are slices of the global ones: a sequence is cropped alike
    whatever the number of parts.

    Args:
        part: number of the part, from 0.
        parts: processes times micro-batches.
        batch: sequences of a step.
        crops: bands of each chunk; where all are 1, any part may take any slice.

    Returns:
        int64 `[batch / parts]`, rising.

    Raises:
        ConfigError: if the batch does not divide.
    """
    pieces = 1 if set(crops) == {1} else 2 * len(crops)
    if batch % (parts * pieces):
        raise ConfigError(
            f"A batch of {batch} does not divide among {parts} processes and micro-batches with {pieces} piece(s) for "
            f"the body crops each; use a multiple of {parts * pieces}."
        )
    places = np.arange(batch).reshape(pieces, parts, -1)
    return places[:, part].reshape(-1)


class ClipBatches(Dataset[list[Batch]]):
    """The batches of each step, for one process.

    Args:
        folders: the data sets.
        sampler: says which sequences a step takes.
        config: how clips are cut and augmented, and how many micro-batches a step has.
        views: clips of each sequence.
        part: number of this process.
        parts: processes. Of w processes, process r takes the parts r, w + r, 2 * w + r, ... as its micro-batches (see
            `positions_of`): a micro-batch of all processes together is the same whatever their number.

    Raises:
        ConfigError: if the batch does not divide among the parts, or a data set does not hold the modality.
    """

    def __init__(
        self,
        folders: Sequence[ShardFolder],
        sampler: Sampler,
        config: TrainingConfig,
        *,
        views: int,
        part: int,
        parts: int,
    ) -> None:
        self._folders = tuple(folders)
        self._sampler = sampler
        self._config = config
        self._views = views
        self._modality = MODALITIES[config.modality]
        off_centre = config.reproduce.off_centre_rotation
        self._rules = ChannelRules(self._modality.mirrored, self._modality.smooth, off_centre)
        for folder in self._folders:
            self._modality.require(folder)
        whole = parts * config.accumulate
        self._positions = [positions_of(each, whole, config.batch, config.crops) for each in range(part, whole, parts)]

    def __getitem__(self, step: int) -> list[Batch]:
        """The micro-batches of a step, counted from 1."""
        draw = self._sampler.draw(step)
        return [self._batch(step, draw.folder, draw.sequences[at], at) for at in self._positions]

    def _batch(self, step: int, folder: int, sequences: NDArray[np.int64], at: NDArray[np.int64]) -> Batch:
        views = tuple(self._clips(step, folder, sequences, view, at) for view in range(self._views))
        return Batch(step, folder, sequences, views)

    def _clips(
        self, step: int, folder: int, sequences: NDArray[np.int64], view: int, at: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        clip, data = self._config.clip, self._folders[folder]
        rngs = clip_generators(self._config.seed, step, view, at)
        rows = clip_rows(data, sequences, frames=clip.frames, stride=clip.stride, skip=clip.skip, rng=rngs)
        return augment(self._modality.clips(data, rows), self._config.augmentation, rngs, self._rules)


def stream(batches: ClipBatches, first: int, last: int, workers: int) -> Iterator[list[Batch]]:
    """The batches of steps `first` to `last`, in order.

    Args:
        batches: of this process.
        first: step.
        last: step.
        workers: processes that load ahead; 0 loads in this process when asked.

    Raises:
        FGaitError: whatever loading raised, also in a worker.
    """
    if workers == 0:
        yield from (batches[step] for step in range(first, last + 1))
        return
    loader = DataLoader(
        _Loaded(batches),
        batch_size=None,
        sampler=range(first, last + 1),
        num_workers=workers,
        prefetch_factor=_STEPS_AHEAD,
        worker_init_fn=_prepare_worker,
        collate_fn=_as_it_is,
        multiprocessing_context=_clean_processes(),
    )
    for loaded in loader:
        if isinstance(loaded, FGaitError):
            raise loaded
        yield [
            Batch(step, folder, at.numpy(), tuple(view.numpy() for view in views)) for step, folder, at, views in loaded
        ]


def _clean_processes() -> BaseContext:
    """Processes that begin without the threads, locks and GPU of this one, from a server that has imported all."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


class _Loaded(Dataset[object]):
    """Batches as tensors, which travel between processes in shared memory, and errors as values."""

    def __init__(self, batches: ClipBatches) -> None:
        self._batches = batches

    def __getitem__(self, step: int) -> object:
        try:
            batches = self._batches[step]
        except FGaitError as error:
            return error
        return [
            (
                batch.step,
                batch.folder,
                torch.from_numpy(batch.sequences),
                tuple(torch.from_numpy(np.ascontiguousarray(view)) for view in batch.views),
            )
            for batch in batches
        ]


def _as_it_is(loaded: object) -> object:
    return loaded


def _prepare_worker(worker: int) -> None:
    # Ctrl-C reaches every process of a terminal; the training process ends its step and then its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_the_training, daemon=True).start()


def _end_with_the_training() -> None:
    """Ends this worker when the training process is gone, even if that was killed and could not say so."""
    training = multiprocessing.parent_process()
    if training is not None:
        training.join()
        os._exit(1)
