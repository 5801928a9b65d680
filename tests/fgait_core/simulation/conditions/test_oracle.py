"""The best possible scores: right against samples and closed forms, below 1, and as good as they are said to be."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from fgait_core.errors import ConfigError
from fgait_core.simulation.conditions import oracle
from fgait_core.simulation.conditions.combined import DEPRESSION_CLASSES, SCOLIOSIS_CLASSES, draw_conditions
from fgait_core.simulation.conditions.doses import DoseDistribution


def test_two_normal_doses_give_the_known_area():
    edges = np.linspace(-8.0, 10.0, 4001)
    no, yes = (DoseDistribution(mean, 1.0, -8.0, 10.0).masses(edges) for mean in (0.0, 1.5))
    assert oracle.auroc_of_masses(yes, no) == pytest.approx(norm.cdf(1.5 / np.sqrt(2)), abs=1e-4)
    assert oracle.auroc_of_masses(no, no) == pytest.approx(0.5)


def test_the_likelihood_ratio_counts_not_the_dose():
    middle, outside = np.array([0.1, 0.8, 0.1]), np.array([0.45, 0.1, 0.45])
    assert oracle.auroc_of_masses(middle, outside) == oracle.auroc_of_masses(middle[[1, 0, 2]], outside[[1, 0, 2]])
    assert oracle.auroc_of_masses(middle, outside) == pytest.approx(0.85)


def test_known_doses_score_what_samples_of_them_score():
    people = [
        draw_conditions(np.random.default_rng(n), SCOLIOSIS_CLASSES[n % 3], DEPRESSION_CLASSES[n // 3 % 2])
        for n in range(4000)
    ]
    cobb = roc_auc_score([p.scoliosis == "positive" for p in people], [p.cobb_deg for p in people])
    dose = roc_auc_score([p.depression == "yes" for p in people], [p.depression_dose for p in people])
    assert oracle.scoliosis_dose_auroc() == pytest.approx(cobb, abs=0.003)
    assert oracle.depression_dose_auroc() == pytest.approx(dose, abs=0.004)
    assert max(oracle.scoliosis_dose_auroc(), oracle.depression_dose_auroc()) < 0.998


def test_doses_stay_in_their_range():
    doses = DoseDistribution(30.0, 10.0, 20.0, 50.0)
    drawn = [doses.draw(np.random.default_rng(n)) for n in range(2000)]
    assert 20.0 <= min(drawn) < max(drawn) <= 50.0
    edges = np.array([20.0, 30.0, 40.0, 50.0])
    np.testing.assert_allclose(np.histogram(drawn, edges)[0] / 2000, doses.masses(edges), atol=0.04)


def test_the_area_and_its_error_are_those_of_a_sample():
    rng = np.random.default_rng(0)
    truth = rng.random(800) < 0.4
    scores = np.round(rng.normal(truth * 1.2, 1.0), 1)  # with ties
    auroc, error = oracle.auroc_with_error(truth, scores)
    assert auroc == pytest.approx(roc_auc_score(truth, scores))
    picks = [rng.integers(0, 800, 800) for _ in range(200)]
    assert error == pytest.approx(np.std([roc_auc_score(truth[p], scores[p]) for p in picks]), rel=0.2)


@pytest.fixture(scope="module")
def results() -> tuple[dict[str, oracle.OracleResult], list[float]]:
    told: list[float] = []
    return oracle.best_possible(720, 1, lambda fraction, words: told.append(fraction)), told


def test_gaits_can_be_told_apart_but_never_surely(results: tuple):
    for result in results[0].values():
        assert 0.66 < result.gait_low < result.gait_auroc < result.gait_high < result.dose_auroc < 1.0
        assert (result.gait_auroc, result.people) == (pytest.approx((result.gait_low + result.gait_high) / 2), 720)


def test_progress_is_told(results: tuple):
    told = results[1]
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > 10


def test_the_same_seed_gives_the_same_people():
    (one, labels), (other, _), (another, _) = (oracle._fresh_people(12, seed, lambda *_: None) for seed in (2, 2, 3))
    np.testing.assert_array_equal(one, other)
    assert (one != another).any()
    assert sorted(zip(labels["scoliosis"], labels["depression"], strict=True))[::2] == sorted(
        (scoliosis, depression) for scoliosis in SCOLIOSIS_CLASSES for depression in DEPRESSION_CLASSES
    )


def test_too_few_people_are_refused():
    with pytest.raises(ConfigError, match="at least"):
        oracle.best_possible(20, 1)
