"""Measures a classification on people whom the network never saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgait_core.config import ClassificationTask
from fgait_core.data.labels import targets_of
from fgait_core.data.shards import ShardFolder
from fgait_core.errors import ConfigError
from fgait_core.evaluation.by_person import auroc_by_person, macro_by_person
from fgait_core.evaluation.calibration import calibration_curve, reliability
from fgait_core.evaluation.classification import class_shares, confusion_matrix, one_row_a_person, wilson_interval
from fgait_core.evaluation.conformal import in_prediction_set
from fgait_core.recipes.scoring import identification_embeddings, score_folder, transform_of
from fgait_core.simulation.camera import view_name

__all__ = [
    "identification_embeddings",
    "measure_classification",
    "measure_sets",
    "measure_task",
    "measure_threshold",
    "score_folder",
    "transform_of",
]


def view_names(view_deg: NDArray[np.str_]) -> NDArray[np.str_]:
    """Direction of walking to front, oblique, side or back, as the quality gate names views."""
    return np.array([view_name(float(angle)) if angle else "unknown" for angle in view_deg.tolist()])


def age_names(age_years: NDArray[np.str_]) -> NDArray[np.str_]:
    """Age to a group."""
    age = np.array([float(text) if text else np.nan for text in age_years.tolist()])
    groups = ["unknown", "below 18", "18 to 39", "40 to 64"]
    return np.select([np.isnan(age), age < 18, age < 40, age < 65], groups, "65 and above")


def _as_it_is(values: NDArray[np.str_]) -> NDArray[np.str_]:
    return np.where(values == "", "unknown", values)


_GROUPS: dict[str, tuple[str, Callable[[NDArray[np.str_]], NDArray[np.str_]]]] = {
    "by_view": ("view_deg", view_names),
    "by_clothing": ("clothing", _as_it_is),
    "by_carrying": ("carrying", _as_it_is),
    "by_sex": ("sex", _as_it_is),
    "by_age": ("age_years", age_names),
}
"""Groups that are measured apart: where they are written, the column that they come from, and how."""


def measure_classification(
    task: ClassificationTask, probabilities: NDArray[np.float64], folder: ShardFolder, *, seed: int
) -> dict[str, Any]:
    """How well classes are told apart, with no threshold and no calibration needed.

    Shares, macro averages, AUROC and the confusion matrix count all sequences, with intervals over bootstrap samples of
    the people. Sensitivity and specificity of each class count one sequence of each person, drawn by `seed`, so that
    rows are independent, and have Wilson's intervals.

    Args:
        task: which one.
        probabilities: float64 `[sequence, class]`, or any scores that rise with them.
        folder: the sequences; those without a label are left out. Groups (`by_view` …) are measured where the folder
            has their column and the task a positive class.
        seed: of bootstrap and draws.

    Raises:
        ConfigError: if nobody has a label.
    """
    (true,) = targets_of(task, [folder])
    known = true >= 0
    labels, person, scores = true[known], folder.person[known], probabilities[known]
    predicted = scores.argmax(1)
    rng = np.random.default_rng(seed)
    classes = len(task.classes)
    single = one_row_a_person(person, rng)

    macro = macro_by_person(predicted, labels, classes, person, rng)
    confusion = confusion_matrix(predicted, labels, classes)
    shares = class_shares(confusion_matrix(predicted[single], labels[single], classes))
    measured: dict[str, Any] = {
        "people": len(set(person.tolist())),
        "sequences": len(labels),
        "accuracy": asdict(macro["accuracy"]),
        "macro_precision": asdict(macro["precision"]),
        "macro_recall": asdict(macro["recall"]),
        "macro_f1": asdict(macro["f1"]),
        "balanced_accuracy": asdict(macro["balanced_accuracy"]),
        "chance_balanced_accuracy": 1 / classes,
        "confusion": {
            name: dict(zip(task.classes, row, strict=True))
            for name, row in zip(task.classes, confusion.tolist(), strict=True)
        },
        "classes": {
            name: asdict(shares[each]) | {"auroc": _auroc(scores[:, each], labels == each, person, rng)}
            for each, name in enumerate(task.classes)
        },
    }
    if task.positive_index is None:
        return measured
    score, positive = scores[:, task.positive_index], labels == task.positive_index
    groups = {
        name: _by_group(grouped(folder.column(column)[known]), score, positive, person, rng)
        for name, (column, grouped) in _GROUPS.items()
        if column in folder.columns
    }
    one_each = _auroc(score[single], positive[single], person[single], rng)
    return {"auroc": _auroc(score, positive, person, rng), "auroc_one_sequence_a_person": one_each} | measured | groups


def measure_task(
    task: ClassificationTask,
    probabilities: NDArray[np.float64],
    folder: ShardFolder,
    *,
    threshold: float,
    quantiles: tuple[float, ...],
    coverage: float,
    seed: int,
) -> dict[str, Any]:
    """Everything that is reported of one task of a package on the test split.

    Beside what `measure_classification` says: operating point, calibration and conformal coverage, which count one
    sequence of each person.

    Args:
        task: which one; with a positive class.
        probabilities: float64 `[sequence, class]`, calibrated.
        folder: the test split.
        threshold: operating point, fixed on the calibration split.
        quantiles: conformal thresholds, fixed on the calibration split.
        coverage: what the conformal sets promise.
        seed: of bootstrap and draws.

    Raises:
        ConfigError: if the positive class or everybody else is missing, or there is no positive class.
    """
    (true,) = targets_of(task, [folder])
    known = true >= 0
    labels = true[known]
    single = one_row_a_person(folder.person[known], np.random.default_rng(seed))
    probabilities_of_one, labels_of_one = probabilities[known][single], labels[single]
    positive = labels_of_one == task.positive_index
    if positive.all() or not positive.any():
        raise ConfigError(
            f"{folder.path} needs people with and without {task.name} (class {task.positive!r}) to measure a package."
        )
    score = probabilities_of_one[:, task.positive_index or 0]
    return measure_classification(task, probabilities, folder, seed=seed) | {
        "operating_point": measure_threshold(score, positive, threshold),
        "calibration": asdict(reliability(score, positive)),
        "calibration_curve": calibration_curve(score, positive),
        "conformal": measure_sets(probabilities_of_one, labels_of_one, quantiles, task, coverage),
    }


def measure_threshold(score: NDArray[np.float64], positive: NDArray[np.bool_], threshold: float) -> dict[str, Any]:
    """Sensitivity and specificity of a fixed threshold with Wilson intervals; one row for each person."""
    flagged = score >= threshold
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    hits, passes = int((flagged & positive).sum()), int((~flagged & ~positive).sum())
    return {
        "threshold": threshold,
        "sensitivity": hits / n_positive,
        "sensitivity_interval": wilson_interval(hits, n_positive),
        "specificity": passes / n_negative,
        "specificity_interval": wilson_interval(passes, n_negative),
        "n_positive": n_positive,
        "n_negative": n_negative,
    }


def measure_sets(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.int64],
    quantiles: tuple[float, ...],
    task: ClassificationTask,
    coverage: float,
) -> dict[str, Any]:
    """Coverage and sizes of the conformal sets; one row for each person."""
    members = in_prediction_set(probabilities, quantiles)
    covered = members[np.arange(len(labels)), labels]
    sizes = members.sum(1)
    one = sizes == 1
    return {
        "promised": coverage,
        "covered": float(covered.mean()),
        "covered_interval": wilson_interval(int(covered.sum()), len(covered)),
        "covered_by_class": {
            name: float(covered[labels == each].mean())
            for each, name in enumerate(task.classes)
            if (labels == each).any()
        },
        "set_sizes": {str(size): float((sizes == size).mean()) for size in range(members.shape[1] + 1)},
        "abstained": float((~one).mean()),
        "right_where_not_abstained": float(covered[one].mean()) if one.any() else None,
    }


def _auroc(
    score: NDArray[np.float64], positive: NDArray[np.bool_], person: NDArray[np.str_], rng: np.random.Generator
) -> dict[str, float] | None:
    """None where one kind is missing."""
    if positive.all() or not positive.any():
        return None
    return asdict(auroc_by_person(score, positive, person, rng))


def _by_group(
    group: NDArray[np.str_],
    score: NDArray[np.float64],
    positive: NDArray[np.bool_],
    person: NDArray[np.str_],
    rng: np.random.Generator,
) -> dict[str, Any]:
    at = {str(name): group == name for name in np.unique(group)}
    return {
        name: {"sequences": int(rows.sum()), "auroc": _auroc(score[rows], positive[rows], person[rows], rng)}
        for name, rows in at.items()
    }
