"""Parameters against norms and against an earlier visit."""

from __future__ import annotations

from explained import explained, gait, norm, of_several, parameter

from app.services.gait_view import against_norm, changes, clips_of, gait_of, leading_position, outside_norm
from fgait_core.screening_result import GaitFacts, GaitParameterFacts


def parameter_of(name: str, value: float | None, **more) -> GaitParameterFacts:
    return GaitParameterFacts.model_validate(parameter(name, "%", value, **more))


def test_a_norm_reaches_two_standard_deviations_to_either_side():
    values = {79.0: "below", 80.0: "within", 120.0: "within", 121.0: "above"}
    for value, words in values.items():
        assert against_norm(parameter_of("stance", value, norm=norm(100.0, 10.0))) == words
    assert against_norm(parameter_of("stance", 99.0)) == ""
    assert against_norm(parameter_of("stance", None, norm=norm(100.0, 10.0))) == ""


def test_the_most_unusual_stands_first():
    usual = parameter_of("stance", 100.0, norm=norm(100.0, 10.0))
    odd = parameter_of("swing", 130.0, norm=norm(100.0, 10.0))
    odder = parameter_of("cadence", 8.0, norm=norm(10.0, 0.5))
    assert outside_norm([usual, odd, odder]) == (odder, odd)


def test_a_change_counts_beyond_the_measurement_error():
    now, before = (GaitFacts.model_validate(gait(cadence=cadence)) for cadence in (94.1, 88.0))
    found = {change.now.name: change for change in changes(now, before)}
    assert found["cadence"].beyond_error is True  # 6.1 > 6.0
    assert found["stance"].beyond_error is False
    assert found["double_support"].beyond_error is None  # nobody knows its measurement error
    assert found["step_length_m"].why_not == "missing"
    back = {change.now.name: change for change in changes(before, now)}
    assert round(back["cadence"].difference or 0, 3) == -6.1
    assert back["cadence"].beyond_error is True


def test_different_views_are_not_compared():
    now, before = (GaitFacts.model_validate(gait(view)) for view in ("front", "side"))
    assert {change.why_not for change in changes(now, before) if change.now.value is not None} == {"view"}
    assert all(change.difference is None for change in changes(now, before))


def test_recordings_of_an_assessment_of_several():
    result = of_several().to_json()
    assert [clip.refused for clip in clips_of(result)] == [True, False, False]
    assert leading_position(result) == 1
    assert gait_of(result, 0) is None
    assert gait_of(result, 2) is not None
    assert gait_of(result) == gait_of(explained().to_json())
