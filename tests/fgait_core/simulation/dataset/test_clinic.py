"""Simulated clinics: the same people from the same seed, other people from another, and unlike those of SimGait."""

from __future__ import annotations

import numpy as np
import pytest

from fgait_core.errors import ConfigError
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.dataset.clinic import ClinicPlan, plan_clinic_person, simulate_clinic_person
from fgait_core.simulation.picture.camera import view_name

PLAN = ClinicPlan(40, frames=6, seed=3)


def test_a_person_depends_on_seed_and_number_alone(bank: BodyBank):
    (facts, made), (again, same) = (next(simulate_clinic_person(plan, bank, 7)) for plan in (PLAN, PLAN))
    assert facts == again
    assert facts.row.person == "patients-3-000007"
    np.testing.assert_array_equal(made.silhouettes, same.silhouettes)
    more = ClinicPlan(400, frames=6, seed=3)
    assert plan_clinic_person(PLAN, bank, 7) == plan_clinic_person(more, bank, 7)


def test_another_clinic_has_other_people(bank: BodyBank):
    ours, theirs = (next(simulate_clinic_person(ClinicPlan(40, frames=6, seed=seed), bank, 7)) for seed in (3, 4))
    assert ours[0].row.person != theirs[0].row.person
    assert ours[0].row.truth != theirs[0].row.truth


def test_nobody_shares_a_body_with_training_calibration_or_the_others(bank: BodyBank):
    patients, others = (
        [plan_clinic_person(ClinicPlan(400, seed=3, part=part), bank, n).body for n in range(150)]
        for part in ("patients", "others")
    )
    taught = {*bank.of_split("train").tolist(), *bank.of_split("calibration").tolist()}
    assert not taught & {*patients, *others}
    assert not {*patients} & {*others}
    assert len({*patients}) == len(patients)


def test_classes_are_as_frequent_as_asked_and_drawn_apart(bank: BodyBank):
    plan = ClinicPlan(1200, depression=0.3, scoliosis=0.5, mild_scoliosis=0.1)
    people = [plan_clinic_person(plan, bank, number) for number in range(plan.people)]
    depressed = np.array([person.depression == "yes" for person in people])
    positive = np.array([person.scoliosis == "positive" for person in people])
    assert depressed.mean() == pytest.approx(0.3, abs=0.05)
    assert positive.mean() == pytest.approx(0.5, abs=0.05)
    assert np.mean([person.scoliosis == "neutral" for person in people]) == pytest.approx(0.1, abs=0.03)
    assert (depressed & positive).mean() == pytest.approx(0.15, abs=0.04)


def test_walks_are_unlike_those_of_simgait(bank: BodyBank):
    rows = [facts.row for n in range(40) for facts, _ in simulate_clinic_person(PLAN, bank, n)]
    assert {view_name(row.view_deg) for row in rows} == {"front", "side"}
    assert {row.path for row in rows} == {"overground"}
    assert not {row.occluded for row in rows} & {"yes"}
    assert np.mean([row.clothing in ("coat", "jacket", "skirt", "dress") for row in rows]) > 0.6
    assert min(row.camera_height_m for row in rows) > 2.0
    assert np.mean([row.camera_tilt_deg for row in rows]) > 12
    assert np.mean([row.noise for row in rows]) > 1.5
    assert np.mean([row.speed for row in rows]) < 0.97
    assert {facts.site for n in range(12) for facts, _ in simulate_clinic_person(PLAN, bank, n)} == {"Corridor", "Hall"}


def test_several_recordings_of_a_person_are_of_the_same_person(bank: BodyBank):
    made = list(simulate_clinic_person(ClinicPlan(2, recordings=3, frames=6), bank, 1))
    assert [facts.row.key for facts, _ in made] == [f"patients-1-000001-0{place}" for place in range(3)]
    assert len({facts.row.body for facts, _ in made}) == 1
    assert len({facts.row.seed for facts, _ in made}) == 3


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"depression": 1.2}, "between 0 and 1"),
        ({"scoliosis": 0.9, "mild_scoliosis": 0.2}, "sum to 1"),
        ({"part": "staff"}, "no part"),
        ({"sites": ()}, "at least one site"),
        ({"people": 0}, "must be positive"),
    ],
)
def test_plans_that_make_no_sense_are_refused(change: dict, problem: str):
    with pytest.raises(ConfigError, match=problem):
        ClinicPlan(**{"people": 5, **change})
