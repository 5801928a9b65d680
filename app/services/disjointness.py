"""The proof that nobody of the locked gate was ever trained on: people, silhouettes and videos, over the whole lineage.

The database gives each person one role for ever. This proof does not rely on it: it reads the frozen manifests of the
version and of all that it descends from, checks them against their hashes, and compares them with the gate entry by
entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from clinic_data import cohorts, model_registry, training_people
from clinic_data.errors import ConflictError
from clinic_data.retraining_tables import Cohort, TrainingRole
from clinic_data.tables import ModelVersion, Origin

_FILES = ("silhouettes_sha256", "recording_sha256")


@dataclass(frozen=True, slots=True)
class Disjointness:
    """What the comparison found; all but the first must be nothing.

    Attributes:
        trained_people: on whom the version and those it descends from were trained in this clinic.
        shared_people: people of the gate among them.
        shared_files: silhouettes and videos of the gate among those that were trained on.
        wrong_roles: entries whose person has another role, or is not known, in the clinic's register.
        broken_manifests: cohorts whose manifest is missing or does not have its hash.
    """

    trained_people: int
    shared_people: int = 0
    shared_files: int = 0
    wrong_roles: int = 0
    broken_manifests: int = 0

    @property
    def holds(self) -> bool:
        """Whether the gate is unseen."""
        return not (self.shared_people or self.shared_files or self.wrong_roles or self.broken_manifests)

    @property
    def words(self) -> str:
        """What was found, as a sentence."""
        if self.holds:
            return f"None of the {self.trained_people} people trained on is among the locked people."
        found = {
            "locked people were trained on": self.shared_people,
            "files of locked people were trained on": self.shared_files,
            "entries have another role than the register gives their person": self.wrong_roles,
            "manifests are missing or do not have their hash": self.broken_manifests,
        }
        facts = "; ".join(f"{count} {words}" for words, count in found.items() if count)
        return f"The locked people cannot judge this version: {facts}. Reject it and tell whoever keeps the database."


def proof_of_disjointness(
    session: Session, cohort: Cohort, version: ModelVersion | None, *, own: bool = False
) -> Disjointness:
    """Compares all that a version was trained on with the gate of a cohort.

    Args:
        session: reading is enough.
        cohort: whose gate entries judge.
        version: a model version with its ancestors; None where there is none yet.
        own: whether the development entries of `cohort` itself count as trained on, too.
    """
    used, broken = _training_cohorts(session, version)
    if own:
        used[cohort.manifest_sha256] = cohort
    broken += len({each.id for each in (cohort, *used.values()) if _is_broken(each)})
    trained = [entry for each in used.values() for entry in _of_role(each, TrainingRole.DEVELOPMENT)]
    gate = _of_role(cohort, TrainingRole.GATE)
    people = {entry["person"] for entry in trained}
    return Disjointness(
        trained_people=len(people),
        shared_people=len(people & {entry["person"] for entry in gate}),
        shared_files=len(_files(trained) & _files(gate)),
        wrong_roles=_wrong_roles(session, trained, TrainingRole.DEVELOPMENT)
        + _wrong_roles(session, gate, TrainingRole.GATE),
        broken_manifests=broken,
    )


def assert_gate_unseen(*, session: Session, version: ModelVersion) -> None:
    """Proves that the people on whom a version was compared were not trained on.

    Raises:
        ConflictError: if they were, or it cannot be proved; the text says what was found.
    """
    gate_sha256 = (version.gate_report or {}).get("gate_sha256")
    cohort = cohorts.find_by_manifest(session=session, manifest_sha256=gate_sha256) if gate_sha256 else None
    if cohort is None:
        raise ConflictError("This version was not compared on locked people of this clinic. Compare it first.")
    proof = proof_of_disjointness(session, cohort, version)
    if not proof.holds:
        raise ConflictError(proof.words)


def _training_cohorts(session: Session, version: ModelVersion | None) -> tuple[dict[str, Cohort], int]:
    """The cohorts of a version and its ancestors, and how many of this clinic's own are missing.

    Packages of other clinics name manifests that this clinic never had: their people are others.
    """
    if version is None:
        return {}, 0
    found: dict[str, Cohort] = {}
    missing = 0
    for each in model_registry.lineage(session=session, model_version_id=version.id):
        if each.manifest_sha256 is None:
            continue
        cohort = cohorts.find_by_manifest(session=session, manifest_sha256=each.manifest_sha256)
        if cohort is not None:
            found[cohort.manifest_sha256] = cohort
        elif each.origin is Origin.RETRAINED:
            missing += 1
    return found, missing


def _is_broken(cohort: Cohort) -> bool:
    return cohorts.manifest_sha256(cohort.manifest) != cohort.manifest_sha256


def _of_role(cohort: Cohort, role: TrainingRole) -> list[dict[str, Any]]:
    return cohorts.entries(cohort, role=role.value)


def _files(entries: Iterable[Mapping[str, Any]]) -> set[str]:
    return {entry[name] for entry in entries for name in _FILES}


def _wrong_roles(session: Session, entries: Iterable[Mapping[str, Any]], role: TrainingRole) -> int:
    known = {person.code for person in training_people.people_of_role(session=session, role=role)}
    return sum(entry["person"] not in known for entry in entries)
