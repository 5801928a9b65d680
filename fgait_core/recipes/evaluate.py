"""Measures a model, as it is, on a data set: its heads by their tasks, or its embeddings under a retrieval protocol."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fgait_core import __version__
from fgait_core.config import LayerName
from fgait_core.data.shards import ShardFolder, read_shards
from fgait_core.errors import ConfigError
from fgait_core.evaluation.distances import Kind
from fgait_core.progress import Progress, ignore_progress, part_of
from fgait_core.recipes.evaluate_retrieval import (
    measure_protocol,
    of_file,
    of_folder,
    require_protocol,
    require_searches,
    save_embedded,
)
from fgait_core.recipes.evaluate_tasks import measure_heads, scored_tasks
from fgait_core.recipes.evaluated_model import EvaluatedModel, open_model, retrieval_embeddings
from fgait_core.recipes.findings import Findings, printed, write_findings
from fgait_core.recipes.plots import Caption

EMBEDDINGS = "embeddings.npz"
_MAPPED = "embeddings.partial.npy"


@dataclass(frozen=True, slots=True)
class EvaluationOrder:
    """What to measure.

    Attributes:
        model: folder of a model package, run folder, checkpoint, or an .npz file of embeddings.
        data: folder of shards with people whom the model never saw; None for embeddings.
        protocol: of retrieval; None measures the heads.
        partition: partition JSON of the data set.
        task: only this head; under a protocol an identification head.
        layer: under a protocol, whose output; None takes what decision record 9 says.
        distance: under a protocol.
        reranked: under a protocol, whether to re-rank.
        device: where to compute.
        seed: of draws and bootstrap samples.
    """

    model: Path
    data: Path | None
    protocol: str | None = None
    partition: Path | None = None
    task: str | None = None
    layer: LayerName | None = None
    distance: Kind = "euclidean"
    reranked: bool = False
    device: str = "cpu"
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that was found.

    Attributes:
        metrics: content of `metrics.json`.
        text: the tables for a terminal.
        written: files.
    """

    metrics: dict[str, Any]
    text: str
    written: tuple[Path, ...]


def evaluate(order: EvaluationOrder, out: Path | None = None, *, progress: Progress = ignore_progress) -> Evaluation:
    """Measures, and writes what was found.

    Args:
        order: what to measure.
        out: folder for `metrics.json`, tables, plots and embeddings; None writes nothing.
        progress: told as it goes on.

    Raises:
        ConfigError: if order, model and data do not fit each other.
        CheckpointError: if a checkpoint cannot be read, is not finished or does not fit its configuration.
        ModelPackageError: if a package is damaged.
    """
    _check(order)
    if order.protocol is not None:
        require_protocol(order.protocol, order.reranked)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    if order.data is None:
        findings, facts = _of_file(order, order.protocol or "any", progress)
    else:
        findings, facts = _of_model(order, read_shards(order.data), out, progress)
    metrics = _plain(facts | {"seed": order.seed, "created_by": f"fgait {__version__}"} | dict(findings.measures))
    caption = _caption(facts, findings)
    written = write_findings(out, metrics, findings, caption) if out is not None else []
    return Evaluation(metrics, printed(findings, caption), tuple(written))


def _check(order: EvaluationOrder) -> None:
    embeddings = order.model.suffix == ".npz"
    if embeddings and order.data is not None:
        raise ConfigError(f"{order.model} holds embeddings already; leave out {order.data}.")
    if not embeddings and order.data is None:
        raise ConfigError("Name the shards to measure on; only an .npz file of embeddings needs none.")
    if embeddings and (order.layer is not None or order.task is not None or order.partition is not None):
        raise ConfigError("--layer, --task and --partition are for models; an .npz file holds its own lists.")
    needs_protocol = {"--partition": order.partition, "--layer": order.layer, "--rerank": order.reranked or None}
    needs_protocol["--distance"] = None if order.distance == "euclidean" else order.distance
    given = [name for name, value in needs_protocol.items() if value is not None]
    if order.protocol is None and given:
        raise ConfigError(f"{', '.join(given)} belong to retrieval: name a protocol, such as --protocol any.")


