"""Films of simulated walkers with what was true in them: who walks, where the joints were, when the feet met the floor.

The landmarks that the software's own segmenter found in the films are kept, the films are not. What was true is worked
out anew from the simulator, which gives the same walk for the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from fgait_core.errors import ConfigError, RecordingError
from fgait_core.gait_parameters.events import FEET, HEEL_STRIKE, TOE_OFF, GaitEvents
from fgait_core.progress import Progress, ignore_progress
from fgait_core.silhouettes import PersonSegmenter, Walk, find_people, track_walk
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.bodies.mesh import mesh_of
from fgait_core.simulation.bodies.skeleton import BONE_INDEX
from fgait_core.simulation.dataset.plan import SimulationPlan, draw_planned_walker, plan_person
from fgait_core.simulation.film.video import FilmSize, film, write_film
from fgait_core.simulation.walker import PosedWalk, RecordingSetup, Walker, Wanted, draw_setup, pose_walk

FRAME_RATE_HZ = 60.0
DURATION_S = 4.0
FILM_SIZE = FilmSize(960, 540)
SEED = 6
VIEWS: dict[str, float] = {"front": 0.0, "oblique": 45.0, "side": 90.0, "back": 180.0}
"""Views that are filmed, in degrees; every second person is filmed from the other side."""
TAKES = 2
EVIDENCE_PEOPLE = range(5)
FITTED_PEOPLE = range(8, 12)
"""The offsets of `gait_parameters.steps` were measured on these people, none of whom is in the evidence."""
CONTACT_M_S = 0.5
"""A foot that travels forwards more slowly than this stands on the floor."""

_SETUP, _WALK, _LOOKS = 200, 201, 202  # lower ones belong to the simulator
_SOLE_M = 0.03
_END_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class FilmKey:
    """Which film: the person's number, one of `VIEWS`, and which of the `TAKES`.

    Takes of one person and view differ in camera, clothes, room and in what varies from walk to walk, not in speed.
    """

    person: int
    view: str
    take: int

    @property
    def view_deg(self) -> float:
        """Direction of walking against the camera."""
        degrees = VIEWS[self.view]
        return 360.0 - degrees if self.person % 2 and self.view in ("oblique", "side") else degrees

    @property
    def numbers(self) -> tuple[int, int, int]:
        """What the film's random numbers are drawn from."""
        return self.person, list(VIEWS).index(self.view), self.take


@dataclass(frozen=True, eq=False)
class GaitFilm:
    """What the segmenter found in a film, and what was true.

    Attributes:
        key: which film.
        walk: at 60 frames a second; its silhouettes are empty, and so are the landmarks of fingers and face.
    """

    key: FilmKey
    walk: Walk

    def thinned(self, every: int) -> Walk:
        """The walk as a camera of a lower rate would have it: every second, third ... frame."""
        return thinned(self.walk, every)

    @cached_property
    def truth(self) -> FilmTruth:
        """What was true in the film."""
        return film_truth(self.key, BodyBank.packaged())


@dataclass(frozen=True, slots=True, eq=False)
class FilmTruth:
    """What was true in a film.

    Attributes:
        walker: who walks: body, gait, conditions.
        setup: circumstances.
        posed: joints, places and phases, frame by frame at 60 a second.
        events: true heel strikes and toe offs of the whole film.
    """

    walker: Walker
    setup: RecordingSetup
    posed: PosedWalk
    events: GaitEvents


def all_keys(people: Iterable[int] = (*EVIDENCE_PEOPLE, *FITTED_PEOPLE)) -> tuple[FilmKey, ...]:
    """The films of these people."""
    return tuple(FilmKey(person, view, take) for person in people for take in range(TAKES) for view in VIEWS)


@lru_cache(maxsize=64)
def film_truth(key: FilmKey, bank: BodyBank) -> FilmTruth:
    """Walks a film's walk again."""
    plan = SimulationPlan("test", key.person + 1, 1, round(FRAME_RATE_HZ * DURATION_S), FRAME_RATE_HZ, SEED)
    walker = draw_planned_walker(plan, bank, plan_person(plan, bank, key.person))
    wanted = Wanted(key.view_deg, None, "none", plain=True)
    setup = replace(draw_setup(walker, plan.rng(_SETUP, *key.numbers), wanted, DURATION_S), speed=1.0)
    posed = pose_walk(walker, bank, setup, plan.frames, FRAME_RATE_HZ, plan.rng(_WALK, *key.numbers))
    return FilmTruth(walker, setup, posed, true_events(posed, bank))


