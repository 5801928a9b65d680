"""What is wrong with data is reported, never fatal; an import goes on where it was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from fgait_core.data.public.examine import AHEAD, CHUNK, in_order
from fgait_core.data.shard_files import ShardFile
from fgait_core.data.shards import read_shards, require_disjoint
from fgait_core.errors import ConfigError, FGaitError, OperationCancelled
from fgait_core.recipes.check_data import check_shards, check_source, is_shard_folder
from fgait_core.recipes.data_source import SourceOptions, open_source
from fgait_core.recipes.import_data import ImportOrder, import_data

ORDER = ImportOrder(frame_rate_hz=25.0)


class Runs:
    """Whatever a pickle wants called."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.fixture
def faulty(make_layout, make_body, make_pickle, tmp_path):
    """A copy of CASIA-B's layout in which nearly everything is wrong somewhere. Returns options and what is wrong."""
    made = make_layout(tmp_path, ("001", "002"), ("075",), lambda _: ("nm-01/000", "nm-02/018"))
    root = made.root
    (root / "003").mkdir()
    (root / "004" / "nm-01").mkdir(parents=True)
    (root / "005" / "nm-01" / "000").mkdir(parents=True)
    (root / "005" / "nm-01" / "000" / "notes.txt").write_text("nothing")
    (root / ".cache").mkdir()
    os.mkdir(os.fsencode(root) + b"/005/nm-0\xff")
    os.mkdir(os.fsencode(root) + b"/00\xff")
    make_pickle(root / "006" / "nm-01" / "000" / "a.pkl", make_body(90, frames=4))
    make_pickle(root / "006" / "nm-01" / "018" / "a.pkl", Runs(f"touch {tmp_path / 'trace'}"))
    make_pickle(root / "006" / "nm-01" / "036" / "a.pkl", make_body(91)).write_bytes(b"\x80\x04broken")
    make_pickle(root / "006" / "nm-01" / "054" / "a.pkl", np.zeros((6, 32, 32), np.uint8))
    make_pickle(root / "006" / "nm-01" / "072" / "a.pkl", np.zeros((6, 64, 64), np.uint8))
    partly = make_body(92)
    partly[2] = 0
    make_pickle(root / "006" / "nm-01" / "090" / "a.pkl", partly)
    make_pickle(root / "006" / "walking" / "000" / "a.pkl", make_body(93))
    make_pickle(root / "006" / "nm-02" / "000" / "a.pkl", made.frames["001/nm-01/000"])
    make_pickle(root / "006" / "nm-02" / "018" / "a.pkl", make_body(94) + np.float32(1))
    lists = {
        "TRAIN_SET": ["001", "002", "003", "004", "005", "006", "007", "002"],
        "TEST_SET": ["075"],
        "PROBE_SET": ["075-nm-01-000", "075-nm-09-000"],
    }
    made.partition.write_text(json.dumps(lists))
    (root / "999" / "nm-01" / "000").mkdir(parents=True)
    options = SourceOptions(root, data_set="casia-b", partition=made.partition)
    wrong = {
        "missing_id": ["007"],
        "unlisted_id": ["999"],
        "named_twice": ["002"],
        "probe_missing": ["075-nm-09-000"],
        "empty": ["casia-b/003", "casia-b/004/nm-01", "casia-b/005/nm-01/000", "casia-b/005/'nm-0\\udcff'"],
        "too_short": ["casia-b/006/nm-01/000"],
        "unreadable": ["casia-b/006/nm-01/018", "casia-b/006/nm-01/036"],
        "wrong_shape": ["casia-b/006/nm-01/054", "casia-b/006/nm-02/018"],
        "no_body": ["casia-b/006/nm-01/072"],
        "frames_without_body": ["casia-b/006/nm-01/090"],
        "mislabelled": ["'00\\udcff'", "casia-b/006/walking/000"],
        "duplicate": ["casia-b/006/nm-02/000"],
        "id_count": ["CASIA-B"],
    }
    return options, wrong


