"""`fgait simulate`: bodies, data sets and previews of simulated walkers."""

from __future__ import annotations

from pathlib import Path

import typer

from fgait_core.commands.progress_bar import progress_bar

_SEED = typer.Option(1, min=0, help="Everything is drawn from it: the same seed gives the same result.")
_BANK_OUT = typer.Option(None, help="File to write. By default bodies.npz in the cache folder.")
_SPLIT_OUT = typer.Option(..., help="Folder of the split.")
_PNG_OUT = typer.Option(..., help="PNG file to write.")
_TRAIN = typer.Option(..., help="Folder of the split to fit on.")
_TEST = typer.Option(..., help="Folder of the split to measure on.")
_BODIES = typer.Option(
    None,
    help="Body bank of `fgait simulate bodies`. By default the one in the cache folder, or, where that is missing, the "
    "small one of the package.",
)


def register(app: typer.Typer) -> None:
    """Adds the commands of this room."""
    room = typer.Typer(help="Simulated walkers for training, tests and demonstrations.", no_args_is_help=True)
    room.command("bodies")(bodies)
    room.command("dataset")(dataset)
    room.command("preview")(preview)
    room.command("probe")(probe)
    app.add_typer(room, name="simulate")


def default_bank_file() -> Path:
    """Where `fgait simulate bodies` writes, and the other commands look, unless told otherwise."""
    from fgait_core.assets import cache_dir

    return cache_dir() / "bodies.npz"


def bodies(
    out: Path | None = _BANK_OUT,
    count: int = typer.Option(2000, min=20, help="How many bodies."),
    seed: int = _SEED,
) -> None:
    """Draw a bank of bodies from anny (the extra `bodies`; some minutes, 1.4 GB of cache the first time)."""
    from fgait_core.assets import cache_dir
    from fgait_core.simulation.anny_bodies import build_body_bank

    file = out or default_bank_file()
    with progress_bar() as progress:
        bank = build_body_bank(count, seed, cache_dir() / "anny", progress)
    bank.save(file)
    typer.echo(f"{len(bank)} bodies of {bank.vertices_m.shape[1]} vertices in {file}")


def dataset(
    people: int = typer.Option(..., min=1, help="How many people."),
    sequences: int = typer.Option(..., min=1, help="Recordings of each person."),
    out: Path = _SPLIT_OUT,
    split: str = typer.Option(..., help="train, calibration or test: they share no body and no seed."),
    seed: int = _SEED,
    frames: int = typer.Option(30, min=1, help="Frames of each recording."),
    frame_rate_hz: float = typer.Option(25.0, min=1.0, help="Frames a second."),
    bodies: Path | None = _BODIES,
    processes: int = typer.Option(2, min=1, help="Worker processes; the result does not depend on it."),
) -> None:
    """Write a simulated data set as a folder of shards. Goes on where it was interrupted."""
    from fgait_core.simulation.generator import SimulationPlan, write_split

    plan = SimulationPlan(split, people, sequences, frames, frame_rate_hz, seed)
    bank = _bank_file(bodies)
    with progress_bar() as progress:
        manifest = write_split(plan, out, bank, processes, progress)
    typer.echo(f"{manifest}: {people} simulated people, {people * sequences} sequences")


def preview(
    out: Path = _PNG_OUT,
    people: int = typer.Option(12, min=1, max=100, help="How many people, each with one recording."),
    seed: int = _SEED,
    split: str = typer.Option("train", help="train, calibration or test."),
    bodies: Path | None = _BODIES,
) -> None:
    """Draw a contact sheet of simulated walkers, with what was simulated beside each."""
    from fgait_core.simulation.bodies import BodyBank
    from fgait_core.simulation.generator import SimulationPlan
    from fgait_core.simulation.preview import write_contact_sheet

    file = _bank_file(bodies)
    bank = BodyBank.packaged() if file is None else BodyBank.load(file)
    write_contact_sheet(SimulationPlan(split, people, 1, seed=seed), bank, out)
    typer.echo(f"{people} simulated people in {out}")


def probe(train: Path = _TRAIN, test: Path = _TEST) -> None:
    """Measure what a plain linear model finds of the labels: near 0.5 nothing, near 1.0 a shortcut."""
    from fgait_core.data.shards import read_shards
    from fgait_core.simulation.probe import probe as measure

    for result in measure(read_shards(train, verify=True), read_shards(test, verify=True)):
        views = ", ".join(f"{view} {auc:.2f}" for view, auc in result.auc_by_view.items())
        typer.echo(
            f"{result.task}: AUC of {result.recordings} simulated recordings {views}; "
            f"of {result.people} simulated people {result.auc_by_person:.2f}"
        )


def _bank_file(wanted: Path | None) -> Path | None:
    if wanted is not None:
        return wanted
    file = default_bank_file()
    if file.exists():
        return file
    typer.echo("No body bank in the cache: using the small one of the package (see `fgait simulate bodies`).", err=True)
    return None
