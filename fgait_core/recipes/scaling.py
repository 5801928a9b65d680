"""A scaling study: pre-trains every size of network on every size of data, and says how loss and rank-1 change."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from fgait_core.config import ArchitectureConfig, PretrainConfig, ScalingConfig, load_config, load_run_config
from fgait_core.config.files import RUN_CONFIG
from fgait_core.data.shards import ShardFolder, read_shards, require_disjoint
from fgait_core.errors import ConfigError
from fgait_core.evaluation.scaling_fit import ScalingFit, fit_scaling
from fgait_core.evaluation.tables import Table
from fgait_core.models.backbone import Backbone
from fgait_core.progress import Cancelled, Progress, ignore_progress, never_cancelled, part_of
from fgait_core.recipes.embed import embed_folder
from fgait_core.recipes.evaluate_retrieval import measure_protocol, of_folder, require_protocol
from fgait_core.recipes.held_out_loss import held_out_loss
from fgait_core.recipes.plots import SIMULATED, save_figure, scaling_plot
from fgait_core.recipes.pretrain import build_backbone, pretrain

CELL = "cell.json"
RESULT = "scaling.json"
FIGURES = {"loss": "held-out loss", "rank_1": "zero-shot rank-1, %"}
SIZES = {"parameters": "encoder parameters", "sequences": "training sequences"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One pre-training and what it reached.

    Attributes:
        name: of its run folder.
        data: folder name of its training data.
        parameters: of the encoder with projector and predictor.
        sequences: of the training data.
        seed: of the run.
        steps: of the run; 0 is the network before training.
        loss: contrastive loss on held-out people; None before training.
        rank_1: zero-shot identification, mean over the conditions of the protocol, percent.
    """

    name: str
    data: str
    parameters: int
    sequences: int
    seed: int
    steps: int
    loss: float | None
    rank_1: float


@dataclass(frozen=True, slots=True)
class ScalingResult:
    """All cells, the untrained networks beside them, and the fits by figure."""

    cells: tuple[Cell, ...]
    untrained: tuple[Cell, ...]
    fits: dict[str, ScalingFit]
    tables: tuple[Table, ...]
    written: tuple[Path, ...]


def run_scaling(
    config: ScalingConfig,
    out: Path,
    *,
    progress: Progress = ignore_progress,
    cancelled: Cancelled = never_cancelled,
) -> ScalingResult:
    """Runs what is not yet done of a study, and sums it up.

    Args:
        config: what to run.
        out: gets a run folder for each cell, `scaling.json`, tables and plots. What is finished there is kept.
        progress: told as it goes on.
        cancelled: asked before each step of each run.

    Raises:
        ConfigError: if configurations and data do not fit, or a held-out or test person is trained on.
        CheckpointError: if a stopped run cannot be gone on with.
        OperationCancelled: if the user asked for a stop; what is done stays.
    """
    require_protocol(config.protocol, reranked=False)
    base = load_config(config.base, PretrainConfig)
    held_out, test = read_shards(config.held_out), read_shards(config.test)
    for path in config.data:
        require_disjoint(read_shards(path), held_out, test)
    study = _Study(config, base, held_out, test)
    plan = _plan(config, base)
    sizes = _one_for_each_size(plan)
    untrained = [
        study.untrained(run, part_of(progress, 0.05 * number / len(sizes), 0.05 * (number + 1) / len(sizes)))
        for number, run in enumerate(sizes)
    ]
    trained = part_of(progress, 0.05, 1.0)
    cells: list[Cell] = []
    for number, (name, run) in enumerate(plan):
        part = part_of(trained, number / len(plan), (number + 1) / len(plan))
        cells.append(study.cell(name, run, out / name, part, cancelled))
    return _summed_up(cells, untrained, out, bool(test.manifest.get("simulated")))


def _plan(config: ScalingConfig, base: PretrainConfig) -> list[tuple[str, PretrainConfig]]:
    plan = list(_runs(config, base))
    if len({name for name, _ in plan}) < len(plan):
        raise ConfigError(
            "Two runs of the study would share a folder, which is named after widths, data folder and seed. Give the "
            "data folders different names, and sizes of the same widths studies of their own."
        )
    return plan


def _runs(config: ScalingConfig, base: PretrainConfig) -> Iterator[tuple[str, PretrainConfig]]:
    plain = base.model_dump(mode="json", exclude={"validation"})
    for size in config.architectures:
        sizes = size if isinstance(size, str) else "-".join(map(str, size.channels))
        for path in config.data:
            for seed in config.seeds:
                changed = {"architecture": _plain(size), "data": str(path), "seed": seed}
                yield f"{sizes}_{path.name}_{seed}", PretrainConfig.model_validate(plain | changed)


def _plain(size: str | ArchitectureConfig) -> object:
    return size if isinstance(size, str) else size.model_dump(mode="json")


def _one_for_each_size(plan: Sequence[tuple[str, PretrainConfig]]) -> list[PretrainConfig]:
    return list({str(run.architecture): run for _, run in reversed(plan)}.values())[::-1]