def found(findings) -> dict[str, list[str]]:
    return {kind: [finding.where for finding in findings.of(kind)] for kind in findings.counts}


@pytest.mark.parametrize("processes", [1, 2])
def test_check_finds_everything_and_runs_nothing(faulty, tmp_path, processes):
    options, wrong = faulty
    report = check_source(open_source(options), min_frames=5, processes=processes)
    assert found(report.findings) == wrong
    assert not report.clean
    assert (report.sequences, report.people) == (9, 4)
    assert not (tmp_path / "trace").exists()
    (hostile, _) = report.findings.of("unreadable")
    assert "posix.system" in hostile.words
    assert json.loads(json.dumps(report.to_json()))["counts"]["empty"] == 4


def test_import_takes_the_rest_and_reports_what_it_left_out(faulty, tmp_path):
    options, wrong = faulty
    report = import_data(open_source(options), tmp_path / "out", ORDER)
    out_kinds = ("missing_id", "probe_missing", "empty", "too_short", "unreadable", "wrong_shape", "no_body")
    assert found(report.left_out) == {kind: wrong[kind] for kind in out_kinds}
    assert found(report.noted) == {
        kind: wrong[kind] for kind in ("unlisted_id", "named_twice", "id_count", "mislabelled", "frames_without_body")
    }
    folder = read_shards(tmp_path / "out", verify=True)
    assert len(folder) == report.sequences == 9
    row = folder.keys.tolist().index("casia-b/006/walking/000")
    assert (folder.column("type")[row], folder.column("condition")[row]) == ("walking", "")
    told = json.loads((tmp_path / "out" / "import_report.json").read_text())
    assert told["left_out"]["counts"]["unreadable"] == 2
    assert not (tmp_path / "trace").exists()


def test_sequences_that_were_left_out_are_tried_again(faulty, make_body, make_pickle, tmp_path):
    options, _ = faulty
    import_data(open_source(options), tmp_path / "out", ORDER)
    make_pickle(options.path / "006" / "nm-01" / "018" / "a.pkl", make_body(95))
    report = import_data(open_source(options), tmp_path / "out", ORDER)
    assert (report.written, report.sequences) == (1, 10)
    assert "casia-b/006/walking/000" in found(report.noted)["mislabelled"]


def test_short_sequences_are_taken_where_the_user_wants_them(faulty, tmp_path):
    options, _ = faulty
    report = import_data(open_source(options), tmp_path / "out", ImportOrder(25.0, min_frames=4))
    assert "too_short" not in report.left_out.counts


def test_an_id_that_trains_and_tests_is_found_and_never_imported(make_layout, tmp_path):
    made = make_layout(tmp_path, ("1", "2"), ("3",), lambda _: ("a/b",))
    made.partition.write_text(json.dumps({"TRAIN_SET": ["1", "2"], "TEST_SET": ["2", "3"]}))
    source = open_source(SourceOptions(made.root, data_set="own", partition=made.partition))
    assert found(check_source(source, min_frames=5).findings) == {"in_both_sets": ["2"]}
    with pytest.raises(ConfigError, match="2 is in both"):
        import_data(source, tmp_path / "out", ORDER)


def test_a_person_with_two_classes_is_found(make_layout, tmp_path):
    places = {"1": ("positive/000", "Positive/090"), "2": ("negative/000", "neutral/090")}
    made = make_layout(tmp_path, ("1", "2"), (), places.__getitem__)
    report = check_source(open_source(SourceOptions(made.root, data_set="scoliosis1k")), min_frames=5)
    assert found(report.findings) == {"contradictory_label": ["scoliosis1k/2/neutral/090"]}


