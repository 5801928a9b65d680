"""How well anybody could tell the conditions of simulated people apart: the best possible scores.

Two bounds. The first knows each person's dose (severity, true Cobb angle) and decides by the densities of the dose in
each class; it is computed, not sampled, and no method that looks at people can beat it. The second knows the exact gait
without noise and the exact shape of the trunk, age, sex and size, and learns from fresh simulated people; what a camera
sees is less, so a model that scores far above it has found a shortcut.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from threadpoolctl import threadpool_limits

from fgait_core.errors import ConfigError
from fgait_core.progress import Progress, ignore_progress, part_of
from fgait_core.simulation.bodies.bank import Body, BodyBank
from fgait_core.simulation.conditions.combined import (
    DEPRESSION_CLASSES,
    SCOLIOSIS_CLASSES,
    draw_conditions,
    with_conditions,
)
from fgait_core.simulation.conditions.depression import DOSES
from fgait_core.simulation.conditions.scoliosis import MEASURED_COBB_DEG, READING_ERROR_DEG
from fgait_core.simulation.conditions.trunk_shape import trunk_angles
from fgait_core.simulation.gait.healthy import draw_gait
from fgait_core.simulation.gait.prior import GaitPrior
from fgait_core.simulation.gait.style import Gait
from fgait_core.simulation.gait.truth import gait_truth

POSITIVE_CLASSES: dict[str, str] = {"scoliosis": "positive", "depression": "yes"}
"""The class of each task that is told from the rest."""

FEWEST_PEOPLE = 120
_STEP = 1.0 / 64
_FOLDS = 4


@dataclass(frozen=True, slots=True)
class OracleResult:
    """The best possible score of one task.

    Attributes:
        task: a key of `POSITIVE_CLASSES`.
        positive: the class that is told from the rest.
        dose_auroc: area under the ROC curve of whoever knows the dose; exact.
        gait_auroc: of a boosted model that knows gait and trunk exactly.
        gait_low, gait_high: 95 % interval of it (DeLong).
        people: how many simulated people the second was measured on.
    """

    task: str
    positive: str
    dose_auroc: float
    gait_auroc: float
    gait_low: float
    gait_high: float
    people: int


def best_possible(people: int, seed: int, progress: Progress = ignore_progress) -> dict[str, OracleResult]:
    """The best possible score of each task.

    Args:
        people: fresh simulated people, a sixth of them of each combination of the classes.
        seed: of the people.
        progress: told while people are made and models fitted.

    Raises:
        ConfigError: if there are too few people to learn from.
    """
    if people < FEWEST_PEOPLE:
        raise ConfigError(f"{people} people are too few to learn from; take at least {FEWEST_PEOPLE}.")
    features, labels = _fresh_people(people, seed, part_of(progress, 0.0, 0.8))
    doses = {"scoliosis": scoliosis_dose_auroc(), "depression": depression_dose_auroc()}
    results = {}
    for number, (task, positive) in enumerate(POSITIVE_CLASSES.items()):
        progress(0.8 + 0.1 * number, f"Learning {task}")
        truth = labels[task] == positive
        auroc, error = auroc_with_error(truth, _cross_fitted_scores(features, truth))
        low, high = max(auroc - 1.96 * error, 0.0), min(auroc + 1.96 * error, 1.0)
        results[task] = OracleResult(task, positive, doses[task], auroc, low, high, people)
    progress(1.0, "Done")
    return results


def scoliosis_dose_auroc() -> float:
    """Area under the ROC curve for positive against the rest, of whoever knows the true Cobb angle."""
    edges = np.arange(-20.0, 70.0 + _STEP / 2, _STEP)
    middles = (edges[1:] + edges[:-1]) / 2
    reach = np.arange(-6.0 * READING_ERROR_DEG, 6.0 * READING_ERROR_DEG + _STEP / 2, _STEP)
    error = norm.pdf(reach, 0.0, READING_ERROR_DEG) * _STEP
    true = {}
    for name, measured in MEASURED_COBB_DEG.items():
        masses = np.convolve(measured.masses(edges), error, mode="same")
        below = middles < 0
        folded = masses[~below].copy()
        folded[: below.sum()] += masses[below][::-1]
        true[name] = folded
    rest = [true[name] for name in SCOLIOSIS_CLASSES if name != POSITIVE_CLASSES["scoliosis"]]
    return auroc_of_masses(true[POSITIVE_CLASSES["scoliosis"]], np.mean(rest, axis=0))


def depression_dose_auroc() -> float:
    """Area under the ROC curve for depression, of whoever knows the severity."""
    edges = np.arange(0.0, 2.0 + _STEP / 64, _STEP / 32)
    return auroc_of_masses(DOSES["yes"].masses(edges), DOSES["no"].masses(edges))


def auroc_of_masses(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Area under the ROC curve of the likelihood ratio, from the masses of the same dose intervals in two classes."""
    seen = positive + negative > 0
    positive, negative = positive[seen], negative[seen]
    order = np.argsort(positive / (positive + negative), kind="stable")
    positive, negative = positive[order] / positive.sum(), negative[order] / negative.sum()
    return float(np.sum(positive * (np.cumsum(negative) - negative / 2)))


