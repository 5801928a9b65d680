"""What `package.json` of a model package says: everything but weights and measures (format 2).

Logits of a front view and of a side view mean different things, so a task has calibrators and conformal thresholds for
each view, and pooled ones where the view is unknown or too few people of the calibration split were seen from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer, model_validator

from fgait_core.config import ModalityName
from fgait_core.config.retraining import Scope
from fgait_core.evaluation.calibration import Calibrator
from fgait_core.evaluation.conformal import in_prediction_set

FORMAT = 2
ANY_VIEW = "any"
VIEWS = ("front", "oblique", "side", "back")
"""Views as the quality gate names them."""

ViewKey = Literal["front", "oblique", "side", "back", "any"]


_Fitted = TypeVar("_Fitted")


def of_view(by_view: Mapping[ViewKey, _Fitted], view: str | None) -> _Fitted:
    """What was fitted for a view; None, "unknown" and views with too few people take the pooled one."""
    return next((each for name, each in by_view.items() if name == view), by_view[ANY_VIEW])


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=True)


class Transform(_Content):
    """How silhouettes become the network's input; `modality` is what it sees of a walk."""

    alignment: str
    height_px: int
    width_px: int
    binary_above: int
    frame_rate_hz: float
    window_frames: int
    hop_frames: int
    modality: ModalityName = "silhouettes"


class ArchitectureContent(_Content):
    """Widths and depths of the backbone, and bootstrap replicates of the head of each screening task."""

    channels: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]
    replicates: int


class CalibratorContent(_Content):
    """Plain numbers of a `Calibrator`."""

    weight: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]

    def calibrator(self) -> Calibrator:
        """The calibrator that these are the numbers of."""
        return Calibrator(np.array(self.weight), np.array(self.bias))


class OperatingPoint(_Content):
    """A threshold fixed on the calibration split, and what it does on the test split.

    Attributes:
        threshold: of the positive class' probability; a score at or above it is flagged.
        rule: how the threshold was chosen.
        sensitivity: share of the positives flagged, with its 95 % (Wilson) interval.
        specificity: share of the others not flagged, likewise.
        n_positive: people of the test split with the condition.
        n_negative: people of the test split without it.
    """

    threshold: float
    rule: str
    sensitivity: float
    sensitivity_interval: tuple[float, float]
    specificity: float
    specificity_interval: tuple[float, float]
    n_positive: int
    n_negative: int


class CalibrationSummary(_Content):
    """Calibration measured on the test split; see `evaluation.calibration.Reliability`."""

    ece: float
    brier: float
    slope: float
    intercept: float
    n_people: int


class ViewContent(_Content):
    """Calibrators (of the main head, then of each replicate) and conformal thresholds (of each class) of a view.

    Attributes:
        people: of the calibration split whom they were fitted on.
    """

    calibrators: tuple[CalibratorContent, ...]
    conformal_quantiles: tuple[float | Literal["inf"], ...]
    people: int

    def quantiles(self) -> tuple[float, ...]:
        """Conformal thresholds as numbers."""
        return tuple(float(value) for value in self.conformal_quantiles)


class CalibratedContent(_Content):
    """What screening tasks and attributes have in common.

    Attributes:
        by_view: of each view with enough people in the calibration split, and pooled under "any".
        coverage: probability with which the conformal set promises to hold the true class.
        calibration: on the test split.
    """

    name: str
    class_order: tuple[str, ...]
    by_view: dict[ViewKey, ViewContent]
    coverage: float
    calibration: CalibrationSummary

    @model_validator(mode="after")
    def _has_pooled(self) -> CalibratedContent:
        if ANY_VIEW not in self.by_view:
            raise ValueError(f"{self.name} has no pooled calibrator ({ANY_VIEW!r}), which unknown views need")
        return self

    def of_view(self, view: str | None) -> ViewContent:
        """What is used for a recording of that view."""
        return of_view(self.by_view, view)

    def fitted_on(self, view: str | None) -> str:
        """The key of what is used for a recording of that view."""
        return next((name for name in self.by_view if name == view), ANY_VIEW)

    def said(
        self, logits: NDArray[np.float64], views: NDArray[np.str_]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """See `said_by_view`."""
        return said_by_view(self.by_view, logits, views)


def said_by_view(
    by_view: Mapping[ViewKey, ViewContent], logits: NDArray[np.float64], views: NDArray[np.str_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What the main head says of many recordings.

    Args:
        by_view: calibrators and thresholds.
        logits: `[recording, class]`.
        views: `[recording]`, names of views; those without an entry take the pooled one.

    Returns:
        Calibrated probabilities and membership in the conformal set, both `[recording, class]`.
    """
    probabilities, members = np.empty(logits.shape), np.empty(logits.shape, bool)
    for view in np.unique(views).tolist():
        rows, content = views == view, of_view(by_view, view)
        probabilities[rows] = content.calibrators[0].calibrator().probabilities(logits[rows])
        members[rows] = in_prediction_set(probabilities[rows], content.quantiles())
    return probabilities, members


class TaskContent(CalibratedContent):
    """A task that the product screens for."""

    positive_class: str
    operating_point: OperatingPoint


class AttributeContent(CalibratedContent):
    """An attribute of the person (sex, age group): measured and given on request, never part of a screening result."""


class TypicalityContent(_Content):
    """The guard against recordings unlike the training data; its weights are with the network's.

    Attributes:
        components: principal components kept.
        false_alarm_rate: share of people like those of the calibration split of whom a recording is called unlike.
        thresholds: of the unlikeness, for each view with enough people, and pooled under "any".
        measured_false_alarm_rate: on the test split, with its 95 % interval.
    """

    components: int
    false_alarm_rate: float
    thresholds: dict[ViewKey, float]
    measured_false_alarm_rate: float
    measured_false_alarm_interval: tuple[float, float]

    def threshold(self, view: str | None) -> float:
        """Of a view."""
        return of_view(self.thresholds, view)


class AdaptationContent(_Content):
    """What a clinic changed of a package that it began with, and on whom.

    Attributes:
        task: whose outcomes were confirmed.
        scope: what of the package changed.
        people: of the clinic whom it was fitted on.
        recordings: of these people.
        simulated_people: whether any of them is simulated.
        base_name: of the package that it began with.
        base_version: likewise.
        base_sha256: its identity.
        manifest_sha256: of the cohort.
        protocol_sha256: of the protocol that was fixed before; None where there was none.
    """

    task: str
    scope: Scope
    people: int
    recordings: int
    simulated_people: bool
    base_name: str
    base_version: str
    base_sha256: str
    manifest_sha256: str
    protocol_sha256: str | None = None


class PackageContent(_Content):
    """Everything of a package but weights and measures; `adaptation` where a clinic retrained it."""

    format: Literal[2]
    name: str
    version: str
    created_by: str
    simulated: bool
    training_data: str
    known_gaps: tuple[str, ...]
    people: dict[Literal["train", "calibration", "test"], int]
    architecture: ArchitectureContent
    transform: Transform
    tasks: tuple[TaskContent, ...]
    attributes: tuple[AttributeContent, ...] = ()
    typicality: TypicalityContent
    adaptation: AdaptationContent | None = None

    @model_serializer(mode="wrap")
    def _leave_out_no_adaptation(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Packages that nobody adapted are written as they were before there was adaptation, to the last byte."""
        fields = written(self)
        if self.adaptation is None:
            fields.pop("adaptation", None)
        return fields
