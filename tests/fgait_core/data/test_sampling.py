"""What a step is made of follows from the seed and the number of the step, and has the promised proportions."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fgait_core.config import FinetuneConfig, PretrainConfig, ReproduceConfig
from fgait_core.data.sampling import (
    GroupsOfPeople,
    Mixture,
    PeopleOrder,
    SequenceOrder,
    clip_generators,
    clip_rows,
    make_sampler,
)
from fgait_core.errors import ConfigError

PRETRAIN = {
    "kind": "pretrain",
    "seed": 3,
    "architecture": "tiny",
    "clip": {"frames": 4},
    "crops": [1],
    "batch": 8,
    "iterations": 10,
}
FINETUNE = PRETRAIN | {
    "kind": "finetune",
    "initial": None,
    "tasks": ["scoliosis"],
    "layer_rates": [0.1] * 5,
    "projector_rate": 0.1,
    "head_rate": 0.1,
}


@dataclass
class People:
    """As much of a folder of shards as sampling looks at."""

    person_number: np.ndarray
    frames: np.ndarray
    path: Path = Path("data")

    def __len__(self) -> int:
        return len(self.person_number)

    @property
    def first_frame(self) -> np.ndarray:
        return np.cumsum(self.frames) - self.frames


def people(count: int, each: int = 2, frames: int = 16) -> People:
    """People 0, 1, 2 ... with their sequences scattered over the folder."""
    numbers = np.random.default_rng(0).permutation(np.repeat(np.arange(count), each))
    return People(numbers, np.full(len(numbers), frames))


def pretrain(**changes) -> PretrainConfig:
    return PretrainConfig.model_validate(PRETRAIN | {"data": ["a"]} | changes)


def finetune(**changes) -> FinetuneConfig:
    return FinetuneConfig.model_validate(FINETUNE | {"data": ["a"]} | changes)


def test_mixture_has_its_shares_and_counts_turns() -> None:
    mixture = Mixture([1, 2, 5], seed=4)
    steps = [mixture.choice(step) for step in range(1, 12_001)]
    counts = Counter(folder for folder, _ in steps)
    np.testing.assert_allclose([counts[i] / 12_000 for i in range(3)], [1 / 8, 2 / 8, 5 / 8], atol=0.015)
    for folder in range(3):
        assert [turn for each, turn in steps if each == folder] == list(range(counts[folder]))
    fresh = Mixture([1, 2, 5], seed=4)
    assert [fresh.choice(step) for step in (11_000, 5_000, 1, 4097)] == [steps[s - 1] for s in (11_000, 5_000, 1, 4097)]
    assert [Mixture([1, 2, 5], seed=5).choice(step) for step in range(1, 50)] != steps[:49]


def test_weights_and_exponent_of_the_configuration() -> None:
    """Published: 1/10 of its sequences counts for a large set, and the cube root of what counts."""
    folders = [people(1000, 1), people(80_000, 1)]
    config = pretrain(data=[{"path": "a"}, {"path": "b", "weight": 0.1}])
    sampler = make_sampler(folders, config)  # type: ignore[arg-type]
    share = np.mean([sampler.draw(step).folder for step in range(1, 3001)])
    assert share == pytest.approx(2 / 3, abs=0.03)


def test_sequences_are_blocks_of_a_shuffled_list() -> None:
    order = SequenceOrder(100, 8, (1, 0, 0))
    epoch = np.concatenate([order.batch_number(turn) for turn in range(12)])
    assert len(set(epoch.tolist())) == 96
    second = np.concatenate([order.batch_number(turn) for turn in range(12, 24)])
    assert len(set(second.tolist())) == 96
    assert set(second.tolist()) != set(epoch.tolist())
    again = SequenceOrder(100, 8, (1, 0, 0))
    for turn in (23, 0, 12):
        np.testing.assert_array_equal(again.batch_number(turn), order.batch_number(turn))
    assert (SequenceOrder(100, 8, (2, 0, 0)).batch_number(0) != order.batch_number(0)).any()


@pytest.mark.parametrize(("sequences", "ours", "published"), [(64, 8, 7), (65, 8, 8), (71, 8, 8), (8, 1, 1)])
def test_last_full_block(sequences: int, ours: int, published: int) -> None:
    """An epoch ends where a sequence comes again; the published one ends early where the batch divides exactly."""

    def blocks(order: SequenceOrder) -> int:
        seen: set[int] = set()
        for turn in range(100):
            block = set(order.batch_number(turn).tolist())
            assert len(block) == 8
            if seen & block:
                return turn
            seen |= block
        raise AssertionError

    several = [SequenceOrder(sequences, 8, (seed, 0, 0)) for seed in range(5)]
    dropped = [SequenceOrder(sequences, 8, (seed, 0, 0), last_block_dropped=True) for seed in range(5)]
    assert min(map(blocks, several)) == ours
    assert min(map(blocks, dropped)) == published


def test_a_small_data_set_is_repeated_evenly() -> None:
    order = SequenceOrder(5, 12, (1, 0, 0))
    for turn in range(10):
        counts = np.bincount(order.batch_number(turn), minlength=5)
        assert sorted(counts.tolist()) == [2, 2, 2, 3, 3]
    assert (order.batch_number(0) != order.batch_number(1)).any()


def test_processes_share_an_order_unless_the_accident_is_wanted() -> None:
    folder = people(100)
    shared = [make_sampler([folder], pretrain(), process=each).draw(7).sequences for each in range(2)]  # type: ignore[list-item]
    np.testing.assert_array_equal(shared[0], shared[1])
    config = pretrain(reproduce=ReproduceConfig(order_by_process=True).model_dump())
    own = [make_sampler([folder], config, process=each).draw(7).sequences for each in range(2)]  # type: ignore[list-item]
    assert (own[0] != own[1]).any()


def test_people_of_a_batch_are_different_and_everybody_comes_once_an_epoch() -> None:
    folder = people(24)
    sampler = make_sampler([folder], pretrain(sampling="people"))  # type: ignore[list-item]
    epoch = np.concatenate([sampler.draw(step).sequences for step in (1, 2, 3)])
    assert sorted(folder.person_number[epoch].tolist()) == list(range(24))
    drawn = Counter(np.concatenate([sampler.draw(step).sequences for step in range(1, 301)]).tolist())
    assert set(drawn) == set(range(48))
    assert max(drawn.values()) < 2 * min(drawn.values())
    uneven = PeopleOrder(folder, 11, (1, 0, 0))  # type: ignore[arg-type]
    for turn in range(20):
        assert len(set(folder.person_number[uneven.batch_number(turn)].tolist())) == 11
    with pytest.raises(ConfigError, match="smaller batch"):
        PeopleOrder(folder, 25, (1, 0, 0))  # type: ignore[arg-type]


def test_finetuning_draws_people_or_groups() -> None:
    folder = people(24, 5)
    one_each = make_sampler([folder], finetune()).draw(1).sequences  # type: ignore[list-item]
    assert len(set(folder.person_number[one_each].tolist())) == 8
    groups = make_sampler([folder], finetune(sequences_per_person=4))  # type: ignore[list-item]
    for step in range(1, 20):
        drawn = groups.draw(step).sequences
        assert sorted(np.bincount(folder.person_number[drawn], minlength=24).tolist())[-3:] == [0, 4, 4]
        assert len(set(drawn.tolist())) == 8
    np.testing.assert_array_equal(groups.draw(3).sequences, groups.draw(3).sequences)


def test_groups_repeat_only_where_there_are_too_few() -> None:
    two_of_three = GroupsOfPeople(people(3, 2), 2, 5, (0, 0, 0))  # type: ignore[arg-type]
    drawn = two_of_three.batch_number(0)
    assert len(drawn) == 10
    assert len(set(drawn.tolist())) <= 4
    three_of_two = GroupsOfPeople(people(2, 4), 3, 2, (0, 0, 0))  # type: ignore[arg-type]
    assert len(three_of_two.batch_number(0)) == 6
    mixed = [GroupsOfPeople(people(8, 4), 8, 4, (seed, 0, 0)).batch_number(0) for seed in range(20)]  # type: ignore[arg-type]
    owner = people(8, 4).person_number
    assert np.mean([len(set(owner[batch[:8]].tolist())) for batch in mixed]) > 4  # a chunk sees many people


def test_two_million_sequences() -> None:
    """The order of an epoch is made once and kept; 100 draws of one epoch cost nothing beside it."""
    order = SequenceOrder(2_000_000, 512, (0, 0, 0))
    order.batch_number(0)
    began_s = time.process_time()
    for turn in range(100):
        order.batch_number(turn)
    assert time.process_time() - began_s < 0.1
    assert order.batch_number(3905).max() < 2_000_000
    assert len(set(order.batch_number(3906).tolist())) == 512


@pytest.mark.parametrize(("frames", "stride", "skip"), [(6, 2, 0), (6, 1, 4), (16, 1, 0)])
def test_clips_stay_in_order_within_their_sequence(frames: int, stride: int, skip: int) -> None:
    folder = people(12)
    sequences = np.array([0, 5, 23])
    for seed in range(10):
        rng = np.random.default_rng(seed)
        rows = clip_rows(folder, sequences, frames=frames, stride=stride, skip=skip, rng=rng)  # type: ignore[arg-type]
        assert rows.shape == (3, frames)
        assert (rows // 16 == sequences[:, None]).all()
        steps = np.diff(rows, axis=1)
        assert steps.min() >= stride
        assert (steps == stride).all() or skip


def windows(length: int, frames: int, skip: int, draws: int = 400) -> np.ndarray:
    folder = People(np.zeros(2, int), np.array([100, length]))
    rngs = clip_generators(1, 1, 0, np.arange(draws))
    return clip_rows(folder, np.ones(draws, int), frames=frames, stride=1, skip=skip, rng=rngs) - 100  # type: ignore[arg-type]


def test_a_window_begins_anywhere_and_leaves_out_anything() -> None:
    rows = windows(20, frames=6, skip=4)
    assert (np.diff(rows, axis=1) > 0).all()
    assert (rows[:, -1] - rows[:, 0] < 10).all()
    assert (rows.min(), rows.max()) == (0, 19)
    first = Counter((rows[:, 0]).tolist())
    assert len(first) >= 11
    left_out = np.bincount((rows - rows[:, :1]).reshape(-1))
    assert len(left_out) == 10


def test_a_short_sequence_is_repeated_and_the_window_begins_anywhere_in_that() -> None:
    """16 steps of 5 frames: four repetitions make 20 frames, so the window begins at 0 to 4, all as often."""
    rows = windows(5, frames=16, skip=0)
    starts = np.bincount(rows[:, 0], minlength=5)
    np.testing.assert_array_equal(rows, (rows[:, :1] + np.arange(16)) % 5)
    assert starts.min() > 400 / 5 * 0.6
    exact = windows(4, frames=16, skip=0)
    assert (exact == np.arange(16) % 4).all()


def test_generators_belong_to_positions() -> None:
    of_all = [rng.random() for rng in clip_generators(1, 5, 0, np.arange(8))]
    of_some = [rng.random() for rng in clip_generators(1, 5, 0, np.array([6, 2]))]
    assert of_some == [of_all[6], of_all[2]]
    others = [clip_generators(*key, np.array([2]))[0].random() for key in ((2, 5, 0), (1, 6, 0), (1, 5, 1))]
    assert len({of_all[2], *others}) == 4
    assert len(set(of_all)) == 8
