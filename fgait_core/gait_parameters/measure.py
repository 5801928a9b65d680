"""Everything that is measured of a walk beside its scores: `gait_facts`."""

from __future__ import annotations

from dataclasses import replace

from fgait_core.gait_parameters.angles import ranges_of
from fgait_core.gait_parameters.curves import curves_of
from fgait_core.gait_parameters.cycles import Cycle, gait_cycles
from fgait_core.gait_parameters.events import GaitEvents, detect_events
from fgait_core.gait_parameters.measured import Measured
from fgait_core.gait_parameters.names import PARAMETERS
from fgait_core.gait_parameters.norms import accuracy_of, norm_of, with_norm
from fgait_core.gait_parameters.periodicity import stride_period_s, stride_time_of
from fgait_core.gait_parameters.picture_series import picture_series, whole_strides
from fgait_core.gait_parameters.posture import posture_of
from fgait_core.gait_parameters.signals import gait_signals
from fgait_core.gait_parameters.spatial import lengths_of
from fgait_core.gait_parameters.subject import Subject
from fgait_core.gait_parameters.times import sure_cycles, times_of
from fgait_core.gait_parameters.validity import why_not
from fgait_core.screening_result import GaitEventFacts, GaitFacts, GaitParameterFacts
from fgait_core.silhouettes.walk import Walk

_DIGITS = 4
_RELATIVE = {"step_length_m": "step_length", "walking_speed_m_s": "walking_speed"}
"""Parameters in metres, and what they are the body height times of."""


def gait_facts(walk: Walk, view: str, subject: Subject) -> GaitFacts:
    """Measures a walk.

    Args:
        walk: of `track_walk`.
        view: "front", "oblique", "side" or "back", as the quality gate found it.
        subject: who walks, as far as that is known: for norms and for lengths in metres.
    """
    events = detect_events(walk)
    cycles = believed_cycles(walk, events)
    measured = measured_of(walk, cycles, view, subject)
    parameters = (_parameter_facts(name, measured.get(name), walk, view, subject) for name in PARAMETERS)
    return GaitFacts(
        view=view,
        event_detector=events.detector,
        events=_event_facts(events),
        parameters=tuple(parameters),
        curves=tuple(with_norm(curve, subject) for curve in curves_of(picture_series(walk), cycles, view)),
    )


def believed_cycles(walk: Walk, events: GaitEvents) -> tuple[Cycle, ...]:
    """The cycles between the events of a walk that agree with the rhythm of the whole body."""
    return sure_cycles(gait_cycles(events, walk.sequence.timestamps_s), stride_period_s(walk))


def _with_seen_contacts(walk: Walk, cycles: tuple[Cycle, ...]) -> tuple[Cycle, ...]:
    """The cycles without toe offs where the walker was seen from the front or the back: one contact is placed there.

    Somebody who turns, or walks half towards the camera, is seen so for a part of a walk in profile.
    """
    across = [signals.times_s for signals in gait_signals(walk) if signals.view == "across"]
    return tuple(
        cycle
        if any(times_s[0] <= cycle.start_s and cycle.end_s <= times_s[-1] for times_s in across)
        else replace(cycle, toe_off_s=None, opposite_toe_off_s=None)
        for cycle in cycles
    )


def measured_of(walk: Walk, cycles: tuple[Cycle, ...], view: str, subject: Subject) -> dict[str, Measured | None]:
    """Every number of a walk that can be calculated at all, whatever the view supports; metres need the height."""
    if view in PARAMETERS["stance"].views:
        cycles = _with_seen_contacts(walk, cycles)
    stride_time = stride_time_of(walk)
    if stride_time is None:
        return {}
    series = picture_series(walk)
    strides = whole_strides(series, stride_time.value)
    found = {
        **times_of(cycles, stride_time),
        **lengths_of(walk, series, stride_time.value),
        **posture_of(strides),
        **ranges_of(strides),
    }
    if subject.body_height_m is not None:
        for metres, relative in _RELATIVE.items():
            length = found[relative]
            found[metres] = None if length is None else length.times(subject.body_height_m)
    return found


def _parameter_facts(
    name: str, measured: Measured | None, walk: Walk, view: str, subject: Subject
) -> GaitParameterFacts:
    parameter = PARAMETERS[name]
    reason = why_not(name, measured, view, walk.sequence.frame_rate_hz, subject)
    known = measured if measured is not None and not reason else None
    refused = reason in ("view", "not_measurable")
    rate_hz = walk.sequence.frame_rate_hz
    return GaitParameterFacts(
        name=name,
        unit=parameter.unit,
        value=None if known is None else round(known.value, _DIGITS),
        why_not=reason,
        n=0 if measured is None or refused else measured.n,
        standard_error=None if known is None or known.standard_error is None else round(known.standard_error, _DIGITS),
        minimal_detectable_change=None if known is None else _detectable(name, view, rate_hz, subject),
        norm=None if refused else norm_of(name, view, rate_hz, subject),
        validated=parameter.validated,
    )


def _detectable(name: str, view: str, frame_rate_hz: float, subject: Subject) -> float | None:
    """Of lengths in metres, that of the relative length times the body height."""
    relative = _RELATIVE.get(name)
    accuracy = accuracy_of(relative or name, view, frame_rate_hz)
    if accuracy is None or accuracy.minimal_detectable_change is None:
        return None
    factor = subject.body_height_m or 1.0 if relative else 1.0
    return round(accuracy.minimal_detectable_change * factor, _DIGITS)


def _event_facts(events: GaitEvents) -> tuple[GaitEventFacts, ...]:
    rows = zip(events.foot.tolist(), events.kind.tolist(), events.time_s.tolist(), strict=True)
    return tuple(
        GaitEventFacts.model_validate({"foot": foot, "kind": kind, "time_s": round(time_s, 3)})
        for foot, kind, time_s in rows
    )
