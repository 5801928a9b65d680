"""The parameters of a walk: their names, their units, and what a recording must offer before one is given.

Which views support a parameter was decided on simulated walkers whose true movement is known
(docs/evidence/gait_parameters.md); the decision is recorded in docs/decisions/0022-what-video-can-measure-of-a-gait.md.
"""

from __future__ import annotations

from dataclasses import dataclass

ALL_VIEWS = ("front", "oblique", "side", "back")
_SIDE = ("side",)
_IN_PROFILE = ("side", "oblique")
_ALONG = ("front", "back")
_FRONT = ("front",)
_NO_VIEW: tuple[str, ...] = ()
"""Refused: the error is larger than what differs between people, or the far limb is a guess."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number that may be measured of a walk.

    Attributes:
        unit: of the value.
        views: from where the walker must have been filmed.
        counts: what `n` counts: "steps" or "strides".
        at_least: the fewest steps or strides.
        min_rate_hz: the fewest frames a second.
        in_metres: whether the person's body height must be known.
        validated: False for what video without markers is not known to measure.
    """

    unit: str
    views: tuple[str, ...]
    counts: str
    at_least: int
    min_rate_hz: float
    in_metres: bool = False
    validated: bool = True


PARAMETERS: dict[str, Parameter] = {
    "cadence": Parameter("steps/min", ALL_VIEWS, "steps", 3, 20.0),
    "stride_time": Parameter("s", ALL_VIEWS, "strides", 2, 20.0),
    "step_time": Parameter("s", ALL_VIEWS, "steps", 3, 20.0),
    "stance": Parameter("%", _IN_PROFILE, "strides", 2, 25.0, validated=False),
    "swing": Parameter("%", _IN_PROFILE, "strides", 2, 25.0, validated=False),
    "double_support": Parameter("%", _IN_PROFILE, "strides", 4, 25.0, validated=False),
    "step_length": Parameter("body heights", _SIDE, "steps", 3, 20.0),
    "step_length_m": Parameter("m", _SIDE, "steps", 3, 20.0, in_metres=True),
    "walking_speed": Parameter("body heights/s", _SIDE, "strides", 1, 20.0),
    "walking_speed_m_s": Parameter("m/s", _SIDE, "strides", 1, 20.0, in_metres=True),
    "arm_swing": Parameter("deg", _SIDE, "strides", 2, 20.0),
    "arm_swing_asymmetry": Parameter("%", _NO_VIEW, "strides", 2, 20.0, validated=False),
    "trunk_lean": Parameter("deg", _SIDE, "strides", 1, 20.0),
    "lateral_sway": Parameter("% of body height", _ALONG, "strides", 2, 20.0),
    "shoulder_obliquity": Parameter("deg", _FRONT, "strides", 2, 20.0, validated=False),
    "pelvis_obliquity": Parameter("deg", _FRONT, "strides", 2, 20.0, validated=False),
    "head_bob": Parameter("% of body height", ALL_VIEWS, "strides", 2, 20.0),
    "step_time_asymmetry": Parameter("%", _NO_VIEW, "steps", 4, 25.0, validated=False),
    "stance_asymmetry": Parameter("%", _NO_VIEW, "strides", 4, 25.0, validated=False),
    "step_length_asymmetry": Parameter("%", _NO_VIEW, "steps", 4, 25.0, validated=False),
    "stride_time_variability": Parameter("%", _NO_VIEW, "strides", 8, 50.0, validated=False),
    "step_time_variability": Parameter("%", _NO_VIEW, "steps", 16, 50.0, validated=False),
    "hip_range": Parameter("deg", _SIDE, "strides", 2, 20.0),
    "knee_range": Parameter("deg", _SIDE, "strides", 2, 20.0, validated=False),
    "ankle_range": Parameter("deg", _NO_VIEW, "strides", 2, 25.0, validated=False),
}
"""Every parameter by its stable name, in the order in which they are shown.

Signs: trunk lean is positive forward; an obliquity is positive where the patient's right side is the lower one; an
asymmetry is 100 x (left - right) / mean of both, positive where the left is longer or larger.
"""
