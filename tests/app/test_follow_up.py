"""The course of a patient: what belongs to a visit, and what may be joined by a line."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from courses import gait, parameter, visit

from app.services import follow_up_series as course
from app.services.follow_up import SEVERAL_VIEWS
from clinic_data.decisions import DecisionData
from clinic_data.errors import NotFoundError
from clinic_data.outcomes import OutcomeData

SPRING, SUMMER, AUTUMN = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 6, 9))


def _visits(clinic):
    return clinic.services.follow_ups.visits(clinic.clinician, clinic.patient.id)


def test_visits_are_in_order_of_filming_with_all_that_is_known(clinic):
    late, early = visit(clinic, AUTUMN), visit(clinic, SPRING)
    undated = visit(clinic, None)
    again = visit(clinic, None, version="2.0", rescored_from=early)
    services, ada = clinic.services, clinic.clinician
    services.outcomes.record(ada, again.id, OutcomeData.checked(task="scoliosis", method="not_known"), None)
    decided = DecisionData.checked(task="scoliosis", verdict="overridden", label="neutral", reason="Examined.")
    services.decisions.decide(ada, again.id, decided, None)
    found = _visits(clinic)
    assert [each.assessment.id for each in found] == [early.id, late.id, undated.id]
    assert [each.filming_time_known for each in found] == [True, True, False]
    first = found[0]
    assert [(each.version, each.rescored) for each in first.scorings] == [("drawn 1.0", False), ("drawn 2.0", True)]
    assert (set(first.outcomes), first.newest.assessment.id) == ({"scoliosis"}, again.id)
    assert first.scorings[0].decisions == {}
    assert first.newest.decisions["scoliosis"].decided_by_name == ada.display_name
    with pytest.raises(NotFoundError):
        services.follow_ups.visits(ada, "0" * 32)


def test_scores_of_different_versions_and_views_are_never_one_series(clinic):
    spring = visit(clinic, SPRING, positive=0.6)
    visit(clinic, SPRING.replace(day=2), positive=0.5, view="front")
    visit(clinic, SUMMER, positive=0.4)
    visit(clinic, AUTUMN, positive=0.3, version="2.0")
    visit(clinic, None, positive=0.65, version="2.0", rescored_from=spring)
    found = _visits(clinic)
    drawn = {
        (each.version, each.view): [(point.at, point.score.positive_probability) for point in each.points]
        for each in course.score_series(found, "scoliosis")
    }
    assert drawn == {
        ("drawn 1.0", "side"): [(SPRING, 0.6), (SUMMER, 0.4)],
        ("drawn 1.0", "front"): [(SPRING.replace(day=2), 0.5)],
        ("drawn 2.0", "side"): [(SPRING, 0.65), (AUTUMN, 0.3)],
    }
    assert [(span.version, span.since) for span in course.version_spans(found)] == [
        ("drawn 1.0", SPRING),
        ("drawn 2.0", AUTUMN),
    ]
    assert course.version_spans(found[:3]) == ()


def test_a_recording_unlike_the_training_data_has_no_point(clinic):
    visit(clinic, SPRING, typical=False)
    visit(clinic, SUMMER)
    (series,) = course.score_series(_visits(clinic), "scoliosis")
    assert [point.at for point in series.points] == [SUMMER]
    assert course.tasks_of(_visits(clinic)) == ("scoliosis", "depression")


def test_two_visits_are_compared_by_a_version_that_scored_both(clinic):
    spring, summer = visit(clinic, SPRING), visit(clinic, SUMMER, version="2.0")
    before, now = course.best_pair(*_visits(clinic))
    assert (before.assessment.id, now.assessment.id) == (spring.id, summer.id)
    again = visit(clinic, None, version="2.0", rescored_from=spring)
    before, now = course.best_pair(*_visits(clinic))
    assert (before.assessment.id, now.assessment.id) == (again.id, summer.id)


def test_parameters_are_told_apart_by_view_and_changes_by_measurement_error(clinic):
    def measured(value: float, view: str = "side", change: float | None = 6.0):
        return gait(view, parameter("cadence", value, change=change), parameter("step_length", None))

    visit(clinic, SPRING, measured=measured(100.0))
    visit(clinic, SPRING.replace(day=9), measured=measured(80.0, "front"), view="front")
    visit(clinic, SUMMER, measured=measured(105.9))
    visit(clinic, SUMMER.replace(day=9), measured=measured(93.9))
    visit(clinic, AUTUMN, measured=measured(120.0, change=None))
    found = _visits(clinic)
    assert course.parameters_of(found) == ("cadence",)
    side, front = course.parameter_series(found, "cadence")
    assert [(point.value, point.beyond_error) for point in side.points] == [
        (100.0, None),
        (105.9, False),
        (93.9, True),
        (120.0, None),
    ]
    assert [point.value for point in front.points] == [80.0]


def test_a_visit_keeps_its_gait_when_another_version_scores_again(clinic):
    spring = visit(clinic, SPRING, measured=gait("side", parameter("cadence", 100.0)))
    visit(clinic, None, version="2.0", rescored_from=spring, measured=gait("side", parameter("cadence", 100.0)))
    visit(clinic, SUMMER)
    with_gait, without = _visits(clinic)
    assert [each.view for each in with_gait.gaits] == ["side"]
    assert with_gait.gait("front") is None
    assert without.gaits == ()


def test_several_recordings_of_a_visit_give_several_views(clinic):
    spring = visit(clinic, SPRING)
    clips = []
    for view, refused in (("front", False), ("side", False), ("back", True)):
        content = {**spring.result, "refused": refused, "gait": gait(view, parameter("cadence", 90.0))}
        content["quality"] = {**content["quality"], "view": view}
        names = ("recording", "people", "person", "quality", "sequence", "scores", "typicality", "gait", "refused")
        clips.append({name: content[name] for name in names})
    with clinic.services.database.transaction() as session:
        session.merge(spring.model_copy(update={"result": {**spring.result, "clips": clips}}))
    (found,) = _visits(clinic)
    assert (found.view, found.clips) == (SEVERAL_VIEWS, 3)
    assert [each.view for each in found.gaits] == ["front", "side"]
