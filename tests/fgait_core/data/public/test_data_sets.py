"""Each public data set, as a small made-up copy of its layout: imported whole, labels and columns right."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
import pytest

from fgait_core.data.public.catalogue import ALL, find_data_set
from fgait_core.errors import ConfigError
from fgait_core.recipes.check_data import check_source
from fgait_core.recipes.data_source import SourceOptions, open_source
from fgait_core.recipes.import_data import ImportOrder, import_data


@dataclass(frozen=True)
class Copy:
    """A made-up copy, and what must come out for its sequences.

    `expected` gives columns of some sequences by "id/type/view"; `person` of the first of them.
    """

    name: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    places: dict[str, tuple[str, ...]]
    expected: dict[str, dict[str, str]]
    person: str
    files: tuple[str, ...] = ("silhouettes.pkl",)
    silhouettes: int = 0
    width: int = 64
    lists: dict[str, list[str]] = field(default_factory=dict)

    def places_of(self, identity: str) -> tuple[str, ...]:
        return self.places.get(identity, self.places.get("", ()))


COPIES = [
    Copy(
        "casia-b",
        ("001", "002"),
        ("075",),
        {"": ("nm-01/000", "nm-06/018", "bg-02/090", "cl-01/180")},
        {
            "075/bg-02/090": {"condition": "bg", "take": "02", "view_deg": "90", "part": "test"},
            "001/nm-01/000": {"condition": "nm", "view_deg": "0", "part": "train", "role": ""},
        },
        "casia-b-075",
    ),
    Copy(
        "casia-e",
        ("0001",),
        ("0201",),
        {"": ("H-scene1-nm-1/000", "L-scene3_s-cl-2/270")},
        {"0201/L-scene3_s-cl-2/270": {"camera": "L", "scene": "scene3_s", "condition": "cl", "view_deg": "270"}},
        "casia-e-0201",
    ),
    Copy(
        "ou-mvlp",
        ("00001",),
        ("00002",),
        {"": ("00/000", "00/270", "01/015")},
        {"00002/01/015": {"take": "01", "view_deg": "15", "type": "01"}},
        "ou-mvlp-00002",
    ),
    Copy(
        "grew",
        ("00001train", "00002train"),
        ("00001", "probe"),
        {"00001": ("01/walk7", "02/walk9"), "probe": ("03/video1", "03/video2"), "": ("00/first", "00/second")},
        {"probe/03/video1": {"id": "probe", "type": "03", "part": "test"}, "00001/01/walk7": {"type": "01"}},
        "grew-probe",
    ),
    Copy(
        "gait3d",
        ("0000",),
        ("0001",),
        {"": ("camid0_videoid2/seq0", "camid12_videoid4/seq3")},
        {
            "0001/camid12_videoid4/seq3": {"camera": "12", "video": "4", "role": "probe"},
            "0001/camid0_videoid2/seq0": {"role": "gallery"},
            "0000/camid0_videoid2/seq0": {"role": "", "part": "train"},
        },
        "gait3d-0001",
        lists={"PROBE_SET": ["0001-camid12_videoid4-seq3"]},
    ),
    Copy(
        "ccpg",
        ("000",),
        ("100",),
        {"": ("U0_D0_BG/0_1", "U0_D0/1_0", "U3_D3/7_2")},
        {
            "100/U0_D0_BG/0_1": {"clothing": "U0_D0", "carrying": "bag", "camera": "0", "take": "1"},
            "100/U3_D3/7_2": {"clothing": "U3_D3", "carrying": "none", "camera": "7", "take": "2"},
        },
        "ccpg-100",
    ),
    Copy(
        "ccgr",
        ("001",),
        ("600",),
        {"": ("NM1/view_05", "BX/view_11")},
        {"600/BX/view_11": {"type": "BX", "view": "view_11"}},
        "ccgr-600",
        files=("00-parsing.pkl", "01-pose.pkl", "02-sils.pkl"),
        silhouettes=2,
    ),
    Copy(
        "ccgr-mini",
        ("001",),
        ("600",),
        {"": ("NM1/view_05", "BX/view_11")},
        {"600/BX/view_11": {"role": "gallery"}, "600/NM1/view_05": {"role": "probe"}},
        "ccgr-mini-600",
        files=("a.pkl", "b.pkl", "c.pkl"),
        silhouettes=2,
        lists={"GALLERY_SET": ["600-BX-view_11"]},
    ),
    Copy(
        "sustech1k",
        ("0000",),
        ("0001",),
        {"": ("00-nm/000", "01-bg/090-near", "02-cl-nt/180")},
        {"0001/02-cl-nt/180": {"take": "02", "condition": "cl-nt"}, "0001/00-nm/000": {"condition": "nm"}},
        "sustech1k-0001",
        files=tuple(f"{number:02d}-part.pkl" for number in range(8)),
        silhouettes=6,
    ),
    Copy(
        "scoliosis1k",
        ("00000", "00001", "00002"),
        ("00003",),
        {"00000": ("Positive/000",), "00001": ("neutral/000",), "00002": ("negative/000",), "00003": ("POSITIVE/000",)},
        {
            "00003/POSITIVE/000": {"scoliosis": "positive"},
            "00000/Positive/000": {"scoliosis": "positive", "type": "Positive"},
            "00001/neutral/000": {"scoliosis": "neutral"},
            "00002/negative/000": {"scoliosis": "negative"},
        },
        "scoliosis1k-00003",
    ),
    Copy(
        "d-gait",
        ("D_001", "N_001"),
        ("N_002",),
        {"": ("walkD/000", "fast/000")},
        {"N_002/walkD/000": {"depression": "no"}, "D_001/fast/000": {"depression": "yes"}},
        "d-gait-N_002",
    ),
    Copy(
        "ra-gar",
        ("0001",),
        ("0002",),
        {"0001": ("x_1_0_3/000",), "0002": ("y_0_2_11/000",)},
        {"0002/y_0_2_11/000": {"attribute_01": "0", "attribute_02": "2", "attribute_03": "11"}},
        "ra-gar-0002",
    ),
    Copy(
        "gaitlu-1m",
        ("000", "001"),
        (),
        {"": ("0001/seq1", "0002/seq1")},
        {"001/0002/seq1": {"part": "train"}},
        "gaitlu-1m-001-0002-seq1",
        files=("0-ratios.pkl", "1-sils.pkl"),
        silhouettes=1,
        width=44,
    ),
    Copy("freegait", ("1",), ("2",), {"": ("a/b",)}, {"2/a/b": {"part": "test"}}, "freegait-2"),
    Copy("hid", ("1",), ("2",), {"": ("a/b",)}, {"2/a/b": {"part": "test"}}, "hid-2"),
    Copy("own", ("1",), ("2",), {"": ("a/b",)}, {"2/a/b": {"view": "b"}}, "own-2"),
]


def test_every_data_set_has_a_made_up_copy():
    assert [copy.name for copy in COPIES] == [each.name for each in ALL]


@pytest.fixture(params=COPIES, ids=lambda copy: copy.name)
def copy(request) -> Copy:
    return request.param


@pytest.fixture
def made(copy, make_layout, tmp_path):
    return make_layout(
        tmp_path,
        copy.train,
        copy.test,
        copy.places_of,
        files=copy.files,
        silhouettes=copy.silhouettes,
        width=copy.width,
        **copy.lists,
    )


def test_import(copy, made, tmp_path):
    options = SourceOptions(made.root, data_set=copy.name, partition=made.partition)
    report = import_data(open_source(options), tmp_path / "out", ImportOrder(frame_rate_hz=25.0))
    assert (report.sequences, len(report.left_out)) == (len(made.frames), 0)
    assert not set(report.noted.counts) - {"id_count"}

    from fgait_core.data.shards import read_shards

    folder = read_shards(tmp_path / "out", verify=True)
    keys = folder.keys.tolist()
    assert sorted(keys) == sorted(f"{copy.name}/{place}" for place in made.frames)
    for index, key in enumerate(keys):
        frames = made.frames[key.removeprefix(f"{copy.name}/")]
        middle = frames[:, :, 10:54] if copy.width == 64 else frames
        np.testing.assert_array_equal(folder.sequence(index), middle // 255)
    for place, columns in copy.expected.items():
        row = keys.index(f"{copy.name}/{place}")
        values = {name: folder.column(name)[row] for name in columns}
        assert values == columns
    assert folder.person[keys.index(f"{copy.name}/{next(iter(copy.expected))}")] == copy.person
    assert folder.manifest["simulated"] is False
    assert folder.frame_rate_hz == 25.0


def test_check_finds_nothing_wrong_with_it(copy, made):
    options = SourceOptions(made.root, data_set=copy.name, partition=made.partition)
    report = check_source(open_source(options), min_frames=5)
    assert report.clean, report.findings.kept
    assert (report.sequences, report.frames) == (len(made.frames), 6 * len(made.frames))


def test_parts_hold_their_ids_only(copy, made, tmp_path):
    for part, ids in (("train", copy.train), ("test", copy.test)):
        source = open_source(SourceOptions(made.root, data_set=copy.name, partition=made.partition, part=part))
        assert {item.values["id"] for item in source.items()} == set(ids)


@pytest.mark.parametrize("data_set", ALL, ids=lambda data_set: data_set.name)
def test_the_example_of_a_data_set_is_a_name_of_it(data_set):
    assert re.fullmatch(data_set.layout, data_set.example)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("casia-b", "001/nm-01/091"),
        ("casia-b", "001/xx-01/090"),
        ("casia-e", "0001/scene1-nm-1/090"),
        ("ou-mvlp", "00001/02/000"),
        ("ou-mvlp", "00001/00/105"),
        ("grew", "00001train/01/x"),
        ("grew", "00001/03/x"),
        ("grew", "probe/01/x"),
        ("gait3d", "0000/cam0/seq0"),
        ("ccpg", "000/U0_D0_BAG/0_1"),
        ("sustech1k", "0000/nm/000"),
        ("scoliosis1k", "00000/healthy/000"),
        ("d-gait", "001/D/000"),
        ("ra-gar", "0001/x_1_a/000"),
    ],
)
def test_a_name_of_another_kind_is_refused(name, place):
    with pytest.raises(ConfigError, match="is no name of"):
        find_data_set(name).values(place)


@pytest.mark.parametrize("name", ["CASIA-B", "casiab", "OUMVLP", "Gait3D", "ccgr_mini", "GaitLU-1M", "Scoliosis1K"])
def test_data_sets_are_found_however_they_are_written(name):
    assert find_data_set(name) in ALL


def test_an_unknown_data_set_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match="casia-b, casia-e"):
        find_data_set("imagenet")


def test_attributes_get_the_names_that_the_user_gives(make_layout, tmp_path):
    made = make_layout(tmp_path, ("1",), (), {"1": ("x_1_45/v",)}.__getitem__)
    options = SourceOptions(made.root, data_set="ra-gar", attribute_names=("sex", "age_years"))
    (item,) = open_source(options).items()
    assert (item.values["sex"], item.values["age_years"]) == (1, 45)
    with pytest.raises(ConfigError, match="has 1 names, but 1/x_1_45/v has 2"):
        open_source(SourceOptions(made.root, data_set="ra-gar", attribute_names=("sex",)))
    with pytest.raises(ConfigError, match="no attributes"):
        open_source(SourceOptions(made.root, data_set="own", attribute_names=("sex",)))
    with pytest.raises(ConfigError, match="must differ"):
        open_source(SourceOptions(made.root, data_set="ra-gar", attribute_names=("id", "sex")))
