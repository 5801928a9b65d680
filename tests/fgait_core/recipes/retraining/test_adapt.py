"""What outcomes change of a task, judged out of fold: a good base stays, a wrong one is mended, chance wins nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.metrics import roc_auc_score

from fgait_core.config import RetrainingProtocol
from fgait_core.progress import ignore_progress, never_cancelled
from fgait_core.recipes.retraining.adapt import Adapted, adapt
from fgait_core.recipes.retraining.development import Development

FEATURES = 12


def development(people: int, truth: np.ndarray, base: np.ndarray, features: np.ndarray, seed: int = 1) -> Development:
    """One recording each; labels follow `truth`, `[person, class]`; the base says `base`, with one replicate."""
    rng = np.random.default_rng(seed)
    odds = np.exp(log_softmax(truth, axis=1))
    labels = (rng.random((people, 1)) > np.cumsum(odds, 1)).sum(1).clip(max=truth.shape[1] - 1)
    classes = truth.shape[1]
    return Development(
        folder=None,  # type: ignore[arg-type]
        rows=np.arange(people),
        labels=labels,
        person=np.array([f"p{each:04}" for each in range(people)]),
        views=np.full(people, "side"),
        weights=np.ones(people),
        features=features,
        said=np.stack([base, base], axis=1),
        mix=np.broadcast_to(np.eye(classes), (people, 2, classes, classes)),
        unlikeness=np.zeros(people),
    )


def adapted(people: Development, positive: int, prior: float = 4.0, **protocol: object) -> Adapted:
    content = {"task": "depression", "scope": "head"} | protocol
    return adapt(people, positive, RetrainingProtocol.model_validate(content), prior, ignore_progress, never_cancelled)


def two_classes(people: int, base_slope: float, learnable: float) -> Development:
    """The base sees half of the truth, at a wrong slope; the rest can be read from the features."""
    rng = np.random.default_rng(7)
    features = rng.normal(0, 1, (people, FEATURES))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    seen, rest = rng.normal(0, 1, people), learnable * features[:, 0]
    sides = np.array([-0.5, 0.5])
    return development(people, np.outer(seen + rest + 0.8, sides), base_slope * np.outer(seen, sides), features)


def loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    return float(-np.log(probabilities[np.arange(len(labels)), labels]).mean())


def of_base(people: Development) -> np.ndarray:
    return np.exp(log_softmax(people.said[:, 0], axis=1))


def test_recalibration_mends_slope_and_prevalence_and_nobody_changes_place() -> None:
    people = two_classes(200, 3.0, 0.0)
    found = adapted(people, 1, scope="recalibration")
    assert loss(found.probabilities, people.labels) < 0.9 * loss(of_base(people), people.labels)
    assert all(not change.vectors.any() for change in found.heads)
    final = found.affines[0](people.said[:, 0])
    before, after = (roc_auc_score(people.labels, each[:, 1] - each[:, 0]) for each in (people.said[:, 0], final))
    assert before == after
    flagged = found.probabilities[people.labels == 1, 1] >= found.threshold
    assert 0.8 <= flagged.mean() < 0.85


def test_a_head_finds_out_of_fold_what_the_base_does_not_see_and_nothing_in_shuffled_outcomes() -> None:
    people = two_classes(240, 1.0, 9.0)
    found = adapted(people, 1)
    before = roc_auc_score(people.labels, of_base(people)[:, 1])
    assert roc_auc_score(people.labels, found.probabilities[:, 1]) > before + 0.05
    shuffled = Development(
        **{name: getattr(people, name) for name in people.__dataclass_fields__ if name != "labels"},
        labels=np.random.default_rng(3).permutation(people.labels),
    )
    chance = roc_auc_score(shuffled.labels, adapted(shuffled, 1).probabilities[:, 1])
    assert 0.35 < chance < 0.6


@pytest.mark.parametrize("scope", ["recalibration", "head"])
def test_an_unlimited_prior_gives_the_base_back(scope: str) -> None:
    people = two_classes(60, 2.0, 5.0)
    found = adapted(people, 1, np.inf, scope=scope)
    np.testing.assert_allclose(found.probabilities, of_base(people), rtol=1e-12)
    assert all(not change.vectors.any() for change in found.heads)
    assert all(affine.slope == 1 and not affine.shift.any() for affine in found.affines)


@pytest.mark.parametrize("scope", ["recalibration", "head"])
def test_of_a_class_that_nobody_had_the_opinion_of_the_base_is_kept(scope: str) -> None:
    rng = np.random.default_rng(2)
    features = rng.normal(0, 1, (300, FEATURES)) / np.sqrt(FEATURES)
    base = rng.normal(0, 1, (300, 3))
    truth = base * [1, 0, 1] + np.array([0.5, -1000.0, -0.5])
    people = development(300, truth, base, features)
    assert set(people.labels.tolist()) == {0, 2}
    found = adapted(people, 2, scope=scope)
    assert all(affine.shift[1] == 0 for affine in found.affines)
    before, after = of_base(people)[:, 1].mean(), found.probabilities[:, 1].mean()
    assert after == pytest.approx(before, abs=0.1)
    assert np.isinf(found.quantiles["any"][1])
    assert np.isfinite([found.quantiles["any"][0], found.quantiles["any"][2]]).all()
    assert found.members[:, 1].all()
