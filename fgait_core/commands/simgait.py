"""`fgait simgait`: the fixed set of simulated walkers, and what is measured on it."""

from __future__ import annotations

from pathlib import Path

import typer

from fgait_core.commands.progress_bar import progress_bar, say

_OUT = typer.Option(..., help="Folder of the whole; each split becomes a folder in it.")
_SCALE = typer.Option(1.0, help="Share of the people, above 0 up to 1: a small SimGait for trials.")
_PROCESSES = typer.Option(2, min=1, help="Worker processes; the result does not depend on it.")


def register(app: typer.Typer) -> None:
    """Adds the commands of this room."""
    room = typer.Typer(help="SimGait, the fixed set of simulated walkers.", no_args_is_help=True)
    room.command("build")(build)
    app.add_typer(room, name="simgait")


def build(out: Path = _OUT, scale: float = _SCALE, processes: int = _PROCESSES) -> None:
    """Write SimGait: train, calibration, test and identification. Goes on where it was interrupted."""
    from fgait_core.simulation.simgait import build_simgait

    with progress_bar() as progress:
        facts = build_simgait(out, scale, processes, progress)
    for name, split in facts["splits"].items():
        counts = split["counts"]
        say(f"{out / name}: {counts['people']} simulated people, {counts['sequences']} sequences, {split['sha256']}")
    say(f"SimGait {facts['version']}, SHA-256 {facts['sha256']}")
