"""Joint angles over the gait cycle against healthy people, as a chart and as a table for who cannot see it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from app.views.parts import look
from app.views.parts.curves import CONFIG
from app.views.parts.words import language, tr
from fgait_core.screening_result import GaitFacts, JointCurveFacts
from reports import gait_words
from reports.stored_words import said_in

_SIDES = {"left": ("#0b6e75", "solid"), "right": ("#b3541e", "dash"), "": ("#0b6e75", "solid")}
_EARLIER = ("#6a5acd", "dot")
_NORM = "rgba(110, 130, 136, 0.22)"
_TABLE_STEPS = 11


def show(gait: GaitFacts | None, earlier: GaitFacts | None = None, *, key: str = "curves") -> None:
    """Draws a chart for each joint.

    Args:
        gait: of this recording; nothing is drawn without curves.
        earlier: of an earlier visit, drawn beside it in another colour.
        key: of the widgets.
    """
    if gait is None or not gait.curves:
        return
    st.markdown(f"**{tr('Joint angles over the gait cycle')}**")
    st.caption(
        tr(
            "Mean of the strides from one heel strike (0 %) to the next of the same foot (100 %), band: one standard "
            "deviation. Grey: norm, mean ± 2 standard deviations. Measured in the picture of one camera; not part of "
            "the score."
        )
    )
    joints = list(dict.fromkeys(curve.joint for curve in gait.curves))
    columns = st.columns(2)
    for place, joint in enumerate(joints):
        curves = [curve for curve in gait.curves if curve.joint == joint]
        before = [curve for curve in earlier.curves if curve.joint == joint] if earlier is not None else []
        with columns[place % 2]:
            st.html(f"<b>{escape(_title(joint))}</b>")
            st.plotly_chart(figure(curves, before), config=CONFIG, key=f"{key}-{joint}")
    with st.expander(tr("The curves as a table")):
        _table(gait.curves)
    if sources := dict.fromkeys(curve.norm_source for curve in gait.curves if curve.norm_source):
        st.caption(tr("Norms: {source}", source=" ".join(said_in(source, language()) for source in sources)))


def _title(joint: str) -> str:
    sign = gait_words.joint_sign(joint, language())
    label = gait_words.joint_label(joint, language())
    return tr("{joint} ({sign}), degrees", joint=label, sign=sign) if sign else label


def figure(curves: Sequence[JointCurveFacts], earlier: Sequence[JointCurveFacts] = ()) -> go.Figure:
    """The curves of one joint over the norm.

    Args:
        curves: of one joint, one or both sides.
        earlier: the same of an earlier visit.
    """
    drawn: list[go.Scatter] = []
    with_norm = next((curve for curve in curves if curve.norm_low_deg), None)
    if with_norm is not None:
        band = _band(with_norm.norm_low_deg, with_norm.norm_high_deg)
        drawn.append(go.Scatter(**band, fillcolor=_NORM, name=tr("norm")))
    for curve in earlier:
        name = tr("{side}, earlier visit", side=_side_words(curve.side))
        drawn.append(_line(curve, name, (_EARLIER[0], "dot" if curve.side != "right" else "dashdot")))
    for curve in curves:
        drawn.extend(_with_spread(curve))
    chart = go.Figure(drawn)
    chart.update_layout(
        height=270,
        margin={"l": 10, "r": 10, "t": 8, "b": 10},
        font={"color": "#16262b", "size": 13},
        plot_bgcolor="#ffffff",
        paper_bgcolor="#ffffff",
        xaxis={"title": tr("Gait cycle, %"), "range": [0, 100], "dtick": 20, **_axis()},
        yaxis={"ticksuffix": "°", **_axis()},
        legend={"orientation": "h", "y": -0.32, "x": 0},
        showlegend=True,
    )
    return chart


def _with_spread(curve: JointCurveFacts) -> tuple[go.Scatter, ...]:
    colour, _ = _SIDES[curve.side]
    low = [mean - sd for mean, sd in zip(curve.mean_deg, curve.sd_deg, strict=True)]
    high = [mean + sd for mean, sd in zip(curve.mean_deg, curve.sd_deg, strict=True)]
    band = go.Scatter(**_band(low, high), fillcolor=colour, opacity=0.15, showlegend=False)
    name = tr("{side}, {count} strides", side=_side_words(curve.side), count=curve.strides)
    return band, _line(curve, name, _SIDES[curve.side])


def _band(low: Sequence[float], high: Sequence[float]) -> dict[str, Any]:
    phases = _phases(len(low))
    return {
        "x": [*phases, *reversed(phases)],
        "y": [*low, *reversed(high)],
        "fill": "toself",
        "mode": "none",
        "hoverinfo": "skip",
    }


def _line(curve: JointCurveFacts, name: str, style: tuple[str, str]) -> go.Scatter:
    return go.Scatter(
        x=_phases(len(curve.mean_deg)),
        y=list(curve.mean_deg),
        name=name,
        mode="lines",
        line={"color": style[0], "dash": style[1], "width": 2.5},
        hovertemplate="%{x:.0f} %: %{y:.1f}°<extra></extra>",
    )


def _phases(points: int) -> list[float]:
    return [100 * i / (points - 1) for i in range(points)]


def _axis() -> dict[str, Any]:
    return {"gridcolor": "#e3eaec", "zeroline": True, "zerolinecolor": "#c9d5d8", "linecolor": "#c9d5d8"}


def _side_words(side: str) -> str:
    return {"left": tr("left"), "right": tr("right"), "": tr("middle")}[side]


def _table(curves: Sequence[JointCurveFacts]) -> None:
    """Every fifth point of each curve: what the charts show, for a screen reader."""
    steps = [round(i * (len(curves[0].mean_deg) - 1) / (_TABLE_STEPS - 1)) for i in range(_TABLE_STEPS)]
    percents = [f"{100 * step / (len(curves[0].mean_deg) - 1):.0f} %" for step in steps]
    look.table(
        (tr("Joint"), *percents, tr("Range")),
        [
            (
                escape(gait_words.joint_label(curve.joint, language(), curve.side)),
                *(f"{curve.mean_deg[step]:.0f}°" for step in steps),
                f"{max(curve.mean_deg) - min(curve.mean_deg):.0f}°",
            )
            for curve in curves
        ],
    )
