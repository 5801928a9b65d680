"""Folders of pictures and recordings of one's own become shards."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from fgait_core.alignment import align
from fgait_core.data.parsing_maps import parse
from fgait_core.data.shards import read_shards
from fgait_core.errors import ConfigError
from fgait_core.recipes.check_data import check_source
from fgait_core.recipes.data_source import RECORDED, SourceOptions, open_source
from fgait_core.recipes.import_data import ImportOrder, import_data, import_splits
from fgait_core.sequence import SilhouetteSequence

GOLDEN = Path(__file__).parents[3] / "golden" / "golden_pretreat.npz"
ORDER = ImportOrder(frame_rate_hz=25.0)


def write_pictures(folder: Path, masks, ending="png") -> Path:
    folder.mkdir(parents=True)
    for number, mask in enumerate(masks):
        assert cv2.imwrite(str(folder / f"{number:03d}.{ending}"), mask)
    return folder


def imported(tmp_path, **options):
    source = open_source(SourceOptions(tmp_path / "data", format="pictures", **options))
    import_data(source, tmp_path / "out", ORDER)
    return read_shards(tmp_path / "out")


@pytest.fixture(scope="module")
def masks():
    with np.load(GOLDEN) as golden:
        return [golden[f"in{number}"] for number in range(int(golden["n"]))]


def test_raw_masks_become_the_published_silhouettes(masks, tmp_path):
    folder = write_pictures(tmp_path / "data" / "001" / "nm-01" / "090", masks)
    cv2.imwrite(str(folder / "gei.png"), np.full((64, 64), 255, np.uint8))
    (folder / "Thumbs.db").write_bytes(b"x")
    with np.load(GOLDEN) as golden:
        published = golden["out"][:, :, 10:54]
    got = imported(tmp_path, data_set="casia-b").sequence(0)
    assert got.shape == published.shape
    # Bits hold what is above the middle; the recipe is equal within one grey level.
    sure = np.abs(published.astype(int) - 127.5) > 1.5
    np.testing.assert_array_equal(got[sure], (published > 127)[sure])


def test_ccpg_is_scaled_by_area(masks, tmp_path):
    write_pictures(tmp_path / "data" / "000" / "U0_D0" / "0_1", masks)
    aligned = [align(mask, cv2.INTER_AREA) for mask in masks]
    expected = np.stack([frame for frame in aligned if frame is not None]) > 127
    cubic = np.stack([frame for frame in map(align, masks) if frame is not None]) > 127
    got = imported(tmp_path, data_set="ccpg").sequence(0)
    np.testing.assert_array_equal(got, expected)
    assert (got != cubic).any()


@pytest.mark.parametrize(("options", "width"), [({"data_set": "grew"}, 64), ({"data_set": "own", "aligned": True}, 44)])
@pytest.mark.parametrize("ending", ["png", "jpg", "bmp"])
def test_aligned_pictures_are_taken_as_they_are(make_body, tmp_path, options, width, ending):
    clip = make_body(3, width=width)
    write_pictures(tmp_path / "data" / "00001train" / "00" / "first", clip, ending)
    middle = clip[:, :, 10:54] if width == 64 else clip
    np.testing.assert_array_equal(imported(tmp_path, **options).sequence(0), middle // 255)


def test_pictures_that_cannot_be_used_are_reported(make_body, tmp_path):
    root = tmp_path / "data" / "1" / "a"
    write_pictures(root / "good", [np.pad(frame, 20) for frame in make_body(1)])
    write_pictures(root / "blank", np.zeros((6, 80, 80), np.uint8))
    write_pictures(root / "broken", make_body(2))
    (root / "broken" / "003.png").write_bytes(b"no picture")
    write_pictures(root / "huge", [np.full((2, 10_001), 255, np.uint8)] * 5)
    (root / "only_gei").mkdir()
    cv2.imwrite(str(root / "only_gei" / "gei.png"), make_body(1)[0])
    report = check_source(open_source(SourceOptions(tmp_path / "data", "pictures", "own")), min_frames=5)
    kinds = {finding.where.rsplit("/", 1)[1]: finding.kind for finding in report.findings.kept}
    assert kinds == {"blank": "no_body", "broken": "unreadable", "huge": "unreadable", "only_gei": "empty"}
    assert report.sequences == 1
    write_pictures(
        tmp_path / "data" / "1" / "b" / "mixed", [np.zeros((64, 64), np.uint8), np.zeros((64, 44), np.uint8)]
    )
    source = open_source(SourceOptions(tmp_path / "data", "pictures", "own", aligned=True))
    report = check_source(source, min_frames=5)
    assert "different sizes" in next(f.words for f in report.findings.kept if f.where.endswith("mixed"))


@pytest.fixture
def recordings(make_body, tmp_path):
    """Six recordings of three people at 50 Hz, with poses, and their table."""
    lines = ["file,person,scoliosis,note"]
    folder = tmp_path / "recordings"
    folder.mkdir()
    for number in range(6):
        clip = make_body(number, frames=40, width=44)
        poses = np.full((40, 17, 3), number, np.float32)
        SilhouetteSequence(clip, np.arange(40) / 50.0, np.arange(40), poses).save(folder / f"{number}.npz")
        lines.append(f"{number}.npz,anna-{number % 3},{'positive' if number % 3 else 'negative'},")
    table = tmp_path / "table.csv"
    table.write_text("\n".join(lines) + "\n")
    return SourceOptions(folder, "recordings", table=table, frame_rate_hz=25.0, name="ward")


def test_recordings_are_brought_to_one_frame_rate(recordings, make_body, tmp_path):
    report = import_data(open_source(recordings), tmp_path / "out", ORDER)
    folder = read_shards(tmp_path / "out")
    assert (report.sequences, folder.people) == (6, ("ward-anna-0", "ward-anna-1", "ward-anna-2"))
    assert folder.keys.tolist() == [f"ward/{number}.npz" for number in range(6)]
    assert folder.column("scoliosis").tolist() == ["negative", "positive", "positive"] * 2
    assert folder.column("note").tolist() == [""] * 6
    clip = make_body(4, frames=40, width=44)
    np.testing.assert_array_equal(folder.sequence(4), clip[::2] // 255)
    assert folder.modalities == ("silhouettes",)


def test_recordings_bring_their_poses_where_they_are_wanted(recordings, tmp_path):
    options = SourceOptions(recordings.path, "recordings", table=recordings.table, frame_rate_hz=25.0, poses=RECORDED)
    import_data(open_source(options), tmp_path / "out", ImportOrder(25.0, poses=True))
    folder = read_shards(tmp_path / "out")
    assert folder.take_poses(folder.first_frame[[2, 5]])[:, 0, 0].tolist() == [2, 5]


def test_recordings_are_divided_into_parts_by_their_poses(recordings, tmp_path):
    walk = SilhouetteSequence.load(recordings.path / "1.npz")
    poses = np.full((40, 17, 3), 0.9, np.float32)
    poses[..., :2] = np.random.default_rng(0).uniform(5, 40, (40, 17, 2))
    SilhouetteSequence(walk.frames, walk.timestamps_s, walk.source_frames, poses).save(recordings.path / "1.npz")
    options = SourceOptions(recordings.path, "recordings", table=recordings.table, frame_rate_hz=25.0, parsing=RECORDED)
    import_data(open_source(options), tmp_path / "out", ImportOrder(25.0, parsing=True))
    folder = read_shards(tmp_path / "out")
    assert folder.modalities == ("silhouettes", "parsing")
    rows = folder.first_frame[1] + np.arange(folder.frames[1])
    np.testing.assert_array_equal(folder.take_parsing(rows), parse(walk.frames[::2], poses[::2]))
    assert len(np.unique(folder.take_parsing(rows))) > 4


def test_people_of_recordings_are_never_in_two_splits(recordings, tmp_path):
    reports = import_splits(open_source(recordings), tmp_path / "out", ORDER, {"train": 2 / 3, "test": 1 / 3}, 1)
    people = [set(read_shards(report.folder).people) for report in reports]
    assert [len(each) for each in people] == [2, 1]
    assert not people[0] & people[1]


def test_recordings_that_cannot_be_used_are_reported(recordings, make_body, tmp_path):
    slow = SilhouetteSequence(make_body(9, frames=20, width=44), np.arange(20) / 12.0, np.arange(20))
    slow.save(recordings.path / "slow.npz")
    (recordings.path / "text.npz").write_text("no recording")
    with recordings.table.open("a") as file:
        file.write("slow.npz,ben,,\ntext.npz,ben,,\nmissing.npz,ben,,\n0.npz,anna-1,positive,\n")
    report = check_source(open_source(recordings), min_frames=5)
    kinds = {finding.where: finding.kind for finding in report.findings.kept}
    assert kinds == {
        "0.npz": "named_twice",
        "ward/slow.npz": "frame_rate",
        "ward/text.npz": "unreadable",
        "ward/missing.npz": "unreadable",
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "at least one row"),
        ("file,person\n", "at least one row"),
        ("file,who\na.npz,x\n", "columns file, person"),
        ("file,person\na.npz\n", "Row 2"),
        ("file,person\na.npz,x,y\n", "Row 2"),
        ("file,person\na.npz,x\n,y\n", "Row 3"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path, content, words):
    (tmp_path / "t.csv").write_text(content)
    options = SourceOptions(tmp_path, "recordings", table=tmp_path / "t.csv", frame_rate_hz=25.0)
    with pytest.raises(ConfigError, match=words):
        open_source(options)


def test_a_table_may_not_redefine_what_shards_hold(recordings, tmp_path):
    recordings.table.write_text("file,person,frames\n0.npz,anna,12\n")
    with pytest.raises(ConfigError, match="frames"):
        import_data(open_source(recordings), tmp_path / "out", ORDER)
