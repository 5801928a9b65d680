"""From outcomes to a changed head, calibrators, prediction sets and a threshold, judged out of fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from fgait_core.config import RetrainingProtocol
from fgait_core.evaluation.classification import threshold_for_sensitivity
from fgait_core.evaluation.conformal import fit_label_quantiles, in_prediction_set
from fgait_core.losses import LOGIT_SCALE
from fgait_core.package_content import ANY_VIEW, CalibratorContent, TaskContent, ViewContent, ViewKey
from fgait_core.progress import Cancelled, Progress, raise_if_cancelled
from fgait_core.recipes.package_fit import plain_calibrator, plain_number, views_with
from fgait_core.recipes.retraining.development import Array, Development, mixing
from fgait_core.recipes.retraining.folds import folds_of
from fgait_core.recipes.retraining.heads import HeadChange, fit_head
from fgait_core.recipes.retraining.recalibrate import Affine, fit_affine

FOLDS = 5
_PENALTY_A_PERSON = 0.2
"""Penalty of a head for each person that the base is worth; how it was found: docs/evidence/retraining.md."""


@dataclass(frozen=True, slots=True, eq=False)
class Adapted:
    """What the outcomes changed of a task.

    Attributes:
        heads: of the main head and each replicate.
        affines: likewise.
        probabilities: float64 `[row, class]`, out of fold.
        members: bool `[row, class]`, out of fold: sets whose thresholds come from the other folds.
        quantiles: conformal thresholds for each view with enough people, and pooled under "any".
        threshold: operating point of the positive class' probability.
    """

    heads: tuple[HeadChange, ...]
    affines: tuple[Affine, ...]
    probabilities: Array
    members: NDArray[np.bool_]
    quantiles: dict[ViewKey, tuple[float, ...]]
    threshold: float


def adapt(
    people: Development,
    positive: int,
    protocol: RetrainingProtocol,
    prior_people: float,
    progress: Progress,
    cancelled: Cancelled,
) -> Adapted:
    """Fits everything that the protocol allows to change.

    Args:
        people: outcomes, and what the base says.
        positive: place of the positive class.
        protocol: scope, wanted sensitivity, coverage, seed.
        prior_people: how many people the base is worth.
        progress: told after each fit.
        cancelled: asked before each fit.

    Raises:
        OperationCancelled: if the user asked for a stop.
    """
    fold = folds_of(people.person, people.labels, FOLDS, protocol.seed)
    penalty = _PENALTY_A_PERSON * prior_people if protocol.scope == "head" else np.inf
    moved = np.empty_like(people.said[:, 0])
    for each in range(FOLDS):
        raise_if_cancelled(cancelled)
        held = fold == each
        change = _head(people, ~held, people.weights, 0, penalty)
        moved[held] = people.said[held, 0] + change(people.features[held], people.mix[held, 0])
        progress(0.3 * (each + 1) / FOLDS, "predicting people out of fold")
    probabilities, present = np.empty_like(moved), _present(people)
    for each in range(FOLDS):
        held = fold == each
        affine = fit_affine(moved[~held], people.labels[~held], people.weights[~held], prior_people, present)
        probabilities[held] = softmax(affine(moved[held]), axis=1)
    heads, affines = _with_replicates(people, moved, penalty, prior_people, protocol.seed, progress, cancelled)
    return Adapted(
        heads=heads,
        affines=affines,
        probabilities=probabilities,
        members=_members(people, probabilities, fold, protocol.coverage),
        quantiles=_quantiles(people, probabilities, protocol.coverage),
        threshold=threshold_for_sensitivity(
            probabilities[:, positive], people.labels == positive, protocol.wanted_sensitivity
        ),
    )


def _head(people: Development, rows: NDArray[np.bool_], weights: Array, head: int, penalty: float) -> HeadChange:
    counted, present = rows & (weights > 0), _present(people)
    return fit_head(
        people.features[counted],
        people.said[counted, head][:, present],
        people.mix[counted, head][:, present],
        (np.cumsum(present) - 1)[people.labels[counted]],
        weights[counted],
        penalty,
    )


def _present(people: Development) -> NDArray[np.bool_]:
    """Which classes the clinic has people of: bool `[class]`."""
    return np.isin(np.arange(people.said.shape[2]), people.labels)


def _with_replicates(
    people: Development,
    moved: Array,
    penalty: float,
    prior_people: float,
    seed: int,
    progress: Progress,
    cancelled: Cancelled,
) -> tuple[tuple[HeadChange, ...], tuple[Affine, ...]]:
    """The main head on everybody, and each replicate on a bootstrap sample of the people."""
    rng, everybody = np.random.default_rng(seed), np.ones(len(people.labels), bool)
    names, owner = np.unique(people.person, return_inverse=True)
    heads, affines = list[HeadChange](), list[Affine]()
    count = people.said.shape[1]
    for head in range(count):
        raise_if_cancelled(cancelled)
        drawn = rng.poisson(1.0, len(names))[owner] if head else np.ones(len(owner))
        weights = people.weights * drawn
        heads.append(_head(people, everybody, weights, head, penalty))
        affines.append(fit_affine(moved, people.labels, weights, prior_people, _present(people)))
        progress(0.3 + 0.7 * (head + 1) / count, "fitting head and replicates")
    return tuple(heads), tuple(affines)


def _quantiles(people: Development, probabilities: Array, coverage: float) -> dict[ViewKey, tuple[float, ...]]:
    return {
        view: fit_label_quantiles(probabilities[rows], people.labels[rows], coverage, people.person[rows])
        for view, rows in views_with(people.views, people.labels, people.person, probabilities.shape[1])
    }


def _members(people: Development, probabilities: Array, fold: NDArray[np.int64], coverage: float) -> NDArray[np.bool_]:
    members = np.empty(probabilities.shape, bool)
    for each in range(FOLDS):
        held = fold == each
        quantiles = fit_label_quantiles(probabilities[~held], people.labels[~held], coverage, people.person[~held])
        members[held] = in_prediction_set(probabilities[held], quantiles)
    return members


def moved_vectors(base: TaskContent, vectors: Array, heads: tuple[HeadChange, ...]) -> Array:
    """Class vectors with their change, of any length: float64 `[1 + replicates, feature, class]`."""
    pooled = base.by_view[ANY_VIEW].calibrators[0].calibrator().weight
    back = np.linalg.pinv(pooled).T / LOGIT_SCALE
    return np.stack([each + change.vectors @ back for each, change in zip(vectors, heads, strict=True)])


def adapted_views(base: TaskContent, moved: Array, adapted: Adapted, people: Development) -> dict[ViewKey, ViewContent]:
    """Calibrators of each view of the base, corrected on the clinic's people of all views, and the new thresholds.

    A cosine head keeps only the direction of a class vector; the calibrator gives it back its length.

    Args:
        base: of the task.
        moved: of `moved_vectors`.
        adapted: of `adapt`.
        people: for how many were seen.
    """
    lengths = np.linalg.norm(moved, axis=1)
    counted = len(np.unique(people.person))
    views: dict[ViewKey, ViewContent] = {}
    for view, content in base.by_view.items():
        calibrators, mix = list[CalibratorContent](), mixing(base, content)
        for head, each in enumerate(content.calibrators):
            old, affine, change = each.calibrator(), adapted.affines[head], adapted.heads[head]
            bias = old.bias - mix[head] @ (change.mean @ change.vectors)
            calibrators.append(
                plain_calibrator(affine.slope * old.weight * lengths[head], affine.slope * bias + affine.shift)
            )
        quantiles = adapted.quantiles.get(view, adapted.quantiles[ANY_VIEW])
        own = people.person[people.views == view] if view in adapted.quantiles and view != ANY_VIEW else None
        views[view] = ViewContent(
            calibrators=tuple(calibrators),
            conformal_quantiles=tuple(plain_number(value) for value in quantiles),
            people=counted if own is None else len(np.unique(own)),
        )
    return views
