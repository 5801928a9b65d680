"""Retrainings: the protocol as it was before the run, how the run goes, and what came of it."""

from __future__ import annotations

import re
from typing import Any

from sqlmodel import Session, col, func, select, update

from clinic_data.database import conflict_as
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.json_values import checked_json
from clinic_data.paging import Page, read_page
from clinic_data.retraining_tables import Retraining

_SHA256 = re.compile(r"[0-9a-f]{64}")


def create(
    *,
    session: Session,
    cohort_id: str,
    base_version_id: str,
    protocol: dict[str, Any],
    protocol_sha256: str,
    actor_id: str | None,
) -> Retraining:
    """Store a retraining with its protocol, under the next number. Nothing changes the protocol afterwards.

    Raises:
        ConflictError: the cohort or model version does not exist, or somebody else starts a retraining right now.
        ValidationError: the protocol is no JSON, or its SHA-256 is none.
    """
    retraining = Retraining(
        number=(session.exec(select(func.max(Retraining.number))).one() or 0) + 1,
        cohort_id=cohort_id,
        base_version_id=base_version_id,
        protocol=checked_json(protocol),
        protocol_sha256=_checked_sha256(protocol_sha256),
        requested_by=actor_id,
    )
    with conflict_as(
        session, "The cohort or model version does not exist, or somebody else starts a retraining now. Try again."
    ):
        session.add(retraining)
    return retraining


def get_retraining(*, session: Session, retraining_id: str) -> Retraining:
    """Read one retraining.

    Raises:
        NotFoundError: there is no such retraining.
    """
    retraining = session.get(Retraining, retraining_id)
    if retraining is None:
        raise NotFoundError("This retraining does not exist.")
    return retraining


def list_retrainings(*, session: Session, limit: int = 50, offset: int = 0) -> Page[Retraining]:
    """All retrainings, newest first."""
    return read_page(session, select(Retraining), order=(col(Retraining.number).desc(),), limit=limit, offset=offset)


def find_for_candidate(*, session: Session, model_version_id: str) -> Retraining | None:
    """The retraining that made this model version, or None."""
    return session.exec(select(Retraining).where(Retraining.candidate_version_id == model_version_id)).first()


def set_job(*, session: Session, retraining_id: str, job_id: str) -> Retraining:
    """Say which job does the work.

    Raises:
        ConflictError: there is no such job, or it does another retraining.
        NotFoundError: there is no such retraining.
    """
    retraining = get_retraining(session=session, retraining_id=retraining_id)
    with conflict_as(session, "This job does not exist, or does another retraining."):
        retraining.job_id = job_id
    return retraining


def set_live(*, session: Session, retraining_id: str, live: dict[str, Any] | None) -> Retraining:
    """Replace what the page shows of the run while it goes on.

    Raises:
        NotFoundError: there is no such retraining.
        ValidationError: it is no JSON.
    """
    retraining = get_retraining(session=session, retraining_id=retraining_id)
    retraining.live = None if live is None else checked_json(live)
    session.flush()
    return retraining


def set_fitted(*, session: Session, retraining_id: str, sha256: str) -> Retraining:
    """Store the SHA-256 of what the fit made, before anybody opens the gate. It is never changed.

    Raises:
        ConflictError: another one was stored: the fit was repeated after the gate had been opened.
        NotFoundError: there is no such retraining.
        ValidationError: it is no SHA-256.
    """
    wanted = _checked_sha256(sha256)
    if not _set_once(session, retraining_id, "fitted_sha256", wanted):
        raise ConflictError(
            "This retraining has been fitted before, with other weights, and its gate may have been opened. "
            "Start a new retraining."
        )
    return get_retraining(session=session, retraining_id=retraining_id)


def set_candidate(*, session: Session, retraining_id: str, model_version_id: str) -> Retraining:
    """Say which model version came of the retraining. It is never changed.

    Raises:
        ConflictError: another version came of it, or there is no such version.
        NotFoundError: there is no such retraining.
    """
    with conflict_as(session, "This model version does not exist."):
        stored = _set_once(session, retraining_id, "candidate_version_id", model_version_id)
    if not stored:
        raise ConflictError("This retraining has its candidate already. Start a new retraining.")
    return get_retraining(session=session, retraining_id=retraining_id)


def _set_once(session: Session, retraining_id: str, name: str, value: str) -> bool:
    """Fill an empty field in one statement, so that of two at the same time one wins; True if it now has the value."""
    retraining = get_retraining(session=session, retraining_id=retraining_id)
    statement = update(Retraining).where(col(Retraining.id) == retraining_id, getattr(Retraining, name).is_(None))
    session.exec(statement.values({name: value}).execution_options(synchronize_session=False))
    session.refresh(retraining)
    return bool(getattr(retraining, name) == value)


def _checked_sha256(value: str) -> str:
    if not _SHA256.fullmatch(value):
        raise ValidationError("A SHA-256 has 64 hexadecimal digits.")
    return value
