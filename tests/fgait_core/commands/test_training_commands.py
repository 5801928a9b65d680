"""The commands list sizes and go from shards to a package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from fgait_core.cli import build
from fgait_core.commands import progress_bar


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
        | {
            "kind": "finetune",
            "initial": "runs/pre",
            "crops": [1],
            "replicates": 2,
            "tasks": ["scoliosis", "depression"],
        }
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
    assert (tmp_path / "made" / "package.json").is_file()


@pytest.mark.slow
def test_torchrun_pretrains_with_two_processes_and_one_speaks(train_shards: Path, tmp_path: Path) -> None:
    settings = {
        "kind": "pretrain",
        "seed": 1,
        "architecture": {"channels": [4, 4, 4, 8], "depths": [1, 1, 1, 1]},
        "data": str(train_shards),
        "clip": {"frames": 2},
        "crops": [1],
        "batch": 4,
        "iterations": 2,
        "device": "cpu",
        "threads": 1,
    }
    (tmp_path / "pre.yaml").write_text(yaml.safe_dump(settings))
    programs = Path(sys.executable).parent
    command = [programs / "torchrun", "--standalone", "--nproc_per_node=2", "--no-python", programs / "fgait"]
    said = subprocess.run(
        [*command, "pretrain", tmp_path / "pre.yaml", "--out", tmp_path / "run"],
        capture_output=True,
        text=True,
        timeout=200,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout == f"Pre-trained; the run is in {tmp_path / 'run'}\n"
    assert said.stderr.count("step 2 of 2") == 1
    assert "Warning" not in said.stderr
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines] == [1, 2]
    assert json.loads((tmp_path / "run" / "environment.json").read_text())["processes"] == 2


def test_a_missing_configuration_is_said(tmp_path: Path) -> None:
    from fgait_core.errors import ConfigError

    with pytest.raises(ConfigError, match="cannot be read"):
        fgait("pretrain", tmp_path / "none.yaml")


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 101.0, 111.0, 112.0])
    monkeypatch.setattr(progress_bar.time, "monotonic", lambda: next(clock))
    lines = progress_bar.PlainLines(every_s=10)
    for step in (25, 26, 36, 100):
        lines(step / 100, f"step {step}")
    assert capsys.readouterr().err.splitlines() == [" 25%  step 25", " 36%  step 36; 0:01:04 left", "100%  step 100"]


def test_the_other_processes_are_silent(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    with progress_bar.progress_bar() as progress:
        progress(1.0, "done")
    progress_bar.say("done")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("RANK", "0")
    with progress_bar.progress_bar() as progress:
        progress(1.0, "done")
    progress_bar.say("ready")
    assert capsys.readouterr() == ("ready\n", "100%  done\n")
