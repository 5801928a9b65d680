"""A scaling study runs every cell once, keeps what is done, and fits what it measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
import yaml
from scipy import stats
from typer.testing import CliRunner

from fgait_core.commands.training import register
from fgait_core.config import ScalingConfig
from fgait_core.errors import ConfigError
from fgait_core.evaluation.scaling_fit import fit_scaling
from fgait_core.recipes import scaling
from fgait_core.recipes.scaling import run_scaling
from tests.fgait_core.recipes.conftest import write_people

BASE = {
    **{"kind": "pretrain", "seed": 9, "architecture": "0.03B", "data": "elsewhere", "clip": {"frames": 4, "stride": 1}},
    **{"batch": 8, "iterations": 2, "checkpoint_every": 1, "threads": 1},
}
SIZES = [{"channels": [4, 4, 4, 8], "depths": [1, 1, 1, 1]}, {"channels": [4, 4, 8, 16], "depths": [1, 1, 1, 1]}]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of two sizes on two data sets: folder with data and configurations."""
    folder = tmp_path_factory.mktemp("study")
    write_people(folder / "few", first=0, people=4)
    write_people(folder / "many", first=0, people=8)
    write_people(folder / "held_out", first=50, people=6)
    write_people(folder / "test", first=70, people=5)
    (folder / "base.yaml").write_text(yaml.safe_dump(BASE))
    wanted = {
        **{"kind": "scaling", "base": str(folder / "base.yaml"), "architectures": SIZES, "seeds": [1]},
        **{"data": [str(folder / "few"), str(folder / "many")], "held_out": str(folder / "held_out")},
        **{"held_out_batches": 2, "test": str(folder / "test"), "layer": "projector"},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(wanted))
    return folder


def config_of(study: Path, **changes: object) -> ScalingConfig:
    return ScalingConfig.model_validate(yaml.safe_load((study / "study.yaml").read_text()) | changes)


def test_every_cell_is_run_once_and_summed_up(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_scaling(config_of(study), tmp_path)
    assert [(cell.data, cell.sequences, cell.seed) for cell in result.cells] == [
        *[("few", 16, 1), ("many", 32, 1)],
        *[("few", 16, 1), ("many", 32, 1)],
    ]
    assert result.cells[0].parameters < result.cells[2].parameters
    assert all(0 < (cell.loss or 0) < 8 and 0 <= cell.rank_1 <= 100 for cell in result.cells)
    assert [cell.steps for cell in result.untrained] == [0, 0]
    written = json.loads((tmp_path / "scaling.json").read_text())
    assert written["simulated"] is True
    assert set(written["fits"]["loss"]["slopes"]) == {"parameters", "sequences"}
    assert "SIMULATED DATA" in (tmp_path / "scaling.md").read_text()
    assert (tmp_path / "scaling_rank_1.png").stat().st_size > 5000

    def again(*_: object, **__: object) -> None:
        raise AssertionError("a finished cell was run again")

    monkeypatch.setattr(scaling, "pretrain", again)
    assert run_scaling(config_of(study), tmp_path).cells == result.cells


def test_a_finished_cell_of_another_configuration_is_not_taken(study: Path, tmp_path: Path) -> None:
    one = config_of(study, architectures=SIZES[:1], data=[str(study / "few")])
    run = one.model_copy(update={"base": tmp_path / "base.yaml"})
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(BASE | {"iterations": 1}))
    with pytest.raises(ConfigError, match="sizes that vary"):  # one cell has no fit, but is kept
        run_scaling(run, tmp_path / "out")
    with pytest.raises(ConfigError, match="another configuration"):
        run_scaling(one, tmp_path / "out")


def test_data_folders_of_one_name_are_refused(study: Path, tmp_path: Path) -> None:
    write_people(tmp_path / "other" / "few", first=0, people=2)
    with pytest.raises(ConfigError, match="share a folder"):
        run_scaling(config_of(study, data=[str(study / "few"), str(tmp_path / "other" / "few")]), tmp_path / "out")


def test_people_of_the_test_are_not_trained_on(study: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is in both"):
        run_scaling(config_of(study, test=str(study / "few")), tmp_path)


def test_what_is_named_twice_is_refused(study: Path) -> None:
    with pytest.raises(ValueError, match="seeds names something twice"):
        config_of(study, seeds=[1, 1])


def test_the_command_prints_both_tables(study: Path, tmp_path: Path) -> None:
    cli = typer.Typer()
    register(cli)
    (tmp_path / "study.yaml").write_text((study / "study.yaml").read_text())
    said = CliRunner().invoke(cli, ["scaling", str(tmp_path / "study.yaml"), "--out", str(tmp_path / "out")])
    assert said.exit_code == 0, said.output
    assert "Held-out loss and zero-shot rank-1" in said.output
    assert "Change for ten times as much" in said.output


def test_fit_finds_the_plane_and_its_intervals() -> None:
    rng = np.random.default_rng(3)
    sizes = {"parameters": 10 ** rng.uniform(4, 7, 40), "sequences": 10 ** rng.uniform(2, 5, 40)}
    figure = 9 - 0.5 * np.log10(sizes["parameters"]) - 0.2 * np.log10(sizes["sequences"]) + rng.normal(0, 0.05, 40)
    fit = fit_scaling(sizes, figure)
    assert fit.slopes["parameters"].low < -0.5 < fit.slopes["parameters"].high
    assert fit.slopes["sequences"].value == pytest.approx(-0.2, abs=0.05)
    assert fit.residual == pytest.approx(0.05, rel=0.4)
    assert fit.explained > 0.95


def test_fit_of_one_size_equals_scipys_line_and_leaves_out_what_does_not_vary() -> None:
    x = np.array([10.0, 100.0, 1000.0, 1e4, 1e5])
    y = np.array([3.0, 2.5, 2.6, 2.0, 1.9])
    fit = fit_scaling({"parameters": np.full(5, 7.0), "sequences": x}, y)
    line: Any = stats.linregress(np.log10(x), y)
    slope = fit.slopes["sequences"]
    assert list(fit.slopes) == ["sequences"]
    assert slope.value == pytest.approx(line.slope)
    assert slope.high - slope.value == pytest.approx(stats.t.ppf(0.975, 3) * line.stderr)
    with pytest.raises(ConfigError, match="sizes that vary"):
        fit_scaling({"parameters": np.full(5, 7.0)}, y)
