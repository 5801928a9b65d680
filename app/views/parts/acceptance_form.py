"""The acceptance criteria of a protocol: what a candidate must do on the locked people."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.views.parts.words import tr
from fgait_core.config.retraining import AcceptanceConfig


def form() -> AcceptanceConfig:
    """Draws the criteria with their defaults and returns them as they stand."""
    default = AcceptanceConfig()
    st.caption(tr("Measured on the locked gate people. Differences are candidate − production, with 95 % intervals."))
    people = st.columns(2)
    min_positive = _count(
        people[0],
        tr("Gate people with the condition"),
        default.min_positive,
        "min-positive",
        tr("With fewer, nothing can be promoted whatever the figures say."),
    )
    min_negative = _count(
        people[1],
        tr("Gate people without it"),
        default.min_negative,
        "min-negative",
        tr("Likewise for people without it."),
    )
    first = st.columns(2)
    auroc = _margin(
        first[0],
        tr("AUROC may be lower by"),
        default.auroc_margin,
        "auroc-margin",
        tr("The whole 95 % interval of the difference must lie above minus this."),
    )
    brier = _margin(
        first[1],
        tr("Brier score may be higher by"),
        default.brier_margin,
        "brier-margin",
        tr("The whole 95 % interval of the difference must lie below this. Lower is better."),
    )
    second = st.columns(2)
    sensitivity = _margin(
        second[0],
        tr("Sensitivity may be lower by"),
        default.sensitivity_margin,
        "sensitivity-margin",
        tr(
            "As for AUROC, each version at its own threshold; or the candidate itself reaches the wanted "
            "sensitivity less this. 0.1 are 10 percentage points."
        ),
    )
    specificity = _margin(
        second[1],
        tr("Specificity may be lower by"),
        default.specificity_margin,
        "specificity-margin",
        tr("Likewise; it may fall further by what the sensitivity rises."),
    )
    third = st.columns(2)
    excess = _margin(
        third[0],
        tr("ECE beyond chance at most"),
        default.max_excess_ece,
        "max-excess-ece",
        tr("Calibration error less what a perfectly calibrated model of as many people shows by chance."),
    )
    floor = _margin(
        third[1],
        tr("AUROC in each subgroup at least"),
        default.subgroup_floor,
        "subgroup-floor",
        tr("Of sex, age, view, device and site."),
    )
    fourth = st.columns(2)
    subgroup_min = _count(
        fourth[0],
        tr("People of each kind for a subgroup"),
        default.subgroup_min,
        "subgroup-min",
        tr("Smaller subgroups are not judged."),
    )
    chance = st.checkbox(
        tr("Must be better than chance"),
        value=default.better_than_chance,
        key="better-than-chance",
        help=tr("The 99 % interval of the candidate's AUROC must lie above 0.5."),
    )
    slope = st.slider(
        tr("Calibration slope within"),
        min_value=0.1,
        max_value=3.0,
        value=default.slope,
        step=0.1,
        key="slope",
        help=tr("1 is best; below, probabilities are too extreme. The 95 % interval must touch this range."),
    )
    return AcceptanceConfig(
        min_positive=min_positive,
        min_negative=min_negative,
        auroc_margin=auroc,
        brier_margin=brier,
        sensitivity_margin=sensitivity,
        specificity_margin=specificity,
        better_than_chance=chance,
        slope=slope,
        max_excess_ece=excess,
        subgroup_floor=floor,
        subgroup_min=subgroup_min,
    )


def _count(place: Any, label: str, value: int, key: str, words: str) -> int:
    return int(place.number_input(label, min_value=1, max_value=100_000, value=value, key=key, help=words))


def _margin(place: Any, label: str, value: float, key: str, words: str) -> float:
    return float(
        place.number_input(
            label, min_value=0.0, max_value=1.0, value=value, step=0.01, format="%.2f", key=key, help=words
        )
    )
