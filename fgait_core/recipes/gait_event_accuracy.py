"""How well heel strikes and toe offs are found: in simulated films against the truth, in the sample video against eyes.

An event counts as found if one of the same foot and kind was detected within 0.2 s of it. What was detected without
such an event is extra. The first and last moments of a stretch are left out, where nothing can turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from fgait_core.gait_parameters.detectors import DETECTORS, STEPS
from fgait_core.gait_parameters.events import FEET, HEEL_STRIKE, TOE_OFF, GaitEvents, detect_events
from fgait_core.gait_parameters.steps import OFFSETS
from fgait_core.recipes.gait_truth import FITTED_PEOPLE, FRAME_RATE_HZ, VIEWS, GaitFilm
from fgait_core.silhouettes.walk import Walk

KINDS = (HEEL_STRIKE, TOE_OFF)
MATCH_S = 0.2
BORDER_S = 0.15
SEEN_S = 0.06
"""A true event is asked for if a good frame is so near to it."""
_ROBUST = 1.4826
_NONE = np.zeros(0)

SAMPLE_RATE_HZ = 30.0
SAMPLE_FRAMES: dict[tuple[str, str], tuple[int, ...]] = {
    ("right", HEEL_STRIKE): (60, 98, 135, 171),
    ("left", HEEL_STRIKE): (79, 116, 153),
    ("left", TOE_OFF): (65, 103, 139, 175),
    ("right", TOE_OFF): (85, 121, 158),
}
"""Events of the walker of the sample video, labelled by eye on enlarged pictures of its frames: the first in which
the heel no longer travels, and the first in which the tip of the toes has moved on. One labeller, once; a label is
sure to about one frame (33 ms). Toe offs before frame 50 are hidden by a tree."""


@dataclass(frozen=True, slots=True)
class EventAccuracy:
    """How one kind of event was found by one detector.

    Attributes:
        detector: one of `DETECTORS`.
        source: one of `VIEWS`, or "sample video".
        frame_rate_hz: of the video.
        kind: "heel_strike" or "toe_off".
        true, found, extra: numbers of events.
        bias_ms: median of detected minus true; positive is late. NaN where none was found.
        spread_ms: standard deviation about it, by the median absolute deviation.
        error_ms: mean absolute error.
    """

    detector: str
    source: str
    frame_rate_hz: float
    kind: str
    true: int
    found: int
    extra: int
    bias_ms: float
    spread_ms: float
    error_ms: float


def event_accuracy(
    films: Sequence[GaitFilm], every: Sequence[int] = (1, 2, 3), detectors: Iterable[str] = tuple(DETECTORS)
) -> tuple[EventAccuracy, ...]:
    """Compares detectors on films; people on whom the offsets were measured are left out.

    Args:
        films: of `load_films`.
        every: 1 for all frames, 2 for every second, and so on.
        detectors: names of `DETECTORS`.
    """
    rows = []
    others = [film for film in films if film.key.person not in FITTED_PEOPLE]
    for detector in detectors:
        for step in every:
            for view in VIEWS:
                walks = [(film.thinned(step), film.truth.events) for film in others if film.key.view == view]
                rows += _compared(detector, view, FRAME_RATE_HZ / step, walks)
    return tuple(rows)


def sample_accuracy(walk: Walk, detectors: Iterable[str] = tuple(DETECTORS)) -> tuple[EventAccuracy, ...]:
    """Compares detectors on the sample video with the labels.

    Args:
        walk: of the left person of the sample video, whom `find_people` names first.
        detectors: names of `DETECTORS`.
    """
    labels = [
        (frame / SAMPLE_RATE_HZ, foot, kind) for (foot, kind), frames in SAMPLE_FRAMES.items() for frame in frames
    ]
    labels.sort()
    times, feet, kinds = zip(*labels, strict=True)
    truth = GaitEvents(np.array(feet), np.array(kinds), np.array(times), "labelled by eye")
    rows: list[EventAccuracy] = []
    for detector in detectors:
        rows += _compared(detector, "sample video", SAMPLE_RATE_HZ, [(walk, truth)])
    return tuple(rows)


def left_over(films: Sequence[GaitFilm], every: Sequence[int] = (1, 2, 3)) -> dict[tuple[str, str], float]:
    """What is still missing of `steps.OFFSETS`, by view and kind of event: median of true minus detected over a stride.

    Args:
        films: of `load_films`; only people on whom the offsets are measured count.
        every: 1 for all frames, 2 for every second, and so on.
    """
    fitted = [film for film in films if film.key.person in FITTED_PEOPLE]
    found: dict[tuple[str, str], list[NDArray[np.float64]]] = {}
    for film, step in product(fitted, every):
        walk, truth = film.thinned(step), film.truth
        stride_s = 120.0 / truth.posed.gait.cadence_steps_min
        view = film.key.view if film.key.view in OFFSETS else "across"
        events = detect_events(walk, STEPS)
        for foot, kind in product(FEET, KINDS):
            times_s = walk.sequence.timestamps_s
            errors_s = _errors(times_s, events.times_of(foot, kind), truth.events.times_of(foot, kind))[0]
            found.setdefault((view, kind), []).append(-errors_s / stride_s)
    return {key: float(np.median(np.concatenate(shares))) for key, shares in found.items()}


def accuracy_table(rows: Iterable[EventAccuracy]) -> str:
    """The rows as a Markdown table."""
    columns = ("detector", "view", "frames/s", "event", "found", "extra", "median error, ms", "spread, ms", "mean, ms")
    lines = [_line(*columns), "|---" * len(columns) + "|"]
    for row in rows:
        numbers = (f"{row.bias_ms:+.0f}", f"{row.spread_ms:.0f}", f"{row.error_ms:.0f}") if row.found else ("–",) * 3
        event, found = row.kind.replace("_", " "), f"{row.found} of {row.true}"
        lines.append(_line(row.detector, row.source, f"{row.frame_rate_hz:.0f}", event, found, row.extra, *numbers))
    return "\n".join(lines)


def _line(*cells: object) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _compared(
    detector: str, source: str, frame_rate_hz: float, walks: Sequence[tuple[Walk, GaitEvents]]
) -> list[EventAccuracy]:
    found = [(walk.sequence.timestamps_s, detect_events(walk, detector), truth) for walk, truth in walks]
    rows = []
    for kind in KINDS:
        errors_s, true, extra = [_NONE], 0, 0
        for times_s, events, truth in found:
            for foot in FEET:
                one = _errors(times_s, events.times_of(foot, kind), truth.times_of(foot, kind))
                errors_s.append(one[0])
                true, extra = true + one[1], extra + one[2]
        rows.append(_summary(detector, source, frame_rate_hz, kind, np.concatenate(errors_s), true, extra))
    return rows


def _errors(
    times_s: NDArray[np.float64], detected_s: NDArray[np.float64], true_s: NDArray[np.float64]
) -> tuple[NDArray[np.float64], int, int]:
    """Errors of what was found, how many there were to find, and how many were detected beside them."""
    first_s, last_s = times_s[0] + BORDER_S, times_s[-1] - BORDER_S
    wanted_s = [t for t in true_s if first_s < t < last_s and np.abs(times_s - t).min() < SEEN_S]
    nearest_s = [detected_s[np.abs(detected_s - t).argmin()] - t for t in wanted_s] if len(detected_s) else []
    errors_s = np.array([error for error in nearest_s if abs(error) < MATCH_S])
    inside = int(((detected_s > first_s) & (detected_s < last_s)).sum())
    return errors_s, len(wanted_s), max(0, inside - len(errors_s))


def _summary(
    detector: str,
    source: str,
    frame_rate_hz: float,
    kind: str,
    errors_s: NDArray[np.float64],
    true: int,
    extra: int,
) -> EventAccuracy:
    errors_ms = 1000.0 * errors_s
    bias = float(np.median(errors_ms)) if len(errors_ms) else float("nan")
    spread = _ROBUST * float(np.median(np.abs(errors_ms - bias))) if len(errors_ms) else float("nan")
    error = float(np.abs(errors_ms).mean()) if len(errors_ms) else float("nan")
    return EventAccuracy(detector, source, frame_rate_hz, kind, true, len(errors_ms), extra, bias, spread, error)
