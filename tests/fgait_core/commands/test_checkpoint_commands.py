"""`fgait checkpoint` shows and exports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from fgait_core import cli as engine_cli
from fgait_core.errors import CheckpointError
from fgait_core.models.backbone import Backbone, initialise
from fgait_core.models.student_teacher import StudentTeacher


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    backbone = Backbone((4, 4, 8, 8), (1, 1, 2, 1))
    initialise(backbone, torch.Generator().manual_seed(1))
    model = StudentTeacher(backbone).state_dict()
    del model["student_backbone.layer3.1.sbn.weight"]
    folder = tmp_path / "run"
    folder.mkdir()
    torch.save({"model": model, "optimizer": {}, "iteration": 30}, folder / "checkpoint.pt")
    return folder


def fgait(*arguments: object):
    return CliRunner().invoke(engine_cli.build(), [str(argument) for argument in arguments])


def test_show_in_words_and_as_json(run_folder: Path) -> None:
    printed = fgait("checkpoint", "show", run_folder).stdout.splitlines()
    assert "30 iterations" in printed[0]
    assert "4-4-8-8" in printed[1]
    assert printed[2].endswith("parameters, complete")
    assert printed[3].endswith("parameters, 1 do not fit:")
    assert "  missing: layer3.1.sbn.weight" in printed
    facts = json.loads(fgait("checkpoint", "show", run_folder / "checkpoint.pt", "--json").stdout)
    assert facts["depths"] == [1, 1, 2, 1]
    assert facts["teacher"]["missing"] == facts["teacher"]["unexpected"] == []
    assert facts["student"]["missing"] == ["layer3.1.sbn.weight"]
    parameters = sum(parameter.numel() for parameter in Backbone((4, 4, 8, 8), (1, 1, 2, 1)).parameters())
    assert facts["teacher"]["parameters"] == parameters


def test_export_writes_weights_and_iteration_only(run_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "published.pt"
    assert fgait("checkpoint", "export", run_folder, "--out", out).exit_code == 0
    exported = torch.load(out, weights_only=True)
    original = torch.load(run_folder / "checkpoint.pt", weights_only=True)
    assert exported.keys() == {"model", "iteration"}
    assert exported["iteration"] == 30
    assert exported["model"].keys() == original["model"].keys()
    assert all(torch.equal(value, original["model"][key]) for key, value in exported["model"].items())


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.pt").write_text("no checkpoint")
    assert isinstance(fgait("checkpoint", "show", tmp_path / "notes.pt").exception, CheckpointError)
