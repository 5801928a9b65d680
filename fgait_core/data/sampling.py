"""Which sequences and which frames go into a training step.

Every draw is a function of the seed and the number of the step alone: nothing is saved to go on exactly, every process
draws the same, and any step can be drawn without those before it (docs/decisions/0011-batches-from-the-step-number.md).

Source: FoundationGait (arXiv 2512.00691), the samplers of pre-training and fine-tuning.

Deviations from the published samplers, each with its option in `ReproduceConfig`:
    * all processes share one order of the sequences, so that none is drawn by two of them (`order_by_process`);
    * the last full block of an epoch is drawn, too (`last_block_dropped`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fgait_core.config import FinetuneConfig, PretrainConfig, TrainingConfig
from fgait_core.data.shards import ShardFolder
from fgait_core.errors import ConfigError

# The first number of a seed says what it draws, so that no two kinds of draws share their numbers.
_MIXTURE, _ORDER, _SEQUENCE_OF_PERSON, _PEOPLE, _CLIP = range(1, 6)
_STEPS_OF_A_BLOCK = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """The sequences of a step, over all processes and micro-batches.

    Attributes:
        folder: number of the data set.
        sequences: int64 `[batch]`, numbers of sequences within it.
    """

    folder: int
    sequences: NDArray[np.int64]


class Sampler(Protocol):
    """Says what each step is made of."""

    def draw(self, step: int) -> Draw:
        """The sequences of a step; steps count from 1."""
        ...


class FolderOrder(Protocol):
    """The batches of one data set, in order."""

    def batch_number(self, turn: int) -> NDArray[np.int64]:
        """Numbers of the sequences of a batch, int64 `[batch]`; turns count from 0."""
        ...


class Mixture:
    """Which data set a step takes, and how often that one was taken before.

    Args:
        weights: share of each data set.
        seed: of the run.
    """

    def __init__(self, weights: Sequence[float], seed: int) -> None:
        share = np.asarray(weights, np.float64)
        self._border = np.cumsum(share / share.sum())
        self._border[-1] = 1.0
        self._seed = seed
        self._taken_before = [np.zeros(len(share), np.int64)]

    def choice(self, step: int) -> tuple[int, int]:
        """Number of the data set of a step (from 1), and how many steps before it took the same."""
        block, place = divmod(step - 1, _STEPS_OF_A_BLOCK)
        while len(self._taken_before) <= block:
            counts = np.bincount(self._block(len(self._taken_before) - 1), minlength=len(self._border))
            self._taken_before.append(self._taken_before[-1] + counts)
        chosen = self._block(block)
        folder = int(chosen[place])
        return folder, int(self._taken_before[block][folder] + np.count_nonzero(chosen[:place] == folder))

    def _block(self, number: int) -> NDArray[np.int64]:
        uniform = np.random.default_rng([_MIXTURE, self._seed, number]).random(_STEPS_OF_A_BLOCK)
        return np.searchsorted(self._border, uniform, side="right")


class _Epochs:
    """Orders of `count` things, one for each epoch; the last two are kept."""

    def __init__(self, count: int, key: Sequence[int]) -> None:
        self.count = count
        self._key = tuple(key)
        self.order = lru_cache(maxsize=2)(self._order)

    def _order(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng([_ORDER, *self._key, epoch]).permutation(self.count)

    def __reduce__(self) -> tuple[type[_Epochs], tuple[int, tuple[int, ...]]]:
        return type(self), (self.count, self._key)


class SequenceOrder:
    """Consecutive blocks of a shuffled list of all sequences, shuffled anew each epoch: the published bilateral order.

    The published code also permutes a block, which changes nothing in an order that is random already. What is left
    over at the end of an epoch, less than a batch, is not drawn in that epoch. A data set smaller than the batch is
    shuffled again and again until the batch is full, so that no sequence is in it more than once more often than any
    other.

    Args:
        sequences: how many there are.
        batch: sequences of a batch.
        key: numbers that tell this order from others: seed, data set, process.
        last_block_dropped: leave out the last full block of an epoch, too, unless it is the only one.
    """

    def __init__(self, sequences: int, batch: int, key: Sequence[int], *, last_block_dropped: bool = False) -> None:
        blocks = -(-sequences // batch) - 1 if last_block_dropped else sequences // batch
        self._blocks = max(blocks, 1)
        self._batch = batch
        self._repeats = -(-batch // sequences)
        self._epochs = _Epochs(sequences, key)

    def batch_number(self, turn: int) -> NDArray[np.int64]:
        """See `FolderOrder`."""
        epoch, block = divmod(turn, self._blocks)
        if self._repeats > 1:
            first = turn * self._repeats
            orders = [self._epochs.order(each) for each in range(first, first + self._repeats)]
            return np.concatenate(orders)[: self._batch]
        return self._epochs.order(epoch)[block * self._batch : (block + 1) * self._batch].copy()


class _People:
    """The sequences of each person."""

    def __init__(self, folder: ShardFolder) -> None:
        self._by_person = np.argsort(folder.person_number, kind="stable")
        self._count = np.bincount(folder.person_number)
        self._first = np.cumsum(self._count) - self._count

    def __len__(self) -> int:
        return len(self._count)

    def sequences(self, people: NDArray[np.int64], each: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Random sequences of people, int64 `[person, each]`; with repetition where somebody has fewer."""
        drawn = np.empty((len(people), each), np.int64)
        for place, person in enumerate(people):
            count = int(self._count[person])
            chosen = rng.integers(0, count, each) if each == 1 or count < each else rng.permutation(count)[:each]
            drawn[place] = self._by_person[self._first[person] + chosen]
        return drawn


