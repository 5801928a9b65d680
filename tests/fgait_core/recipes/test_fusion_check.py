"""Measuring one score from several recordings."""

from __future__ import annotations

from pathlib import Path

import pytest

from fgait_core.data.shards import read_shards
from fgait_core.evaluation.tables import Table
from fgait_core.model_package import ModelPackage, bundled_package_dir
from fgait_core.recipes.fusion_check import WAYS, fusion_table


@pytest.fixture(scope="module")
def table(make_shards, tmp_path_factory: pytest.TempPathFactory) -> Table:
    folder: Path = make_shards(tmp_path_factory.mktemp("fusion") / "test", split="test", people=12, frames=30)
    package = ModelPackage.load(bundled_package_dir())
    return fusion_table(package, read_shards(folder), most_people=12, seed=1)


def test_one_recording_has_one_row_and_several_have_one_for_each_way(table: Table):
    for task in ("scoliosis", "depression"):
        rows = [row[1:3] for row in table.rows if row[0] == task]
        assert rows == [(1, WAYS[0]), *((2, way) for way in WAYS)]


def test_the_union_covers_most_and_answers_least(table: Table):
    by_way = {row[:3]: dict(zip(table.header, row, strict=True)) for row in table.rows}
    for task in ("scoliosis", "depression"):
        package, union, most = (by_way[task, 2, way] for way in WAYS)
        assert union["covered"] >= max(package["covered"], most["covered"])
        assert union["AUROC"] == package["AUROC"]
        assert 0 <= most["Brier"] <= 1
