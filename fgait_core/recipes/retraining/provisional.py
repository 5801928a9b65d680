"""The package that a fit writes: complete, with figures that are out of fold and say so."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgait_core import __version__
from fgait_core.config import ClassificationTask, RetrainConfig
from fgait_core.data.shards import ShardFolder, read_shards
from fgait_core.evaluation.by_person import share_by_person
from fgait_core.model_package import ModelPackage
from fgait_core.package_content import (
    AdaptationContent,
    CalibrationSummary,
    OperatingPoint,
    PackageContent,
    TaskContent,
    TypicalityContent,
    ViewContent,
    ViewKey,
)
from fgait_core.package_files import METRICS_FILE
from fgait_core.recipes.measure import measure_task
from fgait_core.recipes.package_fit import fit_unlikeness_thresholds, plain_number
from fgait_core.recipes.retraining.adapt import FOLDS, Adapted
from fgait_core.recipes.retraining.development import Development
from fgait_core.recipes.retraining.folds import folds_of

PROVISIONAL = (
    "The figures of the retrained task are provisional: measured on the development people, each predicted out of "
    "fold, not on locked people."
)
_GUARD_PEOPLE = 25
"""People from whom on the guard gets thresholds of the clinic's own; a fifth held out must leave twenty."""


def measured_out_of_fold(
    task: ClassificationTask, adapted: Adapted, people: Development, coverage: float, seed: int
) -> dict[str, Any]:
    """What `measure_task` says of the development people; sequences without a label are left out there."""
    everybody = len(people.folder)
    probabilities = np.full((everybody, len(task.classes)), 1 / len(task.classes))
    members = np.ones(probabilities.shape, bool)
    probabilities[people.rows], members[people.rows] = adapted.probabilities, adapted.members
    return measure_task(
        task, probabilities, members, people.folder, threshold=adapted.threshold, coverage=coverage, seed=seed
    )


def task_content(
    base: TaskContent, by_view: dict[ViewKey, ViewContent], measured: dict[str, Any], config: RetrainConfig
) -> TaskContent:
    """The retrained task."""
    protocol = config.protocol
    rule = (
        f"highest threshold at which at least {protocol.wanted_sensitivity:.2f} of the recordings of the clinic's "
        "development people with the condition are flagged, each predicted out of fold"
    )
    return TaskContent(
        name=base.name,
        class_order=base.class_order,
        positive_class=base.positive_class,
        by_view=by_view,
        coverage=protocol.coverage,
        calibration=CalibrationSummary(**measured["calibration"]),
        operating_point=OperatingPoint(rule=rule, **measured["operating_point"]),
    )


def guard_content(base: TypicalityContent, people: Development, seed: int) -> tuple[TypicalityContent, dict[str, Any]]:
    """Thresholds of the guard from the clinic's people, where there are enough, and its false alarms out of fold.

    Returns:
        The guard, and `false_alarms` of it; without any where the base's guard is kept.
    """
    unlike, person = people.unlikeness, people.person
    if len(np.unique(person)) < _GUARD_PEOPLE:
        return base, {}
    rate = base.false_alarm_rate
    fold = folds_of(person, np.zeros(len(person), np.int64), FOLDS, seed)
    alarm = np.zeros(len(person), bool)
    for each in range(FOLDS):
        held = fold == each
        alarm[held] = unlike[held] > _pooled(unlike[~held], person[~held], rate)
    measured = share_by_person(alarm, person, np.random.default_rng(seed))
    thresholds = fit_unlikeness_thresholds(unlike, person, people.views, rate)
    content = base.model_copy(
        update={
            "thresholds": thresholds,
            "measured_false_alarm_rate": measured.value,
            "measured_false_alarm_interval": (measured.low, measured.high),
        }
    )
    return content, {"false_alarms": asdict(measured)}


def _pooled(unlike: NDArray[np.float64], person: NDArray[np.str_], rate: float) -> float:
    return fit_unlikeness_thresholds(unlike, person, np.full(len(person), "unknown"), rate)["any"]


