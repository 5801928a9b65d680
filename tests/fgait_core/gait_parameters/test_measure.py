"""A stick figure of known gait, measured."""

import numpy as np
import pytest

from fgait_core.gait_parameters.measure import gait_facts
from fgait_core.gait_parameters.names import PARAMETERS
from fgait_core.gait_parameters.periodicity import stride_time_of
from fgait_core.gait_parameters.subject import NOBODY, Subject

ADULT = Subject(age_years=30.0, sex="female", body_height_m=1.7)
SPEED = 0.69


def values(facts):
    return {parameter.name: parameter for parameter in facts.parameters}


def test_every_parameter_is_listed_with_value_or_reason(stick_walk):
    facts = gait_facts(stick_walk(), "side", NOBODY)
    assert [parameter.name for parameter in facts.parameters] == list(PARAMETERS)
    for parameter in facts.parameters:
        assert (parameter.value is None) == bool(parameter.why_not)


@pytest.mark.parametrize("rate_hz", [20.0, 30.0, 60.0])
@pytest.mark.parametrize("view", ["side", "front", "back"])
def test_rhythm_from_every_view_and_rate(stick_walk, view, rate_hz):
    facts = gait_facts(stick_walk(view=view, rate_hz=rate_hz, stride_s=1.2), view, NOBODY)
    assert values(facts)["cadence"].value == pytest.approx(100.0, rel=0.01)
    assert values(facts)["stride_time"].value == pytest.approx(1.2, rel=0.01)


@pytest.mark.parametrize("faces", [1.0, -1.0])
def test_the_side_shows_lengths_lean_and_the_near_limbs(stick_walk, faces):
    facts = gait_facts(stick_walk(faces=faces, lean_deg=6.0, speed=SPEED), "side", ADULT)
    found = values(facts)
    assert found["hip_range"].value == pytest.approx(40.0, abs=1.0)
    assert found["knee_range"].value == pytest.approx(60.0, abs=1.5)
    assert found["arm_swing"].value == pytest.approx(24.0, abs=0.7)
    assert found["head_bob"].value == pytest.approx(2.0, abs=0.15)
    assert found["walking_speed"].value == pytest.approx(SPEED, rel=0.02)
    assert found["walking_speed_m_s"].value == pytest.approx(1.7 * SPEED, rel=0.02)
    assert found["step_length"].value == pytest.approx(0.38, abs=0.02)
    assert found["step_length_m"].value == pytest.approx(1.7 * found["step_length"].value, rel=0.001)
    upright = values(gait_facts(stick_walk(faces=faces, speed=SPEED), "side", ADULT))
    assert found["trunk_lean"].value - upright["trunk_lean"].value == pytest.approx(6.0, abs=0.1)
    near = "right" if faces > 0 else "left"
    assert {(curve.joint, curve.side) for curve in facts.curves} == {
        ("hip", near), ("knee", near), ("arm", near), ("trunk", ""),
    }  # fmt: skip


def test_a_speed_that_contradicts_the_steps_is_not_given(stick_walk):
    found = values(gait_facts(stick_walk(speed=0.2), "side", ADULT))
    assert found["walking_speed"].why_not == "not_seen"
    assert found["step_length"].value is not None


@pytest.mark.parametrize(("view", "sign"), [("front", 1.0), ("front", -1.0)])
def test_the_right_shoulder_lower_is_positive(stick_walk, view, sign):
    found = values(gait_facts(stick_walk(view=view, tilt=sign * 0.01), view, NOBODY))
    assert found["shoulder_obliquity"].value == pytest.approx(sign * 5.7, abs=0.2)
    assert found["pelvis_obliquity"].value == pytest.approx(sign * 11.3, abs=0.3)


@pytest.mark.parametrize("view", ["front", "back"])
def test_sway_is_seen_along_the_way(stick_walk, view):
    found = values(gait_facts(stick_walk(view=view, sway=0.02), view, NOBODY))
    assert found["lateral_sway"].value == pytest.approx(4.0, abs=0.2)
    assert found["walking_speed"].why_not == "view"


