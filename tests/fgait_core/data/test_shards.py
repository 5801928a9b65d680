"""Shards are read as they were written, and damage, mixing and overlap are noticed."""

from __future__ import annotations

import json
import multiprocessing
import re
import shutil
import subprocess
import sys
from pathlib import Path
from pickle import dumps
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fgait_core.data.shard_files import FRAME_BYTES, MANIFEST_NAME, file_sha256
from fgait_core.data.shard_rows import ColumnType, ShardLayout, ShardRows
from fgait_core.data.shard_writer import ShardWriter, finish_folder, join_shards, write_shard
from fgait_core.data.shards import ShardFolder, read_shards, require_disjoint
from fgait_core.errors import ConfigError

COLUMNS: dict[str, ColumnType] = {"view": "text", "cobb_deg": "float", "round": "int"}
LENGTHS = (3, 1, 8, 5, 2, 6, 4)


def made_up(number: int) -> dict[str, Any]:
    rng = np.random.default_rng(number)
    frames = LENGTHS[number]
    return {
        "key": f"walk-{number}",
        "person": f"p{number // 2}",
        "frames": rng.integers(0, 256, (frames, 64, 44), np.uint8),
        "values": {"view": ("front", None)[number % 2], "cobb_deg": 12.5 * number, "round": number},
        "poses": rng.normal(0, 300, (frames, 17, 3)).astype(np.float32),
        "parsing": rng.integers(0, 16, (frames, 64, 44), np.uint8),
    }


ROWS: list[dict[str, Any]] = [made_up(number) for number in range(len(LENGTHS))]


def open_writer(folder: Path, **changed: Any) -> ShardWriter:
    given: dict[str, Any] = {
        "identity": "made up 1",
        "manifest": {"source": "a test"},
        "columns": COLUMNS,
        "frame_rate_hz": 30.0,
        "poses": True,
        "parsing": True,
        "shard_bytes": 8 * FRAME_BYTES,
    }
    return ShardWriter(folder, **(given | changed))


def write_all(folder: Path) -> ShardFolder:
    writer = open_writer(folder)
    for row in ROWS:
        writer.add(**row)
    return writer.finish()


@pytest.fixture
def folder(tmp_path: Path) -> ShardFolder:
    return write_all(tmp_path / "walks")


def test_everything_comes_back_from_several_files(folder: ShardFolder) -> None:
    assert sorted(path.name for path in folder.path.iterdir()) == [
        MANIFEST_NAME,
        *(f"shard-0000{number}.arrow" for number in range(3)),
    ]
    assert read_shards(folder.path, verify=True).modalities == ("silhouettes", "poses", "parsing")
    np.testing.assert_array_equal(folder.frames, LENGTHS)
    np.testing.assert_array_equal(folder.first_frame, [0, 3, 4, 12, 17, 19, 25])
    for name, read, stored in (
        ("silhouettes", folder.take, [row["frames"] > 127 for row in ROWS]),
        ("poses", folder.take_poses, [row["poses"] for row in ROWS]),
        ("parsing", folder.take_parsing, [row["parsing"] for row in ROWS]),
    ):
        whole = np.concatenate(stored)
        rows = np.random.default_rng(0).integers(0, len(whole), (4, 2, 9))
        np.testing.assert_array_equal(read(rows), whole[rows], err_msg=name)
    for number, row in enumerate(ROWS):
        np.testing.assert_array_equal(folder.sequence(number), row["frames"] > 127)
    assert folder.take(np.empty((0, 16), np.int64)).shape == (0, 16, 64, 44)
    for beyond in (-1, sum(LENGTHS)):
        with pytest.raises(IndexError, match="29 frames"):
            folder.take(np.array([0, beyond]))


def test_columns_are_text_and_labels_numbers(folder: ShardFolder) -> None:
    assert folder.columns == ("sequence", "person", "frames", *COLUMNS)
    assert folder.keys.tolist() == [row["key"] for row in ROWS]
    assert folder.column("view").tolist() == ["front", "", "front", "", "front", "", "front"]
    assert folder.column("cobb_deg").astype(float).tolist() == [12.5 * number for number in range(7)]
    assert folder.column("cobb_deg")[1] == "12.5"
    assert folder.column("round")[6] == "6"
    assert folder.people == ("p0", "p1", "p2", "p3")
    np.testing.assert_array_equal(folder.person_number, [0, 0, 1, 1, 2, 2, 3])
    assert folder.person.tolist() == [row["person"] for row in ROWS]
    np.testing.assert_array_equal(folder.labels("view", ("back", "front")), [1, -1, 1, -1, 1, -1, 1])
    with pytest.raises(ConfigError, match=r"'front' in column view .* known ones: back"):
        folder.labels("view", ("back",))
    with pytest.raises(ConfigError, match="no column 'sex'; it has sequence, person, frames, view"):
        folder.column("sex")