def test_a_source_of_nothing_but_faults_is_refused_with_the_first_reason(make_layout, tmp_path):
    made = make_layout(tmp_path, ("1",), (), lambda _: ("a/b",))
    with pytest.raises(ConfigError, match=r"Nothing of own could be imported.*6 frames; at least 9"):
        import_data(open_source(SourceOptions(made.root, data_set="own")), tmp_path / "out", ImportOrder(25.0, 9))


def test_train_and_test_are_disjoint_folders_of_shards(make_layout, tmp_path):
    made = make_layout(tmp_path, ("1", "2"), ("3",), lambda _: ("a/b",))
    folders = []
    for part in ("train", "test"):
        options = SourceOptions(made.root, data_set="own", partition=made.partition, part=part)
        import_data(open_source(options), tmp_path / part, ORDER)
        folders.append(read_shards(tmp_path / part))
    require_disjoint(*folders)
    assert [folder.people for folder in folders] == [("own-1", "own-2"), ("own-3",)]
    with pytest.raises(ConfigError, match="in both"):
        require_disjoint(folders[0], folders[0])


def test_a_folder_of_another_part_is_not_mixed_in(make_layout, tmp_path):
    made = make_layout(tmp_path, ("1",), ("2",), lambda _: ("a/b",))
    for part in ("train", "test"):
        source = open_source(SourceOptions(made.root, data_set="own", partition=made.partition, part=part))
        if part == "train":
            import_data(source, tmp_path / "out", ORDER)
        else:
            with pytest.raises(ConfigError, match="another data set"):
                import_data(source, tmp_path / "out", ORDER)


def test_shards_do_not_depend_on_the_number_of_processes(make_layout, tmp_path):
    made = make_layout(tmp_path, ("1", "2", "3"), (), lambda _: [f"a/{view}" for view in range(20)])
    sums = []
    for processes in (1, 2):
        source = open_source(SourceOptions(made.root, data_set="own"))
        out = tmp_path / str(processes)
        import_data(source, out, ImportOrder(25.0, processes=processes, shard_bytes=30_000))
        sums.append([facts["sha256"] for facts in read_shards(out).manifest["files"].values()])
    assert sums[0] == sums[1]
    assert len(sums[0]) > 2


IMPORT = """
import sys, time
from pathlib import Path
from fgait_core.recipes.data_source import SourceOptions, open_source
from fgait_core.recipes.import_data import ImportOrder, import_data
from fgait_core import progress
progress.Pulse.__call__ = lambda self, fraction=None: time.sleep(0.02)
source = open_source(SourceOptions(Path(sys.argv[1]), data_set="own"))
import_data(source, Path(sys.argv[2]), ImportOrder(25.0, shard_bytes=10_000))
"""


def test_a_killed_import_goes_on_and_equals_an_uninterrupted_one(make_layout, tmp_path):
    made = make_layout(tmp_path, ("1", "2"), (), lambda _: [f"a/{view:02d}" for view in range(25)])
    out = tmp_path / "out"
    child = subprocess.Popen([sys.executable, "-c", IMPORT, str(made.root), str(out)])
    until = time.monotonic() + 60
    while len(list(out.glob("shard-*.arrow"))) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    with pytest.raises(ConfigError, match="unfinished"):
        check_shards(out, min_frames=5)
    order = ImportOrder(25.0, shard_bytes=10_000)
    report = import_data(open_source(SourceOptions(made.root, data_set="own")), out, order)
    assert 0 < report.written < report.sequences == 50
    import_data(open_source(SourceOptions(made.root, data_set="own")), tmp_path / "whole", order)
    went_on, whole = read_shards(out, verify=True), read_shards(tmp_path / "whole")
    assert went_on.manifest["files"] == whole.manifest["files"]


def test_a_stopped_import_goes_on(make_layout, tmp_path):
    made = make_layout(tmp_path, ("1", "2"), (), lambda _: ("a/b", "a/c"))
    source, answers = open_source(SourceOptions(made.root, data_set="own")), iter([False, False, True])
    with pytest.raises(OperationCancelled):
        import_data(source, tmp_path / "out", ORDER, cancelled=lambda: next(answers))
    assert import_data(source, tmp_path / "out", ORDER).sequences == 4


