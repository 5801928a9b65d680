"""Measures what the heads of a model say of a folder of sequences: each task by the measures of its kind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import softmax

from fgait_core.config import AttributesTask, ClassificationTask, IdentificationTask, RegressionTask, TaskConfig
from fgait_core.data.labels import UNKNOWN, targets_of
from fgait_core.data.numbers import numbers_of
from fgait_core.data.shards import ShardFolder
from fgait_core.errors import ConfigError
from fgait_core.evaluation.attributes import attributes_table, measure_attributes
from fgait_core.evaluation.classification import one_row_a_person
from fgait_core.evaluation.regression import measure_numbers, numbers_table
from fgait_core.evaluation.tables import Table
from fgait_core.package_content import TaskContent
from fgait_core.progress import Progress, ignore_progress
from fgait_core.recipes.evaluated_model import EvaluatedModel
from fgait_core.recipes.findings import Findings
from fgait_core.recipes.measure import measure_attribute, measure_classification, measure_task
from fgait_core.recipes.measure_groups import IN_GROUPS, listed, view_names
from fgait_core.recipes.measure_typicality import false_alarms_table, measure_false_alarms
from fgait_core.recipes.plots import Caption, confusion_plot, reliability_plot, roc_plot
from fgait_core.recipes.scoring import score_and_judge

_INTERVAL = ("low", "high")
_CLASS_HEADER = ("class", "people", "sensitivity", *_INTERVAL, "specificity", *_INTERVAL, "AUROC", *_INTERVAL)
_SHARES = ("accuracy", "balanced_accuracy", "macro_precision", "macro_recall", "macro_f1", "auroc")


def scored_tasks(model: EvaluatedModel, folder: ShardFolder, task: str | None) -> tuple[TaskConfig, ...]:
    """The tasks to measure: the one that is asked for, or all that the data have labels for.

    Raises:
        ConfigError: if the model has no heads or no such task, or the data have no label for any.
    """
    heads = tuple(each for each in model.tasks if not isinstance(each, IdentificationTask))
    if task is not None:
        heads = tuple(each for each in heads if each.name == task)
    if not heads:
        known = ", ".join(each.name for each in model.tasks) or "none"
        wanted = "to measure" if task is None else repr(task)
        raise ConfigError(
            f"{model.name} has no task {wanted}; its heads: {known}. Embeddings are measured under a protocol: "
            "--protocol NAME."
        )
    labelled = tuple(each for each in heads if task is not None or _has_labels(each, folder))
    if not labelled:
        names = ", ".join(each.name for each in heads)
        raise ConfigError(
            f"Nobody in {folder.path} has a label for {names}; it has the columns {', '.join(folder.columns)}. "
            "Measure embeddings under a protocol instead (--protocol any), or import labels."
        )
    return labelled


def measure_heads(
    model: EvaluatedModel,
    folder: ShardFolder,
    tasks: tuple[TaskConfig, ...],
    *,
    device: str = "cpu",
    seed: int,
    progress: Progress = ignore_progress,
) -> Findings:
    """Measures, tables and plots of some tasks.

    Args:
        model: with heads.
        folder: people whom it never saw.
        tasks: of `scored_tasks`.
        device: where to compute.
        seed: of draws and bootstrap samples.
        progress: told as it goes on.

    Raises:
        ConfigError: if the data do not fit the model.
    """
    if model.network is None:
        raise ConfigError(f"{model.name} has no heads to measure.")
    guard = None if model.package is None else model.package.guard
    logits, unlikeness = score_and_judge(
        model.network, folder, model.transform(folder), guard, device=device, progress=progress
    )
    found: list[Findings] = []
    for task in tasks:
        if isinstance(task, AttributesTask):
            found.append(_attributes(task, logits[task.name], folder, seed))
        elif isinstance(task, RegressionTask):
            found.append(_numbers(task, logits[task.name], folder, seed))
        elif isinstance(task, ClassificationTask):
            found.append(_classification(model, task, logits[task.name][:, 0], folder, seed))
    measures: dict[str, Any] = {"tasks": {task.name: each.measures for task, each in zip(tasks, found, strict=True)}}
    tables = [table for each in found for table in each.tables]
    if model.package is not None:
        thresholds = model.package.content.typicality.thresholds
        measures["typicality"] = measure_false_alarms(unlikeness, thresholds, folder, seed)
        tables.append(false_alarms_table(measures["typicality"]))
    plots = {name: plot for each in found for name, plot in each.plots.items()}
    return Findings(measures, tuple(tables), plots)


def _has_labels(task: TaskConfig, folder: ShardFolder) -> bool:
    columns = [task.data_column] if isinstance(task, ClassificationTask) else []
    columns = list(task.attributes) if isinstance(task, AttributesTask) else columns
    columns = list(task.columns) if isinstance(task, RegressionTask) else columns
    return any(name in folder.columns and (folder.column(name) != "").any() for name in columns)


def _attributes(task: AttributesTask, logits: NDArray[np.float64], folder: ShardFolder, seed: int) -> Findings:
    (labels,) = targets_of(task, [folder])
    measured = measure_attributes(logits, labels, folder.person, task.attributes, seed=seed)
    return Findings(measured, (attributes_table(task.name, measured),))


def _numbers(task: RegressionTask, said: NDArray[np.float64], folder: ShardFolder, seed: int) -> Findings:
    (true,) = numbers_of(task, [folder])
    measured = measure_numbers(said, true, folder.person, task.columns, seed=seed)
    return Findings(measured, (numbers_table(task.name, measured),))


def _classification(
    model: EvaluatedModel, task: ClassificationTask, logits: NDArray[np.float64], folder: ShardFolder, seed: int
) -> Findings:
    measured, probabilities = _measured(model, task, logits, folder, seed)
    (true,) = targets_of(task, [folder])
    known = true != UNKNOWN
    plots = _plots(task, measured, probabilities[known], true[known], folder.person[known], seed)
    return Findings(measured, _tables(task, measured), plots)


def _measured(
    model: EvaluatedModel, task: ClassificationTask, logits: NDArray[np.float64], folder: ShardFolder, seed: int
) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """Of a package with its calibrator, operating point and sets; of a run with plain probabilities."""
    if model.package is None:
        probabilities = softmax(logits, axis=1)
        return measure_classification(task, probabilities, folder, seed=seed) | {"calibrated": False}, probabilities
    content = next(each for each in model.package.contents if each.name == task.name)
    probabilities, members = content.said(logits, view_names(folder))
    if isinstance(content, TaskContent):
        threshold = content.operating_point.threshold
        measured = measure_task(
            task, probabilities, members, folder, threshold=threshold, coverage=content.coverage, seed=seed
        )
    else:
        measured = measure_attribute(task, probabilities, members, folder, coverage=content.coverage, seed=seed)
    return measured | {"calibrated": True}, probabilities


def _plots(
    task: ClassificationTask,
    measured: dict[str, Any],
    probabilities: NDArray[np.float64],
    true: NDArray[np.int64],
    person: NDArray[np.str_],
    seed: int,
) -> dict[str, Callable[[Caption], Figure]]:
    chosen = range(len(task.classes)) if task.positive_index is None else [task.positive_index]
    scores = {task.classes[each]: (probabilities[:, each], true == each) for each in chosen}
    usable = {name: pair for name, pair in scores.items() if pair[1].any() and not pair[1].all()}
    plots: dict[str, Callable[[Caption], Figure]] = {
        f"{task.name}_confusion": lambda caption: confusion_plot(task.name, measured["confusion"], caption)
    }
    if usable:
        plots[f"{task.name}_roc"] = lambda caption: roc_plot(task.name, usable, person, seed, caption)
    if task.positive_index is not None or measured["calibrated"]:
        single = one_row_a_person(person, np.random.default_rng(seed))
        for name, (score, positive) in usable.items():
            short = "reliability" if task.positive_index is not None else f"reliability_{name}"
            said = f"{task.name} {name}" + ("" if measured["calibrated"] else ", not calibrated")
            plots[f"{task.name}_{short}"] = partial(reliability_plot, task.name, said, score[single], positive[single])
    return plots


def _tables(task: ClassificationTask, measured: dict[str, Any]) -> tuple[Table, ...]:
    name = task.name
    of = f"{name}: {measured['sequences']} sequences of {measured['people']} people, 95 % intervals by person"
    shares = [
        (measure.replace("_", " "), *(measured[measure][part] for part in ("value", "low", "high")))
        for measure in _SHARES
        if measured.get(measure)
    ]
    shares.append(("balanced accuracy by chance", measured["chance_balanced_accuracy"], None, None))
    counts = [(true, *row.values()) for true, row in measured["confusion"].items()]
    return (
        Table(f"{name}_summary", of, ("measure", "value", *_INTERVAL), tuple(shares)),
        Table(f"{name}_classes", f"{name}: each class against all others", _CLASS_HEADER, _class_rows(measured)),
        Table(f"{name}_confusion", f"{name}: sequences by true class", ("true", *measured["confusion"]), tuple(counts)),
        *_group_table(name, measured),
    )


def _class_rows(measured: dict[str, Any]) -> tuple[tuple[str | float | int | None, ...], ...]:
    rows = []
    for name, each in measured["classes"].items():
        area = each["auroc"] or dict.fromkeys(("value", "low", "high"))
        sensitivity = (each["sensitivity"], *each["sensitivity_interval"])
        specificity = (each["specificity"], *each["specificity_interval"])
        rows.append((name, each["n_class"], *sensitivity, *specificity, area["value"], area["low"], area["high"]))
    return tuple(rows)


def _group_table(name: str, measured: dict[str, Any]) -> tuple[Table, ...]:
    groups = listed(measured)
    shown = [measure for measure in IN_GROUPS if any(measure in each for _, _, each in groups)]
    if not shown:
        return ()
    header = ("group", "value", "sequences", *(part for measure in shown for part in (IN_GROUPS[measure], *_INTERVAL)))
    rows = []
    for group, value, each in groups:
        found = [each.get(measure) or dict.fromkeys(("value", *_INTERVAL)) for measure in shown]
        cells = [one[part] for one in found for part in ("value", *_INTERVAL)]
        rows.append((group, value, each["sequences"], *cells))
    return (Table(f"{name}_groups", f"{name}: groups, with 95 % intervals by person", header, tuple(rows)),)
