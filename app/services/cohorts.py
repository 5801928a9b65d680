"""Cohorts: recordings with confirmed outcomes, chosen, counted and frozen for retraining.

Administrators see counts and pseudonyms here, never a patient.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlmodel import Session

from app.services.cohort_selection import (
    ENTRY_KEYS,
    VIEWS,
    Candidate,
    CohortFilters,
    Selection,
    filmed_on,
    select,
)
from app.services.permissions import Actor, Permission, require
from clinic_data import audit, cohorts, outcomes, recordings, training_people
from clinic_data.database import Database
from clinic_data.errors import ConflictError, ValidationError
from clinic_data.file_vault import FileVault
from clinic_data.paging import Page
from clinic_data.retraining_tables import Cohort, TrainingRole
from reports.data_tables import formula_safe

GATE_SHARE = 1 / 3
_AGE_BANDS = ((0, 10), (10, 14), (14, 18), (18, 40), (40, 65), (65, 200))

Counts = dict[str, dict[str, dict[str, int]]]
"""People by group, value and label, for example `counts["sex"]["female"]["positive"]`."""


@dataclass(frozen=True, slots=True)
class CohortPreview:
    """What freezing would give.

    Attributes:
        counts: by "all", "sex", "age", "view", "device" and "site"; a person counts once for each value.
        people: how many.
        recordings: how many.
        excluded: how many assessments with an outcome are left out, by reason.
        roles: people by role and label; new ones as they would be assigned.
    """

    counts: Counts
    people: int
    recordings: int
    excluded: dict[str, int]
    roles: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class CohortChoices:
    """What there is to choose from among recordings with an outcome.

    Attributes:
        sites: where they were filmed.
        views: from where.
        first, last: day of filming; None where there is no recording.
    """

    sites: tuple[str, ...]
    views: tuple[str, ...]
    first: date | None
    last: date | None


@dataclass(frozen=True, slots=True)
class Cohorts:
    """Use cases around cohorts."""

    database: Database
    storage: FileVault

    def choices(self, actor: Actor | None, task: str) -> CohortChoices:
        """What the filters can be set to."""
        require(actor, Permission.RETRAIN)
        with self.database.reading() as session:
            found = outcomes.list_confirmed(session=session, task=task)
        days = [filmed_on(each.recording) for each in found]
        sites = tuple(sorted({each.recording.site for each in found}))
        return CohortChoices(sites, VIEWS, min(days, default=None), max(days, default=None))

    def preview(
        self, actor: Actor | None, filters: CohortFilters, gate_share: float = GATE_SHARE, seed: int = 1
    ) -> CohortPreview:
        """Counts of what the filters choose, before anything is fixed."""
        require(actor, Permission.RETRAIN)
        with self.database.reading() as session:
            selection = self._select(session, filters)
            roles = training_people.planned_roles(
                session=session, strata=_strata(session, selection), gate_share=gate_share, seed=seed
            )
        return CohortPreview(
            counts=_counts(selection.chosen),
            people=len(roles),
            recordings=len(selection.chosen),
            excluded=dict(Counter(reason.value for reason in selection.excluded.values()).most_common()),
            roles=_people_by(selection.chosen, lambda candidate: roles[candidate.patient_id].value),
        )

    def freeze(
        self, actor: Actor | None, filters: CohortFilters, gate_share: float = GATE_SHARE, seed: int = 1
    ) -> Cohort:
        """Gives every chosen person a role for ever and writes the manifest, all or nothing.

        Raises:
            ValidationError: if nothing is chosen, or the share is not between 0 and 1.
            ConflictError: if outcomes changed in this moment.
        """
        actor = require(actor, Permission.RETRAIN)
        hashes = self._hash_silhouettes(filters)
        with self.database.transaction() as session:
            selection = self._select(session, filters)  # anew: a consent may have been withdrawn while files were read
            if {each.silhouettes_key for each in selection.chosen} - hashes.keys():
                raise ConflictError("Outcomes were added in this moment. Look at the counts and freeze again.")
            people = training_people.assign_roles(
                session=session, strata=_strata(session, selection), gate_share=gate_share, seed=seed
            )
            entries = [
                {
                    **each.facts,
                    "person": people[each.patient_id].code,
                    "role": people[each.patient_id].role.value,
                    "silhouettes_sha256": hashes[each.silhouettes_key],
                }
                for each in selection.chosen
            ]
            cohort = cohorts.freeze(
                session=session,
                task=filters.task,
                filters=filters.model_dump(mode="json"),
                manifest=_manifest(filters.task, entries, selection),
                simulated=any(entry["simulated"] for entry in entries),
                actor_id=actor.user_id,
            )
            _record(session, actor, "cohort.frozen", cohort, {"recordings": len(entries), **_people_of_roles(entries)})
        return cohort

    def list(self, actor: Actor | None, limit: int = 50, offset: int = 0) -> Page[Cohort]:
        """Cohorts, newest first."""
        require(actor, Permission.RETRAIN)
        with self.database.reading() as session:
            return cohorts.list_cohorts(session=session, limit=limit, offset=offset)

    def get(self, actor: Actor | None, cohort_id: str) -> Cohort:
        """One cohort."""
        require(actor, Permission.RETRAIN)
        with self.database.reading() as session:
            return cohorts.get_cohort(session=session, cohort_id=cohort_id)

    def manifest_csv(self, actor: Actor | None, cohort_id: str) -> bytes:
        """The entries of a cohort as a table, under pseudonyms; writes into the audit log that it was given out."""
        actor = require(actor, Permission.RETRAIN)
        with self.database.transaction() as session:
            cohort = cohorts.get_cohort(session=session, cohort_id=cohort_id)
            _record(session, actor, "cohort.exported", cohort, {})
        text = io.StringIO()
        table = csv.DictWriter(text, ENTRY_KEYS, lineterminator="\n")
        table.writeheader()
        for entry in cohorts.entries(cohort):
            table.writerow({name: _plain_cell(entry[name]) for name in ENTRY_KEYS})
        return text.getvalue().encode()

    def _hash_silhouettes(self, filters: CohortFilters) -> dict[str, str]:
        """SHA-256 of the silhouettes that would be chosen now; outside of the transaction, because files are slow."""
        with self.database.reading() as session:
            selection = self._select(session, filters)
        if not selection.chosen:
            raise ValidationError(
                "No recording has what you chose. Record outcomes and consents, or choose a longer time."
            )
        return {each.silhouettes_key: self.storage.sha256(each.silhouettes_key) for each in selection.chosen}

    def _select(self, session: Session, filters: CohortFilters) -> Selection:
        found = outcomes.list_confirmed(session=session, task=filters.task)
        owners = recordings.patients_by_file(session=session, sha256s={each.recording.sha256 for each in found})
        return select(found, filters, owners, frozenset(self.storage.keys()))


def _strata(session: Session, selection: Selection) -> dict[str, str]:
    """What must be alike among development and gate people: the newest known label of each task, and the sex."""
    wanted = {each.patient_id: str(each.facts["sex"]) for each in selection.chosen}
    labels: dict[str, dict[str, str]] = defaultdict(dict)
    for task in outcomes.LABELS:
        for each in outcomes.list_confirmed(session=session, task=task):
            if each.patient is not None and each.patient.id in wanted and each.outcome.label is not None:
                labels[each.patient.id][task] = each.outcome.label
    return {
        patient_id: "; ".join([*(f"{task} {label}" for task, label in sorted(labels[patient_id].items())), sex])
        for patient_id, sex in wanted.items()
    }


def _manifest(task: str, entries: Iterable[Mapping[str, Any]], selection: Selection) -> dict[str, Any]:
    return {
        "format": cohorts.FORMAT,
        "task": task,
        "entries": sorted(
            ({name: entry[name] for name in ENTRY_KEYS} for entry in entries), key=lambda one: one["key"]
        ),
        "excluded": [{"key": key, "reason": reason.value} for key, reason in sorted(selection.excluded.items())],
    }


def _record(session: Session, actor: Actor, action: str, cohort: Cohort, details: dict[str, Any]) -> None:
    audit.record(
        session=session,
        actor_id=actor.user_id,
        action=action,
        subject_type="cohort",
        subject_id=cohort.id,
        details={"task": cohort.task, "manifest_sha256": cohort.manifest_sha256, **details},
    )


def _people_of_roles(entries: list[dict[str, Any]]) -> dict[str, int]:
    return {role.value: len({one["person"] for one in entries if one["role"] == role.value}) for role in TrainingRole}


def _people_by(chosen: Iterable[Candidate], value: Callable[[Candidate], str]) -> dict[str, dict[str, int]]:
    people: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for each in chosen:
        people[value(each)][each.facts["label"]].add(each.patient_id)
    return {
        name: {label: len(them) for label, them in sorted(by_label.items())}
        for name, by_label in sorted(people.items())
    }


def _counts(chosen: tuple[Candidate, ...]) -> Counts:
    return {group: _people_by(chosen, value) for group, value in _GROUPS.items()}


def _fact(name: str) -> Callable[[Candidate], str]:
    return lambda candidate: str(candidate.facts[name])


_GROUPS: dict[str, Callable[[Candidate], str]] = {
    "all": lambda _: "all",
    "sex": _fact("sex"),
    "age": lambda candidate: _age_band(candidate.facts["age_years"]),
    "view": _fact("view"),
    "device": _fact("device"),
    "site": lambda candidate: candidate.facts["site"] or "not named",
}


def _age_band(years: int) -> str:
    low, high = next((band for band in _AGE_BANDS if years < band[1]), _AGE_BANDS[-1])
    return f"{low:02} and older" if high >= 200 else f"{low:02} to {high - 1:02}"


def _plain_cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula: a quotation mark goes in front of what looks like one."""
    text = "" if value is None else str(value)
    return formula_safe(text)
