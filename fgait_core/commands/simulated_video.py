"""`fgait simulate preview`, `video` and `roundtrip`: simulated walkers to look at, and to be found in videos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from fgait_core.commands.outputs import require_files
from fgait_core.commands.progress_bar import progress_bar
from fgait_core.progress import part_of

if TYPE_CHECKING:
    from fgait_core.simulation.bodies.bank import BodyBank
    from fgait_core.simulation.picture.outline import OutlineMeasures

_SEED = typer.Option(1, min=0, help="Everything is drawn from it: the same seed gives the same result.")
_SPLIT = typer.Option("train", help="train, calibration or test.")
_BODIES = typer.Option(None, help="Body bank of `fgait simulate bodies`. By default the one of the package.")
_RATE = typer.Option(25.0, help="Frames a second, 15 to 120.")
_PNG_OUT = typer.Option(..., help="PNG file to write.")
_PREVIEW_VIDEO = typer.Option(None, help="MP4 to write, too: the same walkers shaded, beside their silhouettes.")
_MP4_OUT = typer.Argument(..., help="MP4 file to write.")
_CARRYING = typer.Option(None, help="What is carried, as in the column `carrying`; drawn if not given.")


def register(room: typer.Typer) -> None:
    """Adds these commands to the room of simulation."""
    room.command("preview")(preview)
    room.command("video")(video)
    room.command("roundtrip")(roundtrip)


def preview(
    out: Path = _PNG_OUT,
    video: Path | None = _PREVIEW_VIDEO,
    people: int = typer.Option(12, min=1, max=100, help="How many people, each with one recording."),
    seed: int = _SEED,
    split: str = _SPLIT,
    bodies: Path | None = _BODIES,
) -> None:
    """Draw a contact sheet of simulated walkers, with what was simulated beside each."""
    from fgait_core.simulation.dataset.plan import SimulationPlan
    from fgait_core.simulation.film.preview import write_contact_sheet, write_preview_video

    require_files(out, video)
    plan, bank = SimulationPlan(split, people, 1, seed=seed), _bank(bodies)
    with progress_bar() as progress:
        write_contact_sheet(plan, bank, out)
        if video is not None:
            write_preview_video(plan, bank, video, progress)
    typer.echo(f"{people} simulated people in {' and '.join(str(file) for file in (out, video) if file)}")


def video(
    out: Path = _MP4_OUT,
    seed: int = _SEED,
    person: int = typer.Option(0, min=0, help="Number of the simulated person."),
    split: str = _SPLIT,
    view: float | None = typer.Option(None, help="0 towards the camera, 90 to the right, 180 away; else drawn."),
    clothing: str | None = typer.Option(None, help="As in the column `clothing`; drawn if not given."),
    carrying: str | None = _CARRYING,
    straight: bool = typer.Option(False, "--straight", help="Straight on over the floor, with nothing in the way."),
    duration_s: float = typer.Option(3.0, min=0.2, max=60.0, help="Length in seconds."),
    frame_rate_hz: float = _RATE,
    width: int = typer.Option(1280, min=160, max=3840, help="Width of the picture in pixels."),
    height: int = typer.Option(720, min=160, max=3840, help="Height of the picture in pixels."),
    bodies: Path | None = _BODIES,
) -> None:
    """Film one simulated walker: a shaded figure in a room, as a phone would record it."""
    from fgait_core.simulation.dataset.plan import SimulationPlan
    from fgait_core.simulation.film.video import FilmSize, write_film
    from fgait_core.simulation.film.walk import film_person
    from fgait_core.simulation.walker import Wanted

    require_files(out)
    size, frames = FilmSize(width, height), max(2, round(duration_s * frame_rate_hz))
    plan = SimulationPlan(split, person + 1, 1, frames, frame_rate_hz, seed)
    filmed = film_person(plan, _bank(bodies), person, Wanted(view, clothing, carrying, straight))
    with progress_bar() as progress:
        write_film(filmed.frames(size), out, frame_rate_hz, progress, frames)
    body, outfit = filmed.walker.body, filmed.setup.outfit
    typer.echo(
        f"{out}: simulated person {person}, {body.sex}, {body.age_years:.0f} years, {outfit.clothing}, carrying "
        f"{outfit.carrying}, view {filmed.setup.camera.view_deg:.0f} degrees, {frames} frames"
    )


def roundtrip(
    people: int = typer.Option(12, min=1, help="How many simulated people."),
    views: int = typer.Option(2, min=1, help="Films of each, from sides spread evenly around."),
    frames: int = typer.Option(50, min=10, help="Frames of each film."),
    frame_rate_hz: float = _RATE,
    seed: int = _SEED,
    split: str = _SPLIT,
    carrying: str | None = _CARRYING,
    sample: bool = typer.Option(False, "--sample", help="Measure the sample video's silhouettes, too."),
    bodies: Path | None = _BODIES,
) -> None:
    """Film simulated walkers, segment the films, and compare what is found with what was simulated."""
    from fgait_core.recipes.round_trip import outline_table, overlap_table, round_trip, summary
    from fgait_core.silhouettes import load_segmenter
    from fgait_core.simulation.dataset.plan import SimulationPlan

    plan = SimulationPlan(split, people, 1, frames, frame_rate_hz, seed)
    with progress_bar() as progress:
        trips = round_trip(plan, views, _bank(bodies), load_segmenter(), part_of(progress, 0.0, 0.95), carrying)
        others = {"sample video": _sample_outline()} if sample else None
    typer.echo(overlap_table(trips))
    typer.echo(f"\n{summary(trips)}\n")
    typer.echo(outline_table(trips, others))


def _sample_outline() -> OutlineMeasures:
    from fgait_core.assets import fetch_asset
    from fgait_core.silhouettes import find_people, load_segmenter, track_walk
    from fgait_core.simulation.picture.outline import measure_outline

    file, segmenter = fetch_asset("sample_video"), load_segmenter()
    return measure_outline(track_walk(file, find_people(file, segmenter)[0], segmenter).sequence.frames)


def _bank(file: Path | None) -> BodyBank:
    from fgait_core.simulation.bodies.bank import BodyBank

    return BodyBank.packaged() if file is None else BodyBank.load(file)
