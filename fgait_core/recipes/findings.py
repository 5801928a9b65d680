"""What an evaluation found, before it is written: measures, tables and plots."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from fgait_core.evaluation.tables import Table
from fgait_core.recipes.plots import SIMULATED, Caption, save_figure

METRICS = "metrics.json"
TABLES = "tables.md"


@dataclass(frozen=True, slots=True)
class Findings:
    """Results of one part of an evaluation.

    Attributes:
        measures: for `metrics.json`.
        tables: to print and write.
        plots: by name; each draws a figure under a caption.
        files: further files, content by name.
    """

    measures: Mapping[str, Any]
    tables: tuple[Table, ...] = ()
    plots: Mapping[str, Callable[[Caption], Figure]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


def write_findings(out: Path, metrics: Mapping[str, Any], findings: Findings, caption: Caption) -> list[Path]:
    """Writes `metrics.json`, `tables.md`, a CSV file for each table, a PNG for each plot, and further files.

    Returns:
        What was written.
    """
    out.mkdir(parents=True, exist_ok=True)
    texts = {METRICS: json.dumps(metrics, indent=1) + "\n", **findings.files}
    if findings.tables:
        texts[TABLES] = "\n".join([_heading(caption), *(each.markdown() for each in _titled(findings, caption))])
    texts |= {f"{table.name}.csv": _marked(table, caption.simulated).csv() for table in findings.tables}
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8")
    for name, draw in findings.plots.items():
        save_figure(draw(caption), out / f"{name}.png")
    return [out / name for name in (*texts, *(f"{name}.png" for name in findings.plots))]


def printed(findings: Findings, caption: Caption) -> str:
    """The tables for a terminal."""
    return "\n\n".join([_heading(caption), *(each.plain() for each in _titled(findings, caption))])


def _heading(caption: Caption) -> str:
    return "\n\n".join([caption.text, *([SIMULATED] if caption.simulated else [])]) + "\n"


def _titled(findings: Findings, caption: Caption) -> tuple[Table, ...]:
    """The tables, each with a title that says where its data are simulated."""
    mark = " (simulated data)" if caption.simulated else ""
    return tuple(replace(table, title=table.title + mark) for table in findings.tables)


def _marked(table: Table, simulated: bool) -> Table:
    """A table that says in each row that its data are simulated."""
    if not simulated:
        return table
    rows = tuple((*row, "simulated") for row in table.rows)
    return replace(table, header=(*table.header, "data"), rows=rows)
