"""What was measured of a walk beside its scores, as frozen dataclasses that refuse values that cannot be true."""

from __future__ import annotations

import math
from dataclasses import dataclass

from reports.checks import require, require_share, require_text

SIDES = ("left", "right", "")


@dataclass(frozen=True, slots=True)
class NormBlock:
    """What healthy people of that age and sex show; `sex` is "female", "male" or "both"."""

    mean: float
    sd: float
    ages_years: tuple[float, float]
    sex: str
    source: str
    simulated: bool

    def __post_init__(self) -> None:
        require(math.isfinite(self.mean), "The mean of a norm must be a finite number.")
        require(math.isfinite(self.sd) and self.sd > 0, f"The spread of a norm must be above 0; it is {self.sd}.")
        require_text(self.source, "The source of a norm")

    @property
    def limits(self) -> tuple[float, float]:
        """Mean minus and plus two standard deviations."""
        return self.mean - 2 * self.sd, self.mean + 2 * self.sd


@dataclass(frozen=True, slots=True)
class ParameterLine:
    """One gait parameter, or why there is none.

    Attributes:
        name: as in the stored result, for example "cadence".
        unit: as in the stored result.
        value: None where the recording cannot support it.
        why_not: the reason's code where there is no value, else empty.
        n: steps or strides that it is from.
        standard_error: of the value in this recording.
        minimal_detectable_change: the smallest difference between two recordings that is more than error, at 95 %.
        norm: None where nothing fitting is known.
        validated: False for what video without markers is not known to measure.
    """

    name: str
    unit: str
    value: float | None
    why_not: str = ""
    n: int = 0
    standard_error: float | None = None
    minimal_detectable_change: float | None = None
    norm: NormBlock | None = None
    validated: bool = True

    def __post_init__(self) -> None:
        require_text(self.name, "The name of a gait parameter")
        require((self.value is None) == bool(self.why_not), f"{self.name!r} has a value or a reason for having none.")
        require(self.value is None or math.isfinite(self.value), f"The value of {self.name!r} must be finite.")
        require(self.n >= 0, f"A number of steps must not be negative; it is {self.n}.")

    @property
    def outside_norm(self) -> bool:
        """Whether the value lies more than two standard deviations from the mean of its norm."""
        if self.value is None or self.norm is None:
            return False
        low, high = self.norm.limits
        return not low <= self.value <= high


@dataclass(frozen=True, slots=True)
class CurveBlock:
    """A joint angle over the gait cycle, from one heel strike to the next of the same foot.

    Attributes:
        joint: for example "knee".
        side: "left", "right" or empty.
        mean_deg, sd_deg: over the strides, evenly spaced from 0 to 100 % of the cycle.
        strides: how many.
        norm_low_deg, norm_high_deg: mean minus and plus 2 SD of healthy people; empty where nothing fitting is known.
        norm_source: who they are.
    """

    joint: str
    side: str
    mean_deg: tuple[float, ...]
    sd_deg: tuple[float, ...]
    strides: int
    norm_low_deg: tuple[float, ...] = ()
    norm_high_deg: tuple[float, ...] = ()
    norm_source: str = ""

    def __post_init__(self) -> None:
        require_text(self.joint, "The joint of a curve")
        require(self.side in SIDES, f"The side of a curve must be left, right or empty; it is {self.side!r}.")
        points = len(self.mean_deg)
        require(points >= 2 and len(self.sd_deg) == points, "A curve needs a mean and a spread at two points or more.")
        norms = {len(self.norm_low_deg), len(self.norm_high_deg)}
        require(norms in ({0}, {points}), "The norms of a curve must have as many points as the curve, or none.")
        figures = (*self.mean_deg, *self.sd_deg, *self.norm_low_deg, *self.norm_high_deg)
        require(all(map(math.isfinite, figures)), "The angles of a curve must be finite numbers.")


@dataclass(frozen=True, slots=True)
class GaitBlock:
    """All that was measured of a walk beside its scores; it explains no score."""

    view: str
    event_detector: str
    heel_strikes: int
    parameters: tuple[ParameterLine, ...]
    curves: tuple[CurveBlock, ...] = ()

    @property
    def measured(self) -> tuple[ParameterLine, ...]:
        """The parameters that have a value."""
        return tuple(line for line in self.parameters if line.value is not None)


@dataclass(frozen=True, slots=True)
class EffectBlock:
    """How much the probability fell when a part was hidden, with its spread under small changes.

    Attributes:
        effect: probability as it is minus probability with the part hidden.
        spread: standard deviation of `effect`.
        band: name of the band of the body; empty for a part of the gait cycle.
        rows: first row of the band and row behind its last, of 64.
        phase: from and to, as shares of the gait cycle; None for a band.
    """

    effect: float
    spread: float
    band: str = ""
    rows: tuple[int, int] = (0, 0)
    phase: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        require(-1 <= self.effect <= 1, f"An effect on a probability must lie within -1 and 1; it is {self.effect}.")
        require(math.isfinite(self.spread) and self.spread >= 0, "The spread of an effect must not be negative.")
        require(bool(self.band) == (self.phase is None), "An effect is of a band or of a part of the cycle.")
        if self.band:
            require(0 <= self.rows[0] < self.rows[1] <= 64, f"The rows {self.rows} of {self.band!r} lie outside.")
        for share in self.phase or ():
            require_share(share, "An end of a part of the gait cycle")


@dataclass(frozen=True, slots=True)
class ExplanationBlock:
    """Which parts of the body and of the gait cycle moved a score; it says nothing of causes.

    Attributes:
        task: whose score.
        shown: whether it passed its checks; if not, `why_not` holds the reason's code and nothing is drawn.
        method: in words.
        bands, phases: the effects.
        stability: correlation of the effects under small changes, at least `stability_needed`.
        random_model: correlation with a network of random weights, at most `random_model_allowed`.
    """

    task: str
    shown: bool
    method: str
    stability_needed: float
    random_model_allowed: float
    why_not: str = ""
    bands: tuple[EffectBlock, ...] = ()
    phases: tuple[EffectBlock, ...] = ()
    stability: float | None = None
    random_model: float | None = None

    def __post_init__(self) -> None:
        require_text(self.task, "The task of an explanation")
        require(self.shown != bool(self.why_not), "An explanation is shown, or says why it is not.")
        require(not self.shown or bool(self.bands), "An explanation that is shown needs the bands of the body.")
        require(all(each.band for each in self.bands), "The bands of an explanation need their names.")
        require(all(each.phase for each in self.phases), "The moments of an explanation need their place in the cycle.")


@dataclass(frozen=True, slots=True)
class ReferenceBlock:
    """A simulated walker whose silhouettes are near to these; `labels` holds the class of each task."""

    similarity: float
    sex: str
    age_years: float
    view: str
    labels: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        require(-1.001 <= self.similarity <= 1.001, f"A similarity must lie within -1 and 1; it is {self.similarity}.")