class _Study:
    """What all cells share."""

    def __init__(self, config: ScalingConfig, base: PretrainConfig, held_out: ShardFolder, test: ShardFolder) -> None:
        self._config, self._base, self._held_out, self._test = config, base, held_out, test

    def cell(self, name: str, run: PretrainConfig, folder: Path, progress: Progress, cancelled: Cancelled) -> Cell:
        """Runs a cell, or reads what an earlier call left of it."""
        done = folder / CELL
        if done.is_file():
            _require_same_run(folder, run)
            return Cell(**json.loads(done.read_text(encoding="utf-8")))
        network = pretrain(run, folder, progress=part_of(progress, 0.0, 0.85), cancelled=cancelled)
        loss = held_out_loss(network, self._held_out, run, self._config.held_out_batches)
        rank_1 = self._rank_1(network.teacher_backbone.eval(), part_of(progress, 0.9, 1.0))
        data = read_shards(run.data[0].path)
        parameters = _parameters(network.teacher_backbone)
        cell = Cell(name, data.path.name, parameters, len(data), run.seed, run.iterations, loss, rank_1)
        partial = done.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(cell)), encoding="utf-8")
        os.replace(partial, done)
        return cell

    def untrained(self, run: PretrainConfig, progress: Progress) -> Cell:
        """The same network before training: what its random weights recognise."""
        backbone = build_backbone(run).eval()
        rank_1 = self._rank_1(backbone, progress)
        return Cell("untrained", "none", _parameters(backbone), 0, run.seed, 0, None, rank_1)

    def _rank_1(self, backbone: Backbone, progress: Progress) -> float:
        embeddings = embed_folder(
            backbone, self._test, modality=self._base.modality, layer=self._config.layer, progress=progress
        )
        unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True).clip(1e-12)
        measured = measure_protocol(
            self._config.protocol, of_folder(self._test, unit, None), distance="euclidean", reranked=False, seed=1
        )
        summary: dict[str, float] = measured.measures["protocol"]["summary"]
        found = [value for name, value in summary.items() if name.endswith("rank-1")]
        if not found:
            raise ConfigError(f"The protocol {self._config.protocol} gives no rank-1; choose another.")
        return float(np.mean(found))


def _require_same_run(folder: Path, run: PretrainConfig) -> None:
    if (folder / RUN_CONFIG).is_file() and load_run_config(folder) != run:
        raise ConfigError(
            f"{folder} holds a run of another configuration. Choose another folder for the study, or delete that run."
        )


def _parameters(backbone: Backbone) -> int:
    return sum(parameter.numel() for parameter in backbone.parameters())


def _summed_up(cells: Sequence[Cell], untrained: Sequence[Cell], out: Path, simulated: bool) -> ScalingResult:
    sizes = {name: np.array([float(getattr(cell, name)) for cell in cells]) for name in SIZES}
    fits = {name: fit_scaling(sizes, np.array([getattr(cell, name) for cell in cells], float)) for name in FIGURES}
    tables = (_cells_table(cells, untrained), _fit_table(fits))
    out.mkdir(parents=True, exist_ok=True)
    content = {
        "cells": [asdict(cell) for cell in cells],
        "untrained": [asdict(cell) for cell in untrained],
        "fits": {name: asdict(fit) for name, fit in fits.items()},
        "simulated": simulated,
    }
    (out / RESULT).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    note = f"{SIMULATED}\n\n" if simulated else ""
    text = "\n\n".join(f"{table.markdown()}" for table in tables)
    (out / "scaling.md").write_text(note + text, encoding="utf-8")
    return ScalingResult(
        tuple(cells), tuple(untrained), fits, tables, (out / RESULT, out / "scaling.md", *_plots(cells, out, simulated))
    )


def _plots(cells: Sequence[Cell], out: Path, simulated: bool) -> list[Path]:
    written: list[Path] = []
    for figure, words in FIGURES.items():
        points: dict[str, list[tuple[str, float, float]]] = {}
        for size in sorted({cell.parameters for cell in cells}):
            of_size = [cell for cell in cells if cell.parameters == size]
            for count in sorted({cell.sequences for cell in of_size}):
                mean = float(np.mean([getattr(cell, figure) for cell in of_size if cell.sequences == count]))
                points.setdefault(f"{size:,} parameters", []).append(("", float(count), mean))
        written.append(out / f"scaling_{figure}.png")
        save_figure(scaling_plot(words, SIZES["sequences"], points, simulated), written[-1])
    return written


def _cells_table(cells: Sequence[Cell], untrained: Sequence[Cell]) -> Table:
    rows: list[tuple[str | float | int | None, ...]] = []
    for cell in untrained:
        rows.append((cell.parameters, 0, 1, None, None, None, cell.rank_1, cell.rank_1, cell.rank_1))
    for size, count in sorted({(cell.parameters, cell.sequences) for cell in cells}):
        own = [cell for cell in cells if (cell.parameters, cell.sequences) == (size, count)]
        loss, rank = [cell.loss or 0.0 for cell in own], [cell.rank_1 for cell in own]
        rows.append(
            (
                size,
                count,
                len(own),
                float(np.mean(loss)),
                min(loss),
                max(loss),
                float(np.mean(rank)),
                min(rank),
                max(rank),
            )
        )
    header = (*SIZES.values(), "seeds", "loss", "lowest", "highest", "rank-1", "lowest", "highest")
    return Table(
        "scaling", "Held-out loss and zero-shot rank-1 (mean over seeds, lowest, highest)", header, tuple(rows)
    )


def _fit_table(fits: dict[str, ScalingFit]) -> Table:
    rows = [
        (FIGURES[name], SIZES[size], slope.value, slope.low, slope.high, fit.explained, fit.residual, fit.points)
        for name, fit in fits.items()
        for size, slope in fit.slopes.items()
    ]
    header = ("figure", "ten times as many", "change", "low", "high", "explained", "residual", "points")
    return Table("scaling_fit", "Change for ten times as much, with 95 % intervals", header, tuple(rows))
