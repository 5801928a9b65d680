"""`fgait retrain`: fit a candidate to confirmed outcomes."""

from __future__ import annotations

from pathlib import Path

import typer

from fgait_core.commands.parent import END_WITH_PARENT, PROGRESS_FILE, end_with_parent, told_to_file
from fgait_core.commands.progress_bar import progress_bar, say

_CONFIG = typer.Argument(help="YAML file, such as configs/retrain_depression.yaml.")
_OUT_RUN = typer.Option(None, "--out", help="Run folder; by default runs/ and the name of the configuration.")


def register(app: typer.Typer) -> None:
    """Adds the commands of this room."""
    app.command("retrain")(retrain)


def retrain(
    config: Path = _CONFIG,
    out: Path | None = _OUT_RUN,
    with_parent: bool = END_WITH_PARENT,
    progress_file: Path | None = PROGRESS_FILE,
) -> None:
    """Fit a candidate to confirmed outcomes, or go on where a stopped run ended. `fgait gate` then judges it."""
    end_with_parent(with_parent)
    from fgait_core.config import RetrainConfig, load_config
    from fgait_core.recipes.retraining.fit import FITTED, fit

    folder = out or Path("runs") / config.stem
    with progress_bar() as progress:
        made = fit(load_config(config, RetrainConfig), folder, progress=told_to_file(progress_file, progress))
    say(f"The candidate {made.name} {made.version} is in {folder / FITTED} (SHA-256 {made.sha256})")
