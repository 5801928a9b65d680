"""`fgait simulate` on the command line."""

from pathlib import Path

import cv2
import pytest
import typer
from typer.testing import CliRunner

from fgait_core.commands.simulation import register
from fgait_core.data.shards import read_shards
from fgait_core.errors import ConfigError


@pytest.fixture
def cli() -> typer.Typer:
    app = typer.Typer()
    register(app)

    @app.callback()
    def root() -> None:
        pass

    return app


def dataset(cli: typer.Typer, out: Path, *words: str):
    command = ["simulate", "dataset", "--split", "test", "--frames", "3", "--processes", "1", "--out", str(out)]
    return CliRunner().invoke(cli, [*command, *words])


def test_dataset(cli: typer.Typer, tmp_path: Path):
    done = dataset(cli, tmp_path / "test", "--people", "2", "--sequences", "1", "--frame-rate-hz", "50")
    assert done.exit_code == 0
    assert "2 simulated people" in done.stdout
    written = read_shards(tmp_path / "test", verify=True)
    assert written.keys.tolist() == ["test-000000-00", "test-000001-00"]
    assert (written.frame_rate_hz, written.modalities) == (50.0, ("silhouettes",))


def test_dataset_for_identification_knows_its_number_of_recordings(cli: typer.Typer, tmp_path: Path):
    done = dataset(cli, tmp_path / "who", "--people", "1", "--layout", "identification", "--poses", "--parsing")
    assert done.exit_code == 0
    assert "1 simulated people, 32 sequences" in done.stdout
    assert read_shards(tmp_path / "who").modalities == ("silhouettes", "poses", "parsing")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--people", "1"), "--sequences"),
        (("--people", "1", "--sequences", "1", "--frame-rate-hz", "200"), "between 15 and 120"),
        (("--people", "1", "--sequences", "5", "--layout", "identification"), "32 recordings"),
    ],
)
def test_dataset_says_what_is_wrong(cli: typer.Typer, tmp_path: Path, words: tuple[str, ...], problem: str):
    done = dataset(cli, tmp_path / "none", *words)
    assert isinstance(done.exception, ConfigError)
    assert problem in str(done.exception)
    assert not (tmp_path / "none").exists()


def test_oracle_names_both_bounds(cli: typer.Typer):
    done = CliRunner().invoke(cli, ["simulate", "oracle", "--people", "120"])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert [line.split(" against")[0] for line in lines] == ["scoliosis positive", "depression yes"]
    assert all("120 simulated people" in line for line in lines)


def test_preview(cli: typer.Typer, tmp_path: Path):
    out = tmp_path / "sheet.png"
    done = CliRunner().invoke(cli, ["simulate", "preview", "--out", str(out), "--people", "2"])
    assert done.exit_code == 0
    assert cv2.imread(str(out), cv2.IMREAD_GRAYSCALE).shape[0] == 2 * 130
