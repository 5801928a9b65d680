"""Measures a network on people whom it never saw, beside baselines that show what is easy and what is cheating."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fgait_core.data.labels import TASKS, TaskLabels
from fgait_core.data.shards import SHADOWS, ShardFolder
from fgait_core.errors import ConfigError
from fgait_core.evaluation.calibration import calibration_curve, reliability
from fgait_core.evaluation.classification import (
    Estimate,
    auroc,
    balanced_accuracy,
    bootstrap_by_person,
    one_row_a_person,
    wilson_interval,
)
from fgait_core.evaluation.conformal import in_prediction_set
from fgait_core.losses import LOGIT_SCALE
from fgait_core.model_package import Transform
from fgait_core.models.heads import ScreeningNetwork
from fgait_core.progress import Progress, ignore_progress
from fgait_core.simulation.camera import view_name
from fgait_core.training.loop import to_network

_BATCH = 32
_RIDGE = 300.0
_BASELINE_ROWS = 6000


def sequence_logits(
    network: ScreeningNetwork, folder: ShardFolder, transform: Transform, progress: Progress = ignore_progress
) -> dict[str, NDArray[np.float64]]:
    """Logits of every sequence, averaged over its windows, as the package scores a recording.

    Args:
        network: in evaluation mode.
        folder: the sequences.
        transform: of the package; its frame rate must divide that of the sequences.
        progress: told after each batch.

    Returns:
        For each task float64 `[sequence, 1 + replicates, class]`, scaled cosine logits.

    Raises:
        ConfigError: if the frame rates or lengths do not fit.
    """
    stride = round(folder.frame_rate_hz / transform.frame_rate_hz)
    steps = (int(folder.frames.min()) - 1) // max(stride, 1) + 1
    if abs(stride * transform.frame_rate_hz - folder.frame_rate_hz) > 1e-6 or steps < transform.window_frames:
        raise ConfigError(
            f"Sequences of {folder.frame_rate_hz:g} Hz with {folder.frames.min()} frames do not give windows of "
            f"{transform.window_frames} frames at {transform.frame_rate_hz:g} Hz."
        )
    starts = np.arange(0, steps - transform.window_frames + 1, transform.hop_frames)
    offsets = (starts[:, None] + np.arange(transform.window_frames)) * stride
    collected: dict[str, list[NDArray[np.float64]]] = {task: [] for task in network.heads}
    for begin in range(0, len(folder), _BATCH):
        rows = folder.first_frame[begin : begin + _BATCH, None, None] + offsets
        clips = folder.take(rows).reshape(-1, transform.window_frames, transform.height_px, transform.width_px)
        with torch.inference_mode():
            logits = network(to_network(clips * np.uint8(255)))
        for task, values in logits.items():
            windows = values.double().numpy().reshape(len(rows), len(starts), *values.shape[1:])
            collected[task].append(windows.mean(1) * LOGIT_SCALE)
        progress(min(begin + _BATCH, len(folder)) / len(folder), "scoring sequences")
    return {task: np.concatenate(parts) for task, parts in collected.items()}


def measure_task(
    task: TaskLabels,
    probabilities: NDArray[np.float64],
    folder: ShardFolder,
    *,
    threshold: float,
    quantiles: tuple[float, ...],
    coverage: float,
    seed: int,
) -> dict[str, Any]:
    """Everything that is reported of one task on the test split.

    Discrimination counts all sequences, with intervals over bootstrap samples of the people. Sensitivity, specificity,
    calibration and conformal coverage count one sequence of each person, drawn by `seed`, so that rows are independent.

    Args:
        task: which one.
        probabilities: float64 `[sequence, class]`, calibrated.
        folder: the test split.
        threshold: operating point, fixed on the calibration split.
        quantiles: conformal thresholds, fixed on the calibration split.
        coverage: what the conformal sets promise.
        seed: of bootstrap and draws.
    """
    known = folder.labels[task.name] >= 0
    labels, person = folder.labels[task.name][known], folder.person[known]
    probabilities = probabilities[known]
    score, positive = probabilities[:, task.positive_index], labels == task.positive_index
    predicted = probabilities.argmax(1)
    rng = np.random.default_rng(seed)
    single = one_row_a_person(person, rng)
    columns = {name: folder.columns[name][known] for name in SHADOWS}
    return {
        "people": len(set(person.tolist())),
        "sequences": len(labels),
        "auroc": asdict(_auroc(score, positive, person, rng)),
        "auroc_one_sequence_a_person": asdict(_auroc(score[single], positive[single], person[single], rng)),
        "balanced_accuracy": asdict(
            bootstrap_by_person(
                lambda rows: balanced_accuracy(predicted[rows], labels[rows], len(task.class_order)), person, rng
            )
        ),
        "chance_balanced_accuracy": 1 / len(task.class_order),
        "confusion": _confusion(predicted, labels, task),
        "by_view": _by_group(view_names(columns["view_deg"]), score, positive, person, rng),
        "by_clothing": _by_group(columns["clothing"], score, positive, person, rng),
        "by_carrying": _by_group(columns["carrying"], score, positive, person, rng),
        "by_sex": _by_group(columns["sex"], score, positive, person, rng),
        "by_age": _by_group(age_names(columns["age_years"]), score, positive, person, rng),
        "operating_point": measure_threshold(score[single], positive[single], threshold),
        "calibration": asdict(reliability(score[single], positive[single])),
        "calibration_curve": calibration_curve(score[single], positive[single]),
        "conformal": measure_sets(probabilities[single], labels[single], quantiles, task, coverage),
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
    task: TaskLabels,
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
            for each, name in enumerate(task.class_order)
            if (labels == each).any()
        },
        "set_sizes": {str(size): float((sizes == size).mean()) for size in range(members.shape[1] + 1)},
        "abstained": float((~one).mean()),
        "right_where_not_abstained": float(covered[one].mean()) if one.any() else None,
    }


def shortcut_auroc(task: TaskLabels, train: ShardFolder, test: ShardFolder, seed: int) -> Estimate:
    """AUROC of a classifier that sees only view, clothing, carrying, age and sex: at 0.5 there is no short cut."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    known = train.labels[task.name] >= 0
    classifier.fit(_shadow_features(train)[known], train.labels[task.name][known] == task.positive_index)
    tested = test.labels[task.name] >= 0
    score = classifier.predict_proba(_shadow_features(test)[tested])[:, 1]
    positive = test.labels[task.name][tested] == task.positive_index
    return _auroc(score, positive, test.person[tested], np.random.default_rng(seed))