def test_a_folder_without_poses_says_so(train_shards: Path) -> None:
    folder = read_shards(train_shards)
    assert (folder.modalities, len(folder), len(folder.people), folder.frame_rate_hz) == (("silhouettes",), 24, 12, 25)
    with pytest.raises(ConfigError, match="no poses; it has silhouettes"):
        folder.take_poses(np.array([0]))


def mean_of(folder: ShardFolder) -> float:
    return float(folder.sequence(2).mean())


def test_other_processes_read_the_same(folder: ShardFolder) -> None:
    assert len(dumps(folder)) < 1000
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(mean_of, (folder,)) == mean_of(folder)


def test_an_interrupted_writer_goes_on_to_the_same_files(folder: ShardFolder, tmp_path: Path) -> None:
    out = tmp_path / "again"
    first = open_writer(out)
    for row in ROWS[:5]:
        first.add(**row)
    (out / "shard-00001.arrow.part").write_bytes(b"half a file")
    with pytest.raises(ConfigError, match="unfinished"):
        read_shards(out)
    second = open_writer(out)
    assert second.done == {"walk-0", "walk-1", "walk-2"}
    with pytest.raises(ConfigError, match="walk-1 is there twice"):
        second.add(**ROWS[1])
    for row in ROWS:
        if row["key"] not in second.done:
            second.add(**row)
    second.finish()
    for path in folder.path.iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_killed_process_loses_only_its_unfinished_file(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib, numpy as np\n"
        "from fgait_core.data.shard_writer import ShardWriter\n"
        "facts = dict(identity='k', manifest={}, columns={}, frame_rate_hz=25, shard_bytes=704)\n"
        "w = ShardWriter(pathlib.Path(sys.argv[1]), **facts)\n"
        "for n in range(5): w.add(str(n), 'p', np.full((1, 64, 44), 255, np.uint8), {})\n"
        "os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert ended.returncode == -9
    writer = ShardWriter(tmp_path, identity="k", manifest={}, columns={}, frame_rate_hz=25, shard_bytes=704)
    assert writer.done == {"0", "1", "2", "3"}
    assert len(writer.finish()) == 4


def test_a_finished_folder_can_be_extended(folder: ShardFolder) -> None:
    writer = open_writer(folder.path)
    assert len(writer.done) == 7
    assert (folder.path / MANIFEST_NAME).exists()
    writer.add(**(ROWS[0] | {"key": "late"}))
    longer = writer.finish()
    assert (len(longer), longer.manifest["counts"]["sequences"], longer.keys[7]) == (8, 8, "late")
    np.testing.assert_array_equal(longer.sequence(7), longer.sequence(0))


@pytest.mark.parametrize("changed", [{"identity": "made up 2"}, {"columns": {"view": "text"}}, {"poses": False}])
def test_two_sources_never_mix(folder: ShardFolder, changed: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="another data set"):
        open_writer(folder.path, **changed)


def test_processes_write_parts_of_their_own(folder: ShardFolder, tmp_path: Path) -> None:
    layout = ShardLayout("made up 1", COLUMNS, 30.0, poses=True, parsing=True)
    parts = []
    for row in ROWS:
        rows = ShardRows(layout)
        rows.add(**row)
        parts.append(tmp_path / f"{row['key']}.arrow")
        write_shard(parts[-1], [rows.batch()])
    out = tmp_path / "joined"
    out.mkdir()
    join_shards(out, parts, shard_bytes=8 * FRAME_BYTES)
    joined = finish_folder(out, layout, {"source": "a test"})
    assert joined.manifest == folder.manifest
    assert [file_sha256(path) for path in sorted(out.iterdir())] == [
        file_sha256(path) for path in sorted(folder.path.iterdir())
    ]


BLACK = np.zeros((2, 64, 44), np.uint8)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"frames": BLACK[:0]}, "at least one frame"),
        ({"frames": BLACK.astype(bool)}, "uint8"),
        ({"frames": BLACK[:, :, :40]}, r"\[2, 64, 40\]"),
        ({"poses": None}, r"poses \[2, 17, 3\]"),
        ({"parsing": BLACK + 16}, "0 to 15"),
        ({"parsing": BLACK[:1]}, r"body parts \[2"),
        ({"values": {"sight": "front"}}, "'sight' was not announced"),
        ({"values": {"round": "one"}}, "'one' in column round is no int"),
        ({"values": {"round": 1.5}}, "no int"),
        ({"values": {"view": 90}}, "no text"),
        ({"values": {"cobb_deg": "steep"}}, "no float"),
        ({"key": ""}, "not empty"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_nothing(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    writer = open_writer(tmp_path)
    good: dict[str, Any] = {"key": "a", "person": "p", "frames": BLACK, "values": {}}
    good |= {"poses": np.zeros((2, 17, 3)), "parsing": BLACK}
    with pytest.raises(ConfigError, match=words):
        writer.add(**(good | changed))
    writer.add(**(good | {"values": {"cobb_deg": float("nan")}}))
    folder = writer.finish()
    assert (len(folder), folder.column("cobb_deg").tolist()) == (1, [""])


def test_what_was_not_announced_is_refused(tmp_path: Path) -> None:
    writer = open_writer(tmp_path, poses=False)
    with pytest.raises(ConfigError, match="not announced"):
        writer.add(**ROWS[0])
    with pytest.raises(ConfigError, match="no sequence"):
        writer.finish()
    for wrong in ({"columns": {"frames": "int"}}, {"columns": {"view": "words"}}, {"frame_rate_hz": 0.0}):
        with pytest.raises(ConfigError):
            open_writer(tmp_path, **wrong)


def test_damage_is_noticed(folder: ShardFolder, tmp_path: Path) -> None:
    path = folder.path / "shard-00001.arrow"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    read_shards(folder.path)
    with pytest.raises(ConfigError, match=r"shard-00001.arrow differs from its SHA-256"):
        read_shards(folder.path, verify=True)
    path.write_bytes(content[:-1])
    with pytest.raises(ConfigError, match=r"shard-00001.arrow has \d+ bytes, not"):
        read_shards(folder.path)
    path.unlink()
    with pytest.raises(ConfigError, match=r"shard-00001.arrow cannot be read"):
        read_shards(folder.path)
    with pytest.raises(ConfigError, match=r"shard-00001.arrow is missing"):
        open_writer(folder.path)
    with pytest.raises(ConfigError, match="fgait simulate dataset"):
        read_shards(tmp_path / "nowhere")


def replace_file(folder: ShardFolder, table: pa.Table, batches: int = 1) -> None:
    """Puts other content where the manifest expects the first file, with a manifest that agrees."""
    path = folder.path / "shard-00000.arrow"
    with pa.ipc.new_file(str(path), table.schema) as target:
        target.write_table(table, max_chunksize=-(-len(table) // batches))
    manifest = json.loads((folder.path / MANIFEST_NAME).read_text())
    manifest["files"][path.name]["bytes"] = path.stat().st_size
    (folder.path / MANIFEST_NAME).write_text(json.dumps(manifest))


def test_files_that_do_not_fit_together_are_refused(folder: ShardFolder) -> None:
    with pa.OSFile(str(folder.path / "shard-00000.arrow")) as file:
        table = pa.ipc.open_file(file).read_all()
    longer = table.set_column(2, "frames", pa.array([3, 2, 8], pa.int32()))
    wrong = {
        "352 bytes of silhouettes": longer,
        "lacks the column person": table.drop_columns(["person"]),
        "lacks the column silhouettes": table.set_column(6, "silhouettes", table["silhouettes"].cast(pa.binary())),
        "lacks the column frames": table.set_column(2, "frames", pa.array([3, None, 8], pa.int32())),
        "0 record batches": table.slice(0, 0),
        "different columns": table.drop_columns(["view"]),
    }
    for words, content in wrong.items():
        replace_file(folder, content)
        with pytest.raises(ConfigError, match=words):
            read_shards(folder.path)
    replace_file(folder, table, batches=3)
    with pytest.raises(ConfigError, match="3 record batches"):
        read_shards(folder.path)
    replace_file(folder, table)
    assert len(read_shards(folder.path)) == 7


@pytest.mark.parametrize("content", ["no json", "[]", "{}", '{"format_version": 2}'])
def test_other_manifests_are_refused(folder: ShardFolder, content: str) -> None:
    (folder.path / MANIFEST_NAME).write_text(content)
    with pytest.raises(ConfigError, match="shard format"):
        read_shards(folder.path)


def test_splits_must_share_neither_people_nor_bodies(make_shards, tmp_path: Path) -> None:
    train = read_shards(make_shards(tmp_path / "train", split="train", people=4))
    test = read_shards(make_shards(tmp_path / "test", split="test", people=4))
    require_disjoint(train, test)
    with pytest.raises(ConfigError, match="split the data by person"):
        require_disjoint(train, test, train)
    text = (tmp_path / "test" / MANIFEST_NAME).read_text()
    (tmp_path / "test" / MANIFEST_NAME).write_text(json.dumps(json.loads(text) | {"plan": {"split": "train"}}))
    with pytest.raises(ConfigError, match="person train0"):
        require_disjoint(train, read_shards(tmp_path / "test"))


def test_names_of_real_people_mean_the_same_in_all_splits(folder: ShardFolder, tmp_path: Path) -> None:
    other = tmp_path / "test"
    shutil.copytree(folder.path, other)
    text = (other / MANIFEST_NAME).read_text()
    (other / MANIFEST_NAME).write_text(json.dumps(json.loads(text) | {"plan": {"split": "test"}}))
    with pytest.raises(ConfigError, match="person p0 is in both"):
        require_disjoint(folder, read_shards(other))


def test_the_page_about_shards_works(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```$", (root / "docs" / "shards.md").read_text(), re.M | re.S)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(block, "shards.md", "exec"), names)  # noqa: S102
    assert capsys.readouterr().out.splitlines()[1] == "[ 0  1 -1  0  1 -1]"
    np.testing.assert_array_equal(names["clips"][0], names["folder"].sequence(4)[3:19])
    assert names["whole"].shape == (30, 64, 44)
