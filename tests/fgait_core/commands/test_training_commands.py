"""The commands list sizes and go from shards to a package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from fgait_core.cli import build


def fgait(*arguments: object) -> str:
    result = CliRunner().invoke(build(), [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_architectures_as_json_and_as_a_table() -> None:
    listed = {row["name"]: row for row in json.loads(fgait("architectures", "--json"))}
    assert list(listed) == ["tiny", "small", "s22", "0.03B", "0.13B"]
    row = listed["0.13B"]
    assert (row["channels"], row["depths"]) == ([64, 128, 256, 512], [1, 4, 32, 16])
    assert (row["encoder"], row["projector"], row["predictor"]) == (132_298_432, 16_316_416, 16_284_672)
    assert row["total"] == 164_899_520
    assert "33,134,272" in fgait("architectures")


def test_from_shards_to_a_measured_package(train_shards: Path, make_shards, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    shared = {
        "seed": 1,
        "architecture": {"channels": [4, 4, 4, 8], "depths": [1, 1, 1, 1]},
        "data": str(train_shards),
        "clip": {"frames": 4, "stride": 2},
        "batch": 8,
        "iterations": 2,
        "threads": 1,
    }
    settings = {
        "pre": shared | {"kind": "pretrain", "learning_rate": 0.1},
        "fine": shared
        | {"kind": "finetune", "initial": "runs/pre", "crops": [1], "replicates": 2}
        | {"layer_rates": [0.05] * 5, "projector_rate": 0.05, "head_rate": 0.1},
        "heads": {"kind": "probe", "seed": 1, "run": "runs/fine", "data": str(train_shards), "threads": 1},
    }
    for name, content in settings.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))
    fgait("pretrain", "pre.yaml")
    fgait("finetune", "fine.yaml")
    fgait("probe", "heads.yaml")
    splits = [f"--{split}={make_shards(tmp_path / split, split=split, people=30)}" for split in ("calibration", "test")]
    said = fgait("package", "runs/heads", *splits, "--out", "made", "--name", "made", "--version", "1")
    assert "made 1 is in made" in said
    measured = json.loads(fgait("evaluate", "made", tmp_path / "test"))
    assert measured["model"]["name"] == "made"
    assert set(measured["tasks"]) == {"scoliosis", "depression"}


def test_a_missing_configuration_is_said(tmp_path: Path) -> None:
    from fgait_core.errors import ConfigError

    with pytest.raises(ConfigError, match="cannot be read"):
        fgait("pretrain", tmp_path / "none.yaml")
