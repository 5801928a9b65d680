"""Model versions: which packages exist and which one is in production."""

from __future__ import annotations

import re
from typing import Any

from sqlmodel import Session, col, select, update

from clinic_data.database import conflict_as
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.json_values import checked_json
from clinic_data.tables import ModelVersion, Stage

_SHA256 = re.compile(r"[0-9a-f]{64}")


def ensure_version(
    *,
    session: Session,
    name: str,
    version: str,
    sha256: str,
    simulated: bool,
    metrics: dict[str, Any],
    stage: Stage | str = Stage.CANDIDATE,
) -> ModelVersion:
    """The row of a model package, created where it is missing; an existing row is returned as it is.

    ``stage`` counts only for a new row. A new row in production replaces the present one, which is retired.

    Raises:
        ConflictError: another package has this name and version.
        ValidationError: the SHA-256, name, version, stage or metrics cannot be stored.
    """
    if not _SHA256.fullmatch(sha256) or not 1 <= len(name) <= 80 or not 1 <= len(version) <= 40:
        raise ValidationError("A model version needs a name, a version and the SHA-256 of its package.")
    wanted = _stage(stage)
    existing = _find(session, sha256)
    if existing is not None:
        return existing
    new = ModelVersion(
        name=name,
        version=version,
        sha256=sha256,
        simulated=simulated,
        metrics=checked_json(metrics),
    )
    try:
        with conflict_as(session, f"Another package is already registered as {name} {version}."):
            session.add(new)
    except ConflictError:
        existing = _find(session, sha256)  # another process may have registered the same package meanwhile
        if existing is None:
            raise
        return existing
    return _to_stage(session, new, wanted)


def promote(*, session: Session, model_version_id: str) -> ModelVersion:
    """Put a version into production; the present one is retired. A roll-back is a promotion, too.

    Raises:
        NotFoundError: there is no such version.
        ConflictError: somebody else promotes another version at the same moment.
    """
    return _to_stage(session, get_version(session=session, model_version_id=model_version_id), Stage.PRODUCTION)


def get_version(*, session: Session, model_version_id: str) -> ModelVersion:
    """Read one version.

    Raises:
        NotFoundError: there is no such version.
    """
    version = session.get(ModelVersion, model_version_id)
    if version is None:
        raise NotFoundError("This model version does not exist.")
    return version


def production_version(*, session: Session) -> ModelVersion | None:
    """The version in production, or None."""
    return session.exec(select(ModelVersion).where(ModelVersion.stage == Stage.PRODUCTION)).first()


def list_versions(*, session: Session) -> list[ModelVersion]:
    """All versions, newest first."""
    statement = select(ModelVersion).order_by(col(ModelVersion.created_at).desc(), col(ModelVersion.id))
    return list(session.exec(statement).all())


def _find(session: Session, sha256: str) -> ModelVersion | None:
    return session.exec(select(ModelVersion).where(ModelVersion.sha256 == sha256)).first()


def _stage(stage: Stage | str) -> Stage:
    try:
        return Stage(stage)
    except ValueError:
        raise ValidationError(f"A stage is one of: {', '.join(Stage)}.") from None


def _to_stage(session: Session, version: ModelVersion, stage: Stage) -> ModelVersion:
    with conflict_as(session, "Another model version is being put into production right now. Look again, then retry."):
        if stage is Stage.PRODUCTION:
            others = update(ModelVersion).where(
                col(ModelVersion.stage) == Stage.PRODUCTION, col(ModelVersion.id) != version.id
            )
            session.exec(others.values(stage=Stage.RETIRED))
        version.stage = stage
    return version
