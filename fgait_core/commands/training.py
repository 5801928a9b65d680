"""`fgait pretrain | finetune | probe | package | scaling`: from shards to a model package."""

from __future__ import annotations

from pathlib import Path

import typer

from fgait_core.commands.progress_bar import progress_bar, say

_CONFIG = typer.Argument(help="YAML file, such as those in configs/.")
_RUN = typer.Argument(help="Folder of a finished run of `fgait finetune` or `fgait probe`.")
_CALIBRATION = typer.Option(..., help="Shards of people for calibration, in no other split.")
_TEST = typer.Option(..., help="Shards of people to measure on, in no other split.")
_OUT_PACKAGE = typer.Option(..., "--out", help="Folder of the model package.")
_OUT_RUN = typer.Option(None, "--out", help="Run folder; by default runs/ and the name of the configuration.")


def register(app: typer.Typer) -> None:
    """Adds the commands of this room."""
    app.command("pretrain")(pretrain)
    app.command("finetune")(finetune)
    app.command("probe")(probe)
    app.command("package")(package)
    app.command("scaling")(scaling)


def pretrain(config: Path = _CONFIG, out: Path | None = _OUT_RUN) -> None:
    """Pre-train on unlabelled sequences, or go on where a stopped run ended. Start it with torchrun for many GPUs."""
    from fgait_core.config import PretrainConfig, load_config
    from fgait_core.recipes.pretrain import pretrain as run

    folder = out or Path("runs") / config.stem
    with progress_bar() as progress:
        run(load_config(config, PretrainConfig), folder, progress=progress)
    say(f"Pre-trained; the run is in {folder}")


def finetune(config: Path = _CONFIG, out: Path | None = _OUT_RUN) -> None:
    """Fine-tune on labelled sequences, or go on where a stopped run ended. Start it with torchrun for many GPUs."""
    from fgait_core.config import FinetuneConfig, load_config
    from fgait_core.recipes.finetune import finetune as run

    folder = out or Path("runs") / config.stem
    with progress_bar() as progress:
        run(load_config(config, FinetuneConfig), folder, progress=progress)
    say(f"Fine-tuned; the run is in {folder}")


def probe(config: Path = _CONFIG, out: Path | None = _OUT_RUN) -> None:
    """Fit heads in closed form to the encoder of a run, a checkpoint or an untrained network."""
    from fgait_core.config import ProbeConfig, load_config
    from fgait_core.recipes.linear_probe import probe as run

    folder = out or Path("runs") / config.stem
    with progress_bar() as progress:
        run(load_config(config, ProbeConfig), folder, progress=progress)
    say(f"Heads fitted; the run is in {folder}")


def package(
    run: Path = _RUN,
    calibration: Path = _CALIBRATION,
    test: Path = _TEST,
    out: Path = _OUT_PACKAGE,
    name: str = typer.Option(..., help="Name of the model."),
    version: str = typer.Option(..., help="Version of the model."),
    seed: int = typer.Option(1, min=0, help="Of draws and bootstrap samples."),
) -> None:
    """Calibrate a run, fix its operating point, measure it, and write the model package."""
    from fgait_core.recipes.package import PackageOrder, build_package

    with progress_bar() as progress:
        made = build_package(PackageOrder(run, calibration, test, name, version, seed), out, progress=progress)
    say(f"{made.name} {made.version} is in {out} (SHA-256 {made.sha256})")


def scaling(config: Path = _CONFIG, out: Path | None = _OUT_RUN) -> None:
    """Pre-train every size of network on every size of data, or go on; print how loss and rank-1 change with size."""
    from fgait_core.config import ScalingConfig, load_config
    from fgait_core.recipes.scaling import run_scaling

    folder = out or Path("runs") / config.stem
    with progress_bar() as progress:
        found = run_scaling(load_config(config, ScalingConfig), folder, progress=progress)
    for table in found.tables:
        say(table.plain(3))
    say(f"Tables and plots: {', '.join(str(path) for path in found.written)}")
