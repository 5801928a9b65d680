"""Figures of a retrieval protocol, averaged and laid out in tables as the papers print them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgait_core.evaluation.protocol_definitions import Protocol
from fgait_core.evaluation.tables import Table

_PUBLISHED = "scalar/test_accuracy/"


@dataclass(frozen=True, slots=True, eq=False)
class ConditionResult:
    """What one condition found.

    Attributes:
        name: of the condition; empty where a protocol has only one.
        cells: for each measure, such as "rank-1", percentages: one number, or `[probe view]`, or `[probe view, gallery
            view]`; exact; NaN where there are no data.
        views: names of the views, sorted.
        curve: cumulative match characteristic in percent, where all probes are measured at once.
        probes: how many.
        gallery: how many.
        without_match: probes (in pairs of views: probes of a pair) without a right entry.
    """

    name: str
    cells: Mapping[str, NDArray[np.float64]]
    views: tuple[str, ...]
    curve: NDArray[np.float64] | None
    probes: int
    gallery: int
    without_match: int


@dataclass(frozen=True, slots=True, eq=False)
class ProtocolResult:
    """What a protocol found.

    Attributes:
        protocol: its definition.
        rounded_cells: whether the summary averages cells rounded to two decimals.
        conditions: results of each condition that has data.
        left_out: conditions that have none.
    """

    protocol: Protocol
    rounded_cells: bool
    conditions: tuple[ConditionResult, ...]
    left_out: tuple[str, ...]

    @property
    def summary(self) -> dict[str, float]:
        """The figures that papers print, in percent, such as "NM rank-1"."""
        return self._figures(self.rounded_cells)

    @property
    def exact(self) -> dict[str, float]:
        """The same without any rounding."""
        return self._figures(False)

    @property
    def tables(self) -> tuple[Table, ...]:
        """The summary as papers print it and, where there are views, each measure by view."""
        measures = tuple(self.conditions[0].cells)
        whole = [(each.name or "all", *(self._mean(each, m) for m in measures)) for each in self.conditions]
        title = f"{self.protocol.title}: % of probes (rank-k) and mean %"
        tables = [Table("summary", title, ("condition", *measures), tuple(whole))]
        if self.protocol.layout != "whole":
            tables += [self._by_view(measure) for measure in measures]
        if self.protocol.layout == "view_pairs":
            tables += [self._pairs(each, measure) for each in self.conditions for measure in measures]
        return tuple(tables)

    @property
    def published(self) -> dict[str, Any]:
        """The figures under the names by which the published code logs them, computed as it does."""
        found: dict[str, Any] = {}
        for each in self.conditions:
            for measure in each.cells:
                found[_PUBLISHED + self._published_name(each.name, measure)] = self._published_value(each, measure)
        return found

    def _figures(self, rounded: bool) -> dict[str, float]:
        return {
            f"{each.name} {measure}".strip(): self._mean(each, measure, rounded)
            for each in self.conditions
            for measure in each.cells
        }

    def _mean(self, condition: ConditionResult, measure: str, rounded: bool | None = None) -> float:
        return _mean(self._view_means(condition, measure, rounded))

    def _view_means(self, condition: ConditionResult, measure: str, rounded: bool | None = None) -> NDArray[np.float64]:
        """One number for each probe view; of pairs the mean over the other views."""
        cells = condition.cells[measure]
        if self.rounded_cells if rounded is None else rounded:
            cells = np.round(cells, 2)
        if cells.ndim < 2:
            return np.atleast_1d(cells)
        other = np.where(np.eye(len(cells), dtype=bool), np.nan, cells)
        return np.array([_mean(row) for row in other])

    def _by_view(self, measure: str) -> Table:
        views = self.conditions[0].views
        rows = []
        for each in self.conditions:
            known = dict(zip(each.views, self._view_means(each, measure), strict=True))
            rows.append((each.name, *(float(known.get(view, np.nan)) for view in views), self._mean(each, measure)))
        note = "mean over the gallery views without the probe's own" if self.protocol.layout == "view_pairs" else "all"
        title = f"{self.protocol.title}: {measure} in % by probe view (gallery: {note})"
        return Table(f"{measure}_by_view", title, ("condition", *views, "mean"), tuple(rows))

    def _pairs(self, condition: ConditionResult, measure: str) -> Table:
        cells = condition.cells[measure]
        rows = tuple((view, *map(float, row)) for view, row in zip(condition.views, cells, strict=True))
        title = f"{self.protocol.title} {condition.name}: {measure} in %, probe view in rows, gallery view in columns"
        return Table(f"{condition.name}_{measure}".lower(), title, ("probe \\ gallery", *condition.views), rows)

    def _published_name(self, condition: str, measure: str) -> str:
        short = measure.replace("rank-", "R")
        if self.protocol.name == "ccpg":
            return condition
        if self.protocol.layout == "probe_views":
            return f"{condition}-{measure.replace('rank-', 'Rank@')}"
        return f"{condition}@{short}" if condition else measure.replace("rank-", "Rank-")

    def _published_value(self, condition: ConditionResult, measure: str) -> Any:
        if self.protocol.name == "ccpg":
            return np.round(condition.cells[measure], 2).tolist()
        if self.protocol.layout == "whole" and self.protocol.averages and measure.startswith("rank"):
            return float(np.float32(condition.cells[measure] / 100) * np.float32(100))
        return self._mean(condition, measure, self.protocol.rounded)


def _mean(values: NDArray[np.float64]) -> float:
    """Mean of the cells that have data."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