def package_content(
    base: ModelPackage,
    taught: PackageContent,
    task: TaskContent,
    guard: TypicalityContent,
    people: Development,
    config: RetrainConfig,
) -> PackageContent:
    """Everything of the new package but weights and measures.

    Args:
        base: the package to begin with.
        taught: its content, or that with a trained encoder.
        task: retrained.
        guard: with the clinic's thresholds.
        people: of whom calibrators were fitted.
        config: of the run.
    """
    everybody = read_shards(config.development)
    counted, simulated = len(everybody.people), is_simulated(everybody)
    kind = "simulated people" if simulated else "people"
    told = (
        f"adapted ({config.protocol.scope.replace('_', ' ')}, {task.name}) on {counted} {kind} of a clinic with "
        f"confirmed outcomes, {len(everybody)} recordings"
    )
    return taught.model_copy(
        update={
            "name": config.name,
            "version": config.version,
            "created_by": f"fgait {__version__}",
            "simulated": base.simulated or simulated,
            "training_data": f"{base.training_data}; then {told}",
            "known_gaps": _gaps(base, task, simulated),
            "people": taught.people | {"train": base.people["train"] + counted, "test": len(np.unique(people.person))},
            "tasks": tuple(task if each.name == task.name else each for each in taught.tasks),
            "typicality": guard,
            "adaptation": AdaptationContent(
                task=task.name,
                scope=config.protocol.scope,
                people=counted,
                recordings=len(everybody),
                simulated_people=simulated,
                base_name=base.name,
                base_version=base.version,
                base_sha256=base.sha256,
                manifest_sha256=str(everybody.manifest.get("manifest_sha256", "")),
            ),
        }
    )


def is_simulated(folder: ShardFolder) -> bool:
    """Whether a data set says of itself that it is simulated."""
    return folder.manifest.get("simulated") is True


def _gaps(base: ModelPackage, task: TaskContent, simulated: bool) -> tuple[str, ...]:
    pooled = task.by_view["any"].conformal_quantiles
    never = [name for name, value in zip(task.class_order, pooled, strict=True) if value == plain_number(float("inf"))]
    of_before = f"{task.name}: too few development people"
    gaps = [gap for gap in base.known_gaps if gap != PROVISIONAL and not gap.startswith(of_before)]
    if not simulated:
        gaps = [gap.replace("Trained, calibrated and tested on simulated walkers only", _BEFORE) for gap in gaps]
    if never:
        gaps.append(
            f"{task.name}: too few development people are {' or '.join(never)}; no recording's set can leave that out. "
            "Of a class that nobody had, the base's opinion was kept."
        )
    return (PROVISIONAL, *gaps)


_BEFORE = "Before its adaptation trained, calibrated and tested on simulated walkers only"


def metrics_of(
    base_folder: Path, task: str, measured: dict[str, Any], alarms: dict[str, Any], content: PackageContent
) -> dict[str, Any]:
    """The base's measures with those of the retrained task in their place, and false alarms of the clinic's people."""
    metrics: dict[str, Any] = json.loads((base_folder / METRICS_FILE).read_text(encoding="utf-8"))
    adaptation = content.adaptation.model_dump(mode="json") if content.adaptation else {}
    kind = "simulated people" if adaptation["simulated_people"] else "people"
    words = f"{adaptation['people']} development {kind} of the clinic, each predicted out of fold"
    earlier = _earlier(metrics, content)
    metrics.pop("gate", None)  # the base's own
    return metrics | {
        "simulated": content.simulated,
        "created_by": content.created_by,
        "tasks": metrics["tasks"] | {task: measured},
        "typicality": _typicality(metrics["typicality"], alarms, words),
        "adaptation": adaptation | {"measured_on": words},
        "earlier_adaptations": earlier,
    }


def _earlier(metrics: dict[str, Any], content: PackageContent) -> dict[str, Any]:
    """Of whom the figures of tasks are that the base was adapted in; with a new encoder all are measured anew."""
    adaptation, before = content.adaptation, metrics.get("adaptation")
    if adaptation is None or adaptation.scope in ("head_and_last_stage", "whole_network"):
        return {}
    known: dict[str, Any] = dict(metrics.get("earlier_adaptations", {}))
    if before is not None:
        known[before["task"]] = {name: before[name] for name in ("measured_on", "simulated_people")}
    return {task: each for task, each in known.items() if task != adaptation.task}


def _typicality(base: dict[str, Any], alarms: dict[str, Any], measured_on: str) -> dict[str, Any]:
    """Without new thresholds the base's; with them nothing of its groups, which were measured at others."""
    if not alarms:
        return base
    return (
        {name: each for name, each in base.items() if not name.startswith("by_")}
        | alarms
        | {"measured_on": measured_on}
    )
