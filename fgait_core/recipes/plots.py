"""Plots of an evaluation as PNG: reliability, ROC, confusion, cumulative match, retrieval examples, scaling.

Every plot says below what was measured on what, and where the data are simulated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from fgait_core.evaluation.by_person import auroc_by_person
from fgait_core.evaluation.calibration import calibration_curve
from fgait_core.evaluation.classification import wilson_interval

SIMULATED = "SIMULATED DATA – says nothing about real people"
_DPI = 150
_LETTERS_AN_INCH = 16
_SAMPLES = 200
_GRID = np.linspace(0, 1, 201)
_RIGHT, _WRONG, _PROBE = "#1a8f3c", "#c62828", "#37474f"
_COLOURS = ("#1f5fa8", "#d9822b", "#3f8f4f", "#8e4aa8", "#b03a48", "#5d6d7e")


@dataclass(frozen=True, slots=True)
class Caption:
    """What stands below every plot.

    Attributes:
        text: model and data.
        simulated: whether the data are simulated.
    """

    text: str
    simulated: bool

    def put(self, figure: Figure, words: str = "") -> Figure:
        """Writes it below a figure that is otherwise finished, under further words."""
        width = int(figure.get_figwidth() * _LETTERS_AN_INCH)
        lines = [line for part in (words, self.text) for line in wrap(part, width)]
        figure.supxlabel("\n".join(lines), fontsize=7, color="#555555")
        if self.simulated:
            figure.suptitle(SIMULATED, fontsize=9, color=_WRONG, weight="bold")
        return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG."""
    figure.savefig(path, dpi=_DPI)


