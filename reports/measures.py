"""Figures that were measured of a model, as frozen dataclasses that refuse values that cannot be true."""

from __future__ import annotations

import math
from dataclasses import dataclass

from reports.checks import require, require_share, require_text


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval within 0 and 1, both ends included."""

    low: float
    high: float

    def __post_init__(self) -> None:
        require_share(self.low, "The lower end of an interval")
        require_share(self.high, "The upper end of an interval")
        require(self.low <= self.high, f"An interval must not end ({self.high}) before it begins ({self.low}).")


@dataclass(frozen=True, slots=True)
class OperatingPointBlock:
    """The threshold that was fixed beforehand and what it reached on people kept apart for testing.

    Attributes:
        threshold: on the probability of the positive class.
        sensitivity, specificity: with their 95 % intervals.
        n_positive, n_negative: test people with and without the condition.
    """

    threshold: float
    sensitivity: float
    sensitivity_interval: Interval
    specificity: float
    specificity_interval: Interval
    n_positive: int
    n_negative: int

    def __post_init__(self) -> None:
        require_share(self.threshold, "The operating threshold")
        require_share(self.sensitivity, "The sensitivity")
        require_share(self.specificity, "The specificity")
        require(self.n_positive > 0, "A sensitivity needs at least one test person with the condition.")
        require(self.n_negative > 0, "A specificity needs at least one test person without the condition.")

    @property
    def prevalence(self) -> float:
        """Share of the test people who had the condition."""
        return self.n_positive / (self.n_positive + self.n_negative)

    @property
    def beats_chance(self) -> bool:
        """Whether sensitivity + specificity - 1 lies above 0 with its whole 95 % interval.

        The lower end is that of a sum of two independent shares (Newcombe's method of variance recovery).
        """
        below_sensitivity = self.sensitivity - self.sensitivity_interval.low
        below_specificity = self.specificity - self.specificity_interval.low
        youden = self.sensitivity + self.specificity - 1.0
        return youden - math.hypot(below_sensitivity, below_specificity) > 0.0

    def predictive_values(self, prevalence: float) -> tuple[float | None, float | None]:
        """Positive and negative predictive value at a prevalence, by Bayes' rule.

        Returns:
            (PPV, NPV), each within 0 and 1, or None where no result of that sign can occur.
        """
        require_share(prevalence, "The prevalence")
        true_positive = self.sensitivity * prevalence
        false_positive = (1.0 - self.specificity) * (1.0 - prevalence)
        true_negative = self.specificity * (1.0 - prevalence)
        false_negative = (1.0 - self.sensitivity) * prevalence
        positives, negatives = true_positive + false_positive, true_negative + false_negative
        return (true_positive / positives if positives else None, true_negative / negatives if negatives else None)


@dataclass(frozen=True, slots=True)
class CalibrationBlock:
    """How well the probabilities agree with what was true of people kept apart.

    Attributes:
        ece: expected calibration error, 0 is perfect.
        brier: Brier score, 0 is perfect.
        slope, intercept: of the logistic recalibration line, 1 and 0 are perfect.
        n_people: on how many people this was measured.
    """

    ece: float
    brier: float
    slope: float
    intercept: float
    n_people: int

    def __post_init__(self) -> None:
        require_share(self.ece, "The expected calibration error")
        finite = math.isfinite(self.brier) and 0.0 <= self.brier <= 2.0
        require(finite, f"The Brier score must lie within 0 and 2; it is {self.brier}.")
        require(math.isfinite(self.slope), "The calibration slope must be a finite number.")
        require(math.isfinite(self.intercept), "The calibration intercept must be a finite number.")
        require(self.n_people > 0, "A calibration needs at least one person.")


@dataclass(frozen=True, slots=True)
class TypicalityBlock:
    """Whether the recording is like those that the model learned from; no score of one that is not means anything.

    Attributes:
        unlikeness: about 0 for people of the training data, without unit.
        threshold: fixed beforehand; a recording above it is unlike the training data.
        reason: why no score is given and what to do; empty for a typical recording.
        false_alarm_rate: promised share of people like those of the training data of whom a recording is called unlike.
        measured_false_alarm_rate: that share of the test people, with its 95 % interval.
    """

    unlikeness: float
    threshold: float
    typical: bool
    reason: str
    false_alarm_rate: float
    measured_false_alarm_rate: float
    measured_false_alarm_interval: Interval

    def __post_init__(self) -> None:
        require(math.isfinite(self.unlikeness), "The unlikeness of a recording must be a finite number.")
        require(math.isfinite(self.threshold), "The threshold of the unlikeness must be a finite number.")
        require(
            self.typical == (self.unlikeness <= self.threshold),
            f"'typical' contradicts the unlikeness {self.unlikeness} and the threshold {self.threshold}.",
        )
        if not self.typical:
            require_text(self.reason, "The reason why a recording is not scored")
        require_share(self.false_alarm_rate, "The promised rate of false alarms")
        require_share(self.measured_false_alarm_rate, "The measured rate of false alarms")
