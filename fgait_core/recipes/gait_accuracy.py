"""How well gait parameters are measured: simulated films through the real segmenter against the simulator's truth.

Errors, by view and frame rate, are over all films. The minimal detectable change is from walkers who were filmed twice
from the same side with camera, clothes and room drawn anew: 1.96 x sqrt(2) x SEM, where SEM squared is half the mean
squared difference of the two, freed of what truly differed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fgait_core.gait_parameters.curves import curves_of
from fgait_core.gait_parameters.cycles import gait_cycles
from fgait_core.gait_parameters.events import detect_events
from fgait_core.gait_parameters.measure import believed_cycles, measured_of
from fgait_core.gait_parameters.measured import Measured
from fgait_core.gait_parameters.names import ALL_VIEWS, PARAMETERS
from fgait_core.gait_parameters.picture_series import picture_series
from fgait_core.gait_parameters.subject import Subject
from fgait_core.gait_parameters.times import times_of
from fgait_core.recipes.gait_parameter_truth import TrueWalk, true_curves, true_parameters
from fgait_core.recipes.gait_truth import FRAME_RATE_HZ, FilmKey, FilmTruth, GaitFilm
from fgait_core.screening_result import JointCurveFacts

MOST_ERROR = 1.5
"""A view supports a parameter if neither the mean error nor its scatter is more than this times what truly differs
between simulated people (standard deviation) ..."""
LEAST_CORRELATION = 0.5
"""... and measured and true values correlate at least so."""
LEAST_FILMS, LEAST_PAIRS = 5, 3
LEAST_FRAMES = 10
_LIMBS = ("hip_range", "knee_range", "arm_swing")
_CONTACTS = (
    *("stance", "swing", "double_support", "step_time_asymmetry", "stance_asymmetry"),
    *("stride_time_variability", "step_time_variability"),
)
"""Parameters whose truth is in the contacts of the feet."""


@dataclass(frozen=True, slots=True, eq=False)
class FilmErrors:
    """What was measured and what is true of one film at one frame rate; only parameters that were found."""

    key: FilmKey
    frame_rate_hz: float
    measured: dict[str, Measured]
    true: dict[str, float]


@dataclass(frozen=True, slots=True)
class AccuracyRow:
    """The error of one parameter from one view at one frame rate.

    Attributes:
        parameter, view, frame_rate_hz: what and how.
        films: filmed from that view.
        found: films of which a value was found.
        bias, sd: mean and standard deviation of measured minus true.
        true_mean, true_sd: of the films in which a value was found.
        correlation: of measured and true values; NaN where nothing differs.
        minimal_detectable_change: None with fewer than `LEAST_PAIRS` walkers filmed twice.
    """

    parameter: str
    view: str
    frame_rate_hz: float
    films: int
    found: int
    bias: float
    sd: float
    true_mean: float
    true_sd: float
    correlation: float
    minimal_detectable_change: float | None

    @property
    def supported(self) -> bool:
        """Whether the view can support the parameter at all."""
        most = MOST_ERROR * self.true_sd
        return self.sd <= most and abs(self.bias) <= most and self.correlation >= LEAST_CORRELATION


def measure_films(films: Iterable[GaitFilm], thinnings: Sequence[int] = (1, 2, 3)) -> list[FilmErrors]:
    """Measures every film at its own rate and thinned."""
    found = []
    for film in films:
        true, subject = _true_of(film), Subject(body_height_m=film.truth.walker.body.height_m)
        for every in thinnings:
            if len(film.walk.sequence) < LEAST_FRAMES * every:
                continue
            walk = film.thinned(every)
            cycles = believed_cycles(walk, detect_events(walk))
            values = measured_of(walk, cycles, film.key.view, subject)
            known = {
                name: value
                for name, value in values.items()
                if value is not None and value.n >= PARAMETERS[name].at_least
            }
            found.append(FilmErrors(film.key, FRAME_RATE_HZ / every, known, true))
    return found


def _true_of(film: GaitFilm) -> dict[str, float]:
    """True values by name; of the limbs, those of the side that is turned to the camera."""
    true = true_parameters(true_walk(film.truth))
    contacts = times_of(gait_cycles(film.truth.events, film.walk.sequence.timestamps_s), None)
    near = "right" if film.key.view_deg < 180.0 else "left"
    return {
        **true,
        **{name: true[f"{name}_{near}"] for name in _LIMBS},
        **{name: value.value for name in _CONTACTS if (value := contacts[name]) is not None},
    }


def true_walk(truth: FilmTruth) -> TrueWalk:
    """The walk of a film; its cadence is the one of this recording."""
    posed = truth.posed
    phase = posed.passage.phase_cycles
    strides_hz = float(phase[-1] - phase[0]) / (len(phase) - 1) * FRAME_RATE_HZ
    return TrueWalk(
        posed.joints_m, posed.passage.position_m, FRAME_RATE_HZ, 120.0 * strides_hz, truth.walker.body.height_m
    )


def accuracy_rows(errors: Sequence[FilmErrors]) -> list[AccuracyRow]:
    """The table by parameter, view and frame rate; a row needs `LEAST_FILMS` films with a value."""
    rates = sorted({error.frame_rate_hz for error in errors}, reverse=True)
    rows = []
    for name in PARAMETERS:
        for view in ALL_VIEWS:
            for rate_hz in rates:
                same = [e for e in errors if e.key.view == view and e.frame_rate_hz == rate_hz]
                row = _row(name, view, rate_hz, same)
                if row is not None:
                    rows.append(row)
    return rows


def _row(name: str, view: str, rate_hz: float, errors: Sequence[FilmErrors]) -> AccuracyRow | None:
    pairs = [(e.measured[name].value, e.true[name]) for e in errors if name in e.measured and name in e.true]
    pairs = [pair for pair in pairs if np.isfinite(pair).all()]
    if len(pairs) < LEAST_FILMS:
        return None
    measured, true = np.array(pairs).T
    differs = measured.std() > 0 and true.std() > 0
    return AccuracyRow(
        parameter=name,
        view=view,
        frame_rate_hz=rate_hz,
        films=len(errors),
        found=len(pairs),
        bias=float((measured - true).mean()),
        sd=float((measured - true).std(ddof=1)),
        true_mean=float(true.mean()),
        true_sd=float(true.std(ddof=1)),
        correlation=float(np.corrcoef(measured, true)[0, 1]) if differs else float("nan"),
        minimal_detectable_change=_minimal_detectable_change(name, errors),
    )


def _minimal_detectable_change(name: str, errors: Sequence[FilmErrors]) -> float | None:
    people: dict[int, list[float]] = {}
    for error in errors:
        if name in error.measured and np.isfinite(error.true.get(name, np.nan)):
            people.setdefault(error.key.person, []).append(error.measured[name].value - error.true[name])
    variances = [float(np.var(values, ddof=1)) for values in people.values() if len(values) > 1]
    if len(variances) < LEAST_PAIRS:
        return None
    return 1.96 * sqrt(2.0) * sqrt(float(np.mean(variances)))


def curve_errors(films: Iterable[GaitFilm]) -> dict[str, list[float]]:
    """Root mean square error of each joint's curve at each of its points, from the views that give the curve."""
    differences: dict[str, list[NDArray[np.float64]]] = {}
    for film in films:
        true = true_curves(true_walk(film.truth))
        for curve in curves_of(
            picture_series(film.walk), believed_cycles(film.walk, detect_events(film.walk)), film.key.view
        ):
            name = _true_name(curve)
            if name in true:
                differences.setdefault(curve.joint, []).append(np.array(curve.mean_deg) - true[name])
    return {
        joint: np.round(np.sqrt((np.stack(rows) ** 2).mean(axis=0)), 1).tolist() for joint, rows in differences.items()
    }


