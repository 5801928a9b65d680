"""`fgait simulate` on the command line."""

from pathlib import Path

import cv2
import pytest
import typer
from typer.testing import CliRunner

from fgait_core.commands.simulation import register
from fgait_core.data.shards import read_shards


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> typer.Typer:
    monkeypatch.setenv("FGAIT_CACHE_DIR", str(tmp_path / "empty_cache"))
    app = typer.Typer()
    register(app)

    @app.callback()
    def root() -> None:
        pass

    return app


def test_dataset(cli: typer.Typer, tmp_path: Path):
    out = tmp_path / "test"
    words = ["simulate", "dataset", "--people", "2", "--sequences", "1", "--frames", "3", "--out", str(out)]
    done = CliRunner().invoke(cli, [*words, "--split", "test", "--processes", "1"])
    assert done.exit_code == 0
    assert "2 simulated people" in done.stdout
    assert "small one of the package" in done.stderr
    assert read_shards(out, verify=True).keys.tolist() == ["test-000000-00", "test-000001-00"]


def test_preview(cli: typer.Typer, tmp_path: Path):
    out = tmp_path / "sheet.png"
    done = CliRunner().invoke(cli, ["simulate", "preview", "--out", str(out), "--people", "2"])
    assert done.exit_code == 0
    assert cv2.imread(str(out), cv2.IMREAD_GRAYSCALE).shape[0] == 2 * 130