def _of_file(order: EvaluationOrder, protocol: str, progress: Progress) -> tuple[Findings, dict[str, Any]]:
    embedded, simulated = of_file(order.model)
    findings = measure_protocol(
        protocol, embedded, distance=order.distance, reranked=order.reranked, seed=order.seed, progress=progress
    )
    data = {"path": str(order.model), "sha256": _sha256(order.model), "sequences": len(embedded.data)}
    return findings, {"model": None, "data": data, "simulated": simulated}


def _of_model(
    order: EvaluationOrder, folder: ShardFolder, out: Path | None, progress: Progress
) -> tuple[Findings, dict[str, Any]]:
    model = open_model(order.model)
    facts = {"model": model.facts, "data": data_facts(folder), "simulated": folder.manifest.get("simulated")}
    if order.protocol is None:
        tasks = scored_tasks(model, folder, order.task)
        findings = measure_heads(model, folder, tasks, device=order.device, seed=order.seed, progress=progress)
        return findings, facts
    return _under_protocol(order, order.protocol, model, folder, out, progress), facts


def _under_protocol(
    order: EvaluationOrder,
    protocol: str,
    model: EvaluatedModel,
    folder: ShardFolder,
    out: Path | None,
    progress: Progress,
) -> Findings:
    require_searches(protocol, folder, order.partition)
    mapped = None if out is None else out / _MAPPED
    embeddings, facts = retrieval_embeddings(
        model,
        folder,
        layer=order.layer,
        task=order.task,
        device=order.device,
        out=mapped,
        progress=part_of(progress, 0.0, 0.7),
    )
    embedded = of_folder(folder, embeddings, order.partition)
    findings = measure_protocol(
        protocol,
        embedded,
        distance=order.distance,
        reranked=order.reranked,
        seed=order.seed,
        progress=part_of(progress, 0.7, 1.0),
    )
    if out is not None and mapped is not None:
        save_embedded(out / EMBEDDINGS, embedded, bool(folder.manifest.get("simulated")))
        mapped.unlink(missing_ok=True)
    return Findings({"embedding": facts, **findings.measures}, findings.tables, findings.plots, findings.files)


def data_facts(folder: ShardFolder) -> dict[str, Any]:
    """Which data they are, so that a figure can be traced."""
    named = {name: folder.manifest.get(name) for name in ("data_set", "part", "source", "generator_version", "plan")}
    return {
        "path": str(folder.path),
        "sha256": _sha256(folder.path / "manifest.json"),
        "sequences": len(folder),
        "people": len(folder.people),
        "frame_rate_hz": folder.frame_rate_hz,
    } | {name: value for name, value in named.items() if value is not None}


def _plain(value: Any) -> Any:
    """The same with None for what is not a number, because JSON has no NaN."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and value != value else value


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _caption(facts: dict[str, Any], findings: Findings) -> Caption:
    """Model, data and, of retrieval, what was compared how."""
    model, data = facts["model"], facts["data"]
    words = ["embeddings"]
    if model is not None:
        words = [part for part in (model["name"], model["version"], f"({model['sha256'][:12]})") if part]
    words.append(f"on {Path(data['path']).name} ({data['sequences']} sequences, {data['sha256'][:12]})")
    if "embedding" in findings.measures:
        embedding = findings.measures["embedding"]
        words.append(f"by {embedding['layer']}{' at unit length' if embedding['unit_length'] else ''}")
    if "protocol" in findings.measures:
        protocol = findings.measures["protocol"]
        words.append(f"({protocol['distance']}{', re-ranked' if protocol['reranked'] else ''})")
    return Caption(" ".join(words), bool(facts["simulated"]))


def read_metrics(path: Path) -> dict[str, Any]:
    """Reads a `metrics.json`.

    Raises:
        ConfigError: if it is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is no readable metrics.json of `fgait evaluate`: {error}") from error
    if not isinstance(content, dict) or not {"model", "data"} <= content.keys():
        raise ConfigError(f"{path} is no metrics.json of `fgait evaluate --out`: it names no model and no data.")
    return content