@pytest.mark.parametrize(("processes", "ahead"), [(1, 1), (2, 2 * AHEAD * CHUNK + CHUNK)])
def test_reading_takes_only_a_few_sequences_ahead(processes, ahead):
    taken = 0

    def many():
        nonlocal taken
        for number in range(2_000):
            taken += 1
            yield -number

    results = in_order(abs, many(), processes)
    for wanted in range(300):
        assert next(results) == wanted
        assert taken - wanted <= ahead
    results.close()


def test_a_process_that_dies_is_told():
    with pytest.raises(FGaitError, match="ended by itself"):
        list(in_order(os._exit, [3] * (2 * CHUNK), 2))


def test_a_walk_holds_one_listing_of_a_level_at_a_time(make_layout, tmp_path, monkeypatch):
    made = make_layout(tmp_path, [str(number) for number in range(30)], (), lambda _: ("a/b",))
    listed = []
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: (listed.append(path), real(path))[1])
    items = open_source(SourceOptions(made.root, data_set="own")).items()
    next(items)
    assert len(listed) <= 3


def test_several_files_without_a_choice_are_noted(make_layout, tmp_path):
    made = make_layout(tmp_path, ("1",), (), lambda _: ("a/b",), files=("a.pkl", "b.pkl"))
    report = check_source(open_source(SourceOptions(made.root, data_set="own")), min_frames=5)
    assert found(report.findings) == {"several_files": ["own/1/a/b"]}
    assert report.clean


def test_shards_are_checked_sequence_by_sequence(make_layout, make_body, make_pickle, tmp_path):
    made = make_layout(tmp_path, ("1", "2"), (), lambda _: [f"a/{view}" for view in range(6)])
    make_pickle(made.root / "2" / "a" / "9" / "x.pkl", made.frames["1/a/0"])
    partly = make_body(70)
    partly[0] = 0
    make_pickle(made.root / "2" / "b" / "9" / "x.pkl", partly)
    out = tmp_path / "out"
    import_data(open_source(SourceOptions(made.root, data_set="own")), out, ImportOrder(25.0, shard_bytes=5_000))
    assert is_shard_folder(out)
    assert not is_shard_folder(made.root)
    report = check_shards(out, min_frames=5)
    assert found(report.findings) == {"duplicate": ["own/2/a/9"], "frames_without_body": ["own/2/b/9"]}
    assert (report.sequences, report.people) == (14, 2)

    files = sorted(out.glob("shard-*.arrow"))
    content = bytearray(files[1].read_bytes())
    content[-200] ^= 255
    files[1].write_bytes(content)
    files[2].unlink()
    report = check_shards(out, min_frames=7)
    assert [finding.where for finding in report.findings.of("checksum")] == [files[1].name, files[2].name]
    assert report.findings.counts["too_short"] >= 8

    # Where the lengths of texts are damaged, nothing of the file can be told.
    batch = ShardFile(files[0]).batch
    place = batch.column("sequence").buffers()[1]
    content = bytearray(files[0].read_bytes())
    at = content.index(place.to_pybytes()) + 4
    content[at : at + 4] = b"\xff\xff\xff\x7f"
    files[0].write_bytes(content)
    report = check_shards(out, min_frames=5)
    assert [finding.where for finding in report.findings.of("checksum")][:2] == [files[0].name, files[0].name]


def test_a_folder_without_sequences_is_not_clean(tmp_path):
    source = open_source(SourceOptions(tmp_path, data_set="casia-b"))
    assert found(check_source(source, min_frames=5).findings) == {"empty": ["casia-b"]}
    with pytest.raises(ConfigError, match="No sequence was found there"):
        import_data(source, tmp_path / "out", ORDER)
