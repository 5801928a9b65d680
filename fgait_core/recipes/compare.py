"""Sets several evaluations side by side: a table, and how the figures scale with encoder and training data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fgait_core.errors import ConfigError
from fgait_core.evaluation.tables import Table
from fgait_core.recipes.evaluate import read_metrics
from fgait_core.recipes.plots import SIMULATED, save_figure, scaling_plot

_SIZES = {"encoder_parameters": "encoder parameters", "training_sequences": "training sequences"}


@dataclass(frozen=True, slots=True)
class _Row:
    """One evaluation: model, data, figures by name."""

    model: str
    data: str
    simulated: bool
    sizes: dict[str, int | None]
    figures: dict[str, float]


def compare(paths: Sequence[Path], out: Path | None = None, *, metric: str | None = None) -> tuple[Table, list[Path]]:
    """A table over evaluations and, where sizes are known, scaling curves.

    Args:
        paths: `metrics.json` files of `fgait evaluate --out`, or their folders.
        out: folder for `comparison.csv`, `comparison.md` and the curves; None writes nothing.
        metric: figure of the curves; by default the first that all evaluations have.

    Returns:
        The table, and what was written.

    Raises:
        ConfigError: if a file is none, or the evaluations have no such figure in common.
    """
    rows = [_row(path) for path in paths]
    names = [name for name in rows[0].figures if all(name in row.figures for row in rows)]
    if not names:
        raise ConfigError("These evaluations have no figure in common; compare those of one protocol or task.")
    if metric is not None and metric not in names:
        raise ConfigError(f"There is no figure {metric!r} in all evaluations; there are: {', '.join(names)}.")
    table = _table(rows, names)
    if out is None:
        return table, []
    return table, _write(out, table, rows, metric or names[0])


def _write(out: Path, table: Table, rows: Sequence[_Row], metric: str) -> list[Path]:
    out.mkdir(parents=True, exist_ok=True)
    simulated = any(row.simulated for row in rows)
    note = f"{SIMULATED} (where the table says so)\n\n" if simulated else ""
    (out / "comparison.csv").write_text(table.csv(), encoding="utf-8")
    (out / "comparison.md").write_text(note + table.markdown(), encoding="utf-8")
    written = [out / "comparison.csv", out / "comparison.md"]
    for size, words in _SIZES.items():
        points: dict[str, list[tuple[str, float, float]]] = {}
        for row in rows:
            if (at := row.sizes[size]) is not None:
                points.setdefault(row.data, []).append((row.model, float(at), row.figures[metric]))
        if points:
            written.append(out / f"scaling_{size}.png")
            save_figure(scaling_plot(metric, words, points, simulated), written[-1])
    return written


def _row(path: Path) -> _Row:
    file = path / "metrics.json" if path.is_dir() else path
    metrics = read_metrics(file)
    model = metrics["model"] or {"name": "embeddings", "version": None}
    return _Row(
        model=" ".join(part for part in (model["name"], model["version"]) if part),
        data=f"{Path(metrics['data']['path']).name} {metrics['data']['sha256'][:8]}",
        simulated=bool(metrics.get("simulated")),
        sizes={size: model.get(size) for size in _SIZES},
        figures=_figures(metrics),
    )


def _figures(metrics: dict[str, Any]) -> dict[str, float]:
    """The figures worth comparing, by name."""
    if "protocol" in metrics:
        name = metrics["protocol"]["name"]
        return {f"{name} {measure}": value for measure, value in metrics["protocol"]["summary"].items()}
    found: dict[str, float] = {}
    for task, measured in metrics.get("tasks", {}).items():
        parts = {task: measured} if "confusion" in measured else {f"{task} {n}": each for n, each in measured.items()}
        for name, each in parts.items():
            for measure in ("auroc", "balanced_accuracy", "macro_f1", "auc", "f1"):
                if isinstance(each.get(measure), dict):
                    found[f"{name} {measure}"] = each[measure]["value"]
    return found


def _table(rows: Sequence[_Row], names: Sequence[str]) -> Table:
    cells = tuple(
        (
            row.model,
            row.data + (" (simulated)" if row.simulated else ""),
            *row.sizes.values(),
            *(float(row.figures[name]) for name in names),
        )
        for row in rows
    )
    header = ("model", "data", *_SIZES.values(), *names)
    return Table("comparison", "Evaluations side by side", header, cells)
