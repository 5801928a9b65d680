"""Measures of classification equal scikit-learn, the published evaluation, and the slow way to their intervals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix as reference_matrix
from sklearn.metrics import precision_recall_fscore_support

from fgait_core.evaluation.by_person import auroc_by_person, macro_by_person
from fgait_core.evaluation.classification import (
    auroc,
    balanced_accuracy,
    bootstrap_by_person,
    class_shares,
    confusion_matrix,
    macro_measures,
    wilson_interval,
)

CLASSES = ("negative", "neutral", "positive")
GOLDEN = Path(__file__).parents[2] / "golden" / "golden_metric_scoliosis.npz"


def test_published_scoliosis_measures() -> None:
    golden = np.load(GOLDEN)
    predicted = golden["embeddings"].mean(-1).argmax(1)
    labels = np.array([CLASSES.index(name) for name in golden["types"]])
    measured = macro_measures(confusion_matrix(predicted, labels, 3))
    wanted = json.loads(str(golden["results"]))
    for name in ("accuracy", "precision", "recall", "f1"):
        assert getattr(measured, name) == pytest.approx(wanted[f"scalar/test_{name}/"], abs=1e-6)


@pytest.mark.parametrize("seen", [(0, 1, 2), (0, 1), (2,)])
def test_macro_measures_equal_scikit_learn(seen: tuple[int, ...]) -> None:
    rng = np.random.default_rng(len(seen))
    labels, predicted = rng.choice(seen, 50), rng.integers(0, 2, 50)
    confusion = confusion_matrix(predicted, labels, 4)
    assert np.array_equal(confusion, reference_matrix(labels, predicted, labels=range(4)))
    measured = macro_measures(confusion)
    precision, recall, f1, _ = precision_recall_fscore_support(labels, predicted, average="macro", zero_division=0)
    assert (measured.precision, measured.recall, measured.f1) == pytest.approx((precision, recall, f1))
    assert measured.accuracy == pytest.approx((labels == predicted).mean())


def test_class_shares_count_one_class_against_all_others() -> None:
    confusion = np.array([[8, 1, 1], [2, 5, 3], [0, 0, 0]])
    first, second, absent = class_shares(confusion)
    assert (first.sensitivity, first.specificity) == (0.8, 0.8)
    assert first.sensitivity_interval == wilson_interval(8, 10)
    assert second.specificity_interval == wilson_interval(9, 10)
    assert (absent.sensitivity, absent.sensitivity_interval, absent.n_class) == (None, (0.0, 1.0), 0)
    assert absent.specificity == 16 / 20


@pytest.fixture
def rows() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(30), rng.integers(1, 6, 30)).astype(str)
    labels = rng.integers(0, 3, len(person))
    predicted = np.where(rng.random(len(person)) < 0.6, labels, rng.integers(0, 3, len(person)))
    return {"person": person, "labels": labels, "predicted": predicted, "scores": np.round(rng.random(len(person)), 1)}


def test_auroc_interval_equals_the_slow_bootstrap(rows: dict[str, np.ndarray]) -> None:
    positive, scores = rows["labels"] == 2, rows["scores"]
    fast = auroc_by_person(scores, positive, rows["person"], np.random.default_rng(1))
    slow = bootstrap_by_person(lambda at: auroc(scores[at], positive[at]), rows["person"], np.random.default_rng(1))
    assert (fast.value, fast.low, fast.high) == pytest.approx((slow.value, slow.low, slow.high))
    assert fast.low < fast.value < fast.high


def test_macro_intervals_equal_the_slow_bootstrap(rows: dict[str, np.ndarray]) -> None:
    labels, predicted = rows["labels"], rows["predicted"]
    fast = macro_by_person(predicted, labels, 3, rows["person"], np.random.default_rng(2))
    for name, statistic in {
        "f1": lambda at: macro_measures(confusion_matrix(predicted[at], labels[at], 3)).f1,
        "balanced_accuracy": lambda at: balanced_accuracy(predicted[at], labels[at], 3),
    }.items():
        slow = bootstrap_by_person(statistic, rows["person"], np.random.default_rng(2))
        assert (fast[name].value, fast[name].low, fast[name].high) == pytest.approx((slow.value, slow.low, slow.high))
    assert fast["accuracy"].value == pytest.approx((labels == predicted).mean())
