"""Validation while pre-training goes on: the teacher recognises people whom it never saw, without any fine-tuning.

Each sequence in turn is the probe and all others are the gallery. Source: FoundationGait (arXiv 2512.00691), zero-shot
identification by the parts of the teacher's predictor at unit length.

Deviations: the published code tests on the test people of its first training data set; here the validation people are
named by the configuration, and none of them may be trained on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from fgait_core.config import PretrainConfig
from fgait_core.data.modalities import MODALITIES
from fgait_core.data.shards import ShardFolder, read_shards, require_disjoint
from fgait_core.distributed import gather_rows, rank, world_size
from fgait_core.errors import ConfigError
from fgait_core.evaluation.retrieval import measure_retrieval
from fgait_core.models.backbone import Backbone
from fgait_core.recipes.embed import FRAMES_LIMIT, embed_clips
from fgait_core.training.checkpoint import whole_tensors

_SEQUENCES_AT_ONCE = 64


class Validation:
    """Measures a teacher every so many steps.

    Args:
        config: says on which people, how often, and how many sequences; where it names no validation nothing is done.
        teacher: as it is trained, in one process or divided among many.
        trained_on: the training data.

    Raises:
        ConfigError: if a validation person is trained on, or nobody has two sequences.
    """

    def __init__(self, config: PretrainConfig, teacher: Backbone, trained_on: Sequence[ShardFolder]) -> None:
        self._teacher = teacher
        self._config = config
        self._folder: ShardFolder | None = None
        if config.validation is None:
            return
        self._folder = read_shards(config.validation.data)
        for folder in trained_on:
            if folder.manifest.get("source") == self._folder.manifest.get("source"):
                require_disjoint(folder, self._folder)
        self._chosen = whole_people(self._folder, config.validation.sequences, config.seed)

    def measure(self, iteration: int) -> dict[str, float] | None:
        """Rank-1 and mean average precision in percent, where it is time for them; all processes must ask."""
        wanted = self._config.validation
        last = iteration == self._config.iterations
        if self._folder is None or wanted is None or (iteration % wanted.every and not last):
            return None
        embeddings, person = self._embed(self._folder), self._folder.person[self._chosen]
        itself = np.eye(len(person), dtype=bool)
        measured = measure_retrieval(embeddings, embeddings, person, person, excluded=lambda probes: itself[probes])
        return {
            "validation_rank_1": float(measured.rank[1]),
            "validation_map": float(measured.mean_average_precision),
        }

    def _embed(self, folder: ShardFolder) -> NDArray[np.float32]:
        """Unit embeddings of the chosen sequences `[sequence, channel, 31]`; each process embeds its share."""
        copy = self._whole_teacher()
        each = -(-len(self._chosen) // world_size())
        share = np.take(self._chosen, np.arange(rank() * each, (rank() + 1) * each), mode="wrap")
        frames = np.minimum(folder.frames[share], FRAMES_LIMIT)
        own = np.empty((each, copy.channels[3], 31), np.float32)
        for places in _of_equal_length(frames):
            rows = folder.first_frame[share[places]][:, None] + np.arange(int(frames[places[0]]))
            clips = MODALITIES[self._config.modality].clips(folder, rows)
            own[places] = embed_clips(copy, clips, "predictor", device=next(copy.parameters()).device)
        everybody = gather_rows(torch.from_numpy(own)).numpy()[: len(self._chosen)]
        return everybody / np.linalg.norm(everybody, axis=1, keepdims=True).clip(1e-12)

    def _whole_teacher(self) -> Backbone:
        """A copy that is not divided among processes, on the teacher's device."""
        teacher = self._teacher
        copy = Backbone(teacher.channels, teacher.depths, teacher.in_channels)
        copy.load_state_dict(whole_tensors(teacher.state_dict()))
        return copy.to(next(teacher.parameters()).device).eval()


def _of_equal_length(frames: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for length in np.unique(frames):
        places = np.flatnonzero(frames == length)
        yield from np.split(places, range(_SEQUENCES_AT_ONCE, len(places), _SEQUENCES_AT_ONCE))


def whole_people(folder: ShardFolder, limit: int, seed: int) -> NDArray[np.int64]:
    """Numbers of the sequences of people drawn at random, each with all sequences, `limit` at the most.

    Raises:
        ConfigError: if nobody of them has two sequences.
    """
    order = np.random.default_rng(seed).permutation(len(folder.people))
    counts = np.bincount(folder.person_number)
    taken = order[np.cumsum(counts[order]) <= limit]
    if not len(taken) or counts[taken].max() < 2:
        raise ConfigError(
            f"Validation on {limit} sequences of {folder.path} has nobody with two sequences. Use other data or more "
            "sequences."
        )
    return np.flatnonzero(np.isin(folder.person_number, taken))
