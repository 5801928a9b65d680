"""Weeks against a reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from fgait_core.evaluation.drift import (
    Rules,
    Screenings,
    compare_levels,
    compare_shares,
    level_band,
    share_band,
    step_down,
    watch,
)


def ones(hits: int, people: int) -> np.ndarray:
    return (np.arange(people) < hits).astype(float)


def screenings(rng, week, refused=0.1, unlikeness=0.0, device="phone") -> Screenings:
    """Screenings of as many people; those that are refused have no unlikeness."""
    week = np.asarray(week, np.int64)
    rows = len(week)
    is_refused = rng.random(rows) < refused
    measures = {
        "refused": is_refused.astype(float),
        "unlikeness": np.where(is_refused, np.nan, rng.normal(unlikeness, 1, rows)),
    }
    devices = np.broadcast_to(np.asarray(device), rows).astype(str)
    return Screenings(week, devices, rng.permutation(10**6)[:rows], measures, frozenset({"unlikeness"}))


@pytest.mark.parametrize(("hits", "people", "more", "others"), [(3, 40, 9, 25), (0, 30, 0, 12), (100, 100, 2, 40)])
def test_shares_are_compared_by_fishers_test(hits, people, more, others):
    p, smallest = compare_shares(ones(hits, people), ones(more, others))
    wanted = stats.fisher_exact([[hits, people - hits], [more, others - more]])[1]
    assert p == pytest.approx(wanted, rel=1e-6)
    assert smallest <= p


def test_smallest_p_is_that_of_the_most_extreme_table():
    assert compare_shares(ones(0, 100), ones(1, 20))[1] == pytest.approx(20 / 120)
    assert compare_shares(ones(0, 100), ones(0, 20)) == (1.0, 1.0)


def test_levels_are_compared_by_mann_whitneys_test():
    rng = np.random.default_rng(0)
    for digits in (6, 1, 0):  # the fewer, the more ties
        x, y = np.round(rng.normal(0, 1, 60), digits), np.round(rng.normal(0.4, 1, 25), digits)
        wanted = stats.mannwhitneyu(x, y, method="asymptotic").pvalue
        assert compare_levels(x, y) == pytest.approx(wanted, rel=1e-6)
    assert compare_levels(np.ones(30), np.ones(9)) == 1.0


def test_step_down_is_holms_where_every_test_can_speak():
    p = np.array([0.001, 0.011, 0.02, 0.2])
    rejected, counted = step_down(p, np.zeros(4), 0.05)
    assert rejected.tolist() == [True, True, True, False]
    assert counted.tolist() == [4, 4, 2, 1]
    assert not step_down(np.array([0.02, 0.03, 0.9]), np.zeros(3), 0.05)[0].any()


def test_tests_that_cannot_speak_do_not_count():
    p, smallest = np.array([0.012, *[1.0] * 20]), np.array([0.0, *[0.3] * 20])
    rejected, counted = step_down(p, smallest, 0.05)
    assert rejected.tolist() == [True] + [False] * 20
    assert counted[0] == 1
    assert len(step_down(np.array([]), np.array([]), 0.05)[0]) == 0


def test_a_sudden_change_is_noticed_at_once_and_named():
    rng = np.random.default_rng(1)
    reference = screenings(rng, np.zeros(100))
    later = screenings(rng, np.repeat([1, 2], 40), unlikeness=1.2)
    alarms = [each for each in watch(reference, later, [1, 2], Rules()) if each.alarm]
    assert {each.measure for each in alarms} == {"unlikeness"}
    first = alarms[0]
    assert (first.week, first.weeks) == (1, 1)
    assert first.value > first.band[1] > first.reference > first.band[0]
    assert first.adjusted is not None
    assert first.p <= first.adjusted <= 0.01


def test_a_slow_change_is_noticed_by_the_last_weeks_together():
    rng = np.random.default_rng(2)
    reference = screenings(rng, np.zeros(200))
    later = screenings(rng, np.repeat(np.arange(1, 9), 20), unlikeness=0.45)
    alarms = [each for each in watch(reference, later, range(1, 9), Rules()) if each.alarm]
    assert {each.weeks for each in alarms} == {8}
    assert alarms[-1].people > 100


def test_each_device_is_looked_at():
    rng = np.random.default_rng(3)
    device = np.array(["old", "new"] * 60)
    reference = screenings(rng, np.zeros(120), device=device)
    later = screenings(rng, np.ones(120), device=device)
    worse = np.where(device == "new", later.measures["unlikeness"] + 1.5, later.measures["unlikeness"])
    later = replace(later, measures=dict(later.measures) | {"unlikeness": worse})
    found = watch(reference, later, [1], Rules())
    assert {each.device for each in found} == {None, "old", "new"}
    assert {each.device for each in found if each.alarm} >= {"new"}
    assert "old" not in {each.device for each in found if each.alarm}


def test_few_people_are_shown_but_not_compared():
    rng = np.random.default_rng(4)
    reference = screenings(rng, np.zeros(100), device=np.where(np.arange(100) < 8, "rare", "usual"))
    later = screenings(rng, np.repeat([1, 2], 9), refused=1.0, device="usual")
    few = [each for each in watch(reference, later, [1], Rules()) if each.measure == "refused"]
    assert [each.p for each in few] == [None] * len(few)
    assert few[0].value == 1.0
    together = [each for each in watch(reference, later, [2], Rules()) if each.weeks == 8]
    assert any(each.alarm for each in together)
    rare = screenings(rng, np.ones(40), refused=1.0, device="rare")
    own = [each for each in watch(reference, rare, [1], Rules()) if each.device == "rare" and each.measure == "refused"]
    assert [each.p for each in own] == [None]


def test_a_device_without_a_reference_is_left_out_and_silent_weeks_too():
    rng = np.random.default_rng(5)
    reference = screenings(rng, np.zeros(100))
    later = screenings(rng, np.full(20, 3), device="unknown")
    found = watch(reference, later, [1, 3], Rules())
    assert {(each.week, each.device) for each in found} == {(3, None)}
    nothing = screenings(rng, [])
    assert watch(reference, nothing, [1, 2], Rules()) == []
    assert watch(nothing, later, [3], Rules()) == []


def test_of_each_person_only_the_first_counts():
    rng = np.random.default_rng(6)
    reference = screenings(rng, np.zeros(100))
    later = screenings(rng, np.ones(30), refused=0.0)
    later = replace(
        later, person=np.repeat(np.arange(15), 2), measures={"refused": np.tile([0.0, 1.0], 15)}, levels=frozenset()
    )
    found = [each for each in watch(reference, later, [1], Rules()) if each.device is None]
    assert [(each.people, each.value) for each in found] == [(15, 0.0)]


def test_false_alarms_keep_the_rate():
    """The whole measurement is benchmarks/monitoring.py; this one would fail if the family were not corrected for."""
    rng = np.random.default_rng(7)
    weeks = 0
    for _ in range(25):
        reference = screenings(rng, np.zeros(100), refused=0.2, device=rng.choice(["a", "b"], 100))
        later = screenings(rng, np.repeat(np.arange(1, 5), 30), refused=0.2, device=rng.choice(["a", "b"], 120))
        found = watch(reference, later, range(1, 5), Rules(alpha=0.05))
        weeks += len({each.week for each in found if each.alarm})
    assert weeks / 100 < 0.1


def test_bands_hold_most_weeks():
    rng = np.random.default_rng(8)
    inside_share = inside_level = 0
    for _ in range(400):
        reference, week = rng.normal(size=120), rng.normal(size=40)
        low, high = level_band(reference, 40)
        inside_level += low <= np.median(week) <= high
        low, high = share_band((reference > 1).astype(float), 40)
        inside_share += low <= (week > 1).mean() <= high
    assert 0.9 <= inside_level / 400 <= 0.99
    assert 0.9 <= inside_share / 400 <= 0.99
