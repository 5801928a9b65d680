"""A study of retraining: its cells, going on where it stopped, and what its tables say."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from fgait_core.config import load_config
from fgait_core.config.retraining_study import RetrainingStudyConfig
from fgait_core.errors import ConfigError, OperationCancelled
from fgait_core.recipes.retraining.study import cells_of, read_cells, run_study
from fgait_core.recipes.retraining.study_cell import CellName, StudyCell, Verdict
from fgait_core.recipes.retraining.study_tables import interval_of_mean, study_tables
from fgait_core.recipes.retraining.study_truth import TrueFigures


def _config(package_dir: Path, **changes) -> RetrainingStudyConfig:
    content = {
        "kind": "retraining_study",
        "base": package_dir,
        "tasks": ["depression"],
        "scopes": ["recalibration", "head"],
        "sizes": [40],
        "shuffled_sizes": [40],
        "clinics": 1,
        "others": 100,
    }
    return RetrainingStudyConfig.model_validate(content | changes)


@pytest.fixture(scope="module")
def studied(package_dir: Path, tmp_path_factory: pytest.TempPathFactory):
    out = tmp_path_factory.mktemp("study")
    return out, run_study(_config(package_dir), out)


def test_each_cell_retrains_judges_and_measures(studied):
    out, found = studied
    assert [(cell.name.scope, cell.name.labels) for cell in found.cells] == [
        ("recalibration", "true"),
        ("recalibration", "shuffled"),
        ("head", "true"),
        ("head", "shuffled"),
    ]
    for cell in found.cells:
        assert not cell.refused
        assert cell.candidate is not None
        assert cell.trained + cell.verdicts[0].people == 40
        assert [each.labels for each in cell.verdicts] == ["true", "shuffled"][: 1 + (cell.name.labels == "shuffled")]
    first, second = found.cells[0], found.cells[2]
    assert first.base == second.base
    assert first.candidate != second.candidate
    assert not (out / "work-01").exists()
    assert "AUROC" in (out / "retraining_study.md").read_text()


def test_what_is_done_is_kept_and_an_unfinished_line_is_done_again(studied, package_dir: Path):
    out, found = studied
    lines = out / "clinic-01.jsonl"
    whole = lines.read_text()
    lines.write_text(whole[:-40])
    again = run_study(_config(package_dir), out)
    assert [cell.name for cell in again.cells] == [cell.name for cell in found.cells]
    assert [cell.candidate for cell in again.cells] == [cell.candidate for cell in found.cells]
    assert lines.read_text().splitlines()[:-1] == whole.splitlines()[:-1]
    told: list[str] = []
    run_study(_config(package_dir), out, progress=lambda _, words: told.append(words))
    assert not any("outcomes" in words for words in told)


def test_a_folder_of_another_study_is_refused(studied, package_dir: Path):
    out, _ = studied
    with pytest.raises(ConfigError, match="another base, gate or protocol"):
        run_study(_config(package_dir, others=120), out)


def test_it_can_be_stopped(studied, package_dir: Path):
    out, _ = studied
    (out / "clinic-01.jsonl").unlink()
    with pytest.raises(OperationCancelled):
        run_study(_config(package_dir), out, cancelled=lambda: (out / "clinic-01.jsonl").exists())
    assert len(read_cells(out / "clinic-01.jsonl")) == 1


def test_cells_of_the_configuration_in_configs(root: Path):
    config = load_config(root / "configs" / "retraining_study.yaml", RetrainingStudyConfig)
    names = [name for clinic in range(1, config.clinics + 1) for name in cells_of(config, clinic)]
    assert len(set(names)) == len(names)
    assert sum(name.labels == "shuffled" for name in names) == 10 * 2 * 2 * 2
    assert {name.size for name in names} == {20, 50, 100, 300}


@pytest.mark.parametrize(
    ("change", "problem"),
    [({"shuffled_sizes": [7]}, "none of sizes"), ({"scopes": ["whole_network"]}, "scopes"), ({"sizes": []}, "sizes")],
)
def test_configurations_that_make_no_sense(change: dict, problem: str, tmp_path: Path):
    with pytest.raises(ValueError, match=problem):
        _config(tmp_path, **change)


def _figures(auroc: float, brier: float) -> TrueFigures:
    rest = dict.fromkeys(("ece", "slope", "intercept", "sensitivity", "specificity", "covered", "abstained"), 0.5)
    return TrueFigures(auroc=auroc, brier=brier, unlike=0.05, **rest)


def _cell(clinic: int, after: TrueFigures | None, verdicts: tuple[bool, ...], labels: str = "true") -> StudyCell:
    kinds = ("true", "shuffled")[: len(verdicts)]
    said = tuple(
        Verdict(
            labels=kind,
            people=30,
            positive=12,
            possible=True,
            passed=passed,
            missed=() if passed else ("auroc",),
            auroc=(0.0, -0.1, 0.1),
        )
        for kind, passed in zip(kinds, verdicts, strict=True)
    )
    name = CellName(clinic=clinic, size=100, task="depression", scope="head", labels=labels)
    refused = "" if after else "too few people"
    return StudyCell(
        name=name,
        trained=66,
        base=_figures(0.7, 0.2),
        candidate=after,
        verdicts=said,
        refused=refused,
        seconds=1.0,
    )


def test_tables_count_what_happened():
    cells = [
        _cell(1, _figures(0.74, 0.19), (True,)),
        _cell(2, _figures(0.66, 0.21), (True,)),
        _cell(3, _figures(0.73, 0.18), (False,)),
        _cell(4, None, ()),
        _cell(1, _figures(0.5, 0.3), (False, True), labels="shuffled"),
        _cell(2, _figures(0.5, 0.3), (False, False), labels="shuffled"),
    ]
    tables = {table.name: table for table in study_tables(cells)}
    task, scope, size, clinics, base, reached, gain, low, high, _ = tables["gain_auroc"].rows[0]
    assert (task, scope, size, clinics) == ("depression", "head", 100, 3)
    assert (base, reached, gain) == pytest.approx((0.7, 0.71, 0.01))
    assert low < gain < high
    assert tables["honest"].rows == (("depression", "head", 100, 3, 3, 2, 1, 1, 2),)
    by_gate = {row[3]: row[4:8] for row in tables["shuffled"].rows}
    assert by_gate == {"true": (2, 2, 2, 1.0), "shuffled": (2, 2, 1, 0.5)}


def test_interval_of_a_mean():
    mean, low, high = interval_of_mean([1.0, 2.0, 3.0])
    assert (mean, high - mean) == pytest.approx((2.0, 4.3027 / math.sqrt(3)), rel=1e-3)
    assert mean - low == pytest.approx(high - mean)
    assert math.isnan(interval_of_mean([1.0])[1])