def true_events(posed: PosedWalk, bank: BodyBank) -> GaitEvents:
    """Heel strikes and toe offs of a simulated walk at 60 frames a second.

    The simulator moves limbs, not forces, and its feet brush the floor as they swing. Whether a foot stands is
    therefore told by its speed over the floor: the heel has struck when the back quarter of the sole slows down below
    0.5 m/s, the toes have left when the front quarter exceeds it.
    """
    found = [event for side in (0, 1) for event in _crossings(posed, bank, side)]
    found.sort()
    return GaitEvents(
        foot=np.array([foot for _, foot, _ in found], dtype=np.str_),
        kind=np.array([kind for _, _, kind in found], dtype=np.str_),
        time_s=np.array([time_s for time_s, _, _ in found], dtype=np.float64),
        detector="simulated",
    )


def _crossings(posed: PosedWalk, bank: BodyBank, side: int) -> Iterator[tuple[float, str, str]]:
    rest_m = posed.dressed.vertices_m
    foot = np.flatnonzero(mesh_of(bank).main_bone == BONE_INDEX[("l_foot", "r_foot")[side]])
    sole = foot[rest_m[foot, 2] < rest_m[foot, 2].min() + _SOLE_M]
    along = (rest_m[sole, 1] - rest_m[sole, 1].min()) / np.ptp(rest_m[sole, 1])
    for kind, vertices in ((HEEL_STRIKE, sole[along < _END_SHARE]), (TOE_OFF, sole[along > 1.0 - _END_SHARE])):
        speed_m_s = _forward_speed_m_s(posed, vertices)
        fast = speed_m_s > CONTACT_M_S
        wanted = -1 if kind == HEEL_STRIKE else 1
        for frame in np.flatnonzero(np.diff(fast.astype(np.int8)) == wanted).tolist():
            share = (CONTACT_M_S - speed_m_s[frame]) / (speed_m_s[frame + 1] - speed_m_s[frame])
            yield float((frame + share) / FRAME_RATE_HZ), FEET[side], kind


def _forward_speed_m_s(posed: PosedWalk, vertices: NDArray[np.int64]) -> NDArray[np.float64]:
    """How fast points of the body travel over the floor, in the direction of walking."""
    points = posed.points_m[:, vertices].mean(axis=1).astype(np.float64)
    heading = np.radians(posed.passage.heading_deg)
    forward_m = points[:, 1] * np.cos(heading) - points[:, 0] * np.sin(heading) + posed.passage.position_m[:, 1]
    return np.gradient(forward_m) * FRAME_RATE_HZ


def film_walks(
    keys: tuple[FilmKey, ...], bank: BodyBank, segmenter: PersonSegmenter, progress: Progress = ignore_progress
) -> Iterator[GaitFilm]:
    """Films the walks and finds the walkers in the films; films in which nobody is found are left out.

    Args:
        keys: which.
        bank: bodies.
        segmenter: finds and segments people.
        progress: told before every film.
    """
    for number, key in enumerate(keys):
        progress(number / len(keys), f"Film {number + 1} of {len(keys)}: person {key.person}, {key.view}")
        truth = film_truth(key, bank)
        looks = SimulationPlan("test", key.person + 1, 1, 2, FRAME_RATE_HZ, SEED).rng(_LOOKS, *key.numbers)
        with TemporaryDirectory(prefix="fgait-") as folder:
            video = Path(folder) / "walk.mp4"
            frames = film(truth.walker, bank, truth.setup, truth.posed, looks, FILM_SIZE)
            write_film(frames, video, FRAME_RATE_HZ)
            try:
                people = find_people(video, segmenter)
                walk = track_walk(video, people[0], segmenter)
            except RecordingError:
                continue
        yield GaitFilm(key, walk)


def thinned(walk: Walk, every: int) -> Walk:
    """Every n-th frame of a walk.

    Raises:
        ConfigError: if fewer than two frames are left.
    """
    kept = walk.sequence.source_frames % every == 0
    if kept.sum() < 2:
        raise ConfigError("Too few frames are left. Ask for a higher frame rate.")
    sequence = walk.sequence
    return replace(
        walk,
        sequence=replace(
            sequence,
            frames=sequence.frames[kept],
            timestamps_s=sequence.timestamps_s[kept],
            source_frames=sequence.source_frames[kept],
            poses=None if sequence.poses is None else sequence.poses[kept],
        ),
        landmarks_px=walk.landmarks_px[kept],
        visibility=walk.visibility[kept],
        world_m=walk.world_m[kept],
        boxes_px=walk.boxes_px[kept],
        centres_px=walk.centres_px[kept],
        scales_px_per_m=walk.scales_px_per_m[kept],
        camera_px=walk.camera_px[kept],
    )
