"""Errors of measurement, the truth that they are against, and norms."""

import json

import numpy as np
import pytest

from fgait_core.gait_parameters.measured import Measured
from fgait_core.gait_parameters.names import PARAMETERS
from fgait_core.recipes.gait_accuracy import (
    FilmErrors,
    accuracy_rows,
    accuracy_table,
    curve_errors,
    measure_films,
    true_walk,
    write_accuracy,
)
from fgait_core.recipes.gait_films import load_films
from fgait_core.recipes.gait_norms import simulated_norms, write_norms
from fgait_core.recipes.gait_parameter_truth import TrueWalk, heel_strikes, true_parameters
from fgait_core.recipes.gait_truth import FilmKey
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.bodies.skeleton import BONE_INDEX


def errors(values, view="side", name="cadence"):
    """One entry for each person: measured of take 0, of take 1, true."""
    return [
        FilmErrors(FilmKey(person, view, take), 30.0, {name: Measured(measured, 6, None)}, {name: true})
        for person, (*takes, true) in enumerate(values)
        for take, measured in enumerate(takes)
    ]


def test_bias_scatter_and_detectable_change():
    films = errors([(101.0, 103.0, 100.0), (111.0, 113.0, 110.0), (121.0, 123.0, 120.0)])
    (row,) = accuracy_rows(films)
    assert (row.films, row.found) == (6, 6)
    assert row.bias == pytest.approx(2.0)
    assert row.sd == pytest.approx(np.std([1, 3, 1, 3, 1, 3], ddof=1))
    # The two recordings of everybody differ by 2: SEM is sqrt(2).
    assert row.minimal_detectable_change == pytest.approx(1.96 * 2**0.5 * 2**0.5)
    assert row.supported
    line = accuracy_table([row]).splitlines()[-1]
    assert line.startswith("| cadence | side | +2 ± 1.1 |")
    assert line.endswith("| 3.9 | yes |")


def test_what_truly_changed_between_two_recordings_is_no_error():
    films = errors([(100.0, 100.0), (110.0, 110.0), (120.0, 120.0)])
    films += [
        FilmErrors(FilmKey(film.key.person, "side", 1), 30.0, {"cadence": Measured(v + 5, 6, None)}, {"cadence": v + 5})
        for film, v in zip(films, (100.0, 110.0, 120.0), strict=True)
    ]
    (row,) = accuracy_rows(films)
    assert row.minimal_detectable_change == pytest.approx(0.0)


def test_a_view_that_shows_something_else_supports_nothing():
    (row,) = accuracy_rows(errors([(90.0, 91.0, 120.0), (120.0, 119.0, 100.0), (105.0, 104.0, 105.0)]))
    assert row.correlation < 0
    assert not row.supported
    assert accuracy_table([row]).splitlines()[-1].endswith("| no |")


def test_few_films_give_no_row():
    assert accuracy_rows(errors([(100.0, 101.0, 100.0)])) == []


def test_tables_are_written_as_the_package_reads_them(tmp_path):
    rows = accuracy_rows(errors([(101.0, 103.0, 100.0), (111.0, 113.0, 110.0), (121.0, 123.0, 120.0)]))
    write_accuracy(rows, {"hip": [1.0, 2.0]}, tmp_path / "accuracy.json")
    read = json.loads((tmp_path / "accuracy.json").read_text())
    assert read["rows"][0]["parameter"] == "cadence"
    assert read["rows"][0]["bias"] == pytest.approx(2.0)
    assert read["curve_errors_deg"] == {"hip": [1.0, 2.0]}


