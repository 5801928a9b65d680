"""Baselines beside which a network is measured: what is easy, and what would be cheating."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fgait_core.config import ClassificationTask
from fgait_core.data.labels import targets_of
from fgait_core.data.shards import SHADOWS, ShardFolder
from fgait_core.evaluation.by_person import auroc_by_person
from fgait_core.evaluation.classification import Estimate
from fgait_core.simulation.carried import CARRYING
from fgait_core.simulation.clothing import CLOTHING

_RIDGE = 300.0
_ROWS = 6000
_FLAGS = {
    "clothing": CLOTHING,
    "carrying": CARRYING,
    "sex": ("female",),
}


def baselines(
    train: Sequence[ShardFolder], test: ShardFolder, tasks: Sequence[ClassificationTask], seed: int
) -> dict[str, Any]:
    """Both baselines for each task with a positive class; the short cut only where all its columns are there."""
    has_shadows = all(set(SHADOWS) <= set(folder.columns) for folder in (*train, test))
    return {
        task.name: {
            "only_view_clothing_carrying_age_sex": (
                asdict(shortcut_auroc(task, train, test, seed)) if has_shadows else None
            ),
            "mean_silhouette": asdict(mean_silhouette_auroc(task, train, test, seed)),
        }
        for task in tasks
        if task.positive is not None
    }


def shortcut_auroc(task: ClassificationTask, train: Sequence[ShardFolder], test: ShardFolder, seed: int) -> Estimate:
    """AUROC of a classifier that sees only view, clothing, carrying, age and sex: at 0.5 there is no short cut."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    labels = np.concatenate(targets_of(task, train))
    features = np.concatenate([_shadow_features(folder) for folder in train])
    classifier.fit(features[labels >= 0], labels[labels >= 0] == task.positive_index)
    (tested,) = targets_of(task, [test])
    known = tested >= 0
    score = classifier.predict_proba(_shadow_features(test)[known])[:, 1]
    positive = tested[known] == task.positive_index
    return auroc_by_person(score, positive, test.person[known], np.random.default_rng(seed))


def mean_silhouette_auroc(
    task: ClassificationTask, train: Sequence[ShardFolder], test: ShardFolder, seed: int
) -> Estimate:
    """AUROC of ridge regression on the mean silhouette (gait energy image) of each sequence, a simple baseline."""
    rng = np.random.default_rng(seed)
    of_folder = targets_of(task, train)
    rows = [(folder, row) for folder in train for row in range(len(folder))]
    labels = np.concatenate(of_folder)
    chosen = np.sort(rng.permutation(np.flatnonzero(labels >= 0))[:_ROWS])
    features = np.stack([_mean_silhouette(*rows[row]) for row in chosen.tolist()])
    centre = features.mean(0)
    target = (labels[chosen] == task.positive_index).astype(np.float64)
    gram = (features - centre).T @ (features - centre)
    gram[np.diag_indices_from(gram)] += _RIDGE
    slope = np.linalg.solve(gram, (features - centre).T @ (target - target.mean()))
    (true,) = targets_of(task, [test])
    tested = np.flatnonzero(true >= 0)
    score = (np.stack([_mean_silhouette(test, row) for row in tested.tolist()]) - centre) @ slope
    return auroc_by_person(score, true[tested] == task.positive_index, test.person[tested], rng)


def _shadow_features(folder: ShardFolder) -> NDArray[np.float64]:
    view = np.deg2rad(folder.column("view_deg").astype(float))
    age = folder.column("age_years").astype(float)
    numbers = [np.sin(view), np.cos(view), np.sin(2 * view), np.cos(2 * view), age, age**2]
    flags = [(folder.column(name) == value).astype(np.float64) for name, values in _FLAGS.items() for value in values]
    return np.stack(numbers + flags, axis=1)


def _mean_silhouette(folder: ShardFolder, sequence: int) -> NDArray[np.float64]:
    return folder.sequence(sequence).mean(0).reshape(-1)
