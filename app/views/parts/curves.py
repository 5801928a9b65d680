"""Figures that a browser draws: learning curves and reliability diagrams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from app.views.parts.words import tr

CONFIG = {"displayModeBar": False}
"""No tool bar: these figures are for reading."""

Curve = Sequence[Sequence[float]]
"""Pairs of iteration and value."""

_INK, _LINE, _MUTED = "#16262b", "#0b6e75", "#9fb0b5"
_COLOURS = ("#0b6e75", "#c98a00", "#8a1c12", "#4a5f8c", "#5c7a29", "#7a4a8c")


def by_measure(curves: Mapping[str, Curve]) -> dict[str, dict[str, Curve]]:
    """Curves that share a scale: all losses together, every other measure ("stage: measure") on its own."""
    groups: dict[str, dict[str, Curve]] = {}
    for name, points in curves.items():
        stage, _, measure = name.rpartition(": ")
        is_loss = "loss" in measure
        title = "loss" if is_loss else measure
        groups.setdefault(title[:1].upper() + title[1:], {})[name if is_loss else stage or measure] = points
    return groups


def learning(curves: Mapping[str, Curve], measure: str = "Value") -> go.Figure:
    """One line for each part of a run.

    Args:
        curves: pairs of iteration and value, by name.
        measure: what the values are.
    """
    figure = go.Figure(
        [
            go.Scatter(
                x=[point[0] for point in points],
                y=[point[1] for point in points],
                name=name.replace("_", " "),
                mode="lines" if len(points) > 1 else "markers",
                line={"color": _COLOURS[index % len(_COLOURS)], "width": 2},
                marker={"size": 8},
            )
            for index, (name, points) in enumerate(sorted(curves.items()))
        ]
    )
    figure.update_layout(
        **_layout(300),
        xaxis={"title": tr("Iteration"), **_axis()},
        yaxis={"title": measure, **_axis()},
        showlegend=True,
        legend={"orientation": "h", "y": -0.28, "x": 0},
        uirevision="learning",  # a zoom stays while new points come in
    )
    return figure


def reliability(curve: Sequence[Mapping[str, float]]) -> go.Figure:
    """Observed share against predicted probability, with the line of perfect calibration.

    Args:
        curve: `share`, `predicted` and `observed` of each bin.
    """
    figure = go.Figure(
        [
            go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": _MUTED, "dash": "dash"}, hoverinfo="skip"),
            go.Scatter(
                x=[each["predicted"] for each in curve],
                y=[each["observed"] for each in curve],
                mode="lines+markers",
                line={"color": _LINE, "width": 1.5},
                marker={"color": _LINE, "size": [6 + 34 * each["share"] ** 0.5 for each in curve], "opacity": 0.75},
                customdata=[100 * each["share"] for each in curve],
                hovertemplate="predicted %{x:.2f}, observed %{y:.2f}, %{customdata:.0f} % of the people<extra></extra>",
            ),
        ]
    )
    ticks = {"range": [-0.03, 1.03], "tickvals": [0, 0.25, 0.5, 0.75, 1]}
    figure.update_layout(
        **_layout(330),
        xaxis={"title": tr("Predicted probability"), **_axis(), **ticks},
        yaxis={"title": tr("Observed share"), **_axis(), **ticks},
        showlegend=False,
    )
    return figure


def _layout(height_px: int) -> dict[str, Any]:
    return {
        "height": height_px,
        "margin": {"l": 10, "r": 10, "t": 10, "b": 10},
        "font": {"color": _INK, "size": 13},
        "plot_bgcolor": "#ffffff",
        "paper_bgcolor": "#ffffff",
    }


def _axis() -> dict[str, Any]:
    return {"gridcolor": "#e3eaec", "zeroline": False, "linecolor": "#c9d5d8"}