class PeopleOrder:
    """One sequence each of different people, so that no batch holds anybody twice.

    People come in the order of a shuffled list, which is shuffled anew each epoch; those left over at its end, fewer
    than a batch, are not drawn in that epoch.

    Args:
        folder: the data set.
        batch: sequences of a batch.
        key: numbers that tell this order from others: seed, data set, process.

    Raises:
        ConfigError: if there are fewer people than the batch needs.
    """

    def __init__(self, folder: ShardFolder, batch: int, key: Sequence[int]) -> None:
        self._people = _People(folder)
        if len(self._people) < batch:
            raise ConfigError(
                f"A batch of {batch} sequences needs {batch} people; {folder.path} has {len(self._people)}. "
                "Use a smaller batch."
            )
        self._order = SequenceOrder(len(self._people), batch, key)
        self._key = tuple(key)

    def batch_number(self, turn: int) -> NDArray[np.int64]:
        """See `FolderOrder`."""
        rng = np.random.default_rng([_SEQUENCE_OF_PERSON, *self._key, turn])
        return self._people.sequences(self._order.batch_number(turn), 1, rng)[:, 0]


class GroupsOfPeople:
    """Random people with several sequences each, in random order: what the triplet loss needs.

    The order is random so that every body crop, which takes a part of the batch, sees many people.

    Args:
        folder: the data set; with fewer people than wanted, some are drawn twice.
        people: different people of a batch.
        each: sequences of each; somebody who has fewer gives some of them twice.
        key: numbers that tell this order from others: seed, data set, process.
    """

    def __init__(self, folder: ShardFolder, people: int, each: int, key: Sequence[int]) -> None:
        self._people = _People(folder)
        self._wanted = people
        self._each = each
        self._key = tuple(key)

    def batch_number(self, turn: int) -> NDArray[np.int64]:
        """See `FolderOrder`."""
        rng = np.random.default_rng([_PEOPLE, *self._key, turn])
        people = rng.choice(len(self._people), self._wanted, replace=len(self._people) < self._wanted)
        return rng.permutation(self._people.sequences(people, self._each, rng).reshape(-1))