def walking_bones(stride_s=1.0, rate_hz=60.0, seconds=4.0, lean_m=0.0):
    """A body whose joints are still but for ankles that swing by 0.3 m; the left foot leads at 0."""
    times_s = np.arange(0.0, seconds, 1.0 / rate_hz)
    joints = np.zeros((len(times_s), 21, 3))
    swing = 0.3 * np.cos(2 * np.pi * times_s / stride_s)
    for letter, sign in (("l", 1.0), ("r", -1.0)):
        heights = (("thigh", 0.9), ("shank", 0.5), ("foot", 0.1), ("upper_arm", 1.4), ("forearm", 1.1))
        for bone, up in heights:
            joints[:, BONE_INDEX[f"{letter}_{bone}"]] = (0.1 * sign, 0.0, up)
        joints[:, BONE_INDEX[f"{letter}_foot"], 1] = sign * swing
        joints[:, BONE_INDEX[f"{letter}_upper_arm"], 1] = lean_m
    position = np.stack([0.0 * times_s, 1.2 * times_s], axis=1)
    return TrueWalk(joints, position, rate_hz, 120.0 / stride_s, 1.7)


def test_the_truth_of_known_bones():
    found = true_parameters(walking_bones(lean_m=0.05))
    assert found["cadence"] == 120.0
    assert found["walking_speed_m_s"] == pytest.approx(1.2)
    assert found["step_length_m"] == pytest.approx(0.6, abs=0.01)
    assert found["step_length"] == pytest.approx(0.6 / 1.7, abs=0.006)
    assert found["trunk_lean"] == pytest.approx(np.degrees(np.arctan2(0.05, 0.5)), abs=0.01)
    assert found["shoulder_obliquity"] == pytest.approx(0.0, abs=1e-6)
    assert found["step_time_asymmetry"] == pytest.approx(0.0, abs=1.0)


def test_a_heel_strikes_where_the_foot_is_farthest_before_the_hips():
    frames = heel_strikes(walking_bones(), "right")
    assert frames.tolist() == pytest.approx([30, 90, 150, 210], abs=1)


def test_norms_are_the_same_for_the_same_seed_and_know_every_age(tmp_path):
    norms = simulated_norms(BodyBank.packaged(), 2, 3)
    assert [group["sex"] for group in norms["groups"][:2]] == ["female", "male"]
    assert len(norms["groups"]) == 10
    for group in norms["groups"]:
        assert 80 < group["parameters"]["cadence"][0] < 160
        assert 55 < group["parameters"]["stance"][0] < 70
        assert group["parameters"]["stance"][0] + group["parameters"]["swing"][0] == pytest.approx(100.0, abs=0.01)
        assert set(group["parameters"]) <= set(PARAMETERS)
    assert len(norms["curves"][0]["joints"]["knee"]["mean_deg"]) == 51
    write_norms(norms, tmp_path / "norms.json")
    assert json.loads((tmp_path / "norms.json").read_text()) == norms


@pytest.fixture(scope="module")
def films(root):
    wanted = {(0, "side", 0), (1, "side", 0), (0, "front", 0), (2, "back", 0)}
    return [
        film
        for film in load_films(root / "tests" / "golden" / "gait_films.npz")
        if (film.key.person, film.key.view, film.key.take) in wanted
    ]


def test_films_are_measured_at_every_rate(films):
    found = measure_films(films)
    assert {error.frame_rate_hz for error in found} == {60.0, 30.0, 20.0}
    for error in found:
        assert error.measured["cadence"].value == pytest.approx(error.true["cadence"], rel=0.04)


def test_the_side_of_real_segmentation_shows_speed_and_hips(films):
    side = [error for error in measure_films(films, (2,)) if error.key.view == "side"]
    assert side
    for error in side:
        assert error.measured["walking_speed"].value == pytest.approx(error.true["walking_speed"], rel=0.15)
        assert error.measured["hip_range"].value == pytest.approx(error.true["hip_range"], abs=12.0)


def test_curves_of_films_have_errors(films):
    found = curve_errors(films)
    assert {"hip", "knee", "trunk"} <= set(found)
    assert all(len(values) == 51 for values in found.values())
    assert true_walk(films[0].truth).height_m > 1.0
