"""Sets networks beside the baselines on SimGait's test split, in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fgait_core.errors import ConfigError
from fgait_core.evaluation.tables import Table
from fgait_core.recipes.evaluate import read_metrics
from fgait_core.recipes.findings import METRICS
from fgait_core.recipes.plots import SIMULATED
from fgait_core.recipes.simgait_baselines import baseline_rows, figures_of, read_baselines, table_of


def compare_with_baselines(baselines: Path, evaluations: Sequence[Path], out: Path | None = None) -> Table:
    """One table of baselines, bounds and networks.

    Args:
        baselines: `baselines.json`, or its folder.
        evaluations: `metrics.json` of `fgait evaluate --out` on the same split, or their folders.
        out: Markdown file to write.

    Raises:
        ConfigError: if a file is none, or was measured on other data or on no task of the table.
    """
    content = read_baselines(baselines)
    rows = baseline_rows(content)
    for path in evaluations:
        file = path / METRICS if path.is_dir() else path
        metrics = read_metrics(file)
        _require_same_data(content, metrics, file)
        figures = figures_of(metrics.get("tasks", {}))
        if not figures:
            raise ConfigError(f"{file} measures no task of the table; evaluate without --protocol.")
        name = _name(metrics)
        if name in rows:
            raise ConfigError(f"Two evaluations are called {name!r}; give their run folders different names.")
        rows[name] = figures
    test = content["test"]
    title = f"SimGait: {test['sequences']} sequences of {test['people']} people, 95 % intervals by person"
    table = table_of(rows, title)
    if out is not None:
        note = f"{SIMULATED}\n\n" if content["simulated"] else ""
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(note + table.markdown(), encoding="utf-8")
    return table


def _name(metrics: Mapping[str, Any]) -> str:
    model = metrics["model"] or {"name": "embeddings", "version": None}
    return " ".join(part for part in (model["name"], model["version"]) if part)


def _require_same_data(content: Mapping[str, Any], metrics: Mapping[str, Any], file: Path) -> None:
    wanted, found = content["test"], metrics["data"]
    if found["sha256"] != wanted["sha256"]:
        raise ConfigError(
            f"{file} was measured on {found['path']} ({found['sha256'][:12]}), the baselines on {wanted['path']} "
            f"({wanted['sha256'][:12]}). Measure both on the same split."
        )
