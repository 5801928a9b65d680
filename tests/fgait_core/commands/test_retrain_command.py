"""`fgait retrain` on the command line: what it writes and prints, and the sentences about wrong input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from fgait_core.cli import EXIT_USAGE, build, run
from fgait_core.data.shard_writer import ShardWriter
from fgait_core.data.shards import read_shards
from fgait_core.model_package import ModelPackage, bundled_package_dir

Changes = dict[str, object]
PROTOCOL: Changes = {"task": "depression", "scope": "recalibration", "budget": {"device": "cpu"}}


@pytest.fixture(scope="module")
def people(make_shards, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve people, six of them with depression."""
    return make_shards(tmp_path_factory.mktemp("clinic") / "people", people=12, sequences=1, frames=24)


@pytest.fixture
def write_config(people: Path, tmp_path: Path):
    def write(protocol: Changes | None = None, **changes: object) -> Path:
        content = {
            "kind": "retrain",
            "base": str(bundled_package_dir()),
            "development": str(people),
            "name": "clinic",
            "version": "1.2.3",
            "protocol": PROTOCOL | (protocol or {}),
        }
        path = tmp_path / "clinic.yaml"
        path.write_text(yaml.safe_dump(content | changes))
        return path

    return write


def fgait_retrain(config: Path, *more: object) -> int:
    """Runs the command as the shell does; answers with its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["fgait", "retrain", str(config), *(str(word) for word in more)])
        with pytest.raises(SystemExit) as ended:
            run(build())
    return int(ended.value.code or 0)


def test_a_candidate_is_written_and_named(write_config, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, progress = tmp_path / "run", tmp_path / "progress.json"
    assert fgait_retrain(write_config(), "--out", out, "--progress-file", progress) == 0
    made = ModelPackage.load(out / "fitted")
    said = capsys.readouterr()
    assert f"The candidate clinic 1.2.3 is in {out / 'fitted'} (SHA-256 {made.sha256})" in said.out + said.err
    assert json.loads(progress.read_text())["fraction"] == 1.0
    assert fgait_retrain(write_config(), "--out", out) == 0, "the same again is no fault"
    assert fgait_retrain(write_config(version="1.2.4"), "--out", out) == EXIT_USAGE
    assert "holds a retraining of another configuration" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("protocol", "changes", "sentence"),
    [
        ({}, {"kind": "finetune"}, "is for `fgait finetune`; one for `fgait retrain` is needed here"),
        ({"scope": "whole_network"}, {}, "the scope whole_network needs replay and replay_calibration"),
        ({"scop": "head"}, {}, "protocol.scop is no known name"),
        ({"wanted_sensitivity": 1.5}, {}, "protocol.wanted_sensitivity"),
        ({"task": "flat_feet"}, {}, "does not screen for flat_feet"),
        ({}, {"development": "nowhere"}, "nowhere"),
        ({}, {"prior_weight": -1}, "prior_weight"),
    ],
)
def test_wrong_input_is_a_sentence(
    write_config,
    protocol: Changes,
    changes: Changes,
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert fgait_retrain(write_config(protocol, **changes), "--out", tmp_path / "run") == EXIT_USAGE
    said = capsys.readouterr().err
    assert said.startswith("Error: ")
    assert sentence in said
    assert not (tmp_path / "run" / "fitted").exists()


def test_people_without_outcomes_are_a_sentence(
    write_config, tmp_path: Path, people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = read_shards(people)
    writer = ShardWriter(
        tmp_path / "silent",
        identity="silent",
        manifest={"simulated": True},
        columns={"depression": "text"},
        frame_rate_hz=25.0,
    )
    for row in range(len(folder)):
        writer.add(str(folder.keys[row]), str(folder.person[row]), 255 * folder.sequence(row), {"depression": None})
    writer.finish()
    config = write_config(development=str(tmp_path / "silent"))
    assert fgait_retrain(config, "--out", tmp_path / "run") == EXIT_USAGE
    assert "Nobody in" in capsys.readouterr().err
