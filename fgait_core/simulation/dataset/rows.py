"""A simulated recording as a row of a folder of shards (`fgait_core.data.shards`)."""

from __future__ import annotations

from dataclasses import dataclass, fields

from fgait_core.data.shard_rows import ColumnType, Value
from fgait_core.simulation.conditions.trunk_shape import right_shift_cm, right_shoulder_cm
from fgait_core.simulation.dataset.layouts import Take
from fgait_core.simulation.dataset.plan import PersonPlan, SimulationPlan
from fgait_core.simulation.gait.truth import gait_truth
from fgait_core.simulation.picture.camera import clear_of_path
from fgait_core.simulation.walker import Recording, Walker

AGE_GROUPS: tuple[str, ...] = ("6-12", "13-17", "18-39", "40-64", "65-90")
_FIRST_YEARS = (13.0, 18.0, 40.0, 65.0)
_DIGITS = 6
"""Floating-point columns are rounded to so many digits, which is far below what any of them means."""


def age_group(age_years: float) -> str:
    """The class of `AGE_GROUPS` that an age belongs to."""
    return AGE_GROUPS[sum(age_years >= first for first in _FIRST_YEARS)]


@dataclass(frozen=True, slots=True)
class SequenceRow:
    """One simulated recording.

    Attributes:
        key: unique over all splits, for example `train-000012-03`.
        person: unique among the people of all layouts of a split.
        body: number in the body bank.
        scoliosis: negative, neutral or positive: class of the measured Cobb angle.
        cobb_deg: the true angle; measured_cobb_deg: with the error of reading; curve, side (convex): its shape.
        depression: no or yes; depression_dose: 0 nothing, 1 typical.
        distractor: see `conditions`; distractor_dose: 0 none to 1.
        sex, age_years, height_m, bmi, leg_m: of the body; age_group: one of `AGE_GROUPS`.
        hair, headwear, clothing, carrying: see `clothing`.
        view_deg: 0 walks towards the camera, 90 to the right of the picture, 180 away, 270 to the left.
        camera_distance_m, camera_height_m, camera_tilt_deg, camera_roll_deg, focal_length_mm, camera_follows: see
            `camera`; the distance is that in the middle of the recording.
        path: see `path`; occluded: whether something stands before the walker, yes or no.
        speed: factor on the person's own; noise: of the segmentation, 1 typical.
        frame_rate_hz: frames a second.
        type, view: in the layout "identification" as protocols name them, else None.
        seed: of this recording.
        right_shoulder_cm, right_shift_cm: how much higher the right shoulder stands than the left, and how far the
            spine carries the neck to the right (`trunk_shape`).
        truth: numbers of the gait as it was walked, `truth.gait_truth`; a column each.
    """

    key: str
    person: str
    body: int
    scoliosis: str
    cobb_deg: float
    measured_cobb_deg: float
    curve: str
    side: str
    depression: str
    depression_dose: float
    distractor: str
    distractor_dose: float
    sex: str
    age_years: float
    age_group: str
    height_m: float
    bmi: float
    leg_m: float
    hair: str
    headwear: str
    clothing: str
    carrying: str
    view_deg: float
    camera_distance_m: float
    camera_height_m: float
    camera_tilt_deg: float
    camera_roll_deg: float
    focal_length_mm: float
    camera_follows: str
    path: str
    occluded: str
    speed: float
    noise: float
    frame_rate_hz: float
    type: str | None
    view: str | None
    seed: int
    right_shoulder_cm: float
    right_shift_cm: float
    truth: dict[str, float]

    def values(self) -> dict[str, Value]:
        """What the columns of `COLUMNS` hold."""
        own = {name: getattr(self, name) for name in _OWN_COLUMNS}
        return {
            name: round(each, _DIGITS) if isinstance(each, float) else each for name, each in (own | self.truth).items()
        }


GAIT_TRUTH: tuple[str, ...] = (
    "cadence_steps_min",
    "stride_over_leg",
    "speed_m_s",
    "hip_range_deg",
    "knee_range_deg",
    "arm_swing_left_deg",
    "arm_swing_right_deg",
    "elbow_flexion_deg",
    "trunk_pitch_deg",
    "head_pitch_deg",
    "trunk_roll_deg",
    "head_roll_deg",
    "pelvis_roll_deg",
    "pelvis_roll_range_deg",
    "pelvis_yaw_range_deg",
    "trunk_yaw_range_deg",
    "trunk_roll_range_deg",
    "bob_over_leg",
    "sway_over_leg",
    "step_asymmetry",
    "knee_asymmetry",
    "arm_asymmetry",
)
"""What `truth.gait_truth` tells of a gait; a column each."""

_TYPES: dict[str, ColumnType] = {"str": "text", "str | None": "text", "int": "int", "float": "float"}
_OWN_COLUMNS: dict[str, ColumnType] = {
    field.name: _TYPES[str(field.type)] for field in fields(SequenceRow) if field.name not in ("key", "person", "truth")
}
COLUMNS: dict[str, ColumnType] = {**_OWN_COLUMNS, **dict.fromkeys(GAIT_TRUTH, "float")}
"""Columns of a simulated data set beside the key and the person, with their types."""


def describe(
    plan: SimulationPlan, person: PersonPlan, walker: Walker, take: Take, made: Recording, seed: int
) -> SequenceRow:
    """The row of a recording that was made."""
    body, conditions, setup = walker.body, walker.conditions, take.setup
    camera, outfit = clear_of_path(setup.camera, made.passage.position_m), setup.outfit
    return SequenceRow(
        key=f"{plan.name}-{person.number:06d}-{take.name}",
        person=str(person.number) if plan.layout == "random" else f"{plan.layout}-{person.number}",
        body=person.body,
        scoliosis=person.scoliosis,
        cobb_deg=conditions.cobb_deg,
        measured_cobb_deg=conditions.measured_cobb_deg,
        curve=conditions.curve,
        side=conditions.side,
        depression=person.depression,
        depression_dose=conditions.depression_dose,
        distractor=conditions.distractor,
        distractor_dose=conditions.distractor_dose,
        sex=body.sex,
        age_years=body.age_years,
        age_group=age_group(body.age_years),
        height_m=body.height_m,
        bmi=body.bmi,
        leg_m=body.leg_m,
        hair=walker.hair,
        headwear=outfit.headwear,
        clothing=outfit.clothing,
        carrying=outfit.carrying,
        view_deg=camera.view_deg,
        camera_distance_m=camera.distance_m,
        camera_height_m=camera.height_m,
        camera_tilt_deg=camera.tilt_deg,
        camera_roll_deg=camera.roll_deg,
        focal_length_mm=camera.focal_length_mm,
        camera_follows=_yes_or_no(camera.follows),
        path=setup.path.kind,
        occluded=_yes_or_no(setup.occluder is not None),
        speed=setup.speed,
        noise=setup.noise,
        frame_rate_hz=plan.frame_rate_hz,
        type=take.type,
        view=take.view,
        seed=seed,
        right_shoulder_cm=right_shoulder_cm(made.gait, body.joints_m),
        right_shift_cm=right_shift_cm(made.gait, body.joints_m),
        truth=gait_truth(made.gait, body.leg_m),
    )


def _yes_or_no(fact: bool) -> str:
    return "yes" if fact else "no"