def person_features(gait: Gait, body: Body) -> dict[str, float]:
    """Everything about a person that any picture could show, without noise."""
    own = {"age_years": body.age_years, "male": float(body.sex == "male"), "leg_m": body.leg_m, "bmi": body.bmi}
    return gait_truth(gait, body.leg_m) | trunk_angles(gait) | own


def _fresh_people(
    people: int, seed: int, progress: Progress
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.str_]]]:
    """Features [person, feature] and labels of people drawn like those of a data set."""
    bank, prior = BodyBank.packaged(), GaitPrior.packaged()
    rows, scoliosis, depression = [], [], []
    for number in range(people):
        rng = np.random.default_rng((seed, number))
        combination = number % (len(SCOLIOSIS_CLASSES) * len(DEPRESSION_CLASSES))
        scoliosis.append(SCOLIOSIS_CLASSES[combination % len(SCOLIOSIS_CLASSES)])
        depression.append(DEPRESSION_CLASSES[combination // len(SCOLIOSIS_CLASSES)])
        body = bank.body(int(rng.integers(len(bank))))
        conditions = draw_conditions(rng, scoliosis[-1], depression[-1])
        gait = with_conditions(draw_gait(prior, rng, body.sex, body.age_years), conditions, body.age_years, rng)
        rows.append(list(person_features(gait, body).values()))
        if number % 50 == 0:
            progress(number / people, f"{number} of {people} people")
    return np.array(rows), {"scoliosis": np.array(scoliosis), "depression": np.array(depression)}


def _cross_fitted_scores(features: NDArray[np.float64], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    model = HistGradientBoostingClassifier(
        learning_rate=0.08, max_iter=350, max_leaf_nodes=4, min_samples_leaf=20, l2_regularization=5.0, random_state=0
    )
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    with threadpool_limits(1):  # on few cores the threads of a small problem wait longer than they work
        chances = cross_val_predict(model, features, truth, cv=folds, method="predict_proba")
    return np.asarray(chances)[:, 1]


def auroc_with_error(truth: NDArray[np.bool_], scores: NDArray[np.float64]) -> tuple[float, float]:
    """Area under the ROC curve and its standard error (DeLong 1988, with the mid-ranks of Sun & Xu 2014)."""
    m, n = int(truth.sum()), int((~truth).sum())
    ranks = rankdata(scores)
    of_positive = (ranks[truth] - rankdata(scores[truth])) / n
    of_negative = 1.0 - (ranks[~truth] - rankdata(scores[~truth])) / m
    return float(of_positive.mean()), float(np.sqrt(of_positive.var(ddof=1) / m + of_negative.var(ddof=1) / n))
