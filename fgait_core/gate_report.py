"""What comparing a candidate with the version in production says, in the form that is stored, shown and exchanged.

Nothing here loads a network, so that pages can read it quickly.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Measured(_Facts):
    """A value with its 95 % interval; None where the people do not allow one."""

    value: float | None
    low: float | None = None
    high: float | None = None


class VersionFigures(_Facts):
    """How one version does on the gate people.

    Attributes:
        curve: reliability diagram: share of the people, mean prediction and observed share of each bin.
        excess_ece: ECE less the mean ECE of a perfectly calibrated model on as many people.
    """

    name: str
    version: str
    sha256: str
    threshold: float
    auroc: Measured
    sensitivity: Measured
    specificity: Measured
    brier: Measured
    slope: Measured
    intercept: float | None
    ece: float
    excess_ece: float
    coverage: Measured
    abstained: Measured
    curve: tuple[dict[str, float], ...]


class PairedFigures(_Facts):
    """Candidate less production on the same people.

    Attributes:
        auroc_p: of DeLong's test of equal AUROC, one recording a person.
        mcnemar_p: exact, of the same share of right decisions; `only_candidate_right` and `only_production_right` are
            its discordant people.
    """

    auroc: Measured
    sensitivity: Measured
    specificity: Measured
    brier: Measured
    auroc_p: float | None
    mcnemar_p: float | None
    only_candidate_right: int
    only_production_right: int


class SubgroupFigures(_Facts):
    """A subgroup of the gate people; AUROC None where one kind of people is missing."""

    group: str
    value: str
    people: int
    positive: int
    production: Measured
    candidate: Measured


class ChangedSide(_Facts):
    """A recording whose decision changes: `key` and `person` are pseudonyms."""

    key: str
    person: str
    positive: bool
    production: float
    candidate: float


class Criterion(_Facts):
    """One acceptance criterion of the protocol: what it needs, what was measured, and whether that is enough."""

    name: str
    label: str
    needed: str
    measured: str
    passed: bool


class GateReport(_Facts):
    """Candidate against production on the locked gate people.

    Attributes:
        possible: whether there are enough people for any promotion; `criteria` say which are missing.
        passed: whether every criterion is met.
        gate_sha256: of the manifest of the gate people measured on.
        trained_people: how many people the candidate and the versions it descends from were trained on in this clinic.
        shared_people: gate people whom the candidate or any version it descends from was trained on; must be 0.
    """

    format: Literal[1] = 1
    created_by: str
    task: str
    positive_class: str
    protocol_sha256: str
    gate_sha256: str
    simulated: bool
    people: int
    positive: int
    recordings: int
    trained_people: int
    shared_people: int
    production: VersionFigures
    candidate: VersionFigures
    paired: PairedFigures
    subgroups: tuple[SubgroupFigures, ...]
    changed: tuple[ChangedSide, ...]
    criteria: tuple[Criterion, ...]
    possible: bool
    passed: bool
