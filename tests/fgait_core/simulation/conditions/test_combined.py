"""Conditions: doses by class, drawn apart from each other; what none of them changes stays."""

from dataclasses import replace

import numpy as np
import pytest

from fgait_core.simulation.conditions.combined import (
    DEPRESSION_CLASSES,
    DISTRACTORS,
    HEALTHY,
    SCOLIOSIS_CLASSES,
    Conditions,
    draw_conditions,
    with_conditions,
)
from fgait_core.simulation.gait.healthy import draw_gait
from fgait_core.simulation.gait.prior import GaitPrior
from fgait_core.simulation.gait.style import Gait


@pytest.fixture(scope="module")
def drawn() -> dict[tuple[str, str], list[Conditions]]:
    return {
        (scoliosis, depression): [
            draw_conditions(np.random.default_rng((4, n)), scoliosis, depression) for n in range(500)
        ]
        for scoliosis in SCOLIOSIS_CLASSES
        for depression in DEPRESSION_CLASSES
    }


@pytest.fixture(scope="module")
def healthy(prior: GaitPrior) -> Gait:
    return draw_gait(prior, np.random.default_rng(3), "female", 40.0)


@pytest.mark.parametrize(("name", "low", "high"), [("negative", 0, 10), ("neutral", 10, 20), ("positive", 20, 50)])
def test_the_class_is_that_of_the_measured_angle(drawn: dict, name: str, low: float, high: float):
    measured = [person.measured_cobb_deg for person in drawn[name, "no"]]
    assert low <= min(measured)
    assert max(measured) <= high


def test_readings_miss_the_true_angle_by_three_degrees(drawn: dict):
    errors = [person.cobb_deg - person.measured_cobb_deg for person in drawn["positive", "no"]]
    assert np.mean(errors) == pytest.approx(0.0, abs=0.5)
    assert np.std(errors) == pytest.approx(3.0, abs=0.4)
    true = np.array([person.cobb_deg for person in drawn["positive", "no"]])
    assert 0.02 < np.mean(true < 20.0) < 0.25  # so even the true angle does not give the class away
    assert min(person.cobb_deg for person in drawn["negative", "no"]) >= 0.0


def test_depression_doses_overlap(drawn: dict):
    no, yes = (np.array([p.depression_dose for p in drawn["negative", name]]) for name in DEPRESSION_CLASSES)
    assert yes.mean() - no.mean() > 0.6
    assert np.percentile(yes, 5) < np.percentile(no, 98)


def test_each_condition_is_drawn_without_regard_to_the_other(drawn: dict):
    doses = [np.mean([p.depression_dose for p in drawn[name, "yes"]]) for name in SCOLIOSIS_CLASSES]
    assert np.ptp(doses) < 0.1
    angles = [np.mean([p.cobb_deg for p in drawn["positive", name]]) for name in DEPRESSION_CLASSES]
    assert np.ptp(angles) < 2.0


def test_distractors_do_not_depend_on_the_classes(drawn: dict):
    shares = []
    for people in (drawn["negative", "no"], drawn["positive", "yes"]):
        names = [person.distractor for person in people]
        shares.append([names.count(name) / len(names) for name in DISTRACTORS])
    np.testing.assert_allclose(shares[0], shares[1], atol=0.08)
    assert 1.0 - shares[0][0] == pytest.approx(0.4, abs=0.06)
    assert min(shares[0]) > 0.04


def test_only_people_with_a_distractor_have_a_dose_of_one(drawn: dict):
    for person in drawn["neutral", "no"]:
        assert (person.distractor_dose == 0.0) == (person.distractor == "none")


def test_curves_have_types_and_sides(drawn: dict):
    people = drawn["positive", "no"]
    assert {person.curve for person in people} == {"thoracic", "thoracolumbar", "lumbar", "double"}
    right = {
        curve: np.mean([p.side == "right" for p in people if p.curve == curve]) for curve in ("thoracic", "lumbar")
    }
    assert right["thoracic"] > 0.7 > 0.4 > right["lumbar"]


def test_healthy_people_move_as_they_did_and_stand_a_little_uneven(healthy: Gait):
    after = with_conditions(healthy, HEALTHY, 40.0, np.random.default_rng(1))
    np.testing.assert_allclose(after.cycle(), healthy.cycle())
    assert 0.1 < np.abs(after.spine_deg[:, :2]).max() < 12.0
    assert (after.spine_deg[:, 2] == 0.0).all()


def test_every_condition_leaves_its_mark(healthy: Gait):
    plain = with_conditions(healthy, HEALTHY, 40.0, np.random.default_rng(1))
    for has in (
        replace(HEALTHY, cobb_deg=30.0),
        replace(HEALTHY, depression_dose=1.0),
        *(replace(HEALTHY, distractor=name, distractor_dose=1.0) for name in DISTRACTORS[1:]),
    ):
        marked = with_conditions(healthy, has, 40.0, np.random.default_rng(1))
        assert np.abs(marked.cycle() - plain.cycle()).max() > 1.0
