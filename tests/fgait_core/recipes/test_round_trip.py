"""Simulated walkers, filmed and found again."""

import numpy as np
import pytest

from fgait_core.errors import NoWalkerError
from fgait_core.recipes import round_trip as module
from fgait_core.recipes.round_trip import SOURCES, Trip, outline_table, overlap_table, round_trip, summary
from fgait_core.silhouettes import load_segmenter
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.dataset.plan import SimulationPlan
from fgait_core.simulation.picture.outline import OutlineMeasures

PLAN = SimulationPlan("test", 2, 1, 20, 25.0, 3)


@pytest.mark.slow
def test_the_segmenter_finds_a_simulated_walker():
    told: list[float] = []
    plan = SimulationPlan("test", 1, 1, 30, 25.0, 1)
    trips = round_trip(plan, 1, BodyBank.packaged(), load_segmenter(), lambda done, _: told.append(done), "none")
    assert [trip.reason for trip in trips] == [""]
    assert trips[0].found >= 20
    assert trips[0].iou > 0.85
    assert trips[0].outlines["segmented"].area == pytest.approx(trips[0].outlines["simulated"].area, rel=0.08)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)


def test_every_person_is_filmed_from_other_sides(monkeypatch: pytest.MonkeyPatch):
    def find(filmed, segmenter, progress):
        return filmed.silhouettes(0.0)[5:], np.arange(5, 20)

    monkeypatch.setattr(module, "_segmented", find)
    trips = round_trip(PLAN, 2, BodyBank.packaged(), None, carrying="none")  # pyright: ignore[reportArgumentType]
    assert [(trip.person, trip.view_deg) for trip in trips] == [(0, 0.0), (0, 180.0), (1, 90.0), (1, 270.0)]
    assert {trip.carrying for trip in trips} == {"none"}
    assert [(trip.found, trip.iou) for trip in trips] == [(15, 1.0)] * 4
    for trip in trips:
        assert trip.outlines["segmented"] == trip.outlines["simulated without noise"]
        assert trip.outlines["simulated"] != trip.outlines["simulated without noise"]


def test_who_is_not_found_is_reported(monkeypatch: pytest.MonkeyPatch):
    def fail(filmed, segmenter, progress):
        raise NoWalkerError("Nobody was found.")

    monkeypatch.setattr(module, "_segmented", fail)
    trips = round_trip(PLAN, 1, BodyBank.packaged(), None)  # pyright: ignore[reportArgumentType]
    assert {trip.reason for trip in trips} == {"Nobody was found."}
    assert "Nobody was found." in overlap_table(trips)
    assert summary(trips) == "0 of 2 films followed"
    assert outline_table(trips).count("\n") == 1


def test_tables_say_what_was_measured():
    measures = {name: OutlineMeasures(0.1 * n, 0.0, 0.0, 0.0, 0.0, 0.5) for n, name in enumerate(SOURCES)}
    trips = [
        Trip(0, 90.0, "coat", "none", 20, 18, 0.9, measures),
        Trip(1, 0.0, "coat", "hand_bag", 20, 20, 0.5, measures),
        Trip(2, 0.0, "coat", "none", 20, 0, float("nan"), {}, "Lost."),
    ]
    assert "| 0 | 90 | coat | none | 18 of 20 | 0.900 |" in overlap_table(trips)
    assert summary(trips) == ("2 of 3 films followed; median IoU at 64 x 44 0.700, of the 1 that carry nothing 0.900")
    table = outline_table(trips, {"sample video": OutlineMeasures(0.3, 0, 0, 0, 0, 0.2)}).splitlines()
    assert table[0].startswith("|  | change | blinking")
    assert table[2].startswith("| sample video | 0.300 |")
    assert table[4].startswith("| simulated | 0.100 |")
