"""`fgait simgait`: the fixed set of simulated walkers, and what is measured on it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import typer

from fgait_core.commands.outputs import require_files
from fgait_core.commands.progress_bar import progress_bar, say


class View(StrEnum):
    """From where a walk was filmed, as `fgait silhouettes` says."""

    front = "front"
    oblique = "oblique"
    side = "side"
    back = "back"


_OUT = typer.Option(..., help="Folder of the whole; each split becomes a folder in it.")
_SCALE = typer.Option(1.0, help="Share of the people, above 0 up to 1: a small SimGait for trials.")
_PROCESSES = typer.Option(2, min=1, help="Worker processes; the result does not depend on it.")
_FOLDER = typer.Argument(help="Folder of `fgait simgait build`.")
_OUT_BASELINES = typer.Option(..., "--out", help="Folder for baselines.json and baselines.md.")
_TRAIN_SEQUENCES = typer.Option(40_000, min=60, help="Sequences to learn from, drawn among those of the split train.")
_ORACLE_PEOPLE = typer.Option(6000, min=120, help="Fresh simulated people for the bound of the exact gait.")
_SEED = typer.Option(1, min=0, help="Of draws and bootstrap samples.")
_BASELINES = typer.Argument(help="baselines.json of `fgait simgait baselines`, or its folder.")
_EVALUATIONS = typer.Argument(help="metrics.json of `fgait evaluate --out` on the split test, or their folders.")
_OUT_TABLE = typer.Option(None, "--out", help="Markdown file to write.")
_MODEL = typer.Argument(help="Model package, run folder or checkpoint that sees silhouettes.")
_WALK = typer.Argument(help="npz file of `fgait silhouettes`.")
_GALLERY = typer.Option(..., help="Shards of simulated walkers, such as data/simgait/identification.")
_VIEW = typer.Option(View.side, help="From where the walk was filmed, as `fgait silhouettes` said.")


def register(app: typer.Typer) -> None:
    """Adds the commands of this room."""
    room = typer.Typer(help="SimGait, the fixed set of simulated walkers.", no_args_is_help=True)
    room.command("build")(build)
    room.command("baselines")(baselines)
    room.command("compare")(compare)
    room.command("sample-check")(sample_check)
    app.add_typer(room, name="simgait")


def build(out: Path = _OUT, scale: float = _SCALE, processes: int = _PROCESSES) -> None:
    """Write SimGait: train, calibration, test and identification. Goes on where it was interrupted."""
    from fgait_core.simulation.dataset.simgait import build_simgait

    with progress_bar() as progress:
        facts = build_simgait(out, scale, processes, progress)
    for name, split in facts["splits"].items():
        counts = split["counts"]
        say(f"{out / name}: {counts['people']} simulated people, {counts['sequences']} sequences, {split['sha256']}")
    say(f"SimGait {facts['version']}, SHA-256 {facts['sha256']}")


def baselines(
    folder: Path = _FOLDER,
    out: Path = _OUT_BASELINES,
    train_sequences: int = _TRAIN_SEQUENCES,
    oracle_people: int = _ORACLE_PEOPLE,
    seed: int = _SEED,
) -> None:
    """Measure classical methods, short cuts and the best possible scores on SimGait's test split."""
    from fgait_core.recipes.simgait_baselines import BASELINES, chance_text, measure_baselines, write_baselines
    from fgait_core.simulation.dataset.simgait import open_simgait

    require_files(out / BASELINES)
    train, test = open_simgait(folder, "train", "test")
    with progress_bar() as progress:
        content = measure_baselines(
            train,
            test,
            train_sequences=train_sequences,
            oracle_people=oracle_people,
            seed=seed,
            progress=progress,
        )
    table = write_baselines(out, content)
    say(f"{table.plain()}\n\n{chance_text(content)}\nbaselines.json and baselines.md are in {out}")


def compare(
    baselines: Path = _BASELINES, evaluations: list[Path] = _EVALUATIONS, out: Path | None = _OUT_TABLE
) -> None:
    """Set evaluations of networks beside the baselines, in one table."""
    from fgait_core.recipes.simgait_compare import compare_with_baselines

    require_files(out)
    say(compare_with_baselines(baselines, evaluations, out).plain())


def sample_check(model: Path = _MODEL, walk: Path = _WALK, gallery: Path = _GALLERY, view: View = _VIEW) -> None:
    """Say whether the halves of a real walk are nearer to each other than simulated walkers are to the first."""
    from fgait_core.data.shards import read_shards
    from fgait_core.recipes.embed import load_network_source
    from fgait_core.recipes.simgait_sample import check_sample
    from fgait_core.sequence import SilhouetteSequence

    sequence, people = SilhouetteSequence.load(walk), read_shards(gallery)
    with progress_bar() as progress:
        found = check_sample(load_network_source(model), sequence, people, view.value, progress=progress)
    say(found.table().plain(digits=4))
