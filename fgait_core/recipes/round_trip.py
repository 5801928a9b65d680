"""The round trip: simulated walkers are filmed, the software's own segmenter follows them, and both are compared.

It shows that the video side finds what the simulator drew, and gives the noise of simulated silhouettes its size.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from fgait_core.errors import RecordingError
from fgait_core.progress import Progress, ignore_progress, part_of
from fgait_core.silhouettes import PersonSegmenter, find_people, track_walk
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.dataset.plan import SimulationPlan
from fgait_core.simulation.film.video import write_film
from fgait_core.simulation.film.walk import FilmedWalk, film_person
from fgait_core.simulation.picture.outline import OutlineMeasures, measure_outline, overlap
from fgait_core.simulation.walker import Wanted

_LEAST_FRAMES = 3


@dataclass(frozen=True, slots=True)
class Trip:
    """One film and what the segmenter made of it.

    Attributes:
        person: number of the simulated person.
        view_deg: of the camera.
        clothing, carrying: what was worn and carried.
        frames: of the film.
        found: frames in which the segmenter gave a good silhouette; 0 where nobody was found.
        iou: median overlap at 64 x 44 of those with the simulator's own; NaN where there is none.
        outlines: measures of the same frames by `SOURCES`; empty where nobody was found.
        reason: why nobody was found, else empty.
    """

    person: int
    view_deg: float
    clothing: str
    carrying: str
    frames: int
    found: int
    iou: float
    outlines: dict[str, OutlineMeasures]
    reason: str = ""


SOURCES: tuple[str, ...] = ("segmented", "simulated", "simulated without noise")


def round_trip(
    plan: SimulationPlan,
    views: int,
    bank: BodyBank,
    segmenter: PersonSegmenter,
    progress: Progress = ignore_progress,
    carrying: str | None = None,
) -> list[Trip]:
    """Films every person of a plan from several sides and segments the films.

    Args:
        plan: split, seed, people, frames and rate.
        views: films of each person; the views are spread evenly around, other ones for each person.
        bank: bodies.
        segmenter: finds and segments people.
        progress: told after every step.
        carrying: what everybody carries; drawn if not given.
    """
    trips = []
    for number in range(plan.people):
        for place in range(views):
            done = number * views + place
            part = part_of(progress, done / (plan.people * views), (done + 1) / (plan.people * views))
            view_deg = 360.0 * (place + number / plan.people) / views
            filmed = film_person(plan, bank, number, Wanted(view_deg=view_deg, carrying=carrying, plain=True))
            trips.append(_one_trip(filmed, view_deg, segmenter, part))
    return trips


def _one_trip(filmed: FilmedWalk, view_deg: float, segmenter: PersonSegmenter, progress: Progress) -> Trip:
    outfit = filmed.setup.outfit
    known = (filmed.number, view_deg, outfit.clothing, outfit.carrying, filmed.plan.frames)
    try:
        found, frames = _segmented(filmed, segmenter, progress)
    except RecordingError as error:
        return Trip(*known, 0, float("nan"), {}, str(error))
    if len(frames) < _LEAST_FRAMES:
        return Trip(*known, len(frames), float("nan"), {}, "Too few frames were good.")
    exact, noisy = filmed.silhouettes(0.0)[frames], filmed.silhouettes(1.0)[frames]
    measured = (measure_outline(silhouettes) for silhouettes in (found, noisy, exact))
    outlines = dict(zip(SOURCES, measured, strict=True))
    return Trip(*known, len(frames), float(np.median(overlap(found, exact))), outlines)


def _segmented(
    filmed: FilmedWalk, segmenter: PersonSegmenter, progress: Progress
) -> tuple[NDArray[np.uint8], NDArray[np.integer]]:
    """Silhouettes that the segmenter finds in the film, and the numbers of their frames."""
    with TemporaryDirectory(prefix="fgait-") as folder:
        video = Path(folder) / "walk.mp4"
        progress(0.0, f"Filming person {filmed.number}")
        write_film(filmed.frames(), video, filmed.plan.frame_rate_hz, part_of(progress, 0.0, 0.5), filmed.plan.frames)
        people = find_people(video, segmenter, progress=part_of(progress, 0.5, 0.7))
        walk = track_walk(video, people[0], segmenter, progress=part_of(progress, 0.7, 1.0))
    return walk.sequence.frames, walk.sequence.source_frames


def overlap_table(trips: list[Trip]) -> str:
    """The trips as a Markdown table."""
    columns = ("person", "view, degrees", "clothing", "carrying", "frames found", "median IoU")
    lines = [_row(*columns), "|---" * len(columns) + "|"]
    for trip in trips:
        frames, result = f"{trip.found} of {trip.frames}", trip.reason or f"{trip.iou:.3f}"
        lines.append(_row(trip.person, f"{trip.view_deg:.0f}", trip.clothing, trip.carrying, frames, result))
    return "\n".join(lines)


def _row(*cells: object) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def summary(trips: list[Trip]) -> str:
    """How many were found and the median overlap, of all and of those who carry nothing."""
    found = [trip for trip in trips if trip.found]
    empty_handed = [trip.iou for trip in found if trip.carrying == "none"]
    words = f"{len(found)} of {len(trips)} films followed"
    if found:
        words += f"; median IoU at 64 x 44 {np.median([trip.iou for trip in found]):.3f}"
    if empty_handed:
        words += f", of the {len(empty_handed)} that carry nothing {np.median(empty_handed):.3f}"
    return words


def outline_table(trips: list[Trip], others: dict[str, OutlineMeasures] | None = None) -> str:
    """Means of the outlines' measures by source as a Markdown table, with further sources on top."""
    names = [field.name for field in fields(OutlineMeasures)]
    lines = [_row("", *names), "|---" * (len(names) + 1) + "|"]
    rows = {name: astuple(measures) for name, measures in (others or {}).items()}
    for source in SOURCES:
        measured = [astuple(trip.outlines[source]) for trip in trips if trip.outlines]
        if measured:
            rows[source] = tuple(np.mean(measured, axis=0).tolist())
    lines += [_row(name, *(f"{value:.3f}" for value in row)) for name, row in rows.items()]
    return "\n".join(lines)