def reliability_plot(
    task: str, said: str, probability: NDArray[np.float64], positive: NDArray[np.bool_], caption: Caption
) -> Figure:
    """Observed share against predicted probability in ten bins, and how many rows each has.

    Args:
        task: name.
        said: what the probability is of.
        probability: `[person]`.
        positive: bool `[person]`.
        caption: below.
    """
    bins = calibration_curve(probability, positive)
    figure = Figure(figsize=(4.6, 5.2), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
    above.plot([0, 1], [0, 1], color="#999999", linestyle="--", linewidth=1, label="perfect")
    predicted, observed = (np.array([each[name] for each in bins]) for name in ("predicted", "observed"))
    counts = [round(each["share"] * len(positive)) for each in bins]
    ends = [wilson_interval(round(o * n), n) for o, n in zip(observed.tolist(), counts, strict=True)]
    bars = np.abs(np.array(ends).T - observed)
    above.errorbar(predicted, observed, bars, marker="o", color=_COLOURS[0], capsize=3, label="observed, 95 % interval")
    above.set(ylabel=f"observed share of {said}", ylim=(-0.02, 1.02), xlim=(0, 1))
    above.set_title(f"{task}: reliability ({len(positive)} people, one sequence each)", fontsize=10)
    above.legend(loc="upper left", fontsize=8)
    below.hist(probability, bins=np.linspace(0, 1, 11).tolist(), color=_COLOURS[0], alpha=0.6)
    below.set(xlabel=f"predicted probability of {said}", ylabel="people")
    return caption.put(figure)


def roc_plot(
    task: str,
    scores: Mapping[str, tuple[NDArray[np.float64], NDArray[np.bool_]]],
    person: NDArray[np.str_],
    seed: int,
    caption: Caption,
) -> Figure:
    """Sensitivity against 1 - specificity with a 95 % band over bootstrap samples of the people.

    Args:
        task: name.
        scores: for each class scores `[sequence]` and who is of it.
        person: `[sequence]`.
        seed: of the bootstrap.
        caption: below.
    """
    figure = Figure(figsize=(4.8, 5.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#999999", linestyle="--", linewidth=1)
    for colour, (name, (score, positive)) in zip(_COLOURS, scores.items(), strict=False):
        area = auroc_by_person(score, positive, person, np.random.default_rng(seed))
        low, high = _roc_band(score, positive, person, np.random.default_rng(seed))
        axes.fill_between(_GRID, low, high, color=colour, alpha=0.18, linewidth=0)
        label = f"{name}: AUROC {area.value:.3f} ({area.low:.3f} to {area.high:.3f})"
        axes.plot(_GRID, _sensitivity(score, positive, None), color=colour, label=label)
    axes.set(xlabel="1 – specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1.01), aspect="equal")
    axes.set_title(f"{task}: ROC, band 95 % by person", fontsize=10)
    axes.legend(loc="lower right", fontsize=8)
    return caption.put(figure)


def confusion_plot(task: str, confusion: Mapping[str, Mapping[str, int]], caption: Caption) -> Figure:
    """Counts of true against predicted classes, coloured by the share of the true class."""
    names = list(confusion)
    counts = np.array([[confusion[true][said] for said in names] for true in names])
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = 2.6 + 0.8 * len(names)
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    for row, column in np.ndindex(counts.shape):
        text = f"{counts[row, column]}\n{100 * shares[row, column]:.0f} %"
        colour = "white" if shares[row, column] > 0.55 else "black"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names, rotation=90, va="center")
    axes.set_title(f"{task}: confusion of {counts.sum()} sequences", fontsize=10)
    figure.colorbar(image, ax=axes, shrink=0.8, label="share of the true class")
    return caption.put(figure)


def match_plot(title: str, curves: Mapping[str, NDArray[np.float64]], caption: Caption) -> Figure:
    """Cumulative match characteristic: share of probes found among the k nearest.

    Args:
        title: of the protocol.
        curves: for each condition percentages at rank 1, 2, ...
        caption: below.
    """
    figure = Figure(figsize=(5.4, 4.2), layout="constrained")
    axes = figure.subplots()
    lowest = min(float(curve.min()) for curve in curves.values())
    for colour, (name, curve) in zip(_COLOURS, curves.items(), strict=False):
        label = f"{name} rank-1 {curve[0]:.1f} %".strip()
        axes.plot(np.arange(1, len(curve) + 1), curve, color=colour, marker=".", markersize=4, label=label)
    axes.set(xlabel="rank k", ylabel="probes found among the k nearest (%)", ylim=(max(lowest - 5, 0), 101))
    axes.set_xticks([1, 10, 20, 30, 40, 50])
    axes.grid(alpha=0.3)
    axes.set_title(f"{title}: cumulative match characteristic", fontsize=10)
    axes.legend(loc="lower right", fontsize=8)
    return caption.put(figure)


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A probe and what was found.

    Attributes:
        probe: uint8 `[row, column]`, a strip of silhouettes, 0 or 1.
        name: of the probe.
        found: strips of the nearest, nearest first.
        names: of the nearest.
        right: whether each is the same person.
    """

    probe: NDArray[np.uint8]
    name: str
    found: tuple[NDArray[np.uint8], ...]
    names: tuple[str, ...]
    right: tuple[bool, ...]


def examples_plot(title: str, examples: Sequence[Example], caption: Caption) -> Figure:
    """Each probe with its nearest: framed green where it is the same person, red where it is not."""
    columns = 1 + max(len(each.found) for each in examples)
    figure = Figure(figsize=(1.75 * columns, 0.9 * len(examples) + 0.8), layout="constrained")
    grid = figure.subplots(len(examples), columns, squeeze=False)
    for row, each in zip(grid, examples, strict=True):
        for axes in row:
            axes.set_axis_off()
        _strip(row[0], each.probe, each.name, _PROBE)
        for axes, strip, name, right in zip(row[1:], each.found, each.names, each.right, strict=False):
            _strip(axes, strip, name, _RIGHT if right else _WRONG)
    grid[0, 0].set_title("probe\n" + grid[0, 0].get_title(), fontsize=7)
    for number, axes in enumerate(grid[0, 1:], 1):
        axes.set_title(f"nearest {number}\n" + axes.get_title(), fontsize=7)
    words = f"{title}: probes drawn at random and their nearest (green: same person, red: another)"
    return caption.put(figure, words)


def scaling_plot(
    metric: str, against: str, points: Mapping[str, Sequence[tuple[str, float, float]]], simulated: bool
) -> Figure:
    """A figure of several models against their size or their data.

    Models of the same size are not joined by a line: that would be no scaling.

    Args:
        metric: on the vertical axis.
        against: on the horizontal axis, which is logarithmic.
        points: for each series (label, horizontal, vertical) of each model.
        simulated: whether any data are simulated.
    """
    figure = Figure(figsize=(6, 4.4), layout="constrained")
    axes = figure.subplots()
    for colour, (series, values) in zip(_COLOURS * 9, points.items(), strict=False):
        ordered = sorted(values, key=lambda each: each[1])
        across, up = [each[1] for each in ordered], [each[2] for each in ordered]
        joined = "-" if len(set(across)) == len(across) else "none"
        axes.plot(across, up, marker="o", linestyle=joined, color=colour, label=series)
        for label, x, y in ordered:
            axes.annotate(label, (x, y), textcoords="offset points", xytext=(0, -12), ha="center", fontsize=7)
    axes.set_xscale("log")
    axes.margins(x=0.25, y=0.2)
    axes.set(xlabel=against, ylabel=metric)
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8)
    axes.set_title(f"Scaling: {metric}", fontsize=10)
    return Caption("one point for each evaluation", simulated).put(figure)


def _strip(axes: Axes, strip: NDArray[np.uint8], name: str, colour: str) -> None:
    axes.set_axis_on()
    axes.imshow(strip, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(name, fontsize=7)
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=3)


def _sensitivity(
    score: NDArray[np.float64], positive: NDArray[np.bool_], weights: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Sensitivity at each place of the grid of false positives."""
    false, true, _ = roc_curve(positive, score, sample_weight=weights)
    return np.interp(_GRID, false, true)


def _roc_band(
    score: NDArray[np.float64], positive: NDArray[np.bool_], person: NDArray[np.str_], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    names, owner = np.unique(person, return_inverse=True)
    curves = []
    for _ in range(_SAMPLES):
        weights = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))[owner].astype(float)
        if weights[positive].any() and weights[~positive].any():
            curves.append(_sensitivity(score, positive, weights))
    low, high = np.percentile(np.array(curves), [2.5, 97.5], axis=0)
    return low, high
