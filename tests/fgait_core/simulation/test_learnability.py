"""The effects are there, and even somebody who knew the gait exactly could not score perfectly."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fgait_core.simulation.bodies import BodyBank
from fgait_core.simulation.generator import SimulationPlan, draw_planned_walker, plan_person
from fgait_core.simulation.motion import CHANNEL_INDEX

RANGES = ("l_uarm_sag", "r_uarm_sag", "l_thigh_sag", "r_thigh_sag", "ch_yaw", "pel_yaw", "pel_roll", "ch_roll", "px")
POSTURES = ("hd_pitch", "ch_pitch", "hd_roll")


def _known_gaits(bank: BodyBank, split: str, people: int) -> tuple[np.ndarray, np.ndarray]:
    """What a perfect motion capture would measure, and (positive, depressed) for each person."""
    plan, rows, labels = SimulationPlan(split, people, 1, seed=5), [], []
    for number in range(people):
        person = plan_person(plan, bank, number)
        walker = draw_planned_walker(plan, bank, person)
        cycle = walker.gait.cycle()
        ranges = [np.ptp(cycle[:, CHANNEL_INDEX[name]]) for name in RANGES]
        postures = [cycle[:, CHANNEL_INDEX[name]].mean() for name in POSTURES]
        rows.append([walker.gait.cadence_steps_min, walker.gait.stride_over_leg, *ranges, *postures])
        labels.append((person.scoliosis == "positive", person.depression == "yes"))
    return np.array(rows), np.array(labels)


@pytest.fixture(scope="module")
def gaits(bank: BodyBank) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    return _known_gaits(bank, "train", 700), _known_gaits(bank, "test", 500)


@pytest.mark.parametrize(("task", "low", "high"), [(0, 0.65, 0.93), (1, 0.75, 0.95)], ids=["scoliosis", "depression"])
def test_known_gait_scores_above_chance_and_below_perfect(gaits, task: int, low: float, high: float):
    (train, train_labels), (test, test_labels) = gaits
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(train, train_labels[:, task])
    assert low < roc_auc_score(test_labels[:, task], model.decision_function(test)) < high
