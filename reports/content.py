"""What a screening report is made of: frozen dataclasses that refuse values that cannot be true.

Everything that the PDF shows comes in through `ScreeningReport`; nothing is looked up elsewhere. Each block checks
itself when it is built and raises `ValueError` with a sentence that names the field.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from reports.checks import require, require_aware, require_positive, require_sha256, require_share, require_text
from reports.gait_blocks import ExplanationBlock, GaitBlock, ReferenceBlock
from reports.measures import CalibrationBlock, Interval, OperatingPointBlock, TypicalityBlock
from reports.record_blocks import (
    AddendumBlock,
    ClinicBlock,
    ClipBlock,
    DecisionBlock,
    OutcomeLine,
    VerificationBlock,
)
from reports.recorded_blocks import VIEWS, PatientBlock, QualityLine, RecordingBlock

ANY_VIEW = "any"
SILHOUETTE_SHAPE_PX = (64, 44)

_PROBABILITY_TOLERANCE = 1e-4


class Outcome(StrEnum):
    """What one score says, after the threshold and the prediction set have both been heard."""

    POSITIVE = "positive"
    BORDERLINE = "borderline"
    NEGATIVE = "negative"
    ABSTAINED = "abstained"
    CONFLICTING = "conflicting"
    UNLIKE = "unlike"


@dataclass(frozen=True, slots=True)
class ScoreBlock:
    """The calibrated score of one task.

    Attributes:
        task: for example "scoliosis" or "depression".
        class_order: the classes in the model's order.
        probabilities: calibrated, in `class_order`, sum 1.
        positive_class: the class that the threshold and the interval speak of.
        interval: 95 % interval of the positive class's probability.
        interval_method: how the interval was made, in words.
        prediction_set: the classes that cannot be ruled out at `coverage`; not exactly one means abstention.
        coverage: the promised share of people whose true class is in their set.
        above_threshold: whether the positive class's probability reaches the operating threshold.
        typical: whether the recording is like the training data; if not, no figure above means anything.
        fitted_on: the view on whose recordings calibration and prediction set were fitted, "any" for all views
            together, None where nobody knows.
        simulated: whether the model learned from simulated people.
        clinic_people: whether calibration and figures are nevertheless of real people, of the clinic that the model
            was adapted to.
        clips: how many recordings the score was fused from.
        fusion: how, in words; empty where there was one.
    """

    task: str
    class_order: tuple[str, ...]
    probabilities: tuple[float, ...]
    positive_class: str
    interval: Interval
    interval_method: str
    prediction_set: tuple[str, ...]
    coverage: float
    abstained: bool
    above_threshold: bool
    operating_point: OperatingPointBlock
    calibration: CalibrationBlock
    typical: bool = True
    fitted_on: str | None = None
    simulated: bool = True
    clinic_people: bool = False
    clips: int = 1
    fusion: str = ""

    def __post_init__(self) -> None:
        require_text(self.task, "The task of a score")
        require_text(self.interval_method, "The method of the interval")
        self._check_classes()
        self._check_probabilities()
        require_share(self.coverage, "The promised coverage")
        known = self.fitted_on in {None, ANY_VIEW, *VIEWS}
        require(known, f"A score is fitted on one of {', '.join(VIEWS)} or {ANY_VIEW}; it is {self.fitted_on!r}.")
        require(self.typical or self.abstained, "A score of a recording that is not typical must abstain.")
        require(
            self.abstained == (len(self.prediction_set) != 1),
            "A score is an abstention exactly when its prediction set does not hold one class.",
        )
        distance = self.positive_probability - self.operating_point.threshold
        require(
            abs(distance) <= _PROBABILITY_TOLERANCE or self.above_threshold == (distance > 0),
            f"'above_threshold' contradicts the probability {self.positive_probability} "
            f"and the threshold {self.operating_point.threshold}.",
        )

    def _check_classes(self) -> None:
        known = set(self.class_order)
        require(len(known) == len(self.class_order) >= 2, "A score needs at least two classes, each named once.")
        require(self.positive_class in known, f"The positive class {self.positive_class!r} is none of the classes.")
        distinct = len(set(self.prediction_set)) == len(self.prediction_set)
        require(distinct and set(self.prediction_set) <= known, "The prediction set must hold classes, each once.")

    def _check_probabilities(self) -> None:
        require(len(self.probabilities) == len(self.class_order), "A score needs one probability for each class.")
        for name, probability in zip(self.class_order, self.probabilities, strict=True):
            require_share(probability, f"The probability of {name!r}")
        total = math.fsum(self.probabilities)
        require(abs(total - 1.0) <= _PROBABILITY_TOLERANCE, f"The probabilities must sum to 1; they sum to {total}.")

    @property
    def positive_probability(self) -> float:
        """Calibrated probability of the positive class."""
        return self.probabilities[self.class_order.index(self.positive_class)]

    @property
    def simulated_people(self) -> bool:
        """Whether the people of its calibration and figures are simulated."""
        return self.simulated and not self.clinic_people

    @property
    def outcome(self) -> Outcome:
        """What the score says; where threshold and prediction set disagree nothing is claimed."""
        if not self.typical:
            return Outcome.UNLIKE
        if self.abstained:
            return Outcome.ABSTAINED
        only = self.prediction_set[0]
        if (only == self.positive_class) != self.above_threshold:
            return Outcome.CONFLICTING
        if only == self.positive_class:
            return Outcome.POSITIVE
        return Outcome.NEGATIVE if only == self.class_order[0] else Outcome.BORDERLINE


@dataclass(frozen=True, slots=True)
class AdaptationBlock:
    """What a clinic changed of a model, and on whom.

    Attributes:
        task: whose outcomes were confirmed.
        scope: "recalibration", "head", "head_and_last_stage" or "whole_network".
        people: whom it was fitted on.
        simulated_people: whether any of them is simulated.
        base: name and version of the model that it began with.
    """

    task: str
    scope: str
    people: int
    simulated_people: bool
    base: str

    def __post_init__(self) -> None:
        require_text(self.task, "The task of an adaptation")
        require_text(self.scope, "The scope of an adaptation")
        require(self.people > 0, f"A model is adapted to at least one person; it says {self.people}.")


@dataclass(frozen=True, slots=True)
class ModelBlock:
    """Which model scored, on what it was trained, and what is known to be missing.

    `adaptation` is None where no clinic retrained it.
    """

    name: str
    version: str
    sha256: str
    training_data: str
    known_gaps: tuple[str, ...]
    simulated: bool
    people_train: int
    people_calibration: int
    people_test: int
    adaptation: AdaptationBlock | None = None

    def __post_init__(self) -> None:
        require_text(self.name, "The name of the model")
        require_text(self.version, "The version of the model")
        require_sha256(self.sha256, "The SHA-256 of the model")
        require_text(self.training_data, "The training data of the model")
        for count in (self.people_train, self.people_calibration, self.people_test):
            require(count >= 0, f"A number of people must not be negative; it is {count}.")

    @property
    def mixed_people(self) -> bool:
        """Whether simulated people taught it and people of a clinic came on top."""
        return self.simulated and self.adaptation is not None and not self.adaptation.simulated_people


@dataclass(frozen=True, slots=True, eq=False)
class ScreeningReport:
    """One report. A recording that failed a blocking check carries no score; the report then says why.

    Attributes:
        created_at: with a time zone; printed, and the only time in the document.
        created_by: who ordered the report, as it shall be printed.
        software_version: for example "FGait 0.1.0".
        patient: None where nobody was chosen (command line).
        silhouettes: uint8 [frame, 64, 44], 0 background to 255 body; may hold no frame.
        typicality: whether the recording is like the training data; None where that was not checked.
        language: key of the wording, for example "en".
        clinic: address, logo and prevalence; its name is that of `clinic_name`.
        decisions: at most one of each task; empty fields to fill in by hand stand for the others.
        outcomes: what turned out to be true.
        gait: what was measured beside the scores; None in results of versions that did not.
        explanations: at most one of each task.
        references: simulated walkers near to this one.
        clips: every recording of an assessment of several; empty where there was one.
        body_height_m: as entered.
        verification: how a reader checks the printed report.
        addendum: what is added to an earlier report.
        version: of the report, from 1.
        supersedes: number of the report that this version stands for; empty for the first.
    """

    clinic_name: str
    report_number: str
    created_at: datetime
    created_by: str
    software_version: str
    patient: PatientBlock | None
    recording: RecordingBlock
    quality: tuple[QualityLine, ...]
    scores: tuple[ScoreBlock, ...]
    model: ModelBlock
    silhouettes: NDArray[np.uint8]
    typicality: TypicalityBlock | None = None
    language: str = "en"
    clinic: ClinicBlock | None = None
    decisions: tuple[DecisionBlock, ...] = ()
    outcomes: tuple[OutcomeLine, ...] = ()
    gait: GaitBlock | None = None
    explanations: tuple[ExplanationBlock, ...] = ()
    references: tuple[ReferenceBlock, ...] = ()
    clips: tuple[ClipBlock, ...] = ()
    body_height_m: float | None = None
    verification: VerificationBlock | None = None
    addendum: AddendumBlock | None = None
    version: int = 1
    supersedes: str = ""

    def __post_init__(self) -> None:
        require_text(self.report_number, "The report number")
        require_text(self.software_version, "The software version")
        require_aware(self.created_at, "The time of the report")
        self._check_scores()
        self._check_additions()
        shape = self.silhouettes.shape
        fits = len(shape) == 3 and shape[1:] == SILHOUETTE_SHAPE_PX and self.silhouettes.dtype == np.uint8
        require(fits, f"The silhouettes must be uint8 [frame, 64, 44]; they are {self.silhouettes.dtype} {shape}.")
        if self.patient is not None:
            born = self.patient.birth_date <= self.created_at.date()
            require(born, "The patient's birth date must not lie after the report.")

    def _check_scores(self) -> None:
        blocked = bool(self.refusals)
        require(
            blocked != bool(self.scores),
            "A report carries scores exactly when no blocking quality check failed.",
        )
        tasks = [score.task for score in self.scores]
        require(len(set(tasks)) == len(tasks), "A report carries each task once.")
        same = all(score.simulated == self.model.simulated for score in self.scores)
        require(same, "Scores and model must agree on whether they are simulated.")
        typical = self.typicality is None or self.typicality.typical
        agreed = all(score.typical == typical for score in self.scores)
        require(agreed, "Scores and report must agree on whether the recording is like the training data.")

    def _check_additions(self) -> None:
        require_positive(self.version, "The version of the report")
        named = self.clinic is None or self.clinic.name == self.clinic_name
        require(named, "The name of the clinic must be that of its letterhead.")
        for blocks, what in ((self.decisions, "decision"), (self.explanations, "explanation")):
            tasks = [block.task for block in blocks]
            require(len(set(tasks)) == len(tasks), f"A report carries one {what} a task at most.")

    def decision(self, task: str) -> DecisionBlock | None:
        """What was decided about the score of a task, if anything was."""
        return next((decision for decision in self.decisions if decision.task == task), None)

    @property
    def refusals(self) -> tuple[QualityLine, ...]:
        """The failed checks for which the recording cannot be scored."""
        return tuple(line for line in self.quality if line.blocking and not line.passed)

    @property
    def warnings(self) -> tuple[QualityLine, ...]:
        """The failed checks under which a score is still allowed."""
        return tuple(line for line in self.quality if not line.blocking and not line.passed)
