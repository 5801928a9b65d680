"""What a package fits on the calibration split: calibrators, conformal thresholds and the guard's, for each view."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fgait_core.errors import ConfigError
from fgait_core.evaluation.calibration import Calibrator, fit_calibrator
from fgait_core.evaluation.conformal import conformal_quantile, fit_label_quantiles
from fgait_core.package_content import ANY_VIEW, VIEWS, CalibratorContent, ViewContent, ViewKey

MIN_PEOPLE_A_CLASS = 50
"""A view has calibrators and thresholds of its own from this many people of each class seen from there.

With 50 people the coverage of a class' set varies by 4 points (standard deviation) from one calibration split to
another; below that the pooled fit is the lesser error.
"""

Names = NDArray[np.str_]


def fit_views(
    logits: NDArray[np.float64],
    labels: NDArray[np.int64],
    person: Names,
    views: Names,
    coverage: float,
    rng: np.random.Generator,
) -> dict[ViewKey, ViewContent]:
    """Calibrators and conformal thresholds of each view with enough people, and of all views together.

    All recordings count. Calibrators and thresholds are fitted on the same people: a calibrator has so few numbers that
    this does not show in the coverage (`tests/fgait_core/recipes/test_package_fit.py`).

    Args:
        logits: float64 `[recording, 1 + replicates, class]`.
        labels: int64 `[recording]`, each class at least once.
        person: `[recording]`.
        views: `[recording]`, names of views; "unknown" counts only for all views together.
        coverage: what the sets shall promise.
        rng: source of the bootstrap samples of the calibrators of replicates.
    """
    fitted: dict[ViewKey, ViewContent] = {}
    for view, rows in views_with(views, labels, person, logits.shape[2]):
        calibrators = fit_calibrators(logits[rows], labels[rows], person[rows], rng)
        probabilities = calibrators[0].probabilities(logits[rows, 0])
        quantiles = fit_label_quantiles(probabilities, labels[rows], coverage, person[rows])
        fitted[view] = ViewContent(
            calibrators=tuple(plain_calibrator(each.weight, each.bias) for each in calibrators),
            conformal_quantiles=tuple(plain_number(value) for value in quantiles),
            people=len(np.unique(person[rows])),
        )
    return fitted


def views_with(
    views: Names, labels: NDArray[np.int64], person: Names, classes: int
) -> Iterator[tuple[ViewKey, NDArray[np.bool_]]]:
    """All rows under "any", and the rows of each view with enough people of each class."""
    yield ANY_VIEW, np.ones(len(views), bool)
    for view in VIEWS:
        rows = views == view
        people = [len(np.unique(person[rows & (labels == each)])) for each in range(classes)]
        if min(people) >= MIN_PEOPLE_A_CLASS:
            yield view, rows


def fit_calibrators(
    logits: NDArray[np.float64], labels: NDArray[np.int64], person: Names, rng: np.random.Generator
) -> list[Calibrator]:
    """One calibrator for each head; those of the replicates on bootstrap samples of the people.

    Args:
        logits: float64 `[recording, 1 + replicates, class]`.
        labels: int64 `[recording]`.
        person: `[recording]`.
        rng: source of the bootstrap samples.
    """
    names, owner = np.unique(person, return_inverse=True)
    fitted = [fit_calibrator(logits[:, 0], labels)]
    for replicate in range(1, logits.shape[1]):
        weights = rng.poisson(1.0, size=len(names))[owner].astype(np.float64)
        fitted.append(fit_calibrator(logits[:, replicate], labels, weights))
    return fitted


def fit_unlikeness_thresholds(
    unlikeness: NDArray[np.float64], person: Names, views: Names, false_alarm_rate: float
) -> dict[ViewKey, float]:
    """The guard's threshold for each view with enough people, and for all views together.

    Args:
        unlikeness: float64 `[recording]`.
        person: `[recording]`.
        views: `[recording]`, names of views.
        false_alarm_rate: share of people whose recording may lie above.

    Raises:
        ConfigError: if there are too few people for such a rate.
    """
    one_class = np.zeros(len(person), np.int64)
    thresholds: dict[ViewKey, float] = {
        view: conformal_quantile(unlikeness[rows], 1 - false_alarm_rate, person[rows])
        for view, rows in views_with(views, one_class, person, 1)
    }
    if not np.isfinite(thresholds[ANY_VIEW]):
        raise ConfigError(
            f"{len(np.unique(person))} people are too few for a false-alarm rate of {false_alarm_rate:.0%}; "
            f"calibrate on at least {int(np.ceil(1 / false_alarm_rate))}."
        )
    return thresholds


def plain_calibrator(weight: NDArray[np.float64], bias: NDArray[np.float64]) -> CalibratorContent:
    """The numbers of a calibrator as a package writes them."""
    rows = tuple(tuple(float(value) for value in row) for row in weight)
    return CalibratorContent(weight=rows, bias=tuple(float(value) for value in bias))


def plain_number(value: float) -> float | Literal["inf"]:
    """A threshold as a package writes it."""
    return value if np.isfinite(value) else "inf"
