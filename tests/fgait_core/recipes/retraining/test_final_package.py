"""The package that is kept of a retraining: the fitted weights, and the figures of the gate people."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from fgait_core.config.retraining import RetrainingProtocol
from fgait_core.data.shards import ShardFolder, read_shards
from fgait_core.errors import ConfigError
from fgait_core.gate_report import GateReport
from fgait_core.model_package import ModelPackage, bundled_package_dir
from fgait_core.package_content import AdaptationContent, PackageContent
from fgait_core.package_files import CONTENT_FILE, FILES, METRICS_FILE, SUMS_FILE, WEIGHTS_FILE, file_sha256
from fgait_core.recipes.retraining.final_package import finish, named_as
from fgait_core.recipes.retraining.gate import compare
from fgait_core.recipes.retraining.provisional import PROVISIONAL

PROTOCOL = RetrainingProtocol(task="depression")
ADAPTATION = AdaptationContent(
    task="depression",
    scope="recalibration",
    people=40,
    recordings=41,
    simulated_people=True,
    base_name="fgait-simulated",
    base_version="2.0.0",
    base_sha256="a" * 64,
    manifest_sha256="b" * 64,
)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled package as a fit would leave it: provisional figures, adapted to a clinic."""
    folder = tmp_path_factory.mktemp("fitted") / "fitted"
    shutil.copytree(bundled_package_dir(), folder)
    content = PackageContent.model_validate_json((folder / CONTENT_FILE).read_text())
    changed = content.model_copy(update={"adaptation": ADAPTATION, "known_gaps": (PROVISIONAL, *content.known_gaps)})
    (folder / CONTENT_FILE).write_text(changed.model_dump_json(indent=1) + "\n")
    metrics = json.loads((folder / METRICS_FILE).read_text()) | {"adaptation": {"measured_on": "out of fold"}}
    (folder / METRICS_FILE).write_text(json.dumps(metrics))
    (folder / SUMS_FILE).write_text("".join(f"{file_sha256(folder / name)}  {name}\n" for name in FILES))
    return folder


@pytest.fixture(scope="module")
def locked(make_shards, tmp_path_factory: pytest.TempPathFactory) -> ShardFolder:
    return read_shards(make_shards(tmp_path_factory.mktemp("gate") / "people", split="test", people=12))


@pytest.fixture(scope="module")
def report(fitted: Path, locked: ShardFolder) -> GateReport:
    package = ModelPackage.load(fitted)
    return compare(package, package, locked, PROTOCOL, trained_people=40, shared_people=0, protocol_sha256="c" * 64)


def test_weights_stay_and_figures_are_those_of_the_gate(
    fitted: Path, report: GateReport, locked: ShardFolder, tmp_path: Path
) -> None:
    final = finish(fitted, report, locked, tmp_path / "final")
    before = ModelPackage.load(fitted)
    assert (tmp_path / "final" / WEIGHTS_FILE).read_bytes() == (fitted / WEIGHTS_FILE).read_bytes()
    was, now = ({each.name: each for each in package.content.tasks} for package in (before, final))
    assert now["scoliosis"] == was["scoliosis"], "the gate says nothing of it"
    assert now["depression"].by_view == was["depression"].by_view
    assert now["depression"].operating_point.threshold == was["depression"].operating_point.threshold
    point = now["depression"].operating_point
    assert (point.n_positive, point.n_negative) == (report.positive, report.people - report.positive)
    assert now["depression"].calibration.n_people == report.people
    assert final.people["test"] == report.people
    assert final.content.adaptation is not None
    assert final.content.adaptation.protocol_sha256 == "c" * 64
    assert PROVISIONAL in before.known_gaps
    assert PROVISIONAL not in final.known_gaps
    metrics = json.loads((tmp_path / "final" / METRICS_FILE).read_text())
    assert metrics["adaptation"]["measured_on"].startswith("12 locked simulated people of the clinic's gate")
    assert metrics["tasks"]["depression"]["people"] == 12
    assert metrics["gate"]["passed"] == report.passed
    assert named_as(report, final).candidate.sha256 == final.sha256 != before.sha256
    again = finish(fitted, report, locked, tmp_path / "final")
    assert again.sha256 == final.sha256, "the older package is replaced, and the same gate gives the same bytes"


def test_a_gate_of_one_kind_leaves_the_figures_provisional(
    fitted: Path, report: GateReport, locked: ShardFolder, tmp_path: Path
) -> None:
    nobody = report.model_copy(update={"positive": 0})
    final = finish(fitted, nobody, locked, tmp_path / "final")
    before = ModelPackage.load(fitted)
    assert final.content.tasks == before.content.tasks
    assert PROVISIONAL in final.known_gaps


def test_a_report_of_something_else_is_refused(
    fitted: Path, report: GateReport, locked: ShardFolder, make_shards, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="of another package"):
        finish(bundled_package_dir(), report, locked, tmp_path / "final")
    others = read_shards(make_shards(tmp_path / "others", split="test", people=6))
    with pytest.raises(ConfigError, match="of other people"):
        finish(fitted, report, others, tmp_path / "final")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("x")
    with pytest.raises(ConfigError, match="no model package"):
        finish(fitted, report, locked, tmp_path / "full")
    assert not (tmp_path / "final").exists()
