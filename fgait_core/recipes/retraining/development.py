"""What the base package says of the development people, ready to be adapted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgait_core.config import ClassificationTask
from fgait_core.data.labels import UNKNOWN, targets_of
from fgait_core.data.shards import ShardFolder
from fgait_core.errors import ConfigError
from fgait_core.losses import LOGIT_SCALE
from fgait_core.model_package import ModelPackage
from fgait_core.models.heads import CosineHead
from fgait_core.package_content import ANY_VIEW, TaskContent, ViewContent
from fgait_core.progress import Cancelled, Progress
from fgait_core.recipes.measure_groups import view_names
from fgait_core.recipes.scoring import mean_head_features

MIN_PEOPLE = 5
"""People with the condition, and people without it, below whom nothing is fitted."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Development:
    """Labelled recordings of the development people.

    Attributes:
        folder: all sequences, also those without a label.
        rows: int64 `[row]`, numbers of the labelled sequences; the other arrays are of these.
        labels: int64 `[row]`.
        person: `[row]`.
        views: `[row]`.
        weights: float64 `[row]`, one over the recordings of the person.
        features: float64 `[row, feature]`, what the task's head reads, mean over the windows.
        said: float64 `[row, 1 + replicates, class]`, calibrated logits of the base.
        mix: float64 `[row, 1 + replicates, class, class]`, what the view's calibrators make of a change of the class
            vectors.
        unlikeness: float64 `[row]`.
    """

    folder: ShardFolder
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    person: NDArray[np.str_]
    views: NDArray[np.str_]
    weights: Array
    features: Array
    said: Array
    mix: Array
    unlikeness: Array


def read_development(
    base: ModelPackage,
    task: ClassificationTask,
    folder: ShardFolder,
    device: str,
    progress: Progress,
    cancelled: Cancelled,
) -> Development:
    """Runs the base over the development people.

    Raises:
        ConfigError: if there are too few people with or without the condition, or the frame rates do not fit.
        OperationCancelled: if the user asked for a stop.
    """
    (true,) = targets_of(task, [folder])
    rows = np.flatnonzero(true != UNKNOWN)
    _require_enough(task, true[rows], folder.person[rows])
    features, unlike = mean_head_features(
        base.network,
        task.name,
        folder,
        base.content.transform,
        base.guard,
        device=device,
        progress=progress,
        cancelled=cancelled,
    )
    base.network.cpu()
    content = next(each for each in base.content.tasks if each.name == task.name)
    person, views = folder.person[rows], view_names(folder)[rows]
    _, owner, count = np.unique(person, return_inverse=True, return_counts=True)
    return Development(
        folder=folder,
        rows=rows,
        labels=true[rows],
        person=person,
        views=views,
        weights=1.0 / count[owner],
        features=features[rows],
        said=_calibrated(content, class_vectors(base, task.name), features[rows], views),
        mix=np.stack([mixing(content, content.of_view(view)) for view in views.tolist()]),
        unlikeness=unlike[rows],
    )


def _require_enough(task: ClassificationTask, labels: NDArray[np.int64], person: NDArray[np.str_]) -> None:
    positive = labels == task.positive_index
    counts = len(np.unique(person[positive])), len(np.unique(person[~positive]))
    if min(counts) < MIN_PEOPLE:
        raise ConfigError(
            f"Retraining needs at least {MIN_PEOPLE} development people with {task.name} and {MIN_PEOPLE} without it; "
            f"there are {counts[0]} and {counts[1]}. Record more confirmed outcomes."
        )


def class_vectors(package: ModelPackage, task: str) -> Array:
    """Unit vectors of the head and its replicates: float64 `[1 + replicates, feature, class]`."""
    head = package.network.head(task)
    if not isinstance(head, CosineHead):
        raise ConfigError(f"{task} of the package {package.name} is no classification.")
    vectors = np.concatenate([head.fc_bin.detach().numpy(), head.replicates.detach().numpy()])
    vectors = vectors.astype(np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-12)


def _calibrated(content: TaskContent, vectors: Array, features: Array, views: NDArray[np.str_]) -> Array:
    logits = LOGIT_SCALE * np.einsum("nf,rfc->nrc", features, vectors)
    said = np.empty_like(logits)
    for view in np.unique(views).tolist():
        rows = views == view
        for head, calibrator in enumerate(content.of_view(view).calibrators):
            said[rows, head] = calibrator.calibrator().calibrated_logits(logits[rows, head])
    return said


def mixing(content: TaskContent, of_view: ViewContent) -> Array:
    """How a change that the pooled calibrator would pass on as it is comes through a view's: `[head, class, class]`.

    The class vectors are shared by all views; a change of the calibrated logits is translated into one of the vectors
    by the pseudo-inverse of the main head's pooled calibrator, and back by the view's own.
    """
    back = np.linalg.pinv(content.by_view[ANY_VIEW].calibrators[0].calibrator().weight)
    return np.stack([each.calibrator().weight @ back for each in of_view.calibrators])
