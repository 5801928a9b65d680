"""`fgait simulate preview` and `video`."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from fgait_core.commands.simulated_video import register
from fgait_core.errors import ConfigError
from fgait_core.simulation.film.video import write_film


@pytest.fixture
def cli() -> typer.Typer:
    app = typer.Typer()
    register(app)
    return app


def _frames(file: Path) -> list[av.VideoFrame]:
    with av.open(str(file)) as container:
        return list(container.decode(video=0))


def test_preview_writes_a_sheet_and_a_video(cli: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    sheet, video = tmp_path / "sheet.png", tmp_path / "sheet.mp4"
    done = CliRunner().invoke(cli, ["preview", "--out", str(sheet), "--video", str(video), "--people", "1"])
    assert done.exit_code == 0, done.output
    assert "1 simulated people" in done.output
    picture = cv2.imread(str(sheet), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert picture.shape[0] == 130
    frames = _frames(video)
    assert len(frames) == 30
    right = frames[10].to_ndarray(format="gray")[:200, 660:960]
    assert 0.1 < (right > 200).mean() < 0.6  # the silhouette beside the shaded walker


def test_video_films_whom_it_says(cli: typer.Typer, tmp_path: Path):
    out = tmp_path / "walk.mp4"
    words = ["video", str(out), "--person", "4", "--view", "90", "--clothing", "trousers", "--carrying", "none"]
    size = ["--width", "320", "--height", "240", "--duration-s", "0.2", "--straight"]
    done = CliRunner().invoke(cli, [*words, *size])
    assert done.exit_code == 0, done.output
    assert "simulated person 4" in done.output
    assert "trousers, carrying none, view 90 degrees, 5 frames" in done.output
    assert [(frame.width, frame.height) for frame in _frames(out)] == [(320, 240)] * 5


def test_odd_sizes_are_refused(cli: typer.Typer, tmp_path: Path):
    done = CliRunner().invoke(cli, ["video", str(tmp_path / "x.mp4"), "--width", "321"])
    assert isinstance(done.exception, ConfigError)


def test_a_view_that_is_no_number_is_refused(cli: typer.Typer, tmp_path: Path):
    done = CliRunner().invoke(cli, ["video", str(tmp_path / "x.mp4"), "--view", "nan"])
    assert isinstance(done.exception, ConfigError)
    assert not (tmp_path / "x.mp4").exists()


@pytest.mark.parametrize("words", [["video"], ["preview", "--out"]])
def test_a_folder_is_refused_as_file_before_the_work(cli: typer.Typer, tmp_path: Path, words: list[str]):
    done = CliRunner().invoke(cli, [*words, str(tmp_path)])
    assert isinstance(done.exception, ConfigError)
    assert "Name the file to write" in str(done.exception)


def test_a_stopped_film_leaves_the_older_one(tmp_path: Path):
    out = tmp_path / "walk.mp4"
    write_film([np.zeros((160, 160, 3), np.uint8)] * 2, out, 25.0)
    before = out.read_bytes()

    def stopped(_: float, __: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_film([np.ones((160, 160, 3), np.uint8)] * 2, out, 25.0, stopped)
    assert out.read_bytes() == before
