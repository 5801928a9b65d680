"""Whether a recording can support a parameter, and if not, why."""

from __future__ import annotations

from fgait_core.gait_parameters.measured import Measured
from fgait_core.gait_parameters.names import PARAMETERS
from fgait_core.gait_parameters.subject import Subject

RATE_TOLERANCE = 0.95
"""Cameras that say 25 or 30 frames a second often film a little slower."""


def why_not(name: str, measured: Measured | None, view: str, frame_rate_hz: float, subject: Subject) -> str:
    """The first reason for which there is no value, or "" where there is one.

    Args:
        name: of the parameter.
        measured: what was found, if anything.
        view: from where the walker was filmed.
        frame_rate_hz: of the recording.
        subject: who walks.

    Returns:
        "", "not_measurable" (from no view), "view", "frame_rate", "height_missing", "too_few_steps" or "not_seen".
    """
    parameter = PARAMETERS[name]
    if not parameter.views:
        return "not_measurable"
    if view not in parameter.views:
        return "view"
    if frame_rate_hz < RATE_TOLERANCE * parameter.min_rate_hz:
        return "frame_rate"
    if parameter.in_metres and subject.body_height_m is None:
        return "height_missing"
    if measured is None:
        return "not_seen"
    return "" if measured.n >= parameter.at_least else "too_few_steps"
