"""What is looked at before a retraining starts, and again by the trainer before it computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from app.services.resources import resources
from app.services.training_jobs import RETRAIN, queue_of, unfinished_jobs
from app.settings import Settings
from clinic_data import cohorts, outcomes, patients, training_people
from clinic_data.errors import NotFoundError
from clinic_data.file_vault import FileVault
from clinic_data.retraining_tables import Cohort, TrainingRole
from clinic_data.tables import ModelVersion
from fgait_core.config import SCREENING_TASKS
from fgait_core.config.retraining import RetrainingProtocol

MIN_DEVELOPMENT = 5
"""People with and without the condition at the least: one for each of five folds."""
MIN_HELD_OUT = 4 * MIN_DEVELOPMENT
"""For scopes that train the encoder: a quarter of them is held out and must have as many."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: short, for tables.
        passed: whether it is as it should be.
        blocking: whether nothing starts without it.
        words: what was found, and what to do.
    """

    name: str
    passed: bool
    blocking: bool
    words: str


def check_start(
    settings: Settings,
    storage: FileVault,
    session: Session,
    cohort: Cohort,
    base: ModelVersion | None,
    protocol: RetrainingProtocol,
) -> tuple[Check, ...]:
    """All checks, the blocking ones first."""
    entries = cohorts.entries(cohort)
    found = [
        *_model_and_protocol(cohort, base, protocol),
        _development(cohort, entries, protocol),
        *check_people(session, storage, cohort),
        *_resources_here(settings, protocol, entries),
        _gate(cohort, entries, protocol),
        _outcomes(session, cohort, entries),
        _queue(session),
    ]
    return tuple(sorted(found, key=lambda check: not check.blocking))


def check_people(session: Session, storage: FileVault, cohort: Cohort) -> tuple[Check, Check]:
    """Whether everybody in a cohort still consents and every file of it is still there."""
    withdrawn = _without_consent(session, cohort)
    stored = frozenset(storage.keys())  # one listing, where files are in object storage
    missing = sum(entry["silhouettes_key"] not in stored for entry in cohorts.entries(cohort))
    return (
        Check(
            "Consent",
            not withdrawn,
            True,
            f"{withdrawn} people of the cohort have withdrawn their consent or were erased. Freeze a new cohort."
            if withdrawn
            else "Everybody in the cohort consents to training.",
        ),
        Check(
            "Files",
            not missing,
            True,
            f"The silhouettes of {missing} recordings are no longer stored. Freeze a new cohort."
            if missing
            else "All silhouettes of the cohort are stored.",
        ),
    )


def _resources_here(
    settings: Settings, protocol: RetrainingProtocol, entries: list[dict[str, Any]]
) -> tuple[Check, ...]:
    """Of the machine of the app; its memory only where the trainer beside the app will do the run."""
    found = check_resources(settings, protocol, entries)
    return found if queue_of(protocol.budget.device) == settings.training_queue else found[:1]


def check_resources(
    settings: Settings, protocol: RetrainingProtocol, entries: list[dict[str, Any]]
) -> tuple[Check, ...]:
    """Disk and memory of this machine, in this order."""
    return tuple(
        Check(each.name.capitalize(), each.enough, True, each.words) for each in resources(settings, protocol, entries)
    )


def _without_consent(session: Session, cohort: Cohort) -> int:
    codes = {entry["person"] for entry in cohorts.entries(cohort)}
    people = [
        person
        for role in TrainingRole
        for person in training_people.people_of_role(session=session, role=role)
        if person.code in codes
    ]
    consenting = sum(_consents(session, person.patient_id) for person in people)
    return len(codes) - consenting


def _consents(session: Session, patient_id: str | None) -> bool:
    if patient_id is None:
        return False
    try:
        return patients.get_patient(session=session, patient_id=patient_id).training_consent
    except NotFoundError:
        return False


def _model_and_protocol(cohort: Cohort, base: ModelVersion | None, protocol: RetrainingProtocol) -> Iterator[Check]:
    known = base is not None and cohort.task in base.metrics.get("tasks", [cohort.task])
    words = f"The run begins with {base.name} {base.version}." if base is not None else "No version is in production."
    yield Check("Model", known, True, words if known or base is None else f"{words} It does not know {cohort.task}.")
    yield Check(
        "Task",
        protocol.task == cohort.task,
        True,
        f"Cohort and protocol are about {cohort.task}."
        if protocol.task == cohort.task
        else f"The cohort is about {cohort.task}, the protocol about {protocol.task}. Choose the same.",
    )
    named = ":" in protocol.budget.device
    yield Check(
        "Device",
        not named,
        True,
        "Choose auto, cpu or cuda: which GPU is used is a setting of the trainer (FGAIT_TRAINING_DEVICE)."
        if named
        else f"It will compute on {protocol.budget.device}.",
    )


def _people(entries: Iterable[Mapping[str, Any]], role: TrainingRole, positive: str) -> tuple[int, int]:
    """People of a role with and without the condition."""
    of_role = [entry for entry in entries if entry["role"] == role.value]
    with_it = {entry["person"] for entry in of_role if entry["label"] == positive}
    return len(with_it), len({entry["person"] for entry in of_role} - with_it)


def _development(cohort: Cohort, entries: list[dict[str, Any]], protocol: RetrainingProtocol) -> Check:
    with_it, without = _people(entries, TrainingRole.DEVELOPMENT, positive_of(cohort.task))
    least = MIN_HELD_OUT if protocol.changes_encoder else MIN_DEVELOPMENT
    enough = min(with_it, without) >= least
    words = f"{with_it} people with the condition and {without} without it to learn from"
    smaller = ", or choose the scope head" if protocol.changes_encoder else ""
    advice = f"; at least {least} of each are needed. Record more outcomes and freeze a new cohort{smaller}."
    return Check("People to learn from", enough, True, words + ("." if enough else advice))


def _gate(cohort: Cohort, entries: list[dict[str, Any]], protocol: RetrainingProtocol) -> Check:
    with_it, without = _people(entries, TrainingRole.GATE, positive_of(cohort.task))
    needed = protocol.acceptance
    enough = with_it >= needed.min_positive and without >= needed.min_negative
    words = f"{with_it} locked people with the condition and {without} without it"
    advice = f"; below {needed.min_positive} and {needed.min_negative} nothing can be promoted, whatever the run gives."
    return Check("Locked people", enough, False, words + ("." if enough else advice))


def _outcomes(session: Session, cohort: Cohort, entries: list[dict[str, Any]]) -> Check:
    now = {
        each.assessment.id: each.outcome.label for each in outcomes.list_confirmed(session=session, task=cohort.task)
    }
    changed = sum(now.get(entry["key"]) != entry["label"] for entry in entries)
    words = "All outcomes are as they were frozen."
    if changed:
        words = f"{changed} outcomes were corrected after the cohort was frozen. Better freeze a new one."
    return Check("Outcomes", not changed, False, words)


def _queue(session: Session) -> Check:
    waiting = unfinished_jobs(session, RETRAIN)
    words = f"{len(waiting)} retrainings are queued or running; this one waits for a free trainer."
    return Check("Queue", not waiting, False, words if waiting else "No other retraining is queued.")


def positive_of(task: str) -> str:
    """The class that screening looks for."""
    return str(SCREENING_TASKS[task]["positive"])
