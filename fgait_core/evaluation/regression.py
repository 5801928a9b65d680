"""How well numbers are told: mean absolute error and explained variance, with intervals by person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgait_core.errors import ConfigError
from fgait_core.evaluation.classification import bootstrap_by_person
from fgait_core.evaluation.tables import Table

SAMPLES = 200
"""Bootstrap samples of the people."""


def measure_numbers(
    said: NDArray[np.float64],
    true: NDArray[np.float32],
    person: NDArray[np.str_],
    columns: Sequence[str],
    *,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Error of each number.

    Args:
        said: float64 `[sequence, column]`, in the units of the data.
        true: `[sequence, column]`; NaN where unknown.
        person: `[sequence]`.
        columns: names of the numbers.
        seed: of the bootstrap.

    Returns:
        By column: `mean_absolute_error` and `explained` (1 - squared error over variance; 0 is the mean of these data,
        1 is perfect) with intervals, `spread` (standard deviation of the truth), `people`, `sequences`.

    Raises:
        ConfigError: if a number is known of fewer than two sequences.
    """
    measured: dict[str, dict[str, Any]] = {}
    for place, name in enumerate(columns):
        known = ~np.isnan(true[:, place])
        if known.sum() < 2:
            raise ConfigError(f"The number {name!r} is known of fewer than two sequences; nothing can be measured.")
        measured[name] = _measure(said[known, place], true[known, place].astype(np.float64), person[known], seed)
    return measured


def _measure(
    said: NDArray[np.float64], true: NDArray[np.float64], person: NDArray[np.str_], seed: int
) -> dict[str, Any]:
    def error(rows: NDArray[np.int64]) -> float:
        return float(np.abs(said[rows] - true[rows]).mean())

    def explained(rows: NDArray[np.int64]) -> float:
        return float(1 - np.square(said[rows] - true[rows]).mean() / max(float(true[rows].var()), 1e-12))

    rng = np.random.default_rng(seed)
    return {
        "people": len(set(person.tolist())),
        "sequences": len(true),
        "spread": float(true.std()),
        "mean_absolute_error": asdict(bootstrap_by_person(error, person, rng, samples=SAMPLES)),
        "explained": asdict(bootstrap_by_person(explained, person, rng, samples=SAMPLES)),
    }


def numbers_table(name: str, measured: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row for each number."""
    rows = [
        (
            column,
            each["people"],
            each["sequences"],
            *(each[measure][part] for measure in ("explained", "mean_absolute_error") for part in _ESTIMATE),
            each["spread"],
        )
        for column, each in measured.items()
    ]
    header = ("number", "people", "sequences", "explained", "low", "high", "mean error", "low", "high", "spread")
    title = f"{name}: explained variance and mean absolute error, with 95 % intervals by person; standard deviation"
    return Table(f"{name}_numbers", title, header, tuple(rows))


_ESTIMATE = ("value", "low", "high")
