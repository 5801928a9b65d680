"""Baselines beside which a network is measured: what is easy, and what would be cheating."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgait_core.config import ClassificationTask
from fgait_core.data.labels import UNKNOWN, targets_of
from fgait_core.data.shards import SHADOWS, ShardFolder
from fgait_core.evaluation.by_person import auroc_by_person
from fgait_core.recipes.baseline_features import measure_windows
from fgait_core.recipes.baseline_models import boosted_probabilities, energy_probabilities
from fgait_core.simulation.outfit.carried import CARRYING
from fgait_core.simulation.outfit.clothing import CLOTHING

_SEQUENCES = 6000
_KINDS = {"clothing": CLOTHING, "carrying": CARRYING, "sex": ("female",)}


def baselines(
    train: Sequence[ShardFolder], test: ShardFolder, tasks: Sequence[ClassificationTask], seed: int
) -> dict[str, Any]:
    """AUROC of both baselines for each task with a positive class, with intervals over people.

    `mean_silhouette` learns from gait energy images of at most 6,000 sequences; the other sees only the columns of
    `SHADOWS` and is None unless all of them are there.
    """
    tasks = [task for task in tasks if task.positive is not None]
    has_shadows = all(set(SHADOWS) <= set(folder.columns) for folder in (*train, test))
    labels = {task.name: np.concatenate(targets_of(task, train)) for task in tasks}
    classes = {task.name: len(task.classes) for task in tasks}
    frames = int(min(folder.frames.min() for folder in (*train, test)))
    known = measure_windows(train, frames, limit=_SEQUENCES, seed=seed)
    unknown = measure_windows([test], frames)
    of_window = {name: each[known.sequence] for name, each in labels.items()}
    said = energy_probabilities(known, unknown, of_window, classes, seed=seed)
    found: dict[str, Any] = {}
    for task in tasks:
        energy = unknown.of_sequences(said[task.name], len(test))
        by_shadows = shortcut_probabilities(task, train, test, SHADOWS, seed) if has_shadows else None
        found[task.name] = {
            "only_view_clothing_carrying_age_sex": None if by_shadows is None else _auroc(task, by_shadows, test, seed),
            "mean_silhouette": _auroc(task, energy, test, seed),
        }
    return found


def shortcut_probabilities(
    task: ClassificationTask, train: Sequence[ShardFolder], test: ShardFolder, columns: Sequence[str], seed: int
) -> NDArray[np.float64]:
    """What boosted trees say that see nothing but some columns: at an AUROC of 0.5 there is no short cut.

    Args:
        task: what is to be told.
        train: to learn from.
        test: to be told.
        columns: all the trees see; `view_deg`, those of known classes, and numbers.
        seed: of the trees.

    Returns:
        Probabilities `[sequence of test, class]`.
    """
    labels = np.concatenate(targets_of(task, train))
    known = np.concatenate([_seen(folder, columns) for folder in train])
    return boosted_probabilities(known, labels, _seen(test, columns), len(task.classes), seed)


def _auroc(task: ClassificationTask, said: NDArray[np.float64], test: ShardFolder, seed: int) -> dict[str, float]:
    (true,) = targets_of(task, [test])
    known = true != UNKNOWN
    score, positive = said[known, task.positive_index or 0], true[known] == task.positive_index
    return asdict(auroc_by_person(score, positive, test.person[known], np.random.default_rng(seed)))


def _seen(folder: ShardFolder, columns: Sequence[str]) -> NDArray[np.float64]:
    """Columns as numbers `[sequence, feature]`: angles as sine and cosine, classes as flags."""
    features: list[NDArray[np.float64]] = []
    for name in columns:
        values = folder.column(name)
        if name in _KINDS:
            features += [(values == kind).astype(np.float64) for kind in _KINDS[name]]
        elif name == "view_deg":
            angle = np.deg2rad(values.astype(float))
            features += [wave(times * angle) for times in (1, 2) for wave in (np.sin, np.cos)]
        else:
            features.append(values.astype(float))
    return np.stack(features, axis=1)