def mean_silhouette_auroc(task: TaskLabels, train: ShardFolder, test: ShardFolder, seed: int) -> Estimate:
    """AUROC of ridge regression on the mean silhouette (gait energy image) of each sequence, a simple baseline."""
    rng = np.random.default_rng(seed)
    known = np.flatnonzero(train.labels[task.name] >= 0)
    chosen = np.sort(rng.permutation(known)[:_BASELINE_ROWS])
    features = _mean_silhouettes(train, chosen)
    centre = features.mean(0)
    target = (train.labels[task.name][chosen] == task.positive_index).astype(np.float64)
    gram = (features - centre).T @ (features - centre)
    gram[np.diag_indices_from(gram)] += _RIDGE
    slope = np.linalg.solve(gram, (features - centre).T @ (target - target.mean()))
    tested = np.flatnonzero(test.labels[task.name] >= 0)
    score = (_mean_silhouettes(test, tested) - centre) @ slope
    positive = test.labels[task.name][tested] == task.positive_index
    return _auroc(score, positive, test.person[tested], rng)


def baselines(train: ShardFolder, test: ShardFolder, tasks: tuple[str, ...], seed: int) -> dict[str, Any]:
    """Both baselines for each task."""
    return {
        name: {
            "only_view_clothing_carrying_age_sex": asdict(shortcut_auroc(TASKS[name], train, test, seed)),
            "mean_silhouette": asdict(mean_silhouette_auroc(TASKS[name], train, test, seed)),
        }
        for name in tasks
    }


def view_names(view_deg: NDArray[np.str_]) -> NDArray[np.str_]:
    """Direction of walking to front, oblique, side or back, as the quality gate names views."""
    return np.array([view_name(angle) for angle in view_deg.astype(float).tolist()])


def age_names(age_years: NDArray[np.str_]) -> NDArray[np.str_]:
    """Age to a group."""
    age = age_years.astype(float)
    return np.select([age < 18, age < 40, age < 65], ["below 18", "18 to 39", "40 to 64"], "65 and above")


def _auroc(
    score: NDArray[np.float64], positive: NDArray[np.bool_], person: NDArray[np.str_], rng: np.random.Generator
) -> Estimate:
    return bootstrap_by_person(lambda rows: auroc(score[rows], positive[rows]), person, rng)


def _by_group(
    group: NDArray[np.str_],
    score: NDArray[np.float64],
    positive: NDArray[np.bool_],
    person: NDArray[np.str_],
    rng: np.random.Generator,
) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for name in np.unique(group):
        at = group == name
        defined = bool(positive[at].any() and not positive[at].all())
        estimate = asdict(_auroc(score[at], positive[at], person[at], rng)) if defined else None
        rows[str(name)] = {"sequences": int(at.sum()), "auroc": estimate}
    return rows


def _confusion(predicted: NDArray[np.int64], labels: NDArray[np.int64], task: TaskLabels) -> dict[str, dict[str, int]]:
    return {
        true: {said: int(((labels == i) & (predicted == j)).sum()) for j, said in enumerate(task.class_order)}
        for i, true in enumerate(task.class_order)
    }


def _shadow_features(folder: ShardFolder) -> NDArray[np.float64]:
    view = np.deg2rad(folder.columns["view_deg"].astype(float))
    age = folder.columns["age_years"].astype(float)
    numbers = [np.sin(view), np.cos(view), np.sin(2 * view), np.cos(2 * view), age, age**2]
    flags = [
        (folder.columns[name] == value).astype(float)
        for name, values in (
            ("clothing", ("close_fitting", "trousers", "skirt", "coat")),
            ("carrying", ("none", "backpack", "hand_bag", "shoulder_bag")),
            ("sex", ("female",)),
        )
        for value in values
    ]
    return np.stack(numbers + flags, axis=1)


def _mean_silhouettes(folder: ShardFolder, sequences: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.stack([folder.sequence(int(each)).mean(0).reshape(-1) for each in sequences])
