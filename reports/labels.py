"""Headings, table labels and formats of the printed report, by language. Clinical sentences are in `wording`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from reports.translation import in_each_language


@dataclass(frozen=True, slots=True)
class Labels:
    """The words of a report that make no clinical statement; `{...}` are filled in by the page code."""

    title: str
    report: str
    page: str
    patient: str
    name: str
    record_number: str
    born: str
    age: str
    sex: str
    sexes: Mapping[str, str]
    unprintable: str
    recording: str
    recorded: str
    not_known: str
    created: str
    created_by: str
    walker: str
    walker_value: str
    view: str
    views: Mapping[str, str]
    used: str
    used_value: str
    quality_passed: str
    quality_warnings: str
    quality_line: str
    no_score: str
    next_steps: str
    scale_threshold: str
    scale_end: str
    classes: str
    sign_off: str
    accepted: str
    overridden: str
    signature: str
    details: str
    silhouettes: str
    silhouettes_caption: str
    no_silhouettes: str
    checks: str
    check_columns: tuple[str, str, str, str]
    passed: str
    warning: str
    failed: str
    not_checked: str
    file: str
    file_hash: str
    video: str
    video_value: str
    result_detail: str
    interval: str
    operating_point: str
    predictive: str
    predictive_columns: tuple[str, str, str]
    calibration: str
    prediction_set: str
    fitted_on: str
    evidence: str
    model: str
    model_version: str
    model_hash: str
    training_data: str
    people: str
    people_value: str
    adapted_to: str
    software: str
    known_gaps: str
    intended_use: str
    limits: str
    method: str
    method_steps: tuple[str, ...]
    method_guard: str
    full_stop: str


ENGLISH = Labels(
    title="Gait screening report",
    report="Report {number}",
    page="Page {page} of {pages}",
    patient="Patient",
    name="Name",
    record_number="Record number",
    born="Born",
    age="{years} years",
    sex="Sex",
    sexes={"female": "female", "male": "male", "other": "other", "unknown": "not known"},
    unprintable="A box (\u25a1) stands for a character that this report cannot print. Go by the record number.",
    recording="Recording",
    recorded="Filmed",
    not_known="not known",
    created="Report made",
    created_by="by {name}",
    walker="Walker",
    walker_value="person {number} of {people} in view",
    view="View",
    views={"front": "from the front", "oblique": "oblique", "side": "from the side", "back": "from behind"},
    used="Measured",
    used_value="{frames} silhouettes, {steps} footsteps",
    quality_passed="all {n} checks passed",
    quality_warnings="{warnings} of {n} checks gave a warning",
    quality_line="Quality",
    no_score="Not scored",
    next_steps="What to do next",
    scale_threshold="threshold {value}",
    scale_end="calibrated probability of {condition} (diamond) with its 95 % interval (bar)",
    classes="By class (filled: in the prediction set)",
    sign_off="Clinician\u2019s decision",
    accepted="accepted",
    overridden="overridden, because",
    signature="Name, date, signature",
    details="Details",
    silhouettes="What the model saw",
    silhouettes_caption="{shown} of {frames} silhouettes, evenly spaced in time from left to right.",
    no_silhouettes="No silhouette is stored with this report.",
    checks="Quality of the recording",
    check_columns=("Check", "Measured", "Asked for", "Outcome"),
    passed="passed",
    warning="warning",
    failed="failed",
    not_checked="not checked",
    file="File",
    file_hash="SHA-256 of the file",
    video="Video",
    video_value="{width} \u00d7 {height} px, {rate} frames a second, {duration} s, {codec}",
    result_detail="{task}: how to read the result",
    interval="Probability",
    operating_point="Operating point",
    predictive="At other frequencies",
    predictive_columns=("{condition} among those screened", "a positive result is right", "a negative result is right"),
    calibration="Calibration",
    prediction_set="Prediction set",
    fitted_on="Views",
    evidence="Evidence",
    model="Model",
    model_version="Name and version",
    model_hash="SHA-256 of the model",
    training_data="Training data",
    people="People, kept apart",
    people_value="{train} for training, {calibration} for calibration, {test} for testing",
    adapted_to="Adapted to",
    software="Software",
    known_gaps="Known gaps",
    intended_use="Intended use",
    limits="Limits",
    method="Method",
    method_steps=(
        "The chosen walker is followed through the video and cut out of each frame as a silhouette of 64 \u00d7 44 "
        "pixels.",
        "A neural network turns the silhouettes into a probability for each class, which is then calibrated on people "
        "kept apart from training.",
        "The threshold was fixed beforehand. A prediction set shows which classes cannot be ruled out; unless it holds "
        "exactly one class that agrees with the threshold, the model cannot tell.",
    ),
    method_guard=(
        "The walk is also compared with those that the network learned from. Where it is unlike them, no score is "
        "given."
    ),
    full_stop=".",
)

LABELS: Mapping[str, Labels] = in_each_language(ENGLISH)


def labels(language: str) -> Labels:
    """The labels of a language.

    Raises:
        ValueError: if the language is not available; the text lists those that are.
    """
    if language not in LABELS:
        raise ValueError(f"There is no report language {language!r}; choose one of {', '.join(sorted(LABELS))}.")
    return LABELS[language]


def moment_text(moment: datetime) -> str:
    """A moment to the minute with its zone: "2026-11-23 10:43 UTC" or "2026-11-23 12:43 UTC+02:00"."""
    offset = moment.utcoffset() or timedelta(0)
    zone = "UTC" if not offset else f"UTC{moment:%z}"[:6] + ":" + f"{moment:%z}"[3:5]
    return f"{moment:%Y-%m-%d %H:%M} {zone}"
