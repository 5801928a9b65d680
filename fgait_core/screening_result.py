"""What screening a recording says, in the form that is stored, exchanged and printed (docs/screening_json.md).

Nothing here loads a network, so that pages and reports can read results quickly.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION = 1

Fraction = float
"""A number from 0 to 1."""


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RecordingFacts(_Facts):
    """The file that was screened. What could not be read of a damaged file is null."""

    file_name: str
    sha256: str
    size_bytes: int
    width_px: int | None = None
    height_px: int | None = None
    frame_rate_hz: float | None = None
    duration_s: float | None = None
    codec: str | None = None
    container: str | None = None
    rotation_deg: int | None = None
    variable_frame_rate: bool | None = None


class PersonFacts(_Facts):
    """One person who was seen; number 1 is the one who walks furthest in full view."""

    number: int
    seed_time_s: float
    box_px: tuple[float, float, float, float]
    travel_body_heights: float
    visible_s: float
    in_full_view: bool


class CheckFacts(_Facts):
    """One quality check with what it measured, what it asks for and what to do when it fails."""

    name: str
    label: str
    value: float | str | None
    unit: str
    threshold: str
    passed: bool
    blocking: bool
    advice: str


class QualityFacts(_Facts):
    """All quality checks. `passed` means that none of the blocking ones failed."""

    passed: bool
    view: str | None = None
    steps: int | None = None
    checks: tuple[CheckFacts, ...] = ()


class SequenceFacts(_Facts):
    """The silhouettes that were scored; times are those of the recording."""

    frames: int
    frame_rate_hz: float
    first_s: float
    last_s: float


class OperatingPointFacts(_Facts):
    """The cut-off that was fixed beforehand and how it did on people whom the model never saw."""

    threshold: Fraction
    sensitivity: Fraction
    sensitivity_interval: tuple[Fraction, Fraction]
    specificity: Fraction
    specificity_interval: tuple[Fraction, Fraction]
    n_positive: int
    n_negative: int


class CalibrationFacts(_Facts):
    """How well probabilities agreed with outcomes on people whom the model never saw."""

    ece: float
    brier: float
    slope: float
    intercept: float
    n_people: int


class ScoreFacts(_Facts):
    """The calibrated score of one task. `probabilities` has one entry for each of `class_order` and sums to 1.

    `fitted_on` names the view on whose recordings calibrator and prediction set were fitted, "any" for all views
    together; it is missing (None) in results of versions that knew no views.
    """

    task: str
    class_order: tuple[str, ...]
    probabilities: dict[str, Fraction]
    positive_class: str
    interval: tuple[Fraction, Fraction]
    interval_method: str
    prediction_set: tuple[str, ...]
    coverage: Fraction
    fitted_on: str | None = None
    abstained: bool
    above_threshold: bool
    operating_point: OperatingPointFacts
    calibration: CalibrationFacts
    model_version: str
    simulated: bool


class TypicalityFacts(_Facts):
    """Whether the recording is like those that the model learned from; where it is not, every score abstains.

    Attributes:
        score: unlikeness; about 0 for people of the training data.
        threshold: fixed beforehand; a recording above it is unlike the training data.
        typical: whether the score is at or below the threshold.
        reason: why every score abstains and what to do; empty for a typical recording.
        false_alarm_rate: share of people like the training data of whom a recording shall be called unlike.
        measured_false_alarm_rate: what that share was on people whom the model never saw, with its 95 % interval.
    """

    score: float
    threshold: float
    typical: bool
    reason: str
    false_alarm_rate: Fraction
    measured_false_alarm_rate: Fraction
    measured_false_alarm_interval: tuple[Fraction, Fraction]


class AdaptationFacts(_Facts):
    """What a clinic changed of the package that it began with, and on whom.

    Attributes:
        task: whose outcomes were confirmed.
        scope: what of the package changed: "recalibration", "head", "head_and_last_stage" or "whole_network".
        people: of the clinic whom it was fitted on.
        recordings: of these people.
        simulated_people: whether any of them is simulated.
        base_name: of the package that it began with.
        base_version: likewise.
    """

    task: str
    scope: str
    people: int
    recordings: int
    simulated_people: bool
    base_name: str
    base_version: str


class ModelFacts(_Facts):
    """The model package that made the scores; `adapted_on` is None where no clinic retrained it."""

    name: str
    version: str
    sha256: str
    training_data: str
    known_gaps: tuple[str, ...]
    people: dict[str, int]
    adapted_on: AdaptationFacts | None = None


class ScreeningResult(_Facts):
    """The whole result of one recording; a refused recording has `reasons` and no `scores`.

    `typicality` is missing (None) in results of versions that had no such guard, and in refused recordings.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    created_by: str
    recording: RecordingFacts
    people: tuple[PersonFacts, ...] = ()
    person: int | None = None
    quality: QualityFacts
    sequence: SequenceFacts | None = None
    scores: tuple[ScoreFacts, ...] = ()
    typicality: TypicalityFacts | None = None
    model: ModelFacts
    simulated: bool
    refused: bool
    reasons: tuple[str, ...] = ()

    def to_json(self) -> dict:
        """The plain values that `json.dumps` writes."""
        return self.model_dump(mode="json")
