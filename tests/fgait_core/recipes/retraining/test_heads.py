"""A head moves from the base's as far as outcomes ask for: checked against a plain search in the features."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from fgait_core.recipes.retraining.folds import folds_of
from fgait_core.recipes.retraining.heads import HeadChange, fit_head


def drawn(people: int, features: int, classes: int, seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (people, features))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    base = rng.normal(0, 0.5, (people, classes))
    truth = softmax(base + x @ rng.normal(0, 4, (features, classes)), axis=1)
    labels = (rng.random((people, 1)) > np.cumsum(truth, 1)).sum(1).clip(max=classes - 1)
    mix = np.broadcast_to(np.eye(classes), (people, classes, classes)) + rng.normal(0, 0.2, (people, classes, classes))
    return {"features": x, "base": base, "mix": mix, "labels": labels, "weights": rng.uniform(0.2, 1, people)}


def test_an_unlimited_penalty_is_the_base() -> None:
    data = drawn(40, 5, 3)
    change = fit_head(**data, penalty=np.inf)
    np.testing.assert_array_equal(change(data["features"], data["mix"]), np.zeros((40, 3)))
    nearly = fit_head(**data, penalty=1e9)
    assert abs(nearly.vectors).max() < 1e-6


@pytest.mark.parametrize("penalty", [0.5, 4.0])
def test_the_kernel_form_is_the_penalised_regression(penalty: float) -> None:
    data = drawn(60, 6, 3)
    change = fit_head(**data, penalty=penalty)
    x, weights, labels = data["features"], data["weights"], data["labels"]
    centred = x - weights @ x / weights.sum()

    def loss(values: np.ndarray) -> float:
        vectors = values.reshape(6, 3)
        said = log_softmax(data["base"] + np.einsum("nab,nb->na", data["mix"], centred @ vectors), axis=1)
        return float(-(weights * said[np.arange(60), labels]).sum() + penalty / 2 * (vectors**2).sum())

    found = minimize(loss, np.zeros(18), method="BFGS", options={"gtol": 1e-7, "maxiter": 5000})
    assert loss(change.vectors.ravel()) == pytest.approx(found.fun, rel=1e-5)
    np.testing.assert_allclose(change.vectors, found.x.reshape(6, 3), atol=3e-3)


def test_without_a_base_it_is_the_logistic_regression_of_scikit_learn() -> None:
    data = drawn(80, 4, 2) | {"base": np.zeros((80, 2)), "mix": np.broadcast_to(np.eye(2), (80, 2, 2))}
    penalty = 1.0
    change = fit_head(**data, penalty=penalty)
    # Two vectors that share a penalty: their difference w has the penalty / 2 of one.
    model = LogisticRegression(C=2 / penalty, fit_intercept=False, tol=1e-8, max_iter=1000)
    model.fit(data["features"] - change.mean, data["labels"], data["weights"])
    np.testing.assert_allclose(change.vectors[:, 1] - change.vectors[:, 0], model.coef_[0], atol=2e-3)


def test_more_features_than_people_are_no_obstacle() -> None:
    data = drawn(30, 400, 2)
    change = fit_head(**data, penalty=4.0)
    said = (data["base"] + change(data["features"], data["mix"])).argmax(1)
    assert np.isfinite(change.vectors).all()
    assert (said == data["labels"]).mean() >= (data["base"].argmax(1) == data["labels"]).mean()


def out_of_fold(data: dict[str, np.ndarray], penalty: float) -> float:
    """AUROC of the second class, everybody predicted by a head that did not see them."""
    people = np.array([f"p{number:03}" for number in range(len(data["labels"]))])
    fold, moved = folds_of(people, data["labels"], 5, 1), np.empty_like(data["base"])
    for each in range(5):
        held = fold == each
        change: HeadChange = fit_head(**{name: values[~held] for name, values in data.items()}, penalty=penalty)
        moved[held] = data["base"][held] + change(data["features"][held], data["mix"][held])
    return float(roc_auc_score(data["labels"], moved[:, 1] - moved[:, 0]))


def test_outcomes_are_learned_out_of_fold_and_shuffled_ones_are_not() -> None:
    data = drawn(300, 20, 2) | {"base": np.zeros((300, 2))}
    assert out_of_fold(data, 1.0) > 0.65
    rng = np.random.default_rng(2)
    shuffled = [out_of_fold(data | {"labels": rng.permutation(data["labels"])}, 1.0) for _ in range(8)]
    assert abs(np.mean(shuffled) - 0.5) < 0.05