def _true_name(curve: JointCurveFacts) -> str:
    return f"{curve.joint}_{curve.side}" if curve.side else curve.joint


def write_accuracy(rows: Sequence[AccuracyRow], curves: dict[str, list[float]], out: Path) -> None:
    """Writes the tables that travel with the package, one row a line."""
    lines = [json.dumps(_rounded(row)) for row in rows]
    errors = [f"{json.dumps(joint)}: {json.dumps(values)}" for joint, values in curves.items()]
    text = '{\n "rows": [\n  ' + ",\n  ".join(lines) + '\n ],\n "curve_errors_deg": {\n  ' + ",\n  ".join(errors)
    out.write_text(text + "\n }\n}\n", encoding="utf-8")


def _rounded(row: AccuracyRow) -> dict[str, object]:
    return {
        "parameter": row.parameter,
        "view": row.view,
        "frame_rate_hz": row.frame_rate_hz,
        "films": row.films,
        "found": row.found,
        "bias": round(row.bias, 4),
        "sd": round(row.sd, 4),
        "true_sd": round(row.true_sd, 4),
        "correlation": round(row.correlation, 3) if np.isfinite(row.correlation) else 0.0,
        "minimal_detectable_change": _four_digits(row.minimal_detectable_change),
        "supported": row.supported,
    }


def _four_digits(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def accuracy_table(rows: Sequence[AccuracyRow]) -> str:
    """One line for each parameter and view as a Markdown table; details of the middle frame rate."""
    rates = sorted({row.frame_rate_hz for row in rows}, reverse=True)
    head = [
        "parameter",
        "view",
        *(f"error at {rate:.0f}/s" for rate in rates),
        "true",
        "films",
        "r",
        "change",
        "passed",
    ]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name in PARAMETERS:
        for view in ALL_VIEWS:
            same = {row.frame_rate_hz: row for row in rows if (row.parameter, row.view) == (name, view)}
            if same:
                lines.append(f"| {' | '.join(_cells(same, rates))} |")
    return "\n".join(lines)


def _cells(same: dict[float, AccuracyRow], rates: Sequence[float]) -> list[str]:
    row = same.get(rates[len(rates) // 2], next(iter(same.values())))
    change = row.minimal_detectable_change
    return [
        row.parameter,
        row.view,
        *(f"{same[rate].bias:+.2g} ± {same[rate].sd:.2g}" if rate in same else "" for rate in rates),
        f"{row.true_mean:.3g} ± {row.true_sd:.2g}",
        f"{row.found} of {row.films}",
        f"{row.correlation:.2f}",
        "" if change is None else f"{change:.2g}",
        "yes" if row.supported else "no",
    ]
