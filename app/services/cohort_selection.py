"""Which recordings may be learned from: the rules, and the facts that a manifest keeps of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from clinic_data.monitoring import device_name
from clinic_data.outcomes import ConfirmedAssessment
from clinic_data.tables import Patient, Recording

VIEWS = ("front", "oblique", "side", "back", "unknown")
ENTRY_KEYS = (
    "key",
    "person",
    "role",
    "label",
    "method",
    "view",
    "sex",
    "age_years",
    "device",
    "site",
    "frames",
    "typical",
    "simulated",
    "silhouettes_key",
    "silhouettes_sha256",
    "recording_sha256",
)


class CohortFilters(BaseModel):
    """Which outcomes are wanted.

    Attributes:
        task: of the outcomes.
        since, until: first and last day of filming.
        sites: only these; empty takes all.
        views: only these; empty takes all.
        typical_only: leave out recordings that the guard called unlike the training data.
        min_frames: silhouettes of a recording at the least.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    since: date | None = None
    until: date | None = None
    sites: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    typical_only: bool = False
    min_frames: int = Field(default=30, ge=1)

    @model_validator(mode="after")
    def _in_order(self) -> CohortFilters:
        if self.since is not None and self.until is not None and self.since > self.until:
            raise ValueError("the first day is after the last one")
        if unknown := sorted(set(self.views) - set(VIEWS)):
            raise ValueError(f"there is no view {unknown[0]!r}; known ones: {', '.join(VIEWS)}")
        return self


class Exclusion(StrEnum):
    """Why a recording with an outcome is left out, in words."""

    NOBODY = "recording of nobody"
    NO_CONSENT = "no consent to training"
    NOT_KNOWN = "outcome not known"
    NO_SILHOUETTES = "no silhouettes stored"
    OTHER_PATIENT = "the same file belongs to another patient"
    OLDER = "older assessment of the same recording"
    TOO_SHORT = "too few frames"
    TIME = "outside the chosen time"
    SITE = "outside the chosen sites"
    VIEW = "outside the chosen views"
    UNLIKE = "unlike the training data"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A recording that may be learned from.

    Attributes:
        patient_id: whose it is; never part of a manifest.
        silhouettes_key: in the storage.
        facts: what the manifest says of it, but person, role and the hash of the silhouettes.
    """

    patient_id: str
    silhouettes_key: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Selection:
    """What the rules say of all assessments with an outcome.

    Attributes:
        chosen: may be learned from.
        excluded: why not, by the id of the assessment.
    """

    chosen: tuple[Candidate, ...]
    excluded: Mapping[str, Exclusion]


def select(
    found: Sequence[ConfirmedAssessment],
    filters: CohortFilters,
    owners: Mapping[str, Collection[str | None]],
    stored: Collection[str],
) -> Selection:
    """Applies the rules.

    Args:
        found: assessments with an outcome of the task.
        filters: what is wanted.
        owners: the patients to whom recordings of a SHA-256 belong.
        stored: keys of the files that the storage has.
    """
    excluded: dict[str, Exclusion] = {}
    usable: list[ConfirmedAssessment] = []
    for each in found:
        reason = _unusable(each, owners, stored)
        if reason is None:
            usable.append(each)
        else:
            excluded[each.assessment.id] = reason
    newest = _newest_of_each_file(usable)
    chosen: list[Candidate] = []
    for each in usable:
        if each.assessment.id not in newest:
            excluded[each.assessment.id] = Exclusion.OLDER
            continue
        candidate = _candidate(each)
        unwanted = _unwanted(candidate, filmed_on(each.recording), filters)
        if unwanted is None:
            chosen.append(candidate)
        else:
            excluded[each.assessment.id] = unwanted
    return Selection(tuple(chosen), excluded)


def _unusable(
    each: ConfirmedAssessment, owners: Mapping[str, Collection[str | None]], stored: Collection[str]
) -> Exclusion | None:
    """Why nobody may learn from it, whatever is wanted; consent comes first."""
    if each.patient is None:
        return Exclusion.NOBODY
    if not each.patient.training_consent:
        return Exclusion.NO_CONSENT
    if each.outcome.label is None:
        return Exclusion.NOT_KNOWN
    if each.assessment.silhouettes_key not in stored:
        return Exclusion.NO_SILHOUETTES
    if set(owners.get(each.recording.sha256, ())) - {each.patient.id, None}:
        return Exclusion.OTHER_PATIENT
    return None


def _newest_of_each_file(usable: Iterable[ConfirmedAssessment]) -> frozenset[str]:
    """Ids of the assessments that count: a file that was uploaded twice is one recording, too."""
    newest: dict[str, ConfirmedAssessment] = {}
    for each in sorted(usable, key=lambda one: (one.assessment.created_at, one.assessment.id)):
        newest[each.recording.sha256] = each
    return frozenset(each.assessment.id for each in newest.values())


def _unwanted(candidate: Candidate, filmed: date, filters: CohortFilters) -> Exclusion | None:
    facts = candidate.facts
    too_early = filters.since is not None and filmed < filters.since
    too_late = filters.until is not None and filmed > filters.until
    wrong: dict[Exclusion, bool] = {
        Exclusion.TOO_SHORT: facts["frames"] < filters.min_frames,
        Exclusion.TIME: too_early or too_late,
        Exclusion.SITE: bool(filters.sites) and facts["site"] not in filters.sites,
        Exclusion.VIEW: bool(filters.views) and facts["view"] not in filters.views,
        Exclusion.UNLIKE: filters.typical_only and facts["typical"] is not True,
    }
    return next((reason for reason, holds in wrong.items() if holds), None)


def _candidate(each: ConfirmedAssessment) -> Candidate:
    patient, recording = each.patient, each.recording
    if patient is None or each.assessment.silhouettes_key is None:  # ruled out before
        raise ValueError("This recording has no patient or no silhouettes.")
    parts = ("recording", "quality", "sequence", "typicality")
    filmed, quality, sequence, typicality = (_part(each.assessment.result, name) for name in parts)
    view = quality.get("view")
    facts: dict[str, Any] = {
        "key": each.assessment.id,
        "label": each.outcome.label,
        "method": each.outcome.method,
        "view": view if view in VIEWS else "unknown",
        "sex": patient.sex.value,
        "age_years": age_years(patient, filmed_on(recording)),
        "device": device_name(filmed),
        "site": recording.site,
        "frames": int(sequence.get("frames") or 0),
        "typical": typicality.get("typical"),
        "simulated": recording.simulated,
        "silhouettes_key": each.assessment.silhouettes_key,
        "recording_sha256": recording.sha256,
    }
    return Candidate(patient.id, each.assessment.silhouettes_key, facts)


def _part(result: dict[str, Any], name: str) -> dict[str, Any]:
    return result.get(name) or {}


def filmed_on(recording: Recording) -> date:
    """The day of filming, or of the upload where nobody said it."""
    return (recording.recorded_at or recording.created_at).date()


def age_years(patient: Patient, on: date) -> int:
    """Whole years of age on a day, not below 0."""
    born = patient.birth_date
    return max(0, on.year - born.year - ((on.month, on.day) < (born.month, born.day)))
