"""Simulated walkers to be looked at: a contact sheet, and a video of shaded walkers beside their silhouettes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fgait_core.progress import Progress, ignore_progress
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.dataset.generator import simulate_person
from fgait_core.simulation.dataset.layouts import random_take
from fgait_core.simulation.dataset.plan import SimulationPlan, draw_planned_walker, plan_person
from fgait_core.simulation.dataset.rows import SequenceRow
from fgait_core.simulation.film.video import FilmSize, film, write_film
from fgait_core.simulation.walker import pose_walk

_ZOOM = 2
_CAPTION_PX = 370
_GREY = (170.0,)
_FILM = FilmSize(640, 360)
_FILM_ZOOM = 3


def contact_sheet(plan: SimulationPlan, bank: BodyBank, every: int = 2) -> NDArray[np.uint8]:
    """The recordings of a plan, one a row with a caption: grey uint8 [height, width].

    Args:
        plan: who and how many.
        bank: bodies.
        every: show every so many frames.
    """
    lines = []
    for number in range(plan.people):
        for row, made in simulate_person(plan, bank, number):
            lines.append(np.hstack([_caption(row), *(_cell(frame) for frame in made.silhouettes[::every])]))
    return np.vstack(lines)


def write_contact_sheet(plan: SimulationPlan, bank: BodyBank, out: Path) -> None:
    """Writes the contact sheet of a plan as PNG.

    Raises:
        OSError: if the file cannot be written.
    """
    encoded, data = cv2.imencode(".png", contact_sheet(plan, bank))
    if not encoded:
        raise OSError(f"The picture for {out} could not be encoded.")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(data.tobytes())


def write_preview_video(plan: SimulationPlan, bank: BodyBank, out: Path, progress: Progress = ignore_progress) -> None:
    """Writes an MP4 of the first recording of each person: shaded on the left, the silhouettes on the right."""
    frames = (frame for number in range(plan.people) for frame in _side_by_side(plan, bank, number))
    write_film(frames, out, plan.frame_rate_hz, progress, plan.people * plan.frames)


def _side_by_side(plan: SimulationPlan, bank: BodyBank, number: int) -> Iterator[NDArray[np.uint8]]:
    row, made = next(simulate_person(plan, bank, number))
    caption = cv2.cvtColor(_caption(row), cv2.COLOR_GRAY2RGB)
    for picture, silhouette in zip(_shaded(plan, bank, number, row.seed), made.silhouettes, strict=False):
        side = np.zeros((_FILM.height_px, _CAPTION_PX, 3), np.uint8)
        large = np.kron(silhouette, np.ones((_FILM_ZOOM, _FILM_ZOOM), np.uint8))
        left = (_CAPTION_PX - large.shape[1]) // 2
        side[6 : 6 + large.shape[0], left : left + large.shape[1]] = large[..., None]
        side[-caption.shape[0] :] = caption
        yield np.hstack([picture, side]).astype(np.uint8)


def _shaded(plan: SimulationPlan, bank: BodyBank, number: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    """The film of the walk that `simulate_person` recorded with that seed."""
    walker = draw_planned_walker(plan, bank, plan_person(plan, bank, number))
    rng = np.random.default_rng(seed)
    setup = random_take(walker, 0, plan.frames / plan.frame_rate_hz, rng).setup
    walk = pose_walk(walker, bank, setup, plan.frames, plan.frame_rate_hz, rng)
    return film(walker, bank, setup, walk, np.random.default_rng(seed), _FILM)


def _cell(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    large = np.kron(frame, np.ones((_ZOOM, _ZOOM), np.uint8))
    return np.pad(large, 1, constant_values=90)


def _caption(row: SequenceRow) -> NDArray[np.uint8]:
    picture = np.zeros((64 * _ZOOM + 2, _CAPTION_PX), np.uint8)
    lines = (
        f"simulated person {row.person}, body {row.body}",
        f"{row.sex}, {row.age_years:.0f} years, {row.truth['cadence_steps_min']:.0f} steps/min",
        f"scoliosis {row.scoliosis}, Cobb {row.cobb_deg:.0f} ({row.curve} {row.side})",
        f"depression {row.depression}, dose {row.depression_dose:.2f}",
        f"view {row.view_deg:.0f} deg, {row.clothing}",
        f"carrying {row.carrying}, distractor {row.distractor}",
    )
    for number, line in enumerate(lines):
        at = (6, 20 + 19 * number)
        cv2.putText(picture, line, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, _GREY, 1, cv2.LINE_AA)
    return picture
