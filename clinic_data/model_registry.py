"""Model versions: which packages exist, where they came from, and which one is in production.

Only ``ensure_bundled`` (where nothing is) and ``promotions`` put a version into production.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select, update

from clinic_data.database import conflict_as
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.json_values import checked_json
from clinic_data.tables import ModelVersion, Origin, Stage

_SHA256 = re.compile(r"[0-9a-f]{64}")
# What may follow a stage without a promotion. A rejected version stays so: retrain, or import a new package.
_MOVES = {
    Stage.QUARANTINE: {Stage.CANDIDATE, Stage.REJECTED},
    Stage.CANDIDATE: {Stage.REJECTED},
    Stage.RETIRED: {Stage.REJECTED},
}
_SHADOWS = (Stage.CANDIDATE, Stage.RETIRED)


def ensure_version(
    *,
    session: Session,
    name: str,
    version: str,
    sha256: str,
    simulated: bool,
    metrics: dict[str, Any],
    stage: Stage | str = Stage.CANDIDATE,
    origin: Origin | str = Origin.BUNDLED,
    package_key: str | None = None,
    parent_id: str | None = None,
    manifest_sha256: str | None = None,
    config: dict[str, Any] | None = None,
    environment: dict[str, Any] | None = None,
    gate_report: dict[str, Any] | None = None,
    signer: str | None = None,
    created_by: str | None = None,
) -> ModelVersion:
    """The row of a model package, created where it is missing; an existing row is returned as it is.

    Args:
        session: a session of ``Database.transaction()``.
        name: 1 to 80 characters.
        version: 1 to 40 characters; name and version belong to one package.
        sha256: of the package: its identity.
        simulated: whether it learned from simulated people.
        metrics: what is known of its quality.
        stage: of a new row; production only where nothing is in production.
        origin: bundled, retrained or imported.
        package_key: where the package is in ``storage.Storage``.
        parent_id: the version that it was retrained from.
        manifest_sha256: of the cohort that it was retrained on.
        config: of the run that made it.
        environment: in which it was made.
        gate_report: how it compared with the version in production.
        signer: the clinic that signed an imported package.
        created_by: who made or imported it.

    Raises:
        ConflictError: another package has this name and version, another version is in production, or a row that
            this one refers to does not exist.
        ValidationError: the SHA-256, name, version, stage or a JSON cannot be stored.
    """
    if not _SHA256.fullmatch(sha256) or not 1 <= len(name) <= 80 or not 1 <= len(version) <= 40:
        raise ValidationError("A model version needs a name, a version and the SHA-256 of its package.")
    new = ModelVersion(
        name=name,
        version=version,
        sha256=sha256,
        simulated=simulated,
        metrics=checked_json(metrics),
        stage=_stage(stage),
        origin=_origin(origin),
        package_key=package_key,
        parent_id=parent_id,
        manifest_sha256=manifest_sha256,
        config=_optional_json(config),
        environment=_optional_json(environment),
        gate_report=_optional_json(gate_report),
        signer=signer,
        created_by=created_by,
    )
    return find_by_sha256(session=session, sha256=sha256) or _added(session, new)


def _added(session: Session, new: ModelVersion) -> ModelVersion:
    try:
        with conflict_as(session, _refused(new)):
            session.add(new)
    except ConflictError:
        existing = find_by_sha256(session=session, sha256=new.sha256)  # another process may have been quicker
        if existing is None:
            raise
        return existing
    return new


def _refused(new: ModelVersion) -> str:
    if new.stage is Stage.PRODUCTION:
        return f"{new.name} {new.version} cannot start in production: another version is there, or has its name."
    return f"Another package is already registered as {new.name} {new.version}, or what it refers to does not exist."


def ensure_bundled(
    *,
    session: Session,
    name: str,
    version: str,
    sha256: str,
    simulated: bool,
    metrics: dict[str, Any],
    package_key: str | None = None,
) -> ModelVersion:
    """The row of the package that came with this release; it goes into production where nothing is.

    An existing row without ``package_key`` gets it, one that has a key keeps its own. A version in production
    *without* a package counts as nothing: it came with an older release, and no worker can load it any more.

    Raises:
        ConflictError: another package has this name and version.
        ValidationError: the SHA-256, name, version or metrics cannot be stored.
    """
    row = ensure_version(
        session=session,
        name=name,
        version=version,
        sha256=sha256,
        simulated=simulated,
        metrics=metrics,
        package_key=package_key,
    )
    if package_key is not None:
        set_package_key(session=session, model_version_id=row.id, package_key=package_key)
    present = production_version(session=session)
    replaceable = present is None or (present.id != row.id and present.package_key is None and package_key is not None)
    if replaceable and row.stage is not Stage.REJECTED:
        try:
            switch_production(session=session, model_version_id=row.id)
        except ConflictError:  # another process registers another package at this moment; its one stays
            session.refresh(row)
    return row


def switch_production(*, session: Session, model_version_id: str) -> ModelVersion:
    """Retire what is in production and put this version there. Only ``promotions`` and ``ensure_bundled`` may call it.

    Raises:
        NotFoundError: there is no such version.
        ConflictError: somebody else promotes another version at the same moment.
    """
    version = get_version(session=session, model_version_id=model_version_id)
    with conflict_as(session, "Another model version is being put into production right now. Look again, then retry."):
        others = update(ModelVersion).where(
            col(ModelVersion.stage) == Stage.PRODUCTION, col(ModelVersion.id) != version.id
        )
        session.exec(others.values(stage=Stage.RETIRED))
        version.stage, version.shadow_until = Stage.PRODUCTION, None
    return version


def set_stage(*, session: Session, model_version_id: str, stage: Stage | str) -> ModelVersion:
    """Move a version on: out of quarantine after its evaluation, or to the rejected ones. Never to production.

    Raises:
        ConflictError: the version cannot go from its stage to this one.
        NotFoundError: there is no such version.
        ValidationError: there is no such stage.
    """
    version = get_version(session=session, model_version_id=model_version_id)
    _move(version, _stage(stage))
    session.flush()
    return version


def set_gate_report(
    *, session: Session, model_version_id: str, report: dict[str, Any], stage: Stage | str
) -> ModelVersion:
    """Store how a version compared with the one in production, and move it on, or leave it at its stage.

    Raises:
        ConflictError: the version cannot go from its stage to this one.
        NotFoundError: there is no such version.
        ValidationError: the report is no JSON, or there is no such stage.
    """
    version = get_version(session=session, model_version_id=model_version_id)
    wanted = _stage(stage)
    version.gate_report = checked_json(report)
    if wanted is not version.stage:
        _move(version, wanted)
    session.flush()
    return version


def _move(version: ModelVersion, stage: Stage) -> None:
    if stage not in _MOVES.get(version.stage, set()):
        raise ConflictError(
            f"{version.name} {version.version} is {version.stage.value} and cannot become {stage.value} this way."
        )
    if stage is Stage.CANDIDATE and version.gate_report is None:
        raise ConflictError(f"{version.name} {version.version} stays in quarantine until it was evaluated here.")
    version.stage = stage
    if stage is Stage.REJECTED:
        version.shadow_until = None


def set_shadow(*, session: Session, model_version_id: str, until: datetime | None) -> ModelVersion:
    """Let a version score in the shadow until then; None ends it.

    Raises:
        ConflictError: the version is neither a candidate nor retired.
        NotFoundError: there is no such version.
    """
    version = get_version(session=session, model_version_id=model_version_id)
    if until is not None and version.stage not in _SHADOWS:
        raise ConflictError(
            f"Only candidates and retired versions score in the shadow, not {version.stage.value} ones."
        )
    version.shadow_until = until
    session.flush()
    return version


def set_package_key(*, session: Session, model_version_id: str, package_key: str) -> ModelVersion:
    """Say where the package is stored; a version that has its package keeps it.

    Raises:
        NotFoundError: there is no such version.
    """
    version = get_version(session=session, model_version_id=model_version_id)
    empty = update(ModelVersion).where(col(ModelVersion.id) == version.id, col(ModelVersion.package_key).is_(None))
    session.exec(empty.values(package_key=package_key).execution_options(synchronize_session=False))
    session.refresh(version)
    return version


def get_version(*, session: Session, model_version_id: str) -> ModelVersion:
    """Read one version.

    Raises:
        NotFoundError: there is no such version.
    """
    version = session.get(ModelVersion, model_version_id)
    if version is None:
        raise NotFoundError("This model version does not exist.")
    return version


def find_by_sha256(*, session: Session, sha256: str) -> ModelVersion | None:
    """The version whose package has this SHA-256, or None."""
    return session.exec(select(ModelVersion).where(ModelVersion.sha256 == sha256)).first()


def production_version(*, session: Session) -> ModelVersion | None:
    """The version in production, or None."""
    return session.exec(select(ModelVersion).where(ModelVersion.stage == Stage.PRODUCTION)).first()


def list_versions(*, session: Session) -> list[ModelVersion]:
    """All versions, newest first."""
    statement = select(ModelVersion).order_by(col(ModelVersion.created_at).desc(), col(ModelVersion.id))
    return list(session.exec(statement).all())


def lineage(*, session: Session, model_version_id: str) -> list[ModelVersion]:
    """The version, then what it was retrained from, and so on to the beginning.

    Raises:
        NotFoundError: there is no such version.
    """
    versions = [get_version(session=session, model_version_id=model_version_id)]
    while (parent_id := versions[-1].parent_id) is not None and parent_id not in {row.id for row in versions}:
        versions.append(get_version(session=session, model_version_id=parent_id))
    return versions


def shadowing(*, session: Session, now: datetime) -> list[ModelVersion]:
    """The versions that score in the shadow at this moment, oldest first."""
    statement = select(ModelVersion).where(col(ModelVersion.shadow_until) > now, col(ModelVersion.stage).in_(_SHADOWS))
    return list(session.exec(statement.order_by(col(ModelVersion.created_at), col(ModelVersion.id))).all())


def _stage(stage: Stage | str) -> Stage:
    try:
        return Stage(stage)
    except ValueError:
        raise ValidationError(f"A stage is one of: {', '.join(Stage)}.") from None


def _origin(origin: Origin | str) -> Origin:
    try:
        return Origin(origin)
    except ValueError:
        raise ValidationError(f"An origin is one of: {', '.join(Origin)}.") from None


def _optional_json(value: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if value is None else checked_json(value)
