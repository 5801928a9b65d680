"""Measures a classification on people whom the network never saw."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgait_core.config import ClassificationTask
from fgait_core.data.labels import UNKNOWN, targets_of
from fgait_core.data.shards import ShardFolder
from fgait_core.errors import ConfigError
from fgait_core.evaluation.by_person import macro_by_person
from fgait_core.evaluation.calibration import calibration_curve, reliability
from fgait_core.evaluation.classification import class_shares, confusion_matrix, one_row_a_person, wilson_interval
from fgait_core.recipes.measure_groups import Judged, area, groups_of, measure_groups


def measure_classification(
    task: ClassificationTask,
    probabilities: NDArray[np.float64],
    folder: ShardFolder,
    *,
    seed: int,
    members: NDArray[np.bool_] | None = None,
    threshold: float | None = None,
) -> dict[str, Any]:
    """How well classes are told apart, with no threshold and no calibration needed.

    Shares, macro averages, AUROC and the confusion matrix count all sequences, with intervals over bootstrap samples of
    the people. Sensitivity and specificity of each class count one sequence of each person, drawn by `seed`, so that
    rows are independent, and have Wilson's intervals.

    Args:
        task: which one.
        probabilities: float64 `[sequence, class]`, or any scores that rise with them.
        folder: the sequences; those without a label are left out. Groups (`by_view` …) are measured where the folder
            has their column, and the task a positive class or sets.
        seed: of bootstrap and draws.
        members: bool `[sequence, class]` of conformal sets, for their coverage in groups.
        threshold: operating point, for sensitivity and specificity in groups.

    Raises:
        ConfigError: if nobody has a label.
    """
    (true,) = targets_of(task, [folder])
    known = true != UNKNOWN
    sets = None if members is None else members[known]
    judged = Judged(true[known], folder.person[known], probabilities[known], task.positive_index, sets, threshold)
    labels, person, scores = judged.labels, judged.person, judged.probabilities
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
            name: asdict(shares[each]) | {"auroc": area(scores[:, each], labels == each, person, rng)}
            for each, name in enumerate(task.classes)
        },
    }
    if task.positive_index is not None:
        score, positive = scores[:, task.positive_index], labels == task.positive_index
        one_each = area(score[single], positive[single], person[single], rng)
        measured = {"auroc": area(score, positive, person, rng), "auroc_one_sequence_a_person": one_each} | measured
    elif members is None:
        return measured
    return measured | measure_groups(judged, {name: each[known] for name, each in groups_of(folder).items()}, rng)


def measure_task(
    task: ClassificationTask,
    probabilities: NDArray[np.float64],
    members: NDArray[np.bool_],
    folder: ShardFolder,
    *,
    threshold: float,
    coverage: float,
    seed: int,
) -> dict[str, Any]:
    """Everything that is reported of a screening task of a package on the test split.

    Beside what `measure_classification` says: operating point, calibration and conformal coverage, which count one
    sequence of each person.

    Args:
        task: which one; with a positive class.
        probabilities: float64 `[sequence, class]`, calibrated.
        members: bool `[sequence, class]`, the conformal sets.
        folder: the test split.
        threshold: operating point, fixed on the calibration split.
        coverage: what the conformal sets promise.
        seed: of bootstrap and draws.

    Raises:
        ConfigError: if the positive class or everybody else is missing, or there is no positive class.
    """
    rows, labels = _one_each(task, folder, seed)
    positive = labels == task.positive_index
    if positive.all() or not positive.any():
        raise ConfigError(
            f"{folder.path} needs people with and without {task.name} (class {task.positive!r}) to measure a package."
        )
    score = probabilities[rows, task.positive_index or 0]
    plain = measure_classification(task, probabilities, folder, seed=seed, members=members, threshold=threshold)
    return plain | {
        "operating_point": measure_threshold(score, positive, threshold),
        "calibration": asdict(reliability(score, positive)),
        "calibration_curve": calibration_curve(score, positive),
        "conformal": measure_sets(members[rows], labels, task, coverage),
    }


def measure_attribute(
    task: ClassificationTask,
    probabilities: NDArray[np.float64],
    members: NDArray[np.bool_],
    folder: ShardFolder,
    *,
    coverage: float,
    seed: int,
) -> dict[str, Any]:
    """Everything that is reported of an attribute of a package; see `measure_task`.

    No class is special, so that calibration is class-wise (Kull et al. 2019): the probability of each class against
    whether it is the true one, all classes together.
    """
    rows, labels = _one_each(task, folder, seed)
    said = probabilities[rows].ravel()
    right = np.eye(len(task.classes), dtype=bool)[labels].ravel()
    plain = measure_classification(task, probabilities, folder, seed=seed, members=members)
    return plain | {
        "calibration": asdict(reliability(said, right)) | {"n_people": len(labels)},
        "calibration_curve": calibration_curve(said, right),
        "conformal": measure_sets(members[rows], labels, task, coverage),
    }


def _one_each(task: ClassificationTask, folder: ShardFolder, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One labelled sequence of each person, and its label."""
    (true,) = targets_of(task, [folder])
    known = np.flatnonzero(true != UNKNOWN)
    rows = known[one_row_a_person(folder.person[known], np.random.default_rng(seed))]
    return rows, true[rows]


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
    members: NDArray[np.bool_], labels: NDArray[np.int64], task: ClassificationTask, coverage: float
) -> dict[str, Any]:
    """Coverage and sizes of conformal sets; one row for each person."""
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
