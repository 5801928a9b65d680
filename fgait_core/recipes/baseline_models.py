"""Classical models that a network is measured against: linear on gait energy images, boosted trees on parameters.

Everything that is chosen is chosen on people of the training split.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from fgait_core.data.labels import UNKNOWN
from fgait_core.progress import Progress, ignore_progress
from fgait_core.recipes.baseline_features import Windows

Features = NDArray[np.floating]
Labels = NDArray[np.int64]

STRENGTHS = (0.0003, 0.003, 0.03, 0.3)
"""Regularisation to choose among: sklearn's `C`, smaller is stronger."""
_COMPONENTS = 100
_HELD_ASIDE = 0.25
_FEWEST_WINDOWS = 300
"""A view with fewer is learned with all views together."""


def energy_probabilities(
    train: Windows,
    test: Windows,
    labels: Mapping[str, Labels],
    classes: Mapping[str, int],
    *,
    seed: int,
    progress: Progress = ignore_progress,
) -> dict[str, NDArray[np.float64]]:
    """Logistic regression on principal components of gait energy images, for each view apart.

    Args:
        train: to learn from.
        test: to be told.
        labels: for each task int64 `[training window]`; `UNKNOWN` is left out.
        classes: for each task how many there are.
        seed: of the components and of who is held aside.
        progress: told as it goes on.

    Returns:
        For each task the probabilities `[test window, class]`.
    """
    said = {name: np.zeros((len(test), count)) for name, count in classes.items()}
    views = np.unique(test.view).tolist()
    with threadpool_limits(1):  # on few cores the threads of a small problem wait longer than they work
        for number, view in enumerate(views):
            progress(number / len(views), "learning energy images")
            own, wanted = train.view == view, test.view == view
            if own.sum() < _FEWEST_WINDOWS:
                own = np.ones(len(train), bool)
            components = min(_COMPONENTS, int(own.sum()) // 2)
            reduce = make_pipeline(
                StandardScaler(), PCA(components, svd_solver="randomized", random_state=seed), StandardScaler()
            )
            known = reduce.fit_transform(train.energy[own].astype(np.float32))
            unknown = reduce.transform(test.energy[wanted].astype(np.float32))
            for name, count in classes.items():
                said[name][wanted] = _linear(known, labels[name][own], train.person[own], unknown, count, seed)
    return said


def boosted_probabilities(
    known: Features, labels: Labels, unknown: Features, classes: int, seed: int
) -> NDArray[np.float64]:
    """Boosted trees, each class counted alike.

    Args:
        known: `[training row, feature]`; NaN stands for what is missing.
        labels: int64 `[training row]`; `UNKNOWN` is left out.
        unknown: `[row, feature]`.
        classes: how many there are.
        seed: of the trees.

    Returns:
        Probabilities `[row, class]`.
    """
    there = labels != UNKNOWN
    model = HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=150,
        max_leaf_nodes=15,
        max_bins=63,
        min_samples_leaf=40,
        l2_regularization=5.0,
        early_stopping=False,  # pyright: ignore[reportArgumentType]
        class_weight="balanced",
        random_state=seed,
    )
    with threadpool_limits(1):
        return _probabilities(model.fit(known[there], labels[there]), unknown, classes)


def _linear(
    known: Features, labels: Labels, person: Labels, unknown: Features, classes: int, seed: int
) -> NDArray[np.float64]:
    """Logistic regression, its strength chosen by the log loss of people held aside."""
    there = labels != UNKNOWN
    known, labels, person = known[there], labels[there], person[there]
    people = np.random.default_rng(seed).permutation(np.unique(person))
    aside = np.isin(person, people[: int(len(people) * _HELD_ASIDE)])
    strength = _best_strength(known, labels, aside)
    model = _regression(strength).fit(known, labels)
    return _probabilities(model, unknown, classes)


def _best_strength(known: Features, labels: Labels, aside: NDArray[np.bool_]) -> float:
    """Of `STRENGTHS`; the middle one where too few people are held aside to choose by."""
    there = np.unique(labels)
    if not np.array_equal(np.unique(labels[~aside]), there) or len(np.unique(labels[aside])) < 2:
        return STRENGTHS[len(STRENGTHS) // 2]
    losses = [
        log_loss(labels[aside], model.predict_proba(known[aside]), labels=there)
        for model in (_regression(strength).fit(known[~aside], labels[~aside]) for strength in STRENGTHS)
    ]
    return STRENGTHS[int(np.argmin(losses))]


def _regression(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=2000, class_weight="balanced")


def _probabilities(
    model: LogisticRegression | HistGradientBoostingClassifier, unknown: Features, classes: int
) -> NDArray[np.float64]:
    """What a model says `[row, class]`; 0 for a class that it never saw."""
    said = np.zeros((len(unknown), classes))
    said[:, np.asarray(model.classes_, np.int64)] = model.predict_proba(unknown)
    return said
