"""Batches are the same whatever loads them: one process or several, at once or ahead."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from fgait_core.config import PretrainConfig
from fgait_core.data.batches import Batch, ClipBatches, positions_of, stream
from fgait_core.data.sampling import make_sampler
from fgait_core.data.shards import read_shards
from fgait_core.errors import ConfigError


def config(data: Path, **changes) -> PretrainConfig:
    values = {
        "kind": "pretrain",
        "seed": 1,
        "architecture": "tiny",
        "data": [data, data],
        "clip": {"frames": 4, "stride": 2, "skip": 1},
        "crops": [2, 1],
        "batch": 16,
        "iterations": 10,
    }
    return PretrainConfig.model_validate(values | changes)


def batches(setting: PretrainConfig, part: int = 0, parts: int = 1) -> ClipBatches:
    folders = [read_shards(each.path) for each in setting.data]
    return ClipBatches(folders, make_sampler(folders, setting), setting, views=2, part=part, parts=parts)


def assert_same(one: list[Batch], other: list[Batch]) -> None:
    for a, b in zip(one, other, strict=True):
        assert (a.step, a.folder) == (b.step, b.folder)
        np.testing.assert_array_equal(a.sequences, b.sequences)
        for view, same in zip(a.views, b.views, strict=True):
            np.testing.assert_array_equal(view, same)


@pytest.mark.parametrize("crops", [(8, 4, 2, 1), (1,), (2, 2, 1, 1)])
@pytest.mark.parametrize("parts", [1, 2, 4])
def test_parts_are_slices_of_every_half_chunk(crops: tuple[int, ...], parts: int) -> None:
    """What the crops do to a row of a part is what they do to the same row of the whole batch."""
    batch = 64

    def treatment(rows: int) -> np.ndarray:
        """Chunk and half of each row of a batch of so many rows."""
        if set(crops) == {1}:
            return np.zeros(rows)
        chunk = rows // len(crops)
        place = np.arange(rows)
        return place // chunk * 2 + (place % chunk >= chunk // 2)

    positions = [positions_of(part, parts, batch, crops) for part in range(parts)]
    assert sorted(np.concatenate(positions).tolist()) == list(range(batch))
    for at in positions:
        np.testing.assert_array_equal(treatment(batch)[at], treatment(len(at)))


def test_a_batch_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ConfigError, match="use a multiple of 24"):
        positions_of(0, 3, 16, (8, 4, 2, 1))


def test_a_batch_holds_two_different_views(train_shards: Path) -> None:
    (batch,) = batches(config(train_shards))[3]
    assert batch.step == 3
    first, second = batch.views
    assert first.dtype == np.uint8
    assert first.shape == (16, 1, 4, 64, 44)
    assert first.max() == 255
    assert (first != second).any()


def test_processes_and_micro_batches_share_one_global_batch(train_shards: Path) -> None:
    (whole,) = batches(config(train_shards))[5]
    two_by_two = config(train_shards, accumulate=2)
    for process in range(2):
        for micro, share in enumerate(batches(two_by_two, process, 2)[5]):
            at = positions_of(micro * 2 + process, 4, 16, (2, 1))
            np.testing.assert_array_equal(share.sequences, whole.sequences[at])
            for view, all_of_it in zip(share.views, whole.views, strict=True):
                np.testing.assert_array_equal(view, all_of_it[at])


def test_workers_load_the_same_in_the_same_order(train_shards: Path) -> None:
    source = batches(config(train_shards))
    loaded = list(stream(source, 2, 7, workers=2))
    assert [each[0].step for each in loaded] == [2, 3, 4, 5, 6, 7]
    for one, same in zip(loaded, stream(source, 2, 7, workers=0), strict=True):
        assert_same(one, same)
    assert multiprocessing.active_children() == []


class Broken:
    """A sampler that fails at the third step."""

    def __init__(self, sampler) -> None:
        self._sampler = sampler

    def draw(self, step: int):
        if step == 3:
            raise ConfigError("The data are gone. Bring them back.")
        return self._sampler.draw(step)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_arrives_as_it_is(train_shards: Path, workers: int) -> None:
    setting = config(train_shards)
    folders = [read_shards(each.path) for each in setting.data]
    source = ClipBatches(folders, Broken(make_sampler(folders, setting)), setting, views=1, part=0, parts=1)
    steps = stream(source, 1, 6, workers)
    assert [next(steps)[0].step, next(steps)[0].step] == [1, 2]
    with pytest.raises(ConfigError, match=r"^The data are gone\. Bring them back\.$"):
        next(steps)
    assert multiprocessing.active_children() == []


def test_stopping_early_ends_the_workers(train_shards: Path) -> None:
    steps = stream(batches(config(train_shards)), 1, 1000, workers=1)
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []


LOADING = """
import sys
from fgait_core.config import PretrainConfig
from fgait_core.data.batches import ClipBatches, stream
from fgait_core.data.sampling import make_sampler
from fgait_core.data.shards import read_shards

if __name__ == "__main__":
    config = PretrainConfig.model_validate_json(sys.argv[1])
    folders = [read_shards(each.path) for each in config.data]
    batches = ClipBatches(folders, make_sampler(folders, config), config, views=1, part=0, parts=1)
    for loaded in stream(batches, 1, 10**6, workers=1):
        print(loaded[0].step, flush=True)
        sys.stdin.readline()
"""


def test_workers_end_when_the_training_is_killed(train_shards: Path, tmp_path: Path) -> None:
    script = tmp_path / "loading.py"
    script.write_text(LOADING)
    arguments = [sys.executable, str(script), config(train_shards).model_dump_json()]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as one:
        assert one.stdout is not None
        assert one.stdout.readline() == "1\n"
        others = psutil.Process(one.pid).children(recursive=True)
        assert any("forkserver" in " ".join(each.cmdline()) for each in others)
        one.kill()
    assert psutil.wait_procs(others, timeout=20)[1] == []
