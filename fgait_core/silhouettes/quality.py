"""Is a recording good enough to be scored, and if not, how should it be filmed again?

A blocking failure refuses the recording; any other failure is a warning that goes with the result. The thresholds are
engineering choices measured in docs/evidence/segmentation.md, not clinical ones, but for the four footsteps
(van Bloemendaal et al. 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fgait_core.errors import RecordingError
from fgait_core.silhouettes.footsteps import Manner, manner_of
from fgait_core.silhouettes.people import PersonCandidate
from fgait_core.silhouettes.walk import Walk

MIN_BODY_PX, GOOD_BODY_PX = 120.0, 200.0
MIN_RATE_HZ = 20.0
MIN_DURATION_S = 2.0
MIN_STEPS = 4
MIN_SEEN, GOOD_SEEN = 0.4, 0.7
MIN_TRAVEL_BODY_HEIGHTS = 0.8
MAX_SPEED_BODY_HEIGHTS_S = 1.7
CADENCE_PER_MIN = (30.0, 200.0)
MIN_STRAIGHT_LEG_DEG = 140.0
MAX_TRUNK_LEAN_DEG = 45.0
MIN_SHARPNESS, GOOD_SHARPNESS = 0.03, 0.08
MAX_CAMERA_MOTION = 0.08

VIEWS = ((30.0, "front"), (60.0, "oblique"), (120.0, "side"), (150.0, "oblique"), (181.0, "back"))
SUITABLE_VIEWS: dict[str, tuple[str, ...]] = {
    "scoliosis": ("front", "back", "oblique"),
    "depression": ("side", "oblique"),
}
"""The views in which what the task looks for is seen best; any other view is a warning, never a refusal."""
_FROM = {"front": "the front", "oblique": "an oblique angle", "side": "the side", "back": "behind"}
_VIEW_ADVICE = {
    "scoliosis": "For scoliosis, film from the front or from behind: the trunk's asymmetry is hardly seen in profile.",
    "depression": "For depression, film from the side: posture and arm swing are seen best in profile.",
}


@dataclass(frozen=True, slots=True)
class QualityCheck:
    """One property of a recording with what is asked of it.

    Attributes:
        name: stable short name.
        label: what is checked, in plain words.
        value: what was measured.
        unit: of the value.
        threshold: what is asked for, in plain words.
        passed: whether the value meets it.
        blocking: whether a failure refuses the recording.
        advice: what was found wrong and how to film again; empty where the check passed.
    """

    name: str
    label: str
    value: float | str | None
    unit: str
    threshold: str
    passed: bool
    blocking: bool
    advice: str


@dataclass(frozen=True, slots=True)
class QualityReport:
    """All checks of a recording.

    Attributes:
        checks: every check, passed or not.
        view: "front", "oblique", "side" or "back".
        steps: footsteps counted.
        cadence_per_min: steps a minute.
    """

    checks: tuple[QualityCheck, ...]
    view: str
    steps: int
    cadence_per_min: float

    @property
    def blocking(self) -> tuple[QualityCheck, ...]:
        """The failed checks that refuse the recording."""
        return tuple(check for check in self.checks if check.blocking and not check.passed)

    @property
    def warnings(self) -> tuple[QualityCheck, ...]:
        """The failed checks that are only carried in the result."""
        return tuple(check for check in self.checks if not check.blocking and not check.passed)

    def require(self) -> None:
        """Refuses the recording if a blocking check failed.

        Raises:
            RecordingError: with every reason at once.
        """
        if self.blocking:
            reasons = [check.advice for check in self.blocking]
            raise RecordingError(" ".join(reasons), reasons, self.checks)


def assess_quality(walk: Walk, people: Sequence[PersonCandidate], tasks: Sequence[str]) -> QualityReport:
    """Checks a walk.

    Args:
        walk: of `track_walk`.
        people: everybody whom `find_people` found.
        tasks: "scoliosis", "depression": what the recording is to be scored for.
    """
    manner = manner_of(walk)
    view = view_of(manner.view_deg)
    checks = (
        _one_person(walk, people),
        _full_body(walk),
        _body_size(walk),
        _frame_rate(walk),
        _duration(walk),
        _steps(manner),
        _walking(manner),
        *(_view(view, task) for task in tasks),
        _sharpness(walk),
        _camera(walk),
    )
    return QualityReport(checks, view, manner.steps, round(manner.cadence_per_min, 1))


def view_of(view_deg: float) -> str:
    """The name of a view: 0 degrees is front, 90 side, 180 back."""
    return next(name for limit, name in VIEWS if view_deg < limit)


def _check(
    name: str,
    label: str,
    measured: tuple[float | str | None, str],
    threshold: str,
    passed: bool,
    advice: str,
    blocking: bool = True,
) -> QualityCheck:
    value, unit = measured
    return QualityCheck(name, label, value, unit, threshold, passed, blocking, "" if passed else advice)


def _one_person(walk: Walk, people: Sequence[PersonCandidate]) -> QualityCheck:
    return _check(
        "one_person",
        "One person in the picture",
        (len(people), "people"),
        "1",
        len(people) == 1,
        f"{len(people)} people were seen and person {walk.person_number} was followed. Check that this is the patient; "
        "better, film the patient alone.",
        blocking=False,
    )


def _full_body(walk: Walk) -> QualityCheck:
    share = len(walk.sequence) / max(walk.followed_frames, len(walk.sequence), 1)
    return _check(
        "full_body",
        "Whole body visible",
        (round(100 * share), "%"),
        f"at least {GOOD_SEEN:.0%} of the time (refused below {MIN_SEEN:.0%})",
        share >= GOOD_SEEN,
        f"The whole body is seen in only {share:.0%} of the time: the border of the picture or something in front of "
        "the person hides a part. Film from farther away, with room above the head and below the feet.",
        blocking=share < MIN_SEEN,
    )


def _body_size(walk: Walk) -> QualityCheck:
    height = walk.body_height_px
    return _check(
        "body_size",
        "Size of the person",
        (round(height), "px"),
        f"at least {GOOD_BODY_PX:.0f} px high (refused below {MIN_BODY_PX:.0f})",
        height >= GOOD_BODY_PX,
        f"The person is only {height:.0f} pixels high. Film from nearer or with a higher resolution, so that the body "
        "fills at least a third of the height of the picture.",
        blocking=height < MIN_BODY_PX,
    )


def _frame_rate(walk: Walk) -> QualityCheck:
    rate = walk.video.frame_rate_hz
    return _check(
        "frame_rate",
        "Frame rate",
        (round(rate, 1), "Hz"),
        f"at least {MIN_RATE_HZ:.0f} Hz",
        rate >= MIN_RATE_HZ,
        f"The video has only {rate:.0f} pictures a second. Film with 30 or more; any phone does so by default.",
    )


def _seen_s(walk: Walk) -> float:
    steps_s = np.diff(walk.sequence.timestamps_s)
    return float(steps_s[steps_s < 0.5].sum()) if len(steps_s) else 0.0


def _duration(walk: Walk) -> QualityCheck:
    seen_s = _seen_s(walk)
    return _check(
        "duration",
        "Time in full view",
        (round(seen_s, 1), "s"),
        f"at least {MIN_DURATION_S:.0f} s",
        seen_s >= MIN_DURATION_S,
        f"The person is in full view for only {seen_s:.1f} s. Film the whole way, at least 4 m, with the camera still.",
    )


def _steps(manner: Manner) -> QualityCheck:
    return _check(
        "steps",
        "Footsteps in full view",
        (manner.steps, "steps"),
        f"at least {MIN_STEPS}",
        manner.steps >= MIN_STEPS,
        f"In full view, {manner.steps} footstep{'s were' if manner.steps != 1 else ' was'} counted. Film at least "
        f"{MIN_STEPS} steps of straight walking, better 8.",
    )


def _walking(manner: Manner) -> QualityCheck:
    fault = _why_not_walking(manner)
    return _check(
        "walking",
        "Walking over the ground",
        (round(manner.travel_body_heights, 1), "body heights travelled"),
        f"steps in turn, upright, at least {MIN_TRAVEL_BODY_HEIGHTS} body heights of way",
        not fault,
        f"{fault} Film the patient walking straight ahead over the ground at the usual pace, not on a treadmill.",
    )


def _why_not_walking(manner: Manner) -> str:
    if manner.travel_body_heights < MIN_TRAVEL_BODY_HEIGHTS:
        return "The person does not walk anywhere: standing, exercising or moving on the spot cannot be scored."
    if manner.speed_body_heights_s > MAX_SPEED_BODY_HEIGHTS_S:
        return "The person moves too fast for walking: running or riding cannot be scored."
    if manner.trunk_lean_deg > MAX_TRUNK_LEAN_DEG:
        return "The person is not upright."
    if manner.straight_leg_deg < MIN_STRAIGHT_LEG_DEG:
        return "The legs are never straight: sitting, cycling or crouching cannot be scored."
    if manner.steps >= 2 and not CADENCE_PER_MIN[0] <= manner.cadence_per_min <= CADENCE_PER_MIN[1]:
        return f"The legs move at {manner.cadence_per_min:.0f} steps a minute, which is no walking."
    return ""


def _view(view: str, task: str) -> QualityCheck:
    suitable = SUITABLE_VIEWS.get(task, tuple(_FROM))
    return _check(
        f"view_{task}",
        f"View for {task}",
        (view, ""),
        " or ".join(suitable),
        view in suitable,
        f"The person was filmed from {_FROM[view]}. {_VIEW_ADVICE.get(task, '')}",
        blocking=False,
    )


def _sharpness(walk: Walk) -> QualityCheck:
    return _check(
        "sharpness",
        "Sharpness",
        (round(walk.sharpness, 2), ""),
        f"at least {GOOD_SHARPNESS} (refused below {MIN_SHARPNESS})",
        walk.sharpness >= GOOD_SHARPNESS,
        "The person is blurred. Clean the lens, let the camera focus on the person, and film in brighter light.",
        blocking=walk.sharpness < MIN_SHARPNESS,
    )


def _camera(walk: Walk) -> QualityCheck:
    return _check(
        "camera_motion",
        "Still camera",
        (round(100 * walk.camera_motion, 1), "% of the picture width a second"),
        f"at most {100 * MAX_CAMERA_MOTION:.0f}",
        walk.camera_motion <= MAX_CAMERA_MOTION,
        "The camera moves. Put it on a tripod or a table and let the patient walk past or towards it.",
        blocking=False,
    )
