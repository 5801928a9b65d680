"""`fgait reference-walkers | explanation-check | fusion-check`: the bank of reference walkers, and two measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from fgait_core.commands.outputs import require_files
from fgait_core.commands.progress_bar import progress_bar

_PACKAGE = typer.Option("--package", help="Folder of a model package; by default the bundled one.", file_okay=False)


def register(app: typer.Typer) -> None:
    """Adds the commands of this room."""
    app.command("reference-walkers")(reference_walkers)
    app.command("explanation-check")(explanation_check)
    app.command("fusion-check")(fusion_check)


def reference_walkers(
    out: Annotated[Path, typer.Option(help="npz file to write.", dir_okay=False)],
) -> None:
    """Make the bank of simulated reference walkers that explanations compare with."""
    from fgait_core.recipes.reference_walkers import make_reference_walkers

    require_files(out)
    with progress_bar() as progress:
        bank = make_reference_walkers(out, progress=progress)
    typer.echo(f"{len(bank)} simulated walkers, {out.stat().st_size / 1024:.0f} KiB: {out}")


def explanation_check(
    people: Annotated[int, typer.Option(min=12, help="How many simulated people.")] = 96,
    split: Annotated[
        Literal["calibration", "test"],
        typer.Option(help="Bodies of which split: thresholds are fixed on calibration, measured on test."),
    ] = "test",
    seed: Annotated[int, typer.Option(min=0, help="Of the people.")] = 1,
    package_dir: Annotated[Path | None, _PACKAGE] = None,
) -> None:
    """Measure on simulated walkers how stable explanations are and what they find of a known condition."""
    from fgait_core.model_package import ModelPackage, bundled_package_dir
    from fgait_core.recipes.explanation_check import condition_table, explain_simulated, stability_table

    package = ModelPackage.load(package_dir or bundled_package_dir())
    with progress_bar() as progress:
        found = explain_simulated(package, split, people, seed, progress)
    typer.echo(stability_table(found, package.tasks).markdown())
    typer.echo(condition_table(found).markdown(digits=3))


def fusion_check(
    data: Annotated[Path, typer.Argument(help="Shards of labelled people whom the model never saw.")],
    people: Annotated[int, typer.Option(min=12, help="At most so many people.")] = 3000,
    seed: Annotated[int, typer.Option(min=0, help="Of bootstrap samples.")] = 1,
    package_dir: Annotated[Path | None, _PACKAGE] = None,
) -> None:
    """Measure one score from several recordings of each person against the score of one recording."""
    from fgait_core.data.shards import read_shards
    from fgait_core.model_package import ModelPackage, bundled_package_dir
    from fgait_core.recipes.fusion_check import fusion_table

    package = ModelPackage.load(package_dir or bundled_package_dir())
    with progress_bar() as progress:
        table = fusion_table(package, read_shards(data), people, seed, progress)
    typer.echo(table.markdown(digits=3))
