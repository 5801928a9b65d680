"""The gait of a simulated patient as the simulator knows it: exact numbers, where a recording measures them."""

from __future__ import annotations

from fgait_core.gait_parameters.names import PARAMETERS, Parameter
from fgait_core.screening_result import GaitFacts, GaitParameterFacts
from fgait_core.simulation.dataset.rows import SequenceRow

SOURCE = "known of the simulation, not measured"
_DIGITS = 4


def known_gait(row: SequenceRow, view: str, duration_s: float) -> GaitFacts:
    """What is known of a simulated walk, of the parameters that a video from this view could support.

    Args:
        row: of the simulator.
        view: from where the walker was seen.
        duration_s: of the recording.
    """
    known = _known(row)
    strides = int(known["cadence"] / 120.0 * duration_s)
    return GaitFacts(
        view=view,
        event_detector=SOURCE,
        events=(),
        parameters=tuple(_facts(name, known.get(name), view, strides) for name in PARAMETERS),
    )


def _known(row: SequenceRow) -> dict[str, float]:
    truth = row.truth
    leg_heights = row.leg_m / row.height_m
    return {
        "cadence": truth["cadence_steps_min"],
        "stride_time": 120.0 / truth["cadence_steps_min"],
        "step_time": 60.0 / truth["cadence_steps_min"],
        "step_length": truth["stride_over_leg"] / 2.0 * leg_heights,
        "step_length_m": truth["stride_over_leg"] / 2.0 * row.leg_m,
        "walking_speed": truth["speed_m_s"] / row.height_m,
        "walking_speed_m_s": truth["speed_m_s"],
        "arm_swing": (truth["arm_swing_left_deg"] + truth["arm_swing_right_deg"]) / 2.0,
        "trunk_lean": truth["trunk_pitch_deg"],
        "lateral_sway": 100.0 * truth["sway_over_leg"] * leg_heights,
        "head_bob": 100.0 * truth["bob_over_leg"] * leg_heights,
        "hip_range": truth["hip_range_deg"],
        "knee_range": truth["knee_range_deg"],
    }


def _why_not(parameter: Parameter, value: float | None, view: str, n: int) -> str:
    if not parameter.views:
        return "not_measurable"
    if view not in parameter.views:
        return "view"
    if n < parameter.at_least:
        return "too_few_steps"
    return "not_seen" if value is None else ""


def _facts(name: str, value: float | None, view: str, strides: int) -> GaitParameterFacts:
    parameter = PARAMETERS[name]
    n = 2 * strides if parameter.counts == "steps" else strides
    why_not = _why_not(parameter, value, view, n)
    return GaitParameterFacts(
        name=name,
        unit=parameter.unit,
        value=None if why_not or value is None else round(value, _DIGITS),
        why_not=why_not,
        n=0 if why_not else n,
        validated=parameter.validated,
    )
