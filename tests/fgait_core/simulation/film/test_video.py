"""Films of simulated walkers."""

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from fgait_core.errors import ConfigError
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.dataset.plan import SimulationPlan
from fgait_core.simulation.film.room import darkened, draw_background, draw_room
from fgait_core.simulation.film.video import FilmSize, write_film
from fgait_core.simulation.film.walk import FilmedWalk, film_person
from fgait_core.simulation.picture.occlusion import Occluder
from fgait_core.simulation.walker import Wanted

PLAN = SimulationPlan("test", 2, 1, 4, 25.0, 7)
SMALL = FilmSize(320, 180)


def _filmed(bank: BodyBank, view_deg: float = 90.0, **wanted: str) -> FilmedWalk:
    return film_person(PLAN, bank, 0, Wanted(view_deg=view_deg, plain=True, **wanted))


def _frames(filmed: FilmedWalk) -> np.ndarray:
    return np.stack(list(filmed.frames(SMALL)))


def test_the_same_seed_films_the_same(bank: BodyBank):
    first, second = (_frames(_filmed(bank)) for _ in range(2))
    assert first.shape == (4, 180, 320, 3)
    assert first.dtype == np.uint8
    assert (first == second).all()


def test_somebody_moves_before_a_still_room(bank: BodyBank):
    filmed = _filmed(bank)
    still = replace(filmed, setup=replace(filmed.setup, camera=replace(filmed.setup.camera, follows=False)))
    frames = _frames(still).astype(int)
    moved = np.abs(frames[-1] - frames[0]).max(-1) > 40
    assert 20 < moved.sum() < 0.2 * moved.size
    assert np.abs(frames[-1] - frames[0])[:, :20].mean() < 6  # at the border only the sensor's noise differs


def test_silhouettes_belong_to_the_film(bank: BodyBank):
    """Where the figure is in the picture, its width varies as the silhouettes' does."""
    filmed = _filmed(bank)
    exact, noisy = filmed.silhouettes(0.0), filmed.silhouettes(1.0)
    assert exact.shape == noisy.shape == (4, 64, 44)
    both = ((exact > 127) & (noisy > 127)).sum() / ((exact > 127) | (noisy > 127)).sum()
    assert 0.8 < both < 1.0


def test_furniture_hides_the_legs(bank: BodyBank):
    filmed = _filmed(bank)
    camera = filmed.setup.camera
    middle = np.array([*camera.floor_m * 0.2, 0.0])
    corners = middle + np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (0, 0.5)]) * (0.4, 0.4, 1.0)
    table = replace(filmed, setup=replace(filmed.setup, occluder=Occluder(corners, "box")))
    changed = np.abs(_frames(table).astype(int) - _frames(filmed)).max(-1) > 30
    assert changed[0].sum() > 50
    assert changed[0][:60].sum() == 0  # above the furniture nothing differs


def test_floors_darken_under_the_walker_only():
    matrix = np.array([[1.0, 0, 0, 0], [0, 0, -1.0, 1.4], [0, 1.0, 0, 5.0]])
    room = draw_room(np.array([0.0, -5.0, 1.4]), 2.0, np.random.default_rng(0))
    picture, floor_m = draw_background(room, matrix, 160.0, (320, 180))
    points = np.array([(-0.2, 0, 0), (0.2, 0, 0), (0, 0.1, 1.0), (0, -0.1, 0.0)], np.float32)
    faces = np.array([(0, 1, 2), (0, 1, 3), (1, 2, 3), (0, 2, 3)], np.int32)
    shadow = picture - darkened(picture, floor_m, points, faces, np.array([0.0, 0.0, 1.0]))
    assert (shadow >= 0).all()
    assert shadow.max() > 20
    on_floor = np.isfinite(floor_m[..., 0])
    assert on_floor[-1].all()
    assert not on_floor[0].any()
    assert shadow[~on_floor].max() == 0
    far = np.hypot(floor_m[..., 0], floor_m[..., 1]) > 1.5
    assert shadow[far & on_floor].max() < 1.0


def test_films_are_written_with_their_rate(bank: BodyBank, tmp_path: Path):
    told: list[float] = []
    out = tmp_path / "new" / "walk.mp4"
    write_film(_filmed(bank).frames(SMALL), out, 25.0, lambda done, _: told.append(done), 4)
    with av.open(str(out)) as container:
        frames = list(container.decode(video=0))
        assert container.streams.video[0].average_rate == 25
    assert len(frames) == 4
    assert (frames[0].width, frames[0].height) == (320, 180)
    assert told == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("size", [(321, 180), (320, 100)])
def test_sizes_that_no_video_can_have_are_refused(size: tuple[int, int]):
    with pytest.raises(ConfigError, match="even"):
        FilmSize(*size)


def test_clothes_that_nobody_wears_are_refused(bank: BodyBank):
    with pytest.raises(ConfigError, match="Choose one of: close_fitting"):
        _filmed(bank, clothing="toga")
