"""`fgait gait`: what a video shows of a gait beside the scores; and how well that is measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fgait_core.commands.one_video import follow
from fgait_core.commands.outputs import require_files
from fgait_core.commands.progress_bar import progress_bar

if TYPE_CHECKING:
    from fgait_core.screening_result import GaitFacts, GaitParameterFacts
    from fgait_core.silhouettes import Walk

_WHY_NOT = {
    "not_measurable": "not to be measured from video",
    "view": "not from this view",
    "frame_rate": "too few pictures a second",
    "height_missing": "body height not given",
    "too_few_steps": "too few steps",
    "not_seen": "not seen well enough",
}


def register(app: typer.Typer) -> None:
    """Adds the commands of this room."""
    app.command("gait")(gait)
    app.command("gait-films")(gait_films)
    app.command("gait-accuracy")(gait_accuracy)
    app.command("gait-norms")(gait_norms)


def gait(
    video: Annotated[Path, typer.Argument(help="A video (MP4, MOV, MKV, AVI or WebM).")],
    height_cm: Annotated[
        float | None,
        typer.Option("--height", min=50, max=250, help="Body height in cm, for lengths and speed in metres."),
    ] = None,
    age_years: Annotated[
        float | None, typer.Option("--age", min=0, max=120, help="Age in years, for what is usual at that age.")
    ] = None,
    sex: Annotated[Literal["female", "male"] | None, typer.Option(help="For what is usual.")] = None,
    person: Annotated[int, typer.Option(min=1, help="Whom to follow; 1 walks furthest in full view.")] = 1,
    json_path: Annotated[
        Path | None, typer.Option("--json", help="JSON file to write, with events and curves; - prints it.")
    ] = None,
) -> None:
    """Measure the gait of the person who walks in a video: times, lengths, posture, angles. No score."""
    from fgait_core.gait_parameters.measure import gait_facts
    from fgait_core.gait_parameters.subject import Subject
    from fgait_core.silhouettes.footsteps import manner_of
    from fgait_core.silhouettes.quality import view_of

    printed = json_path is not None and str(json_path) == "-"
    require_files(None if printed else json_path)
    walk = _walk_of(video, person)
    subject = Subject(age_years, sex, None if height_cm is None else height_cm / 100.0)
    facts = gait_facts(walk, view_of(manner_of(walk).view_deg), subject)
    text = json.dumps(facts.model_dump(mode="json"), indent=1)
    if printed:
        typer.echo(text)
        return
    typer.echo(_summary(facts))
    if json_path is not None:
        json_path.write_text(text + "\n", encoding="utf-8")
        typer.echo(f"Written to {json_path}")


def gait_films(
    out: Annotated[Path, typer.Option(help="npz file to write.")],
    person: Annotated[
        list[int] | None,
        typer.Option(min=0, help="Number of a simulated person; can be given several times. By default nine."),
    ] = None,
) -> None:
    """Film simulated walkers from four sides, twice, and keep the landmarks that are found in the films."""
    from fgait_core.recipes.gait_films import save_films
    from fgait_core.recipes.gait_truth import all_keys, film_walks
    from fgait_core.silhouettes import load_segmenter
    from fgait_core.simulation.bodies.bank import BodyBank

    require_files(out)
    keys = all_keys(person) if person else all_keys()
    with progress_bar() as progress:
        films = tuple(film_walks(keys, BodyBank.packaged(), load_segmenter(), progress))
    save_films(out, films)
    typer.echo(f"{out}: {len(films)} of {len(keys)} films")


def gait_accuracy(
    films: Annotated[list[Path], typer.Argument(help="npz files of `fgait gait-films`.")],
    out: Annotated[Path | None, typer.Option(help="JSON file to write: the errors of the parameters.")] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Compare the detectors on the sample video, too.")] = False,
) -> None:
    """Compare events and parameters of simulated films with what was true in them."""
    from fgait_core.recipes.gait_accuracy import (
        accuracy_rows,
        accuracy_table,
        curve_errors,
        measure_films,
        write_accuracy,
    )
    from fgait_core.recipes.gait_event_accuracy import accuracy_table as event_table
    from fgait_core.recipes.gait_event_accuracy import event_accuracy, sample_accuracy
    from fgait_core.recipes.gait_films import load_films

    require_files(out)
    loaded = tuple(film for path in films for film in load_films(path))
    events = event_accuracy(loaded)
    if sample:
        from fgait_core.assets import fetch_asset

        events += sample_accuracy(_walk_of(fetch_asset("sample_video"), 1))
    rows = accuracy_rows(measure_films(loaded))
    typer.echo(f"{event_table(events)}\n\n{accuracy_table(rows)}")
    if out is not None:
        write_accuracy(rows, curve_errors(loaded), out)


def gait_norms(
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
    people: Annotated[int, typer.Option(min=2, help="Simulated healthy people of each age group and sex.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 1,
) -> None:
    """Measure what simulated healthy walkers show at each age and sex."""
    from fgait_core.recipes.gait_norms import simulated_norms, write_norms
    from fgait_core.simulation.bodies.bank import BodyBank

    require_files(out)
    with progress_bar() as progress:
        write_norms(simulated_norms(BodyBank.packaged(), people, seed, progress), out)
    typer.echo(f"{out}: {people} simulated healthy people of each age group and sex")


def _walk_of(video: Path, person: int) -> Walk:
    """The walk of a person, if it passes the quality gate."""
    from fgait_core.silhouettes import assess_quality

    walk, people = follow(video, person)
    assess_quality(walk, people, ()).require()
    return walk


def _summary(facts: GaitFacts) -> str:
    lines = [f"View: {facts.view}. {len(facts.events)} events found by {facts.event_detector}."]
    return "\n".join([*lines, *(_line(parameter) for parameter in facts.parameters)])


def _line(parameter: GaitParameterFacts) -> str:
    name = parameter.name.removesuffix("_m_s").removesuffix("_m").replace("_", " ")
    if parameter.value is None:
        return f"{name}: {_WHY_NOT[parameter.why_not]}"
    text = f"{name}: {parameter.value:.4g} {parameter.unit} (n = {parameter.n}"
    if parameter.standard_error is not None:
        text += f", standard error {parameter.standard_error:.2g}"
    if parameter.minimal_detectable_change is not None:
        text += f", smallest detectable change {parameter.minimal_detectable_change:.2g}"
    if parameter.norm is not None:
        simulated = ", simulated" if parameter.norm.simulated else ""
        text += f", usual {parameter.norm.mean:.4g} ± {parameter.norm.sd:.2g}{simulated}"
    return text + (")" if parameter.validated else "; not validated from video)")
