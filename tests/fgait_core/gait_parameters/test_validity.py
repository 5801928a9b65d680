"""No number that the recording cannot support."""

from fgait_core.gait_parameters.measured import Measured
from fgait_core.gait_parameters.names import ALL_VIEWS, PARAMETERS
from fgait_core.gait_parameters.subject import NOBODY, Subject
from fgait_core.gait_parameters.validity import why_not

ENOUGH = Measured(1.0, 99, 0.1)
TALL = Subject(body_height_m=1.8)


def test_a_view_refuses_what_it_does_not_show():
    for name, parameter in PARAMETERS.items():
        for view in ALL_VIEWS:
            reason = why_not(name, ENOUGH, view, 60.0, TALL)
            if not parameter.views:
                assert reason == "not_measurable"
            else:
                assert reason == ("" if view in parameter.views else "view")


def test_metres_need_the_height():
    assert why_not("step_length_m", ENOUGH, "side", 30.0, NOBODY) == "height_missing"
    assert why_not("step_length", ENOUGH, "side", 30.0, NOBODY) == ""


def test_slow_cameras_give_no_stance():
    assert why_not("stance", ENOUGH, "side", 20.0, NOBODY) == "frame_rate"
    assert why_not("stance", ENOUGH, "side", 24.9, NOBODY) == ""


def test_too_few_steps_and_nothing_seen():
    assert why_not("cadence", Measured(110.0, 2, 3.0), "side", 30.0, NOBODY) == "too_few_steps"
    assert why_not("arm_swing", None, "side", 30.0, NOBODY) == "not_seen"


def test_what_video_is_not_known_to_measure_says_so():
    for name in ("stance", "swing", "double_support"):
        assert not PARAMETERS[name].validated
