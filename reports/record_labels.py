"""What a report says around decisions, outcomes, several recordings, versions and its own verification, by language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.translation import in_each_language


@dataclass(frozen=True, slots=True)
class RecordLabels:
    """The words of one language; `{...}` are filled in by the page code."""

    version: str
    replaces: str
    addendum: str
    accepted_by: str
    overridden_by: str
    overridden_without_class: str
    waived: str
    outcomes: str
    methods: Mapping[str, str]
    outcome: str
    outcome_unknown: str
    examined: str
    phq9: str
    at_clinic: str
    prevalence_source: str
    clips: str
    clips_note: str
    clip_columns: tuple[str, str, str, str]
    clip_passed: str
    clip_warned: str
    clip_refused: str
    clip_leading: str
    fused: str
    fused_value: str
    body_height: str
    body_height_value: str
    check: str
    check_code: str
    check_address: str
    check_content: str
    check_note: str
    qr_alt: str


ENGLISH = RecordLabels(
    version="Version {version}",
    replaces="Version {version}, replaces report {number}",
    addendum="Addendum to report {number}, version {version}",
    accepted_by="accepted by {name}, {moment}",
    overridden_by="overridden by {name}, {moment}: {label}. Reason: {reason}",
    overridden_without_class="overridden by {name}, {moment}. Reason: {reason}",
    waived="Without a PHQ-9 total, because: {reason}",
    outcomes="Confirmed outcome",
    methods={
        "radiograph": "radiograph",
        "forward_bend_test": "forward-bend test",
        "clinical_diagnosis": "clinician\u2019s diagnosis",
        "not_known": "not known",
    },
    outcome="{label} ({method})",
    outcome_unknown="not known",
    examined="examined on {date}",
    phq9="PHQ-9 total {total}",
    at_clinic="At this clinic",
    prevalence_source="Source of this frequency, as the clinic says: {source}",
    clips="Recordings of this assessment",
    clips_note=(
        "The scores were made from all recordings that passed their quality checks. Everything else in this report "
        "stands for the leading recording."
    ),
    clip_columns=("File", "View", "Footsteps", "Quality"),
    clip_passed="all {n} checks passed",
    clip_warned="passed, with advice: {advice}",
    clip_refused="left out: {reasons}",
    clip_leading="{file} (leading)",
    fused="Made from",
    fused_value="{n} recordings. {fusion}",
    body_height="Body height",
    body_height_value="{height} m, as entered",
    check="Check this report",
    check_code="Code",
    check_address="Address",
    check_content="SHA-256 of the content",
    check_note=(
        "Whoever holds this paper can see at this address whether the report is genuine and still the current version. "
        "No data of the patient is shown there."
    ),
    qr_alt="QR code with the address at which this report can be checked: {url}",
)

RECORD_LABELS: Mapping[str, RecordLabels] = in_each_language(ENGLISH)
