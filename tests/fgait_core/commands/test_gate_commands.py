"""`fgait gate` on the command line: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fgait_core.cli import build
from fgait_core.config.files import load_protocol
from fgait_core.config.retraining import RetrainingProtocol
from fgait_core.errors import ConfigError, ModelPackageError
from fgait_core.gate_report import GateReport
from fgait_core.model_package import ModelPackage, bundled_package_dir


@pytest.fixture(scope="module")
def gate_shards(make_shards, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.mktemp("gate") / "people", split="test", people=12)


@pytest.fixture
def protocol(tmp_path: Path) -> Path:
    path = tmp_path / "protocol.json"
    path.write_text(RetrainingProtocol(task="scoliosis").model_dump_json())
    return path


def fgait_gate(people: Path, protocol: Path, out: Path, *more: object, candidate: Path | None = None) -> str:
    package = bundled_package_dir()
    words = ["gate", candidate or package, "--production", package, "--people", people, "--protocol", protocol]
    result = CliRunner().invoke(build(), [str(word) for word in (*words, "--out", out, *more)])
    if result.exception is not None:
        raise result.exception
    assert result.exit_code == 0
    return result.stdout


def test_the_report_is_written_and_the_criteria_are_printed(gate_shards: Path, protocol: Path, tmp_path: Path) -> None:
    out, package, progress = (tmp_path / name for name in ("report.json", "final", "progress.json"))
    said = fgait_gate(
        gate_shards, protocol, out, "--package", package, "--trained-people", 7, "--progress-file", progress
    )
    report = GateReport.model_validate_json(out.read_text())
    assert all(each.label in said for each in report.criteria)
    assert "Not passed: too few gate people" in said
    assert report.trained_people == 7
    assert report.protocol_sha256 == RetrainingProtocol(task="scoliosis").sha256
    assert report.candidate.sha256 == ModelPackage.load(package).sha256 != report.production.sha256
    assert json.loads(progress.read_text())["fraction"] == 1.0
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "final",
        "progress.json",
        "protocol.json",
        "report.json",
    ]


def test_shared_people_are_no_success_but_no_fault_either(gate_shards: Path, protocol: Path, tmp_path: Path) -> None:
    said = fgait_gate(
        gate_shards, protocol, tmp_path / "report.json", "--shared-people", 1, "--protocol-sha256", "d" * 64
    )
    report = GateReport.model_validate_json((tmp_path / "report.json").read_text())
    assert (report.shared_people, report.passed, report.protocol_sha256) == (1, False, "d" * 64)
    assert "Not passed" in said


def test_wrong_input_is_said_before_the_work(gate_shards: Path, protocol: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    with pytest.raises(ConfigError, match="is a folder"):
        fgait_gate(gate_shards, protocol, tmp_path)
    with pytest.raises(ConfigError, match="no model package"):
        fgait_gate(gate_shards, protocol, out, "--package", tmp_path)
    with pytest.raises(ModelPackageError, match="no complete model package"):
        fgait_gate(gate_shards, protocol, out, candidate=tmp_path)
    with pytest.raises(ConfigError, match="nowhere"):
        fgait_gate(tmp_path / "nowhere", protocol, out)
    with pytest.raises(ConfigError, match="cannot be read"):
        fgait_gate(gate_shards, tmp_path / "no.yaml", out)
    protocol.write_text("task: scoliosis\nscop: head\nwanted_sensitivity: 2\n")
    with pytest.raises(ConfigError, match=r"scop is no known name \(is scope meant\?\)"):
        fgait_gate(gate_shards, protocol, out)
    protocol.write_text("task: flat_feet\n")
    with pytest.raises(ConfigError, match="flat_feet"):
        fgait_gate(gate_shards, protocol, out)
    assert not out.exists()


def test_a_protocol_in_yaml_or_json_is_the_same_protocol(tmp_path: Path) -> None:
    whole = RetrainingProtocol(task="depression", scope="recalibration")
    (tmp_path / "a.yaml").write_text("scope: recalibration\ntask: depression\n")
    (tmp_path / "b.json").write_text(whole.model_dump_json(indent=2))
    assert load_protocol(tmp_path / "a.yaml").sha256 == load_protocol(tmp_path / "b.json").sha256 == whole.sha256
    assert whole.sha256 != RetrainingProtocol(task="depression").sha256
