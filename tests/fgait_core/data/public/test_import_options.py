"""What an import takes besides plain silhouettes, and what of its options it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fgait_core.data.shards import read_shards, require_disjoint
from fgait_core.errors import ConfigError
from fgait_core.recipes.check_data import check_source
from fgait_core.recipes.data_source import SourceOptions, open_source
from fgait_core.recipes.import_data import ImportOrder, import_data, import_splits, parse_pairs, parse_shares

ORDER = ImportOrder(frame_rate_hz=25.0)


def test_silhouettes_of_other_forms_are_understood(make_body, make_pickle, tmp_path):
    clip = make_body(1)
    forms = {
        "bool": clip > 0,
        "ones": clip // 255,
        "float": clip / np.float32(255),
        "grey": clip.astype(np.int64),
        "cut": clip[:, :, 10:54],
        "frames": list(clip),
    }
    for name, form in forms.items():
        make_pickle(tmp_path / "data" / "1" / "a" / name / "x.pkl", form)
    np.save(tmp_path / "data" / "1" / "a" / "bool" / "x.npy", clip)
    (tmp_path / "data" / "1" / "a" / "bool" / "x.pkl").unlink()
    import_data(open_source(SourceOptions(tmp_path / "data", data_set="own")), tmp_path / "out", ORDER)
    folder = read_shards(tmp_path / "out")
    assert len(folder) == len(forms)
    for index in range(len(forms)):
        np.testing.assert_array_equal(folder.sequence(index), clip[:, :, 10:54] // 255)


@pytest.fixture
def three_files(make_body, make_pickle, tmp_path):
    rng = np.random.default_rng(1)
    clip = make_body(1)
    poses = rng.random((6, 17, 3), np.float32)
    parsing = rng.integers(0, 16, (6, 64, 64)).astype(np.uint8)
    place = tmp_path / "data" / "1" / "a" / "b"
    for name, content in (("0_parsing.pkl", parsing), ("1_pose.pkl", poses), ("2_sil.pkl", clip)):
        make_pickle(place / name, content)
    return tmp_path / "data", clip, poses, parsing


def test_poses_and_body_parts_come_along(three_files, tmp_path):
    root, clip, poses, parsing = three_files
    options = SourceOptions(root, data_set="own", modality_index=2, poses="*pose*", parsing="0")
    order = ImportOrder(25.0, poses=True, parsing=True, parsing_parts={"3": "head"})
    import_data(open_source(options), tmp_path / "out", order)
    folder = read_shards(tmp_path / "out")
    assert folder.modalities == ("silhouettes", "poses", "parsing")
    rows = np.arange(6)
    np.testing.assert_array_equal(folder.take(rows), clip[:, :, 10:54] // 255)
    np.testing.assert_array_equal(folder.take_poses(rows), poses)
    np.testing.assert_array_equal(folder.take_parsing(rows), parsing[:, :, 10:54])
    assert folder.manifest["parsing_parts"] == {"3": "head"}


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"modality_index": 5}, "has 3 files; number 5"),
        ({"modality_index": 2, "poses": "*.pkl"}, "3 of 3 files fit"),
        ({"modality_index": 2, "poses": "2"}, "poses are"),
        ({"modality_index": 1}, "silhouettes are"),
        ({"modality_index": 2, "parsing": "1"}, "body parts are"),
    ],
)
def test_a_wrong_file_is_a_fault_of_the_sequence(three_files, choice, words):
    report = check_source(open_source(SourceOptions(three_files[0], data_set="own", **choice)), min_frames=5)
    assert words in report.findings.kept[0].words
    assert report.findings.faults == 1


def test_poses_of_another_length_are_a_fault(three_files, make_pickle):
    make_pickle(three_files[0] / "1" / "a" / "b" / "1_pose.pkl", np.zeros((5, 17, 3), np.float32))
    options = SourceOptions(three_files[0], data_set="own", modality_index=2, poses="1")
    assert "6 silhouettes, but 5 poses" in check_source(open_source(options), min_frames=5).findings.kept[0].words


def test_labels_of_people_become_columns(make_layout, tmp_path):
    made = make_layout(tmp_path, ("1", "2"), (), lambda _: ("a/b",))
    table = tmp_path / "labels.csv"
    table.write_text("id,sex,scoliosis\n1,female,positive\n3,male,\n")
    import_data(open_source(SourceOptions(made.root, data_set="own", labels=table)), tmp_path / "out", ORDER)
    folder = read_shards(tmp_path / "out")
    assert folder.column("sex").tolist() == ["female", ""]
    assert folder.labels("scoliosis", ("negative", "positive")).tolist() == [1, -1]
    table.write_text("id,view\n1,front\n")
    with pytest.raises(ConfigError, match="column view"):
        open_source(SourceOptions(made.root, data_set="own", labels=table))


def test_people_are_divided_at_random_and_reproducibly(make_layout, tmp_path):
    made = make_layout(tmp_path, [f"{number:02d}" for number in range(10)], (), lambda _: ("a/b", "a/c"))
    source = open_source(SourceOptions(made.root, data_set="own"))
    shares = parse_shares("train=0.6,calibration=0.2,test=0.2")
    for out in ("one", "two"):
        reports = import_splits(source, tmp_path / out, ORDER, shares, 7)
        assert [report.people for report in reports] == [6, 2, 2]
    folders = [read_shards(tmp_path / "one" / name) for name in shares]
    require_disjoint(*folders)
    again = [read_shards(tmp_path / "two" / name) for name in shares]
    assert [folder.people for folder in again] == [folder.people for folder in folders]
    other = import_splits(source, tmp_path / "three", ORDER, shares, 8)
    assert read_shards(other[0].folder).people != folders[0].people
    assert [folder.manifest["plan"]["split"] for folder in folders] == list(shares)


@pytest.mark.parametrize(
    "text", ["train", "train=0.5,train=0.5", "train=0.5,test=0.4", "train=1.2,test=-0.2", "a=x", "../a=1"]
)
def test_shares_that_make_no_sense_are_refused(make_layout, tmp_path, text):
    made = make_layout(tmp_path, ("1", "2"), (), lambda _: ("a/b",))
    with pytest.raises(ConfigError):
        import_splits(open_source(SourceOptions(made.root, data_set="own")), tmp_path, ORDER, parse_shares(text), 1)


def test_too_few_people_for_a_split_are_refused(make_layout, tmp_path):
    made = make_layout(tmp_path, ("1", "2"), (), lambda _: ("a/b",))
    source = open_source(SourceOptions(made.root, data_set="own"))
    with pytest.raises(ConfigError, match="nobody is left for test"):
        import_splits(source, tmp_path, ORDER, {"train": 0.9, "test": 0.1}, 1)


def test_pairs():
    assert parse_pairs("1=head,2=trunk") == {"1": "head", "2": "trunk"}
    with pytest.raises(ConfigError):
        parse_pairs("1=")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "no readable partition"),
        ("[]", "must hold an object"),
        ('{"TRAIN_SET": []}', "lacks TEST_SET"),
        ('{"TRAIN_SET": "1", "TEST_SET": []}', "must be a list"),
        ('{"TRAIN_SET": [1], "TEST_SET": []}', "must be a list"),
        ('{"TRAIN_SET": ["../x"], "TEST_SET": []}', "no name of a folder"),
        ('{"TRAIN_SET": [".."], "TEST_SET": []}', "no name of a folder"),
    ],
)
def test_a_wrong_partition_is_refused(tmp_path, content, words):
    (tmp_path / "p.json").write_text(content)
    with pytest.raises(ConfigError, match=words):
        open_source(SourceOptions(tmp_path, data_set="own", partition=tmp_path / "p.json"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "Give --dataset"),
        ({"data_set": "own", "part": "train"}, "needs a partition"),
        ({"data_set": "own", "format": "pictures", "poses": "1"}, "--poses is for the format pickles or recordings"),
        ({"data_set": "own", "aligned": True}, "--aligned is for the format pictures"),
        ({"data_set": "own", "table": Path("t.csv")}, "--table is for"),
        ({"format": "recordings", "data_set": "own"}, "--dataset is for"),
        ({"format": "recordings"}, "need --table"),
        ({"format": "recordings", "table": Path("none.csv")}, "frame rate of recordings"),
        ({"format": "recordings", "table": Path("none.csv"), "frame_rate_hz": 25.0}, "cannot be read"),
        ({"format": "recordings", "part": "train"}, "--part needs"),
        ({"format": "recordings", "poses": "1"}, "--poses recorded"),
    ],
)
def test_options_that_contradict_are_refused(tmp_path, options, words):
    with pytest.raises(ConfigError, match=words):
        open_source(SourceOptions(tmp_path, **options))


def test_the_frame_rate_is_never_guessed(tmp_path):
    assert SourceOptions(tmp_path, data_set="casia-b").frame_rate() == 25.0
    assert SourceOptions(tmp_path, data_set="casia-b", frame_rate_hz=12.5).frame_rate() == 12.5
    with pytest.raises(ConfigError, match="GREW is not known"):
        SourceOptions(tmp_path, data_set="grew").frame_rate()