def test_a_gap_breaks_strides_but_not_the_measurement(stick_walk):
    found = values(gait_facts(stick_walk(seconds=6.0, lost=(2.7, 3.4), speed=SPEED), "side", ADULT))
    assert found["cadence"].value == pytest.approx(109.1, rel=0.02)
    assert found["walking_speed"].value == pytest.approx(SPEED, rel=0.03)


def test_a_still_figure_has_no_rhythm(stick_walk):
    still = stick_walk(thigh_deg=0.0, stride_s=1e6, speed=0.0)
    assert stride_time_of(still) is None
    facts = gait_facts(still, "side", ADULT)
    assert all(parameter.value is None for parameter in facts.parameters)
    assert facts.curves == ()


def test_hidden_arms_are_not_guessed(stick_walk):
    walk = stick_walk(speed=SPEED)
    walk.visibility[:, 14] = 0.1
    found = values(gait_facts(walk, "side", ADULT))
    assert found["arm_swing"].why_not == "not_seen"
    assert found["hip_range"].value is not None


def test_left_and_right_legs_swapped_by_the_network_do_not_change_the_rhythm(stick_walk):
    walk = stick_walk()
    swapped = np.arange(33)
    swapped[25:33] = [26, 25, 28, 27, 30, 29, 32, 31]
    walk.landmarks_px[40:70] = walk.landmarks_px[40:70][:, swapped]
    walk.world_m[40:70] = walk.world_m[40:70][:, swapped]
    found = stride_time_of(walk)
    assert found is not None
    assert found.value == pytest.approx(1.1, rel=0.01)


def test_norms_changes_and_errors_come_with_the_values(stick_walk):
    found = values(gait_facts(stick_walk(speed=SPEED), "side", ADULT))
    length = found["step_length_m"]
    assert length.minimal_detectable_change == pytest.approx(
        1.7 * found["step_length"].minimal_detectable_change, rel=1e-3
    )
    assert length.norm is not None
    assert length.norm.simulated
    assert length.norm.sex == "female"
    assert length.norm.ages_years[0] <= 30 <= length.norm.ages_years[1]
    assert found["cadence"].norm is not None
    assert not found["cadence"].norm.simulated
    assert found["cadence"].standard_error is not None
    assert values(gait_facts(stick_walk(), "side", NOBODY))["cadence"].norm is None


def test_curves_carry_the_band_of_their_age(stick_walk):
    curve = next(c for c in gait_facts(stick_walk(), "side", ADULT).curves if c.joint == "hip")
    assert len(curve.mean_deg) == len(curve.norm_low_deg) == len(curve.norm_high_deg) == 51
    assert all(low < high for low, high in zip(curve.norm_low_deg, curve.norm_high_deg, strict=True))
    assert "imulated" in curve.norm_source
    assert max(curve.mean_deg) - min(curve.mean_deg) == pytest.approx(40.0, abs=1.5)
    unknown = gait_facts(stick_walk(), "side", NOBODY).curves[0]
    assert unknown.norm_low_deg == ()


def test_the_pelvis_is_drawn_from_the_front_only(stick_walk):
    front, back = (gait_facts(stick_walk(view=view), view, NOBODY).curves for view in ("front", "back"))
    assert [(curve.joint, curve.side) for curve in front] == [("pelvis", "")]
    assert back == ()


@pytest.mark.parametrize(
    "odd", [{"seconds": 0.2}, {"seconds": 0.7}, {"seconds": 1.3}, {"rate_hz": 5.0}, {"lost": (0.4, 3.6)}]
)
def test_short_and_broken_walks_are_measured_without_fault(stick_walk, odd):
    facts = gait_facts(stick_walk(**odd), "side", ADULT)
    assert [parameter.name for parameter in facts.parameters] == list(PARAMETERS)
    assert values(facts)["stance"].value is None


def test_placed_contacts_are_not_measured_where_a_walk_turns_to_the_camera(stick_walk, after):
    side = stick_walk(seconds=5.0)
    turned = after(side, stick_walk(view="front", seconds=5.0))
    alone, both = (values(gait_facts(walk, "side", NOBODY)) for walk in (side, turned))
    assert both["cadence"].n > 1.5 * alone["cadence"].n
    assert 2 <= both["stance"].n <= alone["stance"].n
    assert both["stance"].value == pytest.approx(alone["stance"].value, abs=1.0)
