"""What healthy people of an age and sex show, and how well this software measures it: tables of the package.

`norms.json` holds simulated healthy walkers as they truly walk, `accuracy.json` the errors of measurement by view and
frame rate; `fgait gait-accuracy` makes both (docs/evidence/gait_parameters.md). Published figures go before simulated
ones where a source gives mean and standard deviation for that age (`simulation.gait.norms`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import hypot
from typing import Any

import numpy as np

from fgait_core.gait_parameters.subject import Subject
from fgait_core.screening_result import JointCurveFacts, NormFacts
from fgait_core.simulation.gait.norms import NORMS

SIMULATED = "Simulated healthy walkers, widened by the error of measurement from this view"
_PUBLISHED = {
    "cadence": "cadence_steps_min",
    "walking_speed_m_s": "speed_m_s",
}
"""Parameters whose published figures mean the same as ours; angles of other marker models do not."""
_MINUTES_OVER = {"stride_time": 120.0, "step_time": 60.0}
"""Parameters that are cadence turned round: so many seconds over steps a minute."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How well a parameter is measured from one view at one frame rate, on simulated walkers.

    Attributes:
        bias, sd: mean and standard deviation of measured minus true.
        minimal_detectable_change: 1.96 x sqrt(2) x standard error of measurement between two recordings; None where
            too few walkers were recorded twice.
    """

    bias: float
    sd: float
    minimal_detectable_change: float | None

    @property
    def error(self) -> float:
        """Root mean square of measured minus true."""
        return hypot(self.bias, self.sd)


def accuracy_of(name: str, view: str, frame_rate_hz: float) -> Accuracy | None:
    """The row of the nearest frame rate; None where nothing was measured from that view."""
    rows = [row for row in _table("accuracy.json")["rows"] if row["parameter"] == name and row["view"] == view]
    if not rows:
        return None
    row = min(rows, key=lambda row: abs(row["frame_rate_hz"] - frame_rate_hz))
    return Accuracy(row["bias"], row["sd"], row["minimal_detectable_change"])


def norm_of(name: str, view: str, frame_rate_hz: float, subject: Subject) -> NormFacts | None:
    """What healthy people of the subject's age and sex show; None where the age is unknown or nothing fits."""
    if subject.age_years is None:
        return None
    if name in _MINUTES_OVER:
        rhythm = norm_of("cadence", view, frame_rate_hz, subject)
        return None if rhythm is None else _inverse(rhythm, _MINUTES_OVER[name])
    return _published(name, subject) or _simulated(name, accuracy_of(name, view, frame_rate_hz), subject)


def _inverse(rhythm: NormFacts, seconds: float) -> NormFacts:
    """The norm of a time that is so many seconds over cadence: what is usual of one is usual of the other, too.

    Its mean -/+ 2 SD are those of the cadence turned round; the mean lies between them.
    """
    shortest, longest = seconds / (rhythm.mean + 2.0 * rhythm.sd), seconds / (rhythm.mean - 2.0 * rhythm.sd)
    update = {"mean": round((shortest + longest) / 2.0, 4), "sd": round((longest - shortest) / 4.0, 4)}
    return rhythm.model_copy(update=update)


def _published(name: str, subject: Subject) -> NormFacts | None:
    fitting = [
        norm
        for norm in NORMS
        if norm.number == _PUBLISHED.get(name)
        and norm.sd is not None
        and norm.ages_years[0] <= (subject.age_years or 0.0) < norm.ages_years[1]
        and norm.sex in ("both", subject.sex)
    ]
    if not fitting:
        return None
    norm = fitting[0]
    return NormFacts(
        mean=norm.mean,
        sd=norm.sd or 0.0,
        ages_years=norm.ages_years,
        sex=norm.sex,
        source=norm.source[0].upper() + norm.source[1:],
        simulated=False,
    )


def _simulated(name: str, accuracy: Accuracy | None, subject: Subject) -> NormFacts | None:
    groups = [group for group in _table("norms.json")["groups"] if _fits(group, subject)]
    if accuracy is None or not groups or name not in groups[0]["parameters"]:
        return None
    means, sds = np.array([group["parameters"][name] for group in groups]).T
    # Of women and men together: the spread within each group and that between their means.
    sd = float(np.sqrt((sds**2).mean() + means.var()))
    return NormFacts(
        mean=round(float(means.mean()), 4),
        sd=round(hypot(sd, accuracy.error), 4),
        ages_years=tuple(groups[0]["ages_years"]),
        sex=subject.sex or "both",
        source=SIMULATED,
        simulated=True,
    )


def _fits(group: dict[str, Any], subject: Subject) -> bool:
    """Whether the subject's age is in a group's, and the sex, too, where the subject's is known."""
    known = subject.age_years is not None and _holds(group["ages_years"], subject.age_years)
    return known and subject.sex in (None, group["sex"])


def with_norm(curve: JointCurveFacts, subject: Subject) -> JointCurveFacts:
    """A curve with the band of healthy people of the subject's age, mean -/+ 2 SD; as it is where none fits."""
    if subject.age_years is None:
        return curve
    groups = [group for group in _table("norms.json")["curves"] if _holds(group["ages_years"], subject.age_years)]
    if not groups or curve.joint not in groups[0]["joints"]:
        return curve
    norm = groups[0]["joints"][curve.joint]
    mean = np.array(norm["mean_deg"])
    band = 2.0 * np.hypot(norm["sd_deg"], _table("accuracy.json")["curve_errors_deg"].get(curve.joint, 0.0))
    return curve.model_copy(
        update={
            "norm_low_deg": tuple(np.round(mean - band, 1).tolist()),
            "norm_high_deg": tuple(np.round(mean + band, 1).tolist()),
            "norm_source": SIMULATED,
        }
    )


def _holds(ages_years: list[float], age_years: float) -> bool:
    return ages_years[0] <= age_years < ages_years[1] + 1.0


@cache
def _table(name: str) -> dict[str, Any]:
    return json.loads((resources.files("fgait_core.gait_parameters") / name).read_text(encoding="utf-8"))
