"""`fgait data` as a user runs it."""

from __future__ import annotations

import json
import pickle as standard
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fgait_core import cli as engine_cli
from fgait_core.data.public.catalogue import ALL
from fgait_core.data.shards import read_shards
from fgait_core.errors import ConfigError


def fgait(*arguments: object):
    return CliRunner().invoke(engine_cli.build(), ["data", *map(str, arguments)])


@pytest.fixture
def copy(tmp_path: Path) -> list[object]:
    """Arguments for a made-up copy of CASIA-B's layout: three people, two sequences each."""
    for number, place in enumerate(f"{person:03d}/{kind}/090" for person in (1, 2, 75) for kind in ("nm-01", "cl-02")):
        clip = np.zeros((6, 64, 64), np.uint8)
        clip[:, 5:60, 20 + number : 32] = 255
        folder = tmp_path / "data" / place
        folder.mkdir(parents=True)
        (folder / "silhouettes.pkl").write_bytes(standard.dumps(clip))
    partition = tmp_path / "partition.json"
    partition.write_text(json.dumps({"TRAIN_SET": ["001", "002"], "TEST_SET": ["075"]}))
    return [tmp_path / "data", "--dataset", "casia-b", "--partition", partition, "--processes", 1]


def test_list_names_every_data_set():
    done = fgait("list")
    assert done.exit_code == 0
    for data_set in ALL:
        assert data_set.name in done.stdout
        assert data_set.title in done.stdout


def test_check_import_and_check_again(copy, tmp_path):
    assert fgait("check", *copy).exit_code == 0
    done = fgait("import", *copy, "--part", "train", "--out", tmp_path / "train")
    assert done.exit_code == 0, done.output
    assert "4 sequences of 2 people, 24 frames; 4 new, 0 left out" in done.stdout
    folder = read_shards(tmp_path / "train")
    assert folder.people == ("casia-b-001", "casia-b-002")
    assert folder.frame_rate_hz == 25.0
    again = fgait("import", *copy, "--part", "train", "--out", tmp_path / "train")
    assert "0 new" in again.stdout
    checked = fgait("check", tmp_path / "train")
    assert (checked.exit_code, "Nothing is wrong." in checked.stdout) == (0, True)


def test_faults_are_printed_written_and_make_exit_code_1(copy, tmp_path):
    (tmp_path / "data" / "075" / "nm-01" / "090" / "silhouettes.pkl").write_bytes(b"broken")
    done = fgait("check", *copy, "--json", tmp_path / "found.json")
    assert done.exit_code == 1
    assert "files that cannot be read safely" in done.stdout
    assert "casia-b/075/nm-01/090" in done.stdout
    assert json.loads((tmp_path / "found.json").read_text())["counts"]["unreadable"] == 1
    done = fgait("import", *copy, "--out", tmp_path / "out")
    assert done.exit_code == 0
    assert "1 left out" in done.stdout
    assert read_shards(tmp_path / "out").manifest["counts"]["sequences"] == 5


def test_nothing_to_import_is_an_error(copy, tmp_path):
    done = fgait("import", *copy, "--min-frames", 7, "--out", tmp_path / "out")
    assert isinstance(done.exception, ConfigError)
    assert "Nothing of casia-b" in str(done.exception)


def test_people_are_split(copy, tmp_path):
    split = ("--split-by-person", "train=0.67,test=0.33", "--seed", 3)
    done = fgait("import", *copy, "--out", tmp_path / "out", *split)
    assert done.exit_code == 0, done.output
    people = [read_shards(tmp_path / "out" / name).people for name in ("train", "test")]
    assert [len(each) for each in people] == [2, 1]


def test_an_unknown_frame_rate_has_to_be_given(copy, tmp_path):
    copy[2] = "grew"
    done = fgait("import", *copy, "--out", tmp_path / "out")
    assert "--frame-rate-hz" in str(done.exception)
    assert not (tmp_path / "out").exists()
