"""`fgait simulate`: bodies and data sets of simulated walkers, and what is measured on them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import typer

from fgait_core.commands import simulated_video
from fgait_core.commands.outputs import require_files
from fgait_core.commands.parent import END_WITH_PARENT, PROGRESS_FILE, end_with_parent, told_to_file
from fgait_core.commands.progress_bar import progress_bar
from fgait_core.errors import ConfigError


class Layout(StrEnum):
    """Which recordings are made of each person."""

    random = "random"
    identification = "identification"


_SEED = typer.Option(1, min=0, help="Everything is drawn from it: the same seed gives the same result.")
_BANK_OUT = typer.Option(..., help="File to write.")
_SPLIT_OUT = typer.Option(..., help="Folder of the split.")
_SEQUENCES = typer.Option(
    None, min=1, help="Recordings of each person; the layout identification has a number of its own."
)
_LAYOUT = typer.Option(
    Layout.random,
    help="random: everything is drawn; identification: types and views like CASIA-B's, see docs/simgait.md.",
)
_BODIES = typer.Option(None, help="Body bank of `fgait simulate bodies`. By default the one of the package.")


def register(app: typer.Typer) -> None:
    """Adds the commands of this room."""
    room = typer.Typer(help="Simulated walkers for training, tests and demonstrations.", no_args_is_help=True)
    room.command("bodies")(bodies)
    room.command("dataset")(dataset)
    simulated_video.register(room)
    room.command("oracle")(oracle)
    room.command("norms")(norms)
    room.command("effects")(effects)
    app.add_typer(room, name="simulate")


def bodies(
    out: Path = _BANK_OUT,
    count: int = typer.Option(8000, min=20, help="How many bodies."),
    seed: int = _SEED,
) -> None:
    """Draw a bank of bodies from anny (the extra `bodies`; some minutes, 1.4 GB of cache the first time)."""
    from fgait_core.assets import cache_dir
    from fgait_core.simulation.bodies.from_anny import build_body_bank

    require_files(out)
    with progress_bar() as progress:
        bank = build_body_bank(count, seed, cache_dir() / "anny", progress)
    bank.save(out)
    typer.echo(f"{len(bank)} bodies of {len(bank.weights)} vertices in {out}")


def dataset(
    people: int = typer.Option(..., min=1, help="How many people."),
    out: Path = _SPLIT_OUT,
    split: str = typer.Option(..., help="train, calibration or test: they share no body and no seed."),
    sequences: int | None = _SEQUENCES,
    layout: Layout = _LAYOUT,
    seed: int = _SEED,
    frames: int = typer.Option(30, min=2, help="Frames of each recording."),
    frame_rate_hz: float = typer.Option(25.0, help="Frames a second, 15 to 120."),
    poses: bool = typer.Option(False, "--poses", help="Also write the joints of each frame."),
    parsing: bool = typer.Option(False, "--parsing", help="Also write the body part of each pixel."),
    bodies: Path | None = _BODIES,
    processes: int = typer.Option(2, min=1, help="Worker processes; the result does not depend on it."),
    with_parent: bool = END_WITH_PARENT,
    progress_file: Path | None = PROGRESS_FILE,
) -> None:
    """Write a simulated data set as a folder of shards. Goes on where it was interrupted."""
    end_with_parent(with_parent)
    from fgait_core.simulation.dataset.generator import write_split
    from fgait_core.simulation.dataset.layouts import IDENTIFICATION_SEQUENCES
    from fgait_core.simulation.dataset.plan import SimulationPlan

    if sequences is None:
        if layout is not Layout.identification:
            raise ConfigError("Say with --sequences how many recordings each person has.")
        sequences = IDENTIFICATION_SEQUENCES
    plan = SimulationPlan(split, people, sequences, frames, frame_rate_hz, seed, poses, parsing, layout.value)
    with progress_bar() as progress:
        manifest = write_split(plan, out, bodies, processes, told_to_file(progress_file, progress))
    typer.echo(f"{manifest}: {people} simulated people, {people * sequences} sequences")


def oracle(
    people: int = typer.Option(6000, min=120, help="How many fresh simulated people."), seed: int = _SEED
) -> None:
    """Say how well anybody could tell the conditions: who knows the doses, and who knows the exact gait."""
    from fgait_core.simulation.conditions.oracle import best_possible

    with progress_bar() as progress:
        results = best_possible(people, seed, progress)
    for result in results.values():
        who = f"{result.task} {result.positive} against the rest"
        known = f"{result.gait_auroc:.3f} ({result.gait_low:.3f} to {result.gait_high:.3f})"
        typer.echo(
            f"{who}: AUROC {result.dose_auroc:.3f} of whoever knows the dose, {known} of a model that knows the exact "
            f"gait, measured on {result.people} simulated people"
        )


def norms(
    people: int = typer.Option(400, min=20, help="How many healthy people for each sex and age."), seed: int = _SEED
) -> None:
    """Print how healthy simulated people compare with published norms of gait, as a Markdown table."""
    from fgait_core.simulation.bodies.bank import BodyBank
    from fgait_core.simulation.gait.norms import compare_with_norms, norm_table
    from fgait_core.simulation.gait.prior import GaitPrior

    with progress_bar() as progress:
        comparisons = compare_with_norms(BodyBank.packaged(), GaitPrior.packaged(), people, seed, progress)
    typer.echo(norm_table(comparisons))


def effects(
    pairs: int = typer.Option(1000, min=2, help="How many pairs of a patient and a peer for each group."),
    seed: int = _SEED,
) -> None:
    """Print how large the simulated effects of the conditions are beside published ones, as a Markdown table."""
    from fgait_core.simulation.conditions.effects import effects_table, measure_effects

    with progress_bar() as progress:
        measured = measure_effects(pairs, seed, progress)
    typer.echo(effects_table(measured))
