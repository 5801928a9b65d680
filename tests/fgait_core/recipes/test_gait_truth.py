"""Simulated films with their truth: the truth itself, and the small file of landmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fgait_core.errors import ConfigError, NoWalkerError
from fgait_core.gait_parameters.events import FEET, HEEL_STRIKE, TOE_OFF
from fgait_core.progress import ignore_progress
from fgait_core.recipes import gait_truth as module
from fgait_core.recipes.gait_films import KEPT_LANDMARKS, load_films, save_films
from fgait_core.recipes.gait_truth import FilmKey, GaitFilm, all_keys, film_truth, film_walks, thinned
from fgait_core.simulation.bodies.bank import BodyBank


@pytest.fixture(scope="module")
def films(root: Path) -> tuple[GaitFilm, ...]:
    return load_films(root / "tests" / "golden" / "gait_films.npz")


def test_feet_stand_longer_than_they_swing_and_take_turns():
    truth = film_truth(FilmKey(0, "side", 0), BodyBank.packaged())
    stride_s = 120.0 / truth.posed.gait.cadence_steps_min
    for foot in FEET:
        strikes_s, offs_s = truth.events.times_of(foot, HEEL_STRIKE), truth.events.times_of(foot, TOE_OFF)
        assert np.diff(strikes_s) == pytest.approx(stride_s, rel=0.08)
        stance = [(offs_s[offs_s > strike_s][0] - strike_s) / stride_s for strike_s in strikes_s[:-1]]
        assert all(0.55 < share < 0.72 for share in stance)
    # Where the simulator's ankle is farthest before the hips, its foot is about to stand.
    ankle_m = truth.posed.joints_m[:, 10, 1] - truth.posed.joints_m[:, 0, 1]
    for strike_s in truth.events.times_of("left", HEEL_STRIKE):
        near = ankle_m[max(0, round(strike_s * 60) - 8) : round(strike_s * 60) + 8]
        assert ankle_m[min(round(strike_s * 60), len(ankle_m) - 1)] > near.max() - 0.05


def test_the_same_key_gives_the_same_walk_and_another_take_another():
    one, same = (film_truth.__wrapped__(FilmKey(1, "front", 0), BodyBank.packaged()) for _ in range(2))
    other = film_truth(FilmKey(1, "front", 1), BodyBank.packaged())
    assert np.array_equal(one.posed.joints_m, same.posed.joints_m)
    assert np.array_equal(one.events.time_s, same.events.time_s)
    assert one.setup.camera != other.setup.camera
    assert one.posed.gait.cadence_steps_min == other.posed.gait.cadence_steps_min
    assert one.walker.body.height_m == other.walker.body.height_m


def test_every_second_person_is_filmed_from_the_other_side():
    assert [FilmKey(person, "side", 0).view_deg for person in (0, 1)] == [90.0, 270.0]
    assert [FilmKey(person, "back", 0).view_deg for person in (0, 1)] == [180.0, 180.0]
    assert len(all_keys(range(2))) == len(set(all_keys(range(2)))) == 16


def test_films_are_what_was_found_in_the_walks_of_their_truth(films: tuple[GaitFilm, ...]):
    assert {film.key.view for film in films} == set(module.VIEWS)
    assert {film.key.person for film in films} == {*module.EVIDENCE_PEOPLE, *module.FITTED_PEOPLE}
    film = next(film for film in films if film.key == FilmKey(0, "side", 0))
    # The middle of the ankles travels over the picture as the walker does over the floor.
    seen_px = film.walk.landmarks_px[:, 27:29, 0].mean(axis=1)
    true_m = film.truth.posed.passage.position_m[film.walk.sequence.source_frames, 1]
    assert np.corrcoef(seen_px, true_m)[0, 1] > 0.98


def test_what_is_written_is_read(films: tuple[GaitFilm, ...], tmp_path: Path):
    save_films(tmp_path / "films.npz", films[:2])
    again = load_films(tmp_path / "films.npz")
    assert [film.key for film in again] == [film.key for film in films[:2]]
    for before, after in zip(films[:2], again, strict=True):
        kept = list(KEPT_LANDMARKS)
        assert np.abs(before.walk.world_m[:, kept] - after.walk.world_m[:, kept]).max() < 0.001 + 1e-6
        assert np.abs(before.walk.landmarks_px[:, kept] - after.walk.landmarks_px[:, kept]).max() < 0.3
        assert np.array_equal(before.walk.sequence.source_frames, after.walk.sequence.source_frames)
        assert before.walk.body_height_px == after.walk.body_height_px


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_another_file_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "other.npz").write_bytes(content)
    with pytest.raises(ConfigError, match="holds no landmarks of simulated films"):
        load_films(tmp_path / "other.npz")


def test_a_lower_rate_keeps_every_third_frame(films: tuple[GaitFilm, ...]):
    film = next(film for film in films if film.key == FilmKey(0, "side", 0))
    walk, slow = film.walk, film.thinned(3)
    assert slow.sequence.frame_rate_hz == pytest.approx(20.0)
    assert len(slow.world_m) == len(slow.sequence) == pytest.approx(len(walk.sequence) / 3, abs=1)
    assert np.array_equal(slow.world_m[1], walk.world_m[walk.sequence.source_frames == 3][0])
    with pytest.raises(ConfigError, match="higher frame rate"):
        thinned(walk, 1000)


def test_a_film_in_which_nobody_is_found_is_left_out(monkeypatch: pytest.MonkeyPatch, films: tuple[GaitFilm, ...]):
    def find(path: Path, segmenter: object) -> list[int]:
        assert path.stat().st_size > 0
        return [1]

    def track(path: Path, person: int, segmenter: object) -> object:
        tracked.append(path)
        if len(tracked) == 1:
            raise NoWalkerError("Nobody was found.")
        return films[0].walk

    tracked: list[Path] = []
    monkeypatch.setattr(module, "find_people", find)
    monkeypatch.setattr(module, "track_walk", track)
    monkeypatch.setattr(module, "film", lambda *_: iter([np.zeros((540, 960, 3), np.uint8)] * 2))
    keys = (FilmKey(0, "front", 0), FilmKey(0, "side", 0))
    made = list(film_walks(keys, BodyBank.packaged(), None, ignore_progress))  # pyright: ignore[reportArgumentType]
    assert [(film.key, film.walk is films[0].walk) for film in made] == [(keys[1], True)]
    assert not any(path.exists() for path in tracked)
