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
    together; it is missing (None) in results of versions that knew no views. `clips` is the number of recordings that
    the score was fused from, `fusion` how that was done, in words.
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
    clips: int = 1
    fusion: str = ""


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


class NormFacts(_Facts):
    """What healthy people of that age and sex show.

    Attributes:
        mean, sd: in the unit of the parameter.
        ages_years: from, to.
        sex: "female", "male" or "both".
        source: where it was published, or that it is simulated.
        simulated: whether the people are simulated.
    """

    mean: float
    sd: float
    ages_years: tuple[float, float]
    sex: str
    source: str
    simulated: bool


class GaitParameterFacts(_Facts):
    """One number of a walk, or why there is none.

    Attributes:
        name: stable name, one of `fgait_core.gait_parameters.PARAMETERS`.
        unit: "steps/min", "s", "%", "% of body height", "body heights", "body heights/s", "m", "m/s" or "deg".
        value: None where the recording cannot support it.
        why_not: "" where there is a value, else "view", "too_few_steps", "frame_rate", "height_missing", "not_seen" or
            "not_measurable" (tried and refused for every view).
        n: steps or strides that it is from.
        standard_error: of the value in this recording.
        minimal_detectable_change: the smallest difference between two recordings from the same view that is more than
            measurement error, at 95 %.
        norm: None where nothing fitting is published.
        validated: False for what video without markers is not known to measure (van Bloemendaal 2019).
    """

    name: str
    unit: str
    value: float | None
    why_not: str = ""
    n: int = 0
    standard_error: float | None = None
    minimal_detectable_change: float | None = None
    norm: NormFacts | None = None
    validated: bool = True


class GaitEventFacts(_Facts):
    """A heel strike or a toe off; the time is that of the recording."""

    foot: Literal["left", "right"]
    kind: Literal["heel_strike", "toe_off"]
    time_s: float


class JointCurveFacts(_Facts):
    """A joint angle over the gait cycle, 51 points from one heel strike (0 %) to the next of the same foot (100 %).

    Attributes:
        joint: "hip", "knee", "ankle", "trunk", "pelvis" or "arm".
        side: "left", "right" or "" for the middle of the body.
        mean_deg, sd_deg: over the strides.
        strides: how many.
        norm_low_deg, norm_high_deg: mean -/+ 2 SD of healthy people; empty where nothing fitting is known.
        norm_source: who they are.
    """

    joint: str
    side: Literal["left", "right", ""]
    mean_deg: tuple[float, ...]
    sd_deg: tuple[float, ...]
    strides: int
    norm_low_deg: tuple[float, ...] = ()
    norm_high_deg: tuple[float, ...] = ()
    norm_source: str = ""


class GaitFacts(_Facts):
    """What was measured of a walk beside the scores; it explains no score."""

    view: str
    event_detector: str
    events: tuple[GaitEventFacts, ...]
    parameters: tuple[GaitParameterFacts, ...]
    curves: tuple[JointCurveFacts, ...] = ()


class BandEffectFacts(_Facts):
    """How much the probability of the positive class fell when a band of the body was hidden.

    Attributes:
        name: "head", "shoulders", "trunk", "hips", "thighs" or "lower_legs".
        rows: first row and row behind the last, of 64.
        effect: probability as it is minus probability with the band hidden, from -1 to 1.
        spread: standard deviation of `effect` under small changes of the recording.
    """

    name: str
    rows: tuple[int, int]
    effect: float
    spread: float


class PhaseEffectFacts(_Facts):
    """The same for a part of the gait cycle; from and to are shares of the cycle of the foot that strikes at 0."""

    phase: tuple[Fraction, Fraction]
    effect: float
    spread: float


class ExplanationFacts(_Facts):
    """Which parts of the body and of the gait cycle moved a score; it says nothing of causes.

    Attributes:
        task: whose score.
        shown: whether it passed its checks; what did not is not to be shown.
        why_not: "" if shown, else "unstable", "like_a_random_model", "unlike" (no score) or "too_short".
        method: in words.
        bands, phases: the effects; `phases` is empty where no gait cycle was found or they did not stay the same.
        stability: correlation of the effects under small changes, at least `stability_needed` to be shown.
        random_model: correlation with the effects in a network of random weights, at most `random_model_allowed`.
    """

    task: str
    shown: bool
    why_not: str = ""
    method: str
    bands: tuple[BandEffectFacts, ...] = ()
    phases: tuple[PhaseEffectFacts, ...] = ()
    stability: float | None = None
    stability_needed: float
    random_model: float | None = None
    random_model_allowed: float


class ReferenceWalkerFacts(_Facts):
    """A simulated walker whose silhouettes are near to these.

    Attributes:
        id: of the reference walker, for its picture.
        similarity: cosine of the embeddings, -1 to 1.
        sex: "female" or "male".
        age_years: of the simulated person.
        view: as filmed.
        labels: class of each task, e.g. {"scoliosis": "positive", "depression": "no"}.
        doses: how strong each condition is: Cobb angle in degrees, severity of depression.
    """

    id: str
    similarity: float
    sex: str
    age_years: float
    view: str
    labels: dict[str, str]
    doses: dict[str, float]


class ClipFacts(_Facts):
    """One recording of an assessment that was made from several; a refused one has reasons and no scores."""

    recording: RecordingFacts
    people: tuple[PersonFacts, ...] = ()
    person: int | None = None
    quality: QualityFacts
    sequence: SequenceFacts | None = None
    scores: tuple[ScoreFacts, ...] = ()
    typicality: TypicalityFacts | None = None
    gait: GaitFacts | None = None
    refused: bool
    reasons: tuple[str, ...] = ()


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

    `typicality` is missing (None) in results of versions that had no such guard, and in refused recordings; `gait`,
    `explanations` and `references` are missing in results of versions that did not measure them.

    An assessment of several recordings lists all of them in `clips`; its `scores` are fused from those that passed,
    and everything else stands for the leading one: the first that passed and is like the training data, else the first
    that passed. With one recording `clips` is empty.
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
    gait: GaitFacts | None = None
    explanations: tuple[ExplanationFacts, ...] = ()
    references: tuple[ReferenceWalkerFacts, ...] = ()
    clips: tuple[ClipFacts, ...] = ()
    body_height_m: float | None = None
    model: ModelFacts
    simulated: bool
    refused: bool
    reasons: tuple[str, ...] = ()

    def to_json(self) -> dict:
        """The plain values that `json.dumps` writes."""
        return self.model_dump(mode="json")
