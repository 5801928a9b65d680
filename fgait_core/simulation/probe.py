"""How much of the labels a plain linear model finds in a simulated data set.

Gait energy images (mean and spread of the silhouettes over a recording) and a logistic regression on their principal
components, one for each view, fitted on one split and measured on another. Near 0.5 the effects cannot be learned; near
1.0 something gives the label away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from fgait_core.data.shards import ShardFolder
from fgait_core.errors import ConfigError
from fgait_core.sequence import HEIGHT_PX, WIDTH_PX
from fgait_core.simulation.camera import view_name

VIEWS: tuple[str, ...] = ("front", "oblique", "side", "back")
_COMPONENTS = 60
_STRENGTH = 0.02

TASKS: dict[str, str] = {"scoliosis": "positive", "depression": "yes"}
"""The class of each that is told from the rest."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What the linear model reached on one task.

    Attributes:
        task: a key of `TASKS`.
        auc_by_view: area under the ROC curve for the recordings of each view.
        auc_by_person: the same for people, each with the mean of the standardised scores of all recordings.
        recordings, people: how many were measured.
    """

    task: str
    auc_by_view: dict[str, float]
    auc_by_person: float
    recordings: int
    people: int


def probe(train: ShardFolder, test: ShardFolder) -> tuple[ProbeResult, ...]:
    """Fits on one split, measures on the other; the result does not depend on chance.

    Raises:
        ConfigError: if the splits are too small to fit every view.
    """
    train_features, test_features = features(train), features(test)
    train_views, test_views = (np.array([view_name(deg) for deg in _views_deg(split)]) for split in (train, test))
    results = []
    for task, positive in TASKS.items():
        train_labels, test_labels = train.column(task) == positive, test.column(task) == positive
        scores, by_view = np.zeros(len(test)), {}
        for view in VIEWS:
            fit, measure = train_views == view, test_views == view
            classes = min(len(np.unique(labels)) for labels in (train_labels[fit], test_labels[measure]))
            if fit.sum() <= _COMPONENTS or classes < 2:
                raise ConfigError(f"Too few recordings in the view {view!r} to probe; make larger splits.")
            with threadpool_limits(1):  # on few cores the threads of a small problem wait longer than they work
                fitted = _linear_model().fit(train_features[fit], train_labels[fit])
                own = fitted.decision_function(test_features[measure])
            by_view[view] = float(roc_auc_score(test_labels[measure], own))
            scores[measure] = (own - own.mean()) / max(float(own.std()), 1e-9)
        person_auc = _by_person(test, scores, test_labels)
        results.append(ProbeResult(task, by_view, person_auc, len(test), len(test.people)))
    return tuple(results)


def features(split: ShardFolder) -> NDArray[np.float32]:
    """One row a recording: mean, spread, left-right difference of half-size silhouettes that walk to the right."""
    return np.stack([_recording_features(split.sequence(n), view_deg) for n, view_deg in enumerate(_views_deg(split))])


def _views_deg(split: ShardFolder) -> list[float]:
    return split.column("view_deg").astype(float).tolist()


def _recording_features(frames: NDArray[np.uint8], view_deg: float) -> NDArray[np.float32]:
    lit = frames.astype(np.float32)
    if view_deg > 180.0 and view_name(view_deg) in ("side", "oblique"):
        lit = lit[:, :, ::-1]
    energy, spread = _halved(lit.mean(0)), _halved(lit.std(0))
    return np.concatenate([energy.ravel(), 0.5 * spread.ravel(), np.abs(energy - energy[:, ::-1]).ravel()])


def _halved(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of every 2 x 2 pixels."""
    return image.reshape(HEIGHT_PX // 2, 2, WIDTH_PX // 2, 2).mean((1, 3))


def _linear_model() -> Pipeline:
    components = PCA(_COMPONENTS, svd_solver="randomized", random_state=0)
    model = LogisticRegression(C=_STRENGTH, max_iter=2000)
    return make_pipeline(StandardScaler(), components, StandardScaler(), model)


def _by_person(split: ShardFolder, scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    recordings = np.bincount(split.person_number)
    means = np.bincount(split.person_number, scores) / recordings
    return float(roc_auc_score(np.bincount(split.person_number, labels) > 0, means))
