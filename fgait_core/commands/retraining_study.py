"""`fgait retraining-study`."""

from __future__ import annotations

from pathlib import Path

import typer

from fgait_core.commands.progress_bar import progress_bar, say

_CONFIG = typer.Argument(help="YAML file, such as configs/retraining_study.yaml.")
_OUT = typer.Option(None, "--out", help="Folder of the study; by default runs/ and the name of the configuration.")
_PROCESSES = typer.Option(1, min=1, help="How many clinics are worked on at once.")


def register(app: typer.Typer) -> None:
    """Adds the commands of this room."""
    app.command("retraining-study")(retraining_study)


def retraining_study(config: Path = _CONFIG, out: Path | None = _OUT, processes: int = _PROCESSES) -> None:
    """Retrain many simulated clinics, or go on; print what they gain by their size, and what the gate refuses."""
    from fgait_core.config import load_config
    from fgait_core.config.retraining_study import RetrainingStudyConfig
    from fgait_core.recipes.retraining.study import TABLES, run_study

    folder = out or Path("runs") / config.stem
    with progress_bar() as progress:
        found = run_study(load_config(config, RetrainingStudyConfig), folder, processes=processes, progress=progress)
    for table in found.tables:
        say(f"{table.plain(3)}\n")
    say(f"{len(found.cells)} cells; the tables are in {folder / TABLES}")
