"""`fgait gait` as a user runs it."""

import json

import pytest
import typer
from typer.testing import CliRunner

from fgait_core.commands import gait
from fgait_core.recipes.gait_films import load_films, save_films
from fgait_core.screening_result import GaitFacts


@pytest.fixture(scope="module")
def cli():
    made = typer.Typer(pretty_exceptions_enable=False)
    gait.register(made)
    return made


def run(cli, *arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def test_the_sample_is_measured_and_written(cli, sample_video, tmp_path):
    out = tmp_path / "gait.json"
    done = run(cli, "gait", sample_video, "--height", 180, "--age", 30, "--sex", "male", "--json", out)
    assert done.exit_code == 0, done.output
    assert "View: side." in done.stdout
    assert "stance: " in done.stdout
    assert "not validated from video" in done.stdout
    assert "lateral sway: not from this view" in done.stdout
    facts = GaitFacts.model_validate_json(out.read_text())
    value = {parameter.name: parameter.value for parameter in facts.parameters}
    # The right heel strikes in frames 60, 98, 135 and 171 of 30 a second, labelled by eye: 97.3 steps a minute.
    assert value["cadence"] == pytest.approx(97.0, abs=3.0)
    assert value["step_length_m"] == pytest.approx(1.8 * (value["step_length"] or 0.0), rel=0.001)
    assert facts.curves


def test_a_missing_file_is_named(cli, tmp_path):
    done = run(cli, "gait", tmp_path / "none.mp4")
    assert done.exit_code == 2
    assert "There is no file" in done.stderr


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--height", "1.70"), "--height"),
        (("--height", "nan"), "--height"),
        (("--age", "-1"), "--age"),
        (("--sex", "male or female"), "--sex"),
        (("--person", "0"), "--person"),
        (("--speed", "1"), "--speed"),
    ],
)
def test_wrong_options_are_named(cli, options, named):
    done = run(cli, "gait", __file__, *options)
    assert done.exit_code == 2
    assert named in done.stderr


def test_norms_are_written(cli, tmp_path):
    done = run(cli, "gait-norms", "--out", tmp_path / "norms.json", "--people", 2)
    assert done.exit_code == 0, done.output
    assert len(json.loads((tmp_path / "norms.json").read_text())["groups"]) == 10


def test_accuracy_of_films_is_printed_and_written(cli, root, tmp_path):
    films = load_films(root / "tests" / "golden" / "gait_films.npz")
    wanted = [film for film in films if film.key.view == "side" and film.key.person < 3]
    save_films(tmp_path / "side.npz", wanted)
    done = run(cli, "gait-accuracy", tmp_path / "side.npz", "--out", tmp_path / "accuracy.json")
    assert done.exit_code == 0, done.output
    assert "| cadence | side |" in done.stdout
    assert "heel strike" in done.stdout
    rows = json.loads((tmp_path / "accuracy.json").read_text())["rows"]
    assert {row["view"] for row in rows} == {"side"}
    assert {row["films"] for row in rows} == {6}
