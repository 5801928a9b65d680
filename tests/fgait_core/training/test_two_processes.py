"""Two processes of torchrun equal one with the same global batch, however the weights are divided."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from fgait_core.config import PretrainConfig
from fgait_core.recipes.pretrain import pretrain
from fgait_core.training.checkpoint import read_checkpoint

TORCHRUN = Path(sys.executable).with_name("torchrun")


@pytest.fixture(scope="module")
def settings(train_shards: Path, make_shards, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    people = make_shards(tmp_path_factory.mktemp("validation") / "test", split="test", people=5)
    return {
        "kind": "pretrain",
        "seed": 1,
        "architecture": {"channels": [8, 8, 8, 16], "depths": [1, 1, 1, 1]},
        "data": str(train_shards),
        "clip": {"frames": 4, "stride": 2},
        "crops": [2, 1],
        "batch": 8,
        "iterations": 3,
        "learning_rate": 0.001,
        "precision": "float64",
        "checkpoint_every": 1,
        "device": "cpu",
        "threads": 1,
        "validation": {"data": str(people)},
    }


@pytest.fixture(scope="module")
def together(settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of everything that two processes wrote."""
    out = tmp_path_factory.mktemp("together")
    configurations = {
        "ddp": settings,
        "ddp_accumulate": settings | {"batch": 16, "accumulate": 2},
        "fsdp_accumulate": settings
        | {"batch": 16, "accumulate": 2, "parallel": "fsdp", "activation_checkpointing": True},
        "stopped": settings | {"parallel": "fsdp"},
        "odd": settings | {"batch": 18, "crops": [2, 1, 1]},
    }
    (out / "configurations.json").write_text(json.dumps(configurations))
    script = Path(__file__).with_name("two_processes.py")
    command = [TORCHRUN, "--standalone", "--nproc_per_node=2", script, out / "configurations.json", out]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[3])}
    subprocess.run(command, env=environment, check=True, timeout=200)
    return out


@pytest.fixture(scope="module")
def alone(settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same runs in one process."""
    out = tmp_path_factory.mktemp("alone")
    for name, changes in (("", {}), ("accumulate", {"batch": 16, "accumulate": 2})):
        pretrain(PretrainConfig.model_validate(settings | changes), out / f"run_{name}")
    return {"": out / "run_", "accumulate": out / "run_accumulate"}


def lines_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def assert_same_run(one: Path, other: Path) -> None:
    first, second = (read_checkpoint(folder / "checkpoint.pt") for folder in (one, other))
    assert first["iteration"] == second["iteration"] == 3
    assert first["model"].keys() == second["model"].keys()
    for key, value in first["model"].items():
        torch.testing.assert_close(value, second["model"][key], rtol=0, atol=1e-9, msg=key)
    for number, values in first["optimizer"]["state"].items():
        same = second["optimizer"]["state"][number]["momentum_buffer"]
        torch.testing.assert_close(values["momentum_buffer"], same, rtol=0, atol=1e-7)
    for line, same in zip(lines_of(one), lines_of(other), strict=True):
        assert line["loss"] == pytest.approx(same["loss"], rel=0, abs=1e-9)
        assert line["accuracy"] == pytest.approx(same["accuracy"], abs=1e-12)
        assert line["gradient_norm"] == pytest.approx(same["gradient_norm"], abs=1e-7)
        assert line.get("validation_map") == pytest.approx(same.get("validation_map"), abs=1e-4)
    assert "validation_map" in lines_of(one)[-1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ddp", "ddp_accumulate", "fsdp_accumulate"])
def test_two_processes_equal_one(together: Path, alone: dict[str, Path], name: str) -> None:
    assert_same_run(together / name, alone["accumulate" if "accumulate" in name else ""])
    environment = json.loads((together / name / "environment.json").read_text())
    assert (environment["processes"], environment["parallel"]) == (2, name.split("_")[0])


@pytest.mark.slow
def test_any_process_stops_all_and_one_process_goes_on(
    together: Path, alone: dict[str, Path], settings: dict[str, Any]
) -> None:
    for number in range(2):
        said = json.loads((together / f"refused-{number}.json").read_text())
        assert said["stopped"].startswith("OperationCancelled: Stopped after step 2")
    assert read_checkpoint(together / "stopped" / "checkpoint.pt")["iteration"] == 2
    pretrain(PretrainConfig.model_validate(settings), together / "stopped")
    assert_same_run(together / "stopped", alone[""])


@pytest.mark.slow
def test_what_the_processes_say_to_each_other(together: Path) -> None:
    first, second = (json.loads((together / f"functions-{number}.json").read_text()) for number in range(2))
    assert (first["rank"], second["rank"], first["world_size"]) == (0, 1, 2)
    assert first["any"] == second["any"] == [False, True]
    assert first["mean"] == second["mean"] == {"a": 1.0, "b": 5.0}
    assert first["gathered"] == second["gathered"] == [[1.0] * 3, [1.0] * 3, [2.0] * 3, [2.0] * 3]
    # Process 0 weighs row i, column j with 3 i + j, process 1 with twice that: both arrive at the row's owner.
    assert first["gradient"] == [[0.0, 3.0, 6.0], [9.0, 12.0, 15.0]]
    assert second["gradient"] == [[18.0, 21.0, 24.0], [27.0, 30.0, 33.0]]


@pytest.mark.slow
def test_a_batch_that_two_processes_cannot_share_is_refused(together: Path) -> None:
    said = json.loads((together / "refused-1.json").read_text())
    assert said["odd"].startswith("ConfigError: batch 18 does not divide among 2 processes")
