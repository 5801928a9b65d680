"""What tasks, attributes and guard of a package get from the calibration split, and how they do on the test split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgait_core.config import ClassificationTask
from fgait_core.data.labels import UNKNOWN, targets_of
from fgait_core.data.shards import ShardFolder
from fgait_core.errors import ConfigError
from fgait_core.evaluation.classification import threshold_for_sensitivity
from fgait_core.evaluation.typicality import Typicality
from fgait_core.models.heads import TaskNetwork
from fgait_core.package_content import (
    AttributeContent,
    CalibrationSummary,
    OperatingPoint,
    TaskContent,
    Transform,
    TypicalityContent,
    said_by_view,
)
from fgait_core.progress import Progress
from fgait_core.recipes.measure import measure_attribute, measure_task
from fgait_core.recipes.measure_groups import view_names
from fgait_core.recipes.measure_typicality import measure_false_alarms
from fgait_core.recipes.package_fit import fit_unlikeness_thresholds, fit_views
from fgait_core.recipes.scoring import score_and_judge

COVERAGE = 0.9
WANTED_SENSITIVITY = 0.8
FALSE_ALARM_RATE = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """What network and guard say of all sequences of a split.

    Attributes:
        folder: the sequences.
        views: `[sequence]`, names of views.
        logits: of `score_folder`.
        unlikeness: float64 `[sequence]`.
    """

    folder: ShardFolder
    views: NDArray[np.str_]
    logits: dict[str, NDArray[np.float64]]
    unlikeness: NDArray[np.float64]


def judge(
    network: TaskNetwork, folder: ShardFolder, transform: Transform, guard: Typicality, progress: Progress
) -> Split:
    """Runs network and guard over a split."""
    logits, unlikeness = score_and_judge(network, folder, transform, guard, progress=progress)
    return Split(folder, view_names(folder), logits, unlikeness)


def _fitted(task: ClassificationTask, calibration: Split, seed: int) -> dict[str, Any]:
    """Calibrators and conformal thresholds of each view, from the calibration split."""
    (true,) = targets_of(task, [calibration.folder])
    known = true != UNKNOWN
    missing = [name for number, name in enumerate(task.classes) if not (true[known] == number).any()]
    if missing:
        raise ConfigError(
            f"Nobody in {calibration.folder.path} is {missing[0]!r} of {task.name}, which calibration needs."
        )
    by_view = fit_views(
        calibration.logits[task.name][known],
        true[known],
        calibration.folder.person[known],
        calibration.views[known],
        COVERAGE,
        np.random.default_rng(seed),
    )
    return {"name": task.name, "class_order": task.classes, "by_view": by_view, "coverage": COVERAGE}


def finish_task(
    task: ClassificationTask, calibration: Split, test: Split, seed: int
) -> tuple[TaskContent, dict[str, Any]]:
    """Fits a screening task and its threshold on the calibration split, and measures it on the test split."""
    fitted = _fitted(task, calibration, seed)
    (true,) = targets_of(task, [calibration.folder])
    positive = task.classes.index(task.positive or "")
    said, _ = said_by_view(fitted["by_view"], calibration.logits[task.name][:, 0], calibration.views)
    threshold = threshold_for_sensitivity(
        said[true != UNKNOWN, positive], true[true != UNKNOWN] == positive, WANTED_SENSITIVITY
    )
    probabilities, members = said_by_view(fitted["by_view"], test.logits[task.name][:, 0], test.views)
    measured = measure_task(
        task, probabilities, members, test.folder, threshold=threshold, coverage=COVERAGE, seed=seed
    )
    rule = (
        f"highest threshold at which at least {WANTED_SENSITIVITY:.2f} of the recordings of people with the condition "
        "in the calibration split are flagged"
    )
    content = TaskContent(
        **fitted,
        positive_class=task.positive or "",
        operating_point=OperatingPoint(rule=rule, **measured["operating_point"]),
        calibration=CalibrationSummary(**measured["calibration"]),
    )
    return content, measured


def finish_attribute(
    task: ClassificationTask, calibration: Split, test: Split, seed: int
) -> tuple[AttributeContent, dict[str, Any]]:
    """Fits an attribute on the calibration split, without its replicates, and measures it on the test split."""
    main = {task.name: calibration.logits[task.name][:, :1]}
    only = Split(calibration.folder, calibration.views, main, calibration.unlikeness)
    fitted = _fitted(task, only, seed)
    probabilities, members = said_by_view(fitted["by_view"], test.logits[task.name][:, 0], test.views)
    measured = measure_attribute(task, probabilities, members, test.folder, coverage=COVERAGE, seed=seed)
    return AttributeContent(**fitted, calibration=CalibrationSummary(**measured["calibration"])), measured


def finish_guard(
    guard: Typicality, calibration: Split, test: Split, seed: int
) -> tuple[TypicalityContent, dict[str, Any]]:
    """The guard's thresholds from the calibration split, its false alarms from the test split."""
    thresholds = fit_unlikeness_thresholds(
        calibration.unlikeness, calibration.folder.person, calibration.views, FALSE_ALARM_RATE
    )
    measured = measure_false_alarms(test.unlikeness, thresholds, test.folder, seed)
    alarms = measured["false_alarms"]
    content = TypicalityContent(
        components=len(guard.components),
        false_alarm_rate=FALSE_ALARM_RATE,
        thresholds=thresholds,
        measured_false_alarm_rate=alarms["value"],
        measured_false_alarm_interval=(alarms["low"], alarms["high"]),
    )
    return content, measured
