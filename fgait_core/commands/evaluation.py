"""`fgait evaluate | compare | typicality`: measure models, set evaluations side by side, look for unlike recordings."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path

import typer

from fgait_core.commands.progress_bar import progress_bar, say


class Layer(StrEnum):
    """Whose output is compared."""

    pooled = "pooled"
    projector = "projector"
    predictor = "predictor"


class Distance(StrEnum):
    """How embeddings are compared."""

    euclidean = "euclidean"
    cosine = "cosine"


class View(StrEnum):
    """From where the walkers are seen."""

    front = "front"
    oblique = "oblique"
    side = "side"
    back = "back"


_MODEL = typer.Argument(help="Model package, run folder, checkpoint (.pt), or embeddings (.npz).")
_DATA = typer.Argument(None, help="Shards of people whom the model never saw; none for embeddings.")
_PROTOCOL = typer.Option(None, help="Retrieval protocol, such as casiab, gait3d or any; without it tasks are measured.")
_PARTITION = typer.Option(None, help="Partition JSON: who tests, and the lists of probes or gallery.")
_TASK = typer.Option(None, help="Only this task; under a protocol an identification head.")
_RERANK = typer.Option(False, "--rerank", help="Re-rank by k-reciprocal neighbours.")
_DISTANCE = typer.Option(Distance.euclidean, help="Distance of embeddings.")
_LAYER = typer.Option(None, help="Whose output is compared, at unit length; by default as decision record 9 says.")
_OUT = typer.Option(
    None, help="Folder for metrics.json, tables, plots and embeddings; without it measures are printed."
)
_DEVICE = typer.Option("auto", help="auto, cpu, cuda or cuda:N.")
_SEED = typer.Option(1, help="Of draws and bootstrap samples.")
_METRICS = typer.Argument(help="metrics.json of several evaluations, or their folders.")
_OUT_COMPARISON = typer.Option(None, "--out", help="Folder for the table and the scaling curves.")
_PACKAGE = typer.Argument(help="Folder of a model package.")
_SILHOUETTES = typer.Argument(help="Files of `fgait silhouettes` (.npz).")
_VIEW = typer.Option(None, help="View of the recordings; without it the threshold of all views is used.")
_METRIC = typer.Option(None, help="Figure of the scaling curves, as the table names it.")


def register(app: typer.Typer) -> None:
    """Adds the commands of this room."""
    app.command("evaluate")(evaluate)
    app.command("compare")(compare)
    app.command("typicality")(typicality)


def evaluate(
    model: Path = _MODEL,
    data: Path | None = _DATA,
    protocol: str | None = _PROTOCOL,
    partition: Path | None = _PARTITION,
    task: str | None = _TASK,
    rerank: bool = _RERANK,
    distance: Distance = _DISTANCE,
    layer: Layer | None = _LAYER,
    out: Path | None = _OUT,
    device: str = _DEVICE,
    seed: int = _SEED,
) -> None:
    """Measure a model, as it is, on a data set: its tasks, or its embeddings under a retrieval protocol."""
    from fgait_core.distributed import choose_device
    from fgait_core.recipes.evaluate import EvaluationOrder
    from fgait_core.recipes.evaluate import evaluate as run

    order = EvaluationOrder(
        model=model,
        data=data,
        protocol=protocol,
        partition=partition,
        task=task,
        layer=None if layer is None else layer.value,
        distance=distance.value,
        reranked=rerank,
        device=str(choose_device(device)),
        seed=seed,
    )
    with progress_bar() as progress:
        found = run(order, out, progress=progress)
    if out is None:
        say(json.dumps(found.metrics, indent=1))
    else:
        say(f"{found.text}\n\nmetrics.json, tables and plots are in {out}")


def compare(metrics: list[Path] = _METRICS, out: Path | None = _OUT_COMPARISON, metric: str | None = _METRIC) -> None:
    """Set evaluations side by side, and draw how their figures scale with the encoder and the training data."""
    from fgait_core.recipes.compare import compare as run

    table, written = run(metrics, out, metric=metric)
    say("\n".join([table.plain(), *(f"wrote {path}" for path in written)]))


def typicality(
    package: Path = _PACKAGE,
    files: list[Path] = _SILHOUETTES,
    view: View | None = _VIEW,
    as_json: bool = typer.Option(False, "--json", help="Print JSON instead of a table."),
) -> None:
    """Say of silhouette files whether they are like the data that a model package learned from."""
    from fgait_core.evaluation.tables import Table
    from fgait_core.model_package import ModelPackage
    from fgait_core.sequence import SilhouetteSequence

    model = ModelPackage.load(package)
    chosen = None if view is None else view.value
    found = {str(path): model.typicality(SilhouetteSequence.load(path), chosen) for path in files}
    if as_json:
        say(json.dumps({path: facts.model_dump(mode="json") for path, facts in found.items()}, indent=1))
        return
    rows = [(path, "yes" if each.typical else "no", each.score, each.threshold) for path, each in found.items()]
    title = f"Like what {model.name} {model.version} learned from?"
    say(Table("typicality", title, ("file", "typical", "unlikeness", "threshold"), tuple(rows)).plain())
