"""Words for gait parameters, joints, bands of the body and moments of the gait cycle, by language.

Names and codes are those of a stored result (docs/screening_json.md). Pages and reports speak through the functions at
the end; a name of a later version without a word shows itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.numbers import percent_of_count, plain_number
from reports.translation import in_each_language


@dataclass(frozen=True, slots=True)
class GaitWords:
    """The words of one language; `{...}` are filled in by the functions of this module."""

    parameters: Mapping[str, str]
    meanings: Mapping[str, str]
    units: Mapping[str, str]
    why_not: Mapping[str, str]
    not_validated: str
    joints: Mapping[str, str]
    sided: Mapping[str, str]
    positive_means: Mapping[str, str]
    bands: Mapping[str, str]
    phase: str
    not_shown: Mapping[str, str]


ENGLISH = GaitWords(
    parameters={
        "cadence": "Cadence",
        "stride_time": "Stride time",
        "step_time": "Step time",
        "stance": "Stance",
        "swing": "Swing",
        "double_support": "Double support",
        "step_length": "Step length",
        "step_length_m": "Step length in metres",
        "walking_speed": "Walking speed",
        "walking_speed_m_s": "Walking speed in metres per second",
        "arm_swing": "Arm swing",
        "arm_swing_asymmetry": "Asymmetry of arm swing",
        "trunk_lean": "Trunk lean",
        "lateral_sway": "Lateral sway of the trunk",
        "shoulder_obliquity": "Shoulder obliquity",
        "pelvis_obliquity": "Pelvic obliquity",
        "head_bob": "Head bob",
        "step_time_asymmetry": "Asymmetry of step time",
        "stance_asymmetry": "Asymmetry of stance",
        "step_length_asymmetry": "Asymmetry of step length",
        "stride_time_variability": "Variability of stride time",
        "step_time_variability": "Variability of step time",
        "hip_range": "Range of the hip",
        "knee_range": "Range of the knee",
        "ankle_range": "Range of the ankle",
    },
    meanings={
        "cadence": "Steps a minute.",
        "stride_time": "From one heel strike to the next heel strike of the same foot.",
        "step_time": "From a heel strike to the next heel strike of the other foot.",
        "stance": "Share of the gait cycle during which the foot is on the ground.",
        "swing": "Share of the gait cycle during which the foot is off the ground.",
        "double_support": "Share of the gait cycle during which both feet are on the ground.",
        "step_length": "Distance between the feet at heel strike, in body heights.",
        "step_length_m": "Distance between the feet at heel strike, from the body height that was entered.",
        "walking_speed": "Way in a second, in body heights.",
        "walking_speed_m_s": "Way in a second, from the body height that was entered.",
        "arm_swing": "Angle through which the arms swing forwards and backwards, mean of both.",
        "arm_swing_asymmetry": "Larger minus smaller swing of the two arms, as a share of the larger.",
        "trunk_lean": "Angle of the trunk to the vertical; forwards is positive.",
        "lateral_sway": "How far the trunk moves to and fro sideways, as a share of the body height.",
        "shoulder_obliquity": "Angle of the line of the shoulders to the horizontal; positive where the patient\u2019s "
        "right side is lower.",
        "pelvis_obliquity": "Angle of the line of the hips to the horizontal; positive where the patient\u2019s right "
        "side is lower.",
        "head_bob": "How far the head moves up and down, as a share of the body height.",
        "step_time_asymmetry": "Left minus right step time, as a share of their mean: positive if the left is longer.",
        "stance_asymmetry": "Left minus right stance, as a share of their mean: positive if the left is longer.",
        "step_length_asymmetry": "Left minus right step length, as a share of their mean: positive if left is longer.",
        "stride_time_variability": "Standard deviation of the stride times, as a share of their mean.",
        "step_time_variability": "Standard deviation of the step times, as a share of their mean.",
        "hip_range": "Between the largest bending and stretching of the hip in a gait cycle.",
        "knee_range": "Between the largest bending and stretching of the knee in a gait cycle.",
        "ankle_range": "Between the largest bending and stretching of the ankle in a gait cycle.",
    },
    units={
        "steps/min": "steps/min",
        "s": "s",
        "%": "%",
        "% of body height": "% of body height",
        "body heights": "body heights",
        "body heights/s": "body heights/s",
        "m": "m",
        "m/s": "m/s",
        "deg": "\u00b0",
    },
    why_not={
        "view": "Cannot be measured from this view.",
        "too_few_steps": "Too few steps were in full view.",
        "frame_rate": "The video has too few frames a second.",
        "height_missing": "Needs the patient\u2019s body height, which was not entered.",
        "not_seen": "The part of the body was not seen well enough.",
        "not_measurable": "Cannot be measured from a video with enough certainty.",
    },
    not_validated="not validated from video",
    joints={
        "hip": "Hip",
        "knee": "Knee",
        "ankle": "Ankle",
        "trunk": "Trunk",
        "pelvis": "Pelvis",
        "arm": "Arm",
    },
    sided={"left": "{joint}, left", "right": "{joint}, right", "": "{joint}"},
    positive_means={
        "hip": "bent is positive",
        "knee": "bent is positive",
        "ankle": "foot drawn up is positive",
        "trunk": "forwards is positive",
        "pelvis": "right side lower is positive",
        "arm": "forwards is positive",
    },
    bands={
        "head": "Head",
        "shoulders": "Shoulders",
        "trunk": "Trunk",
        "hips": "Hips",
        "thighs": "Thighs",
        "lower_legs": "Lower legs and feet",
    },
    phase="{low} to {high} of the gait cycle",
    not_shown={
        "unstable": (
            "No explanation is shown: under small changes of the recording it did not stay the same, so that it would "
            "mislead."
        ),
        "like_a_random_model": (
            "No explanation is shown: a network that has learned nothing gives nearly the same one, so that it would "
            "say nothing of this model."
        ),
        "unlike": "No explanation is shown, because there is no score to explain.",
        "too_short": "No explanation is shown: the recording is too short for one.",
    },
)

_DECIMALS = {"s": 2, "body heights": 3, "body heights/s": 2, "m": 2, "m/s": 2}

GAIT_WORDS: Mapping[str, GaitWords] = in_each_language(ENGLISH)


def _plain(name: str) -> str:
    return name.replace("_", " ").capitalize()


def parameter_label(name: str, language: str = "en") -> str:
    """A gait parameter by name: "Cadence"."""
    return GAIT_WORDS[language].parameters.get(name, _plain(name))


def parameter_meaning(name: str, language: str = "en") -> str:
    """One sentence that says what a gait parameter is; empty for one of a later version."""
    return GAIT_WORDS[language].meanings.get(name, "")


def unit_label(unit: str, language: str = "en") -> str:
    """A unit as it stands behind a number."""
    return GAIT_WORDS[language].units.get(unit, unit)


def value_text(value: float, unit: str, language: str = "en") -> str:
    """A value with its unit, with as many decimals as its unit bears: "112.4 steps/min"."""
    gap = "" if unit == "deg" else "\u00a0"
    return f"{figure_text(value, unit)}{gap}{unit_label(unit, language)}"


def figure_text(value: float, unit: str) -> str:
    """The same without its unit."""
    return plain_number(value, decimals_of(unit))


def error_text(error: float, unit: str) -> str:
    """A standard error without its unit: never "0.0", because no measurement is without error."""
    smallest = 10.0 ** -decimals_of(unit)
    return figure_text(error, unit) if error >= smallest / 2 else f"< {figure_text(smallest, unit)}"


def decimals_of(unit: str) -> int:
    """How many decimals a value of a unit bears."""
    return _DECIMALS.get(unit, 1)


def why_not_sentence(code: str, language: str = "en") -> str:
    """Why a parameter has no value; empty for the empty code."""
    return GAIT_WORDS[language].why_not.get(code, code.replace("_", " "))


def not_validated_note(language: str = "en") -> str:
    """What stands behind a parameter that video without markers is not known to measure."""
    return GAIT_WORDS[language].not_validated


def joint_label(joint: str, language: str = "en", side: str = "") -> str:
    """A joint with its side, if it has one: "Knee, left"."""
    words = GAIT_WORDS[language]
    return words.sided[side].format(joint=words.joints.get(joint, _plain(joint)))


def joint_sign(joint: str, language: str = "en") -> str:
    """Which direction of a joint's angle is positive; empty for a joint of a later version."""
    return GAIT_WORDS[language].positive_means.get(joint, "")


def band_label(name: str, language: str = "en") -> str:
    """A band of the body: "Lower legs and feet"."""
    return GAIT_WORDS[language].bands.get(name, _plain(name))


def phase_label(phase: tuple[float, float], language: str = "en") -> str:
    """A part of the gait cycle, given as shares: "0 % to 20 % of the gait cycle"."""
    low, high = (percent_of_count(share) for share in phase)
    return GAIT_WORDS[language].phase.format(low=low, high=high)


def explanation_why_not(code: str, language: str = "en") -> str:
    """Why an explanation is not shown."""
    return GAIT_WORDS[language].not_shown.get(code, code.replace("_", " "))