class MixtureSampler:
    """A data set by chance for each step, then its next batch.

    Args:
        mixture: chooses the data set.
        orders: of each data set.
    """

    def __init__(self, mixture: Mixture, orders: Sequence[FolderOrder]) -> None:
        self._mixture = mixture
        self._orders = tuple(orders)

    def draw(self, step: int) -> Draw:
        """See `Sampler`."""
        folder, turn = self._mixture.choice(step)
        return Draw(folder, self._orders[folder].batch_number(turn))


def make_sampler(folders: Sequence[ShardFolder], config: TrainingConfig, *, process: int = 0) -> Sampler:
    """The sampler that a configuration asks for.

    A data set is drawn with probability proportional to (weight * sequences) ** exponent; published: exponent 1/3.

    Args:
        folders: the data sets, in the order of `config.data`.
        config: of pre-training or fine-tuning.
        process: number of this process; only `reproduce.order_by_process` looks at it.

    Raises:
        ConfigError: if a data set has too few people for the batch.
    """
    sizes = [each.weight * len(folder) for each, folder in zip(config.data, folders, strict=True)]
    mixture = Mixture([size**config.mixture_exponent for size in sizes], config.seed)
    own = process if config.reproduce.order_by_process else 0
    return MixtureSampler(
        mixture, [_order(folder, config, (config.seed, number, own)) for number, folder in enumerate(folders)]
    )


def _order(folder: ShardFolder, config: TrainingConfig, key: tuple[int, int, int]) -> FolderOrder:
    if isinstance(config, FinetuneConfig) and config.sequences_per_person > 1:
        each = config.sequences_per_person
        return GroupsOfPeople(folder, config.batch // each, each, key)
    if isinstance(config, PretrainConfig) and config.sampling == "sequences":
        dropped = config.reproduce.last_block_dropped
        return SequenceOrder(len(folder), config.batch, key, last_block_dropped=dropped)
    return PeopleOrder(folder, config.batch, key)


def clip_generators(seed: int, step: int, view: int, positions: NDArray[np.int64]) -> list[np.random.Generator]:
    """A source of random numbers for each clip of a step, whoever loads it.

    Args:
        seed: of the run.
        step: from 1.
        view: which of the views of a sequence.
        positions: int64, places of the clips in the global batch.
    """
    key = np.random.SeedSequence([_CLIP, seed, step, view]).generate_state(2, np.uint64)
    return [np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, place])) for place in positions.tolist()]


def clip_rows(
    folder: ShardFolder,
    sequences: NDArray[np.int64],
    *,
    frames: int,
    stride: int,
    skip: int,
    rng: np.random.Generator | Sequence[np.random.Generator],
) -> NDArray[np.int64]:
    """Draws an ordered clip of each sequence, as the published fixed-ordered sampling does.

    Of a window of `frames + skip` steps at a random place, `frames` are kept in order. A sequence that is too short is
    first repeated as often as is needed, and the window begins at any place of that.

    Args:
        folder: where the sequences lie.
        sequences: int64 `[batch]`.
        frames: frames of a clip.
        stride: a step of the window is this many frames.
        skip: steps of the window that are left out.
        rng: source of every draw, or one for each sequence.

    Returns:
        int64 `[batch, frames]`, numbers of frames within the folder.
    """
    rngs = [rng] * len(sequences) if isinstance(rng, np.random.Generator) else rng
    starts = np.empty((len(sequences), 1), np.int64)
    kept = np.tile(np.arange(frames), (len(sequences), 1))
    span = (frames + skip - 1) * stride + 1
    lengths = folder.frames[sequences]
    repeated = lengths * -(-span // lengths)
    for place, source in enumerate(rngs):
        starts[place] = source.integers(0, int(repeated[place]) - span + 1)
        if skip:
            kept[place] = np.sort(source.permutation(frames + skip)[:frames])
    return folder.first_frame[sequences][:, None] + (starts + kept * stride) % lengths[:, None]
