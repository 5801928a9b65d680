"""Times of a gait: cadence, steps and strides, stance and swing, from its cycles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fgait_core.gait_parameters.cycles import Cycle
from fgait_core.gait_parameters.measured import Measured, asymmetry_of, mean_of, variation_of

STRIDE_TOLERANCE = 0.25
STEP_TOLERANCE = 0.4
"""By how much of the expected time a stride or a step may be longer or shorter: beyond it an event is wrong."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        foot: the foot that lands at its end, "left" or "right".
        start_s: heel strike of the other foot.
        end_s: heel strike of the foot.
    """

    foot: str
    start_s: float
    end_s: float

    @property
    def time_s(self) -> float:
        """How long the step takes."""
        return self.end_s - self.start_s


def steps_of(cycles: Sequence[Cycle]) -> tuple[Step, ...]:
    """Every step of the cycles once, in order of time."""
    steps: set[Step] = set()
    for cycle in cycles:
        if cycle.opposite_heel_strike_s is not None:
            other = "right" if cycle.foot == "left" else "left"
            steps.add(Step(other, cycle.start_s, cycle.opposite_heel_strike_s))
            steps.add(Step(cycle.foot, cycle.opposite_heel_strike_s, cycle.end_s))
    if not cycles:
        return ()
    expected_s = float(np.median([cycle.duration_s for cycle in cycles])) / 2.0
    kept = (step for step in steps if abs(step.time_s - expected_s) <= STEP_TOLERANCE * expected_s)
    return tuple(sorted(kept, key=lambda step: step.start_s))


def sure_cycles(cycles: Sequence[Cycle], stride_s: float | None) -> tuple[Cycle, ...]:
    """The cycles that take about as long as the movement needs to repeat itself.

    Events come from each foot by itself, the stride time from the whole body (`periodicity`): where the two disagree,
    the feet were taken for each other or an event was missed.

    Args:
        cycles: of `gait_cycles`.
        stride_s: of `periodicity.stride_time_of`; None leaves no cycle.
    """
    if stride_s is None:
        return ()
    return tuple(cycle for cycle in cycles if abs(cycle.duration_s - stride_s) <= STRIDE_TOLERANCE * stride_s)


def times_of(cycles: Sequence[Cycle], stride_time: Measured | None) -> dict[str, Measured | None]:
    """Every parameter of `names.PARAMETERS` that times alone give.

    Args:
        cycles: as `sure_cycles` leaves them.
        stride_time: of `periodicity.stride_time_of`.
    """
    steps = steps_of(cycles)
    step_s = [step.time_s for step in steps]
    stride_s = [cycle.duration_s for cycle in cycles]
    step_time = None if stride_time is None else _as_steps(stride_time)
    return {
        "cadence": _cadence(step_time),
        "stride_time": stride_time,
        "step_time": step_time,
        "stance": mean_of([share for cycle in cycles if (share := _stance(cycle)) is not None]),
        "swing": mean_of([100.0 - share for cycle in cycles if (share := _stance(cycle)) is not None]),
        "double_support": mean_of([share for cycle in cycles if (share := _double_support(cycle)) is not None]),
        "step_time_asymmetry": asymmetry_of(*(mean_of(_times(steps, foot)) for foot in ("left", "right"))),
        "stance_asymmetry": asymmetry_of(*(mean_of(_stances(cycles, foot)) for foot in ("left", "right"))),
        "stride_time_variability": variation_of(stride_s),
        "step_time_variability": variation_of(step_s),
    }


def _as_steps(stride_time: Measured) -> Measured:
    half = stride_time.times(0.5)
    return Measured(half.value, 2 * half.n, half.standard_error)


def _cadence(step_time: Measured | None) -> Measured | None:
    if step_time is None:
        return None
    per_min = 60.0 / step_time.value
    error = None if step_time.standard_error is None else per_min * step_time.standard_error / step_time.value
    return Measured(per_min, step_time.n, error)


def _times(steps: Sequence[Step], foot: str) -> list[float]:
    return [step.time_s for step in steps if step.foot == foot]


def _stances(cycles: Sequence[Cycle], foot: str) -> list[float]:
    return [share for cycle in cycles if cycle.foot == foot and (share := _stance(cycle)) is not None]


def _stance(cycle: Cycle) -> float | None:
    """Share of the stride, in percent, for which the foot stands."""
    if cycle.toe_off_s is None:
        return None
    return 100.0 * (cycle.toe_off_s - cycle.start_s) / cycle.duration_s


def _double_support(cycle: Cycle) -> float | None:
    """Share of the stride, in percent, for which both feet stand."""
    if cycle.toe_off_s is None or cycle.opposite_toe_off_s is None or cycle.opposite_heel_strike_s is None:
        return None
    if not cycle.opposite_toe_off_s < cycle.opposite_heel_strike_s < cycle.toe_off_s:
        return None  # the feet do not take turns: an event is wrong, or nobody walks
    both_s = (cycle.opposite_toe_off_s - cycle.start_s) + (cycle.toe_off_s - cycle.opposite_heel_strike_s)
    return 100.0 * both_s / cycle.duration_s
