"""Groups are those that the data have a column for, and their measures are those of their rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fgait_core.data.shards import read_shards
from fgait_core.evaluation.classification import auroc
from fgait_core.recipes.measure_groups import Judged, age_names, groups_of, measure_groups, view_names
from fgait_core.recipes.measure_typicality import measure_false_alarms
from fgait_core.recipes.unlike_walkers import ALTERED, DRAWN


def test_ages_fall_into_the_classes_of_the_attribute() -> None:
    ages = np.array(["6.2", "12.9", "13", "17.99", "18", "39.5", "64.99", "65", "97", ""])
    expected = ["6-12", "6-12", "13-17", "13-17", "18-39", "18-39", "40-64", "65-90", "65-90", "unknown"]
    assert age_names(ages).tolist() == expected


def test_groups_without_a_column_are_left_out(train_shards: Path, people_shards: Path) -> None:
    groups = groups_of(read_shards(train_shards))
    assert set(groups) == {"by_view", "by_clothing", "by_carrying", "by_sex", "by_age", "by_view_and_sex"}
    assert set(groups["by_view"].tolist()) <= {"front", "oblique", "side", "back"}
    assert groups["by_view_and_sex"][0] == f"{groups['by_view'][0]}, {groups['by_sex'][0]}"
    plain = read_shards(people_shards)
    assert set(groups_of(plain)) == {"by_sex"}
    assert "unknown" in groups_of(plain)["by_sex"]
    assert set(view_names(plain).tolist()) == {"unknown"}


def test_measures_of_a_group_are_those_of_its_rows() -> None:
    rng = np.random.default_rng(0)
    labels, person = rng.integers(0, 2, 200), rng.integers(0, 50, 200).astype(str)
    score = rng.random(200) / 2 + labels / 3
    members = rng.random((200, 2)) < 0.7
    group = np.where(rng.random(200) < 0.3, "a", "b")
    judged = Judged(labels, person, np.stack([1 - score, score], 1), 1, members, 0.5)
    measured = measure_groups(judged, {"by_kind": group}, np.random.default_rng(1))["by_kind"]["a"]
    rows = group == "a"
    assert measured["sequences"] == rows.sum()
    assert measured["auroc"]["value"] == pytest.approx(auroc(score[rows], labels[rows] == 1))
    assert measured["sensitivity"]["value"] == pytest.approx((score[rows & (labels == 1)] >= 0.5).mean())
    assert measured["specificity"]["value"] == pytest.approx((score[rows & (labels == 0)] < 0.5).mean())
    assert measured["covered"]["value"] == pytest.approx(members[np.arange(200), labels][rows].mean())
    assert measured["abstained"]["value"] == pytest.approx((members[rows].sum(1) != 1).mean())
    assert measured["covered"]["low"] < measured["covered"]["value"] < measured["covered"]["high"]
    nobody = Judged(np.zeros(9, np.int64), person[:9], judged.probabilities[:9], 1, None, 0.5)
    only = measure_groups(nobody, {"by_kind": group[:9]}, rng)["by_kind"]
    assert all(each["auroc"] is None and each["sensitivity"] is None for each in only.values())


def test_false_alarms_count_each_sequence_by_the_threshold_of_its_view(train_shards: Path) -> None:
    folder = read_shards(train_shards)
    side = view_names(folder) == "side"
    measured = measure_false_alarms(np.ones(len(folder)), {"any": 2.0, "side": 0.5}, folder, 1)
    assert measured["false_alarms"]["value"] == pytest.approx(side.mean())
    assert measured["by_view"]["side"]["value"] == 1


def test_things_unlike_walkers_are_clips_and_come_out_alike_for_a_seed(train_shards: Path) -> None:
    walk = read_shards(train_shards).sequence(0)
    for kind in (*DRAWN, *ALTERED):
        first, again = (
            DRAWN[kind](rng, 20) if kind in DRAWN else ALTERED[kind](walk, rng)
            for rng in (np.random.default_rng(1), np.random.default_rng(1))
        )
        assert first.dtype == np.uint8
        assert first.shape == ((20 if kind in DRAWN else len(walk)), 64, 44)
        assert set(np.unique(first).tolist()) <= {0, 1}
        assert 0.05 < first.mean() < 0.97, kind
        np.testing.assert_array_equal(first, again)
    standing = ALTERED["standing_person"](walk, np.random.default_rng(2))
    assert (standing == standing[0]).all()
    shuffled = ALTERED["shuffled_frames"](walk, np.random.default_rng(2))
    assert not np.array_equal(shuffled, walk)
    assert sorted(frame.tobytes() for frame in shuffled) == sorted(frame.tobytes() for frame in walk)
    np.testing.assert_array_equal(ALTERED["upside_down_walker"](walk, np.random.default_rng(2))[:, ::-1], walk)
