"""How a figure changes with size: a plane over the logarithms of parameters and sequences, with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fgait_core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Slope:
    """Change of the figure for ten times as much, with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ScalingFit:
    """figure = constant + slope · log10(size), for each size.

    Attributes:
        constant: the figure at one parameter and one sequence, far outside what was measured.
        slopes: by name of the size; a size that was not varied is left out.
        explained: share of the variance that the plane explains.
        residual: standard deviation of what is left, in units of the figure.
        points: how many were fitted.
    """

    constant: float
    slopes: dict[str, Slope]
    explained: float
    residual: float
    points: int


def fit_scaling(sizes: dict[str, NDArray[np.float64]], figure: NDArray[np.float64]) -> ScalingFit:
    """Least squares with Student's intervals.

    Args:
        sizes: by name `[point]`, positive.
        figure: `[point]`.

    Raises:
        ConfigError: if there are too few points for the sizes that vary.
    """
    varied = {name: np.log10(values) for name, values in sizes.items() if len(np.unique(values)) > 1}
    design = np.column_stack([np.ones(len(figure)), *varied.values()])
    free = len(figure) - design.shape[1]
    if not varied or free < 1:
        raise ConfigError("A fit needs sizes that vary and more points than sizes; run more of them.")
    solution, *_ = np.linalg.lstsq(design, figure, rcond=None)
    left = figure - design @ solution
    variance = float(left @ left) / free
    spread = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * variance) * stats.t.ppf(0.975, free)
    slopes = {
        name: Slope(float(solution[n]), float(solution[n] - spread[n]), float(solution[n] + spread[n]))
        for n, name in enumerate(varied, start=1)
    }
    total = float(np.square(figure - figure.mean()).sum())
    explained = 1 - float(left @ left) / total if total > 0 else 0.0
    return ScalingFit(float(solution[0]), slopes, explained, variance**0.5, len(figure))
