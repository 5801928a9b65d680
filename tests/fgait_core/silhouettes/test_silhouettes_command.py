"""`fgait sample` and `fgait silhouettes` as a user runs them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fgait_core.assets import fetch_asset
from fgait_core.sequence import SilhouetteSequence

# The command line with the commands of this room only.
PROGRAM = """
import typer
from fgait_core.cli import run
from fgait_core.commands import silhouettes
cli = typer.Typer(pretty_exceptions_enable=False)
silhouettes.register(cli)
run(cli)
"""


def fgait(*arguments):
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_sample_prints_the_path_of_the_video():
    done = fgait("sample")
    assert done.returncode == 0
    assert Path(done.stdout.strip()).samefile(fetch_asset("sample_video"))


def test_silhouettes_of_the_sample(sample, tmp_path):
    out, sheet = tmp_path / "walk.npz", tmp_path / "walk.png"
    done = fgait("silhouettes", sample.path, "--out", out, "--contact-sheet", sheet)
    assert done.returncode == 0, done.stderr
    assert "Person 1 of 2" in done.stdout
    assert "Looking for people" in done.stderr
    assert "100%  Person followed" in done.stderr
    assert done.stderr.count("100%") == 1
    sequence = SilhouetteSequence.load(out)
    np.testing.assert_array_equal(sequence.frames, sample.walk.sequence.frames)
    with np.load(out) as stored:
        assert float(stored["frame_rate_hz"]) == pytest.approx(30, abs=0.01)
    assert sheet.stat().st_size > 1000


@pytest.mark.slow
def test_a_folder_of_videos(sample, tmp_path):
    clinic, out = tmp_path / "clinic", tmp_path / "out"
    (clinic / "ward").mkdir(parents=True)
    (clinic / "ward" / "walk.mp4").symlink_to(sample.path)
    (clinic / "paper.mp4").write_bytes(b"%PDF-1.7 " + b"x" * 100)
    done = fgait("silhouettes", clinic, "--out", out, "--processes", 2)
    assert done.returncode == 0, done.stderr
    assert [line.split()[-1] for line in done.stdout.splitlines()[:5]] == ["2", "1", "0", "1", "0"]
    sequence = SilhouetteSequence.load(out / "ward" / "walk.mp4.npz")
    np.testing.assert_array_equal(sequence.frames, sample.walk.sequence.frames)
    assert "PDF" in (out / "failures.jsonl").read_text()
    again = fgait("silhouettes", clinic, "--out", out)
    assert [line.split()[-1] for line in again.stdout.splitlines()[:5]] == ["2", "0", "1", "0", "1"]


def test_options_for_one_video_are_refused_for_many(sample_video, tmp_path):
    assert fgait("silhouettes", tmp_path, "--out", tmp_path / "out", "--person", 2).returncode == 2
    assert fgait("silhouettes", sample_video, "--out", tmp_path / "walk.npz", "--processes", 2).returncode == 2
    empty = fgait("silhouettes", tmp_path / "*.mp4", "--out", tmp_path / "out")
    assert empty.returncode == 2
    assert "has no video" in empty.stderr
    assert not list(tmp_path.iterdir())


def test_a_person_who_does_not_walk_is_refused_with_reasons(tmp_path):
    video = fetch_asset("pose2sim_clips") / "pose2sim_cam01.mp4"
    done = fgait("silhouettes", video, "--out", tmp_path / "walk.npz")
    assert done.returncode == 3
    assert "does not walk anywhere" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "walk.npz").exists()


def test_a_file_that_is_no_video_is_refused(tmp_path):
    (tmp_path / "paper.mp4").write_bytes(b"%PDF-1.7 " + b"x" * 100)
    done = fgait("silhouettes", tmp_path / "paper.mp4", "--out", tmp_path / "walk.npz")
    assert done.returncode == 3
    assert "PDF" in done.stderr


@pytest.mark.parametrize(
    "arguments", [("--person", "0"), ("--out", "/nowhere/at/all/walk.npz"), ("--unknown",)], ids=lambda a: a[0]
)
def test_wrong_usage(arguments, sample_video, tmp_path):
    out = () if "--out" in arguments else ("--out", tmp_path / "walk.npz")
    assert fgait("silhouettes", sample_video, *out, *arguments).returncode == 2


def test_a_video_that_is_not_there_is_wrong_usage(tmp_path):
    done = fgait("silhouettes", tmp_path / "none.mp4", "--out", tmp_path / "walk.npz")
    assert done.returncode == 2
    assert "There is no file" in done.stderr
