"""Cohorts: recordings with outcomes, frozen for retraining in a manifest that has a SHA-256."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlmodel import Session, col, func, select

from clinic_data.database import conflict_as
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.json_values import canonical_json, checked_json
from clinic_data.paging import Page, read_page
from clinic_data.retraining_tables import Cohort, TrainingPerson, TrainingRole

FORMAT = 1
ENTRY_KEYS = frozenset(
    (
        *("key", "person", "role", "label", "method", "view", "sex", "age_years", "device", "site", "frames"),
        *("typical", "simulated", "silhouettes_key", "silhouettes_sha256", "recording_sha256"),
    )
)


def manifest_sha256(manifest: dict[str, Any]) -> str:
    """SHA-256 of the manifest's canonical JSON: keys sorted, no spaces, UTF-8."""
    return hashlib.sha256(canonical_json(manifest)).hexdigest()


def freeze(
    *,
    session: Session,
    task: str,
    filters: dict[str, Any],
    manifest: dict[str, Any],
    simulated: bool,
    actor_id: str | None,
) -> Cohort:
    """Store a cohort for ever, under the next number.

    Args:
        session: a session of ``Database.transaction()``.
        task: whose outcomes it holds.
        filters: how the recordings were chosen.
        manifest: ``{"format": 1, "task", "entries", "excluded"}``; entries have all ``ENTRY_KEYS``, sorted by key.
        simulated: whether anybody in it is simulated.
        actor_id: who froze it.

    Raises:
        ConflictError: an entry contradicts the role that its person has for ever, or somebody else freezes one now.
        ValidationError: the manifest is not as it must be.
    """
    copy = checked_json(manifest)
    _check_form(copy, task, simulated)
    _check_roles(session, copy["entries"])
    cohort = Cohort(
        number=(session.exec(select(func.max(Cohort.number))).one() or 0) + 1,
        task=task,
        filters=checked_json(filters),
        manifest=copy,
        manifest_sha256=manifest_sha256(copy),
        simulated=simulated,
        created_by=actor_id,
    )
    with conflict_as(session, "Somebody else is freezing a cohort at this moment. Try again."):
        session.add(cohort)
    return cohort


def get_cohort(*, session: Session, cohort_id: str) -> Cohort:
    """Read one cohort and check its manifest.

    Raises:
        ConflictError: the manifest is not what was frozen.
        NotFoundError: there is no such cohort.
    """
    cohort = session.get(Cohort, cohort_id)
    if cohort is None:
        raise NotFoundError("This cohort does not exist.")
    if manifest_sha256(cohort.manifest) != cohort.manifest_sha256:
        raise ConflictError(
            f"The manifest of cohort {cohort.number} is not what was frozen: its SHA-256 differs. "
            "Somebody changed the database. Do not use this cohort; freeze a new one."
        )
    return cohort


def find_by_manifest(*, session: Session, manifest_sha256: str) -> Cohort | None:
    """The newest cohort with this manifest, or None."""
    statement = select(Cohort).where(Cohort.manifest_sha256 == manifest_sha256)
    return session.exec(statement.order_by(col(Cohort.number).desc())).first()


def list_cohorts(*, session: Session, limit: int = 50, offset: int = 0) -> Page[Cohort]:
    """All cohorts, newest first."""
    return read_page(session, select(Cohort), order=(col(Cohort.number).desc(),), limit=limit, offset=offset)


def entries(cohort: Cohort, role: TrainingRole | str | None = None) -> list[dict[str, Any]]:
    """The entries of the manifest, all or those of one role."""
    every: list[dict[str, Any]] = cohort.manifest["entries"]
    return [entry for entry in every if role is None or entry["role"] == TrainingRole(role).value]


def _check_form(manifest: dict[str, Any], task: str, simulated: bool) -> None:
    if manifest.get("format") != FORMAT or manifest.get("task") != task or "excluded" not in manifest:
        raise ValidationError("A manifest names its format, the task of its cohort and what was excluded.")
    every: list[dict[str, Any]] = manifest.get("entries") or []
    if not every:
        raise ValidationError("No recording was chosen. Record outcomes, or choose with wider filters.")
    if any(entry.keys() != ENTRY_KEYS for entry in every):
        raise ValidationError(f"Each entry of a manifest has exactly: {', '.join(sorted(ENTRY_KEYS))}.")
    keys = [entry["key"] for entry in every]
    if keys != sorted(set(keys)):
        raise ValidationError("The entries of a manifest are sorted by key, each key once.")
    if simulated != any(entry["simulated"] for entry in every):
        raise ValidationError("A cohort is simulated exactly if one of its entries is.")


def _check_roles(session: Session, every: list[dict[str, Any]]) -> None:
    """That nobody stands in the manifest in another role than the one given for ever."""
    roles = {person.code: person.role.value for person in session.exec(select(TrainingPerson)).all()}
    if any(roles.get(entry["person"]) != entry["role"] for entry in every):
        raise ConflictError("A person of this cohort has another role in training than the manifest says. Choose anew.")
