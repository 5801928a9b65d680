"""Calibrators, sets and thresholds of each view keep their promise to people who were not fitted on."""

from __future__ import annotations

import numpy as np
import pytest

from fgait_core.errors import ConfigError
from fgait_core.evaluation.calibration import reliability
from fgait_core.package_content import of_view, said_by_view
from fgait_core.recipes.package_fit import MIN_PEOPLE_A_CLASS, fit_unlikeness_thresholds, fit_views

VIEWS = np.array(["front", "oblique", "side", "back"])
SHARPNESS = {"front": 0.5, "oblique": 2.0, "side": 6.0, "back": 1.0}
"""How many times too large the logits of a view are; those of the front are too small."""


def recordings(rng: np.random.Generator, people: int, each: int = 4):
    """Two classes; logits `[recording, 2 heads, class]` that only the calibrator of the view scales rightly."""
    person = np.repeat(np.arange(people).astype(str), each)
    views = rng.choice(VIEWS, size=people * each, p=[0.2, 0.25, 0.4, 0.15])
    labels = np.repeat(rng.integers(0, 2, people), each)
    # Evidence with unit variance about +-0.8, most of it the same in all recordings of a person.
    evidence = 0.8 * (2 * labels - 1) + 0.8 * np.repeat(rng.normal(size=people), each)
    log_odds = 1.6 * (evidence + 0.6 * rng.normal(size=people * each))
    scale = np.array([SHARPNESS[view] for view in views.tolist()])
    logits = np.stack([-log_odds / 2, log_odds / 2], axis=1) * scale[:, None] + 0.3
    return np.stack([logits, logits + rng.normal(size=logits.shape)], axis=1), labels, person, views


def test_each_view_is_calibrated_and_covered() -> None:
    """Within 0.03 of calibration error and two points of coverage in every view, as promised for a package."""
    rng = np.random.default_rng(0)
    logits, labels, person, views = recordings(rng, 8000)
    fitted = fit_views(logits, labels, person, views, 0.9, rng)
    assert list(fitted) == ["any", *VIEWS]
    assert all(len(each.calibrators) == 2 for each in fitted.values())
    logits, labels, _, views = recordings(rng, 8000)
    said, members = said_by_view(fitted, logits[:, 0], views)
    covered = members[np.arange(len(labels)), labels]
    for view in VIEWS:
        rows = views == view
        assert reliability(said[rows, 1], labels[rows] == 1).ece < 0.03
        assert reliability(said[rows, 1], labels[rows] == 1).slope == pytest.approx(1, abs=0.12)
        for each in range(2):
            assert covered[rows & (labels == each)].mean() == pytest.approx(0.9, abs=0.03)
        assert covered[rows].mean() == pytest.approx(0.9, abs=0.02)
    pooled, _ = said_by_view(fitted, logits[:, 0], np.full(len(labels), "unknown"))
    side = views == "side"
    assert reliability(pooled[side, 1], labels[side] == 1).ece > reliability(said[side, 1], labels[side] == 1).ece
    np.testing.assert_allclose(pooled, fitted["any"].calibrators[0].calibrator().probabilities(logits[:, 0]))


def test_rare_views_take_the_pooled_fit() -> None:
    rng = np.random.default_rng(1)
    logits, labels, person, views = recordings(rng, 400, each=1)
    people = {view: min(((views == view) & (labels == each)).sum() for each in range(2)) for view in VIEWS}
    fitted = fit_views(logits, labels, person, views, 0.9, rng)
    assert set(fitted) == {"any"} | {view for view, count in people.items() if count >= MIN_PEOPLE_A_CLASS}
    assert "back" not in fitted
    assert of_view(fitted, "back") is of_view(fitted, None) is of_view(fitted, "unknown") is fitted["any"]
    assert of_view(fitted, "side") is fitted["side"]


def test_a_class_without_enough_people_is_never_ruled_out() -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(60, 1, 2))
    labels = np.arange(60) // 54
    fitted = fit_views(logits, labels, np.arange(60).astype(str), np.full(60, "side"), 0.9, rng)
    assert fitted["any"].conformal_quantiles[1] == "inf"
    _, members = said_by_view(fitted, 20 * logits[:, 0], np.full(60, "side"))
    assert members[:, 1].all()


def test_false_alarms_are_as_rare_as_promised_in_each_view() -> None:
    rng = np.random.default_rng(3)

    def unlikeness(people: int):
        person = np.repeat(np.arange(people).astype(str), 4)
        views = rng.choice(VIEWS, size=len(person))
        own = np.repeat(rng.normal(size=people), 4) + rng.normal(size=len(person))
        return own + 2.0 * (views == "back"), person, views

    thresholds = fit_unlikeness_thresholds(*unlikeness(2000), 0.05)
    values, _, views = unlikeness(4000)
    alarm = values > np.array([of_view(thresholds, view) for view in views.tolist()])
    for view in VIEWS:
        assert alarm[views == view].mean() == pytest.approx(0.05, abs=0.015)
    with pytest.raises(ConfigError, match="at least 20"):
        fit_unlikeness_thresholds(values[:60], np.repeat(np.arange(15).astype(str), 4), views[:60], 0.05)
