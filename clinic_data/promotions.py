"""Promotions: how a model version gets into production. Two people and a reason are needed; a roll-back needs one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, func, select, update

from clinic_data import model_registry
from clinic_data.clock import utc_now
from clinic_data.database import conflict_as
from clinic_data.errors import ConflictError, NotFoundError, PermissionDeniedError, ValidationError
from clinic_data.paging import Page, read_page
from clinic_data.retraining_tables import Promotion, PromotionKind, PromotionState
from clinic_data.tables import ModelVersion, Stage

_REASON_MAX = 2000
_PROMOTABLE = (Stage.CANDIDATE, Stage.RETIRED)
_MEANWHILE = "Another model version went into production meanwhile. Look again: a new comparison is needed."


def request(*, session: Session, to_version_id: str, reason: str, actor_id: str) -> Promotion:
    """Ask that a version goes into production; somebody else has to approve it.

    Raises:
        ConflictError: the version may not be promoted, did not pass against the one in production, or another request
            is open.
        NotFoundError: there is no such version.
        ValidationError: the reason is missing or too long.
    """
    version = model_registry.get_version(session=session, model_version_id=to_version_id)
    present = model_registry.production_version(session=session)
    assert_promotable(version, present)
    promotion = Promotion(
        kind=PromotionKind.PROMOTION,
        state=PromotionState.REQUESTED,
        to_version_id=version.id,
        from_version_id=present.id if present else None,
        reason=_checked_reason(reason),
        requested_by=actor_id,
    )
    with conflict_as(session, "Another request is open. Approve, refuse or withdraw it first."):
        session.add(promotion)
    return promotion


def approve(*, session: Session, promotion_id: str, reason: str, actor_id: str) -> Promotion:
    """Approve a request of somebody else: the version goes into production, the present one is retired.

    Raises:
        ConflictError: the actor made the request, it is not open any more, or something else went into production.
        NotFoundError: there is no such request.
        ValidationError: the reason is missing or too long.
    """
    present = _locked_production(session)  # first, so that whoever waited for it reads what was decided meanwhile
    promotion = _open_for(session, promotion_id, actor_id)
    if (present.id if present else None) != promotion.from_version_id:
        raise ConflictError(_MEANWHILE)
    version = model_registry.get_version(session=session, model_version_id=promotion.to_version_id)
    assert_promotable(version, present)
    _decide(session, promotion, PromotionState.APPROVED, reason, actor_id)
    model_registry.switch_production(session=session, model_version_id=version.id)
    return promotion


def refuse(*, session: Session, promotion_id: str, reason: str, actor_id: str) -> Promotion:
    """Refuse a request of somebody else.

    Raises:
        ConflictError: the actor made the request, or it is not open any more.
        NotFoundError: there is no such request.
        ValidationError: the reason is missing or too long.
    """
    promotion = _open_for(session, promotion_id, actor_id)
    return _decide(session, promotion, PromotionState.REFUSED, reason, actor_id)


def withdraw(*, session: Session, promotion_id: str, actor_id: str) -> Promotion:
    """Take one's own request back.

    Raises:
        ConflictError: it is not open any more.
        NotFoundError: there is no such request.
        PermissionDeniedError: somebody else made the request.
    """
    promotion = get_promotion(session=session, promotion_id=promotion_id)
    if promotion.requested_by != actor_id:
        raise PermissionDeniedError("Only the person who asked for a promotion may withdraw it. You may refuse it.")
    return _decide(session, promotion, PromotionState.WITHDRAWN, "Withdrawn by who asked for it.", actor_id)


def roll_back(*, session: Session, reason: str, actor_id: str, expected_production_id: str | None = None) -> Promotion:
    """Put back what was in production before the present version. No second person is needed.

    Args:
        session: a session of ``Database.transaction()``.
        reason: why.
        actor_id: who does it.
        expected_production_id: the version in production that the actor saw, so that a second click does not go
            back twice.

    Raises:
        ConflictError: there is no version to go back to, or another one is in production than the actor saw.
        ValidationError: the reason is missing or too long.
    """
    present = _locked_production(session)
    switched = present is None and model_registry.production_version(session=session) is not None
    if switched or (present is not None and expected_production_id not in (None, present.id)):
        raise ConflictError("Another model version went into production meanwhile. Look again, then decide.")
    target = roll_back_target(session=session)
    if present is None or target is None:
        raise ConflictError("There is no version to go back to: nothing else was in production before.")
    moment = _next_moment(session)
    promotion = Promotion(
        kind=PromotionKind.ROLL_BACK,
        state=PromotionState.APPROVED,
        to_version_id=target.id,
        from_version_id=present.id,
        reason=_checked_reason(reason),
        requested_by=actor_id,
        requested_at=moment,
        decided_by=actor_id,
        decided_at=moment,
    )
    with conflict_as(session, "The roll-back was refused: the account that asked for it does not exist."):
        session.add(promotion)
    model_registry.switch_production(session=session, model_version_id=target.id)
    return promotion


def roll_back_target(*, session: Session) -> ModelVersion | None:
    """What was in production before the present version and can be loaded, or None.

    After a roll-back it is what was there before *that* version, never the one that was rolled back.
    """
    before: list[str] = []  # what a series of roll-backs leads to, the nearest last
    statement = select(Promotion).where(Promotion.state == PromotionState.APPROVED)
    for promotion in session.exec(statement.order_by(col(Promotion.decided_at), col(Promotion.id))).all():
        if promotion.kind is PromotionKind.ROLL_BACK:
            while before and before.pop() != promotion.to_version_id:
                pass
        elif promotion.from_version_id is not None:
            before.append(promotion.from_version_id)
    present = model_registry.production_version(session=session)
    versions = (session.get(ModelVersion, version_id) for version_id in reversed(before))
    return next((version for version in versions if version and version != present and _loadable(version)), None)


def assert_promotable(version: ModelVersion, present: ModelVersion | None) -> None:
    """That a version may replace the present one.

    Args:
        version: a candidate, or a version that was in production once.
        present: what is in production, or None.

    Raises:
        ConflictError: it may not; the text says why.
    """
    if version.stage not in _PROMOTABLE:
        raise ConflictError(
            f"{version.name} {version.version} is {version.stage.value}; only candidates and retired versions can be "
            "promoted."
        )
    report: dict[str, Any] = version.gate_report or {}
    if report.get("passed") is not True:
        raise ConflictError(f"{version.name} {version.version} did not pass the comparison on the locked people.")
    compared_with: dict[str, Any] = report.get("production") or {}
    if present is not None and compared_with.get("sha256") != present.sha256:
        raise ConflictError(
            f"{version.name} {version.version} was compared with another version than {present.name} "
            f"{present.version}, which is in production now. Evaluate it again first."
        )


def get_promotion(*, session: Session, promotion_id: str) -> Promotion:
    """Read one promotion.

    Raises:
        NotFoundError: there is no such promotion.
    """
    promotion = session.get(Promotion, promotion_id)
    if promotion is None:
        raise NotFoundError("This request does not exist.")
    return promotion


def open_request(*, session: Session) -> Promotion | None:
    """The request that waits for a second person, or None; there is never more than one."""
    return session.exec(select(Promotion).where(Promotion.state == PromotionState.REQUESTED)).first()


def list_promotions(*, session: Session, limit: int = 50, offset: int = 0) -> Page[Promotion]:
    """All requests and roll-backs, newest first."""
    order = (col(Promotion.requested_at).desc(), col(Promotion.id))
    return read_page(session, select(Promotion), order=order, limit=limit, offset=offset)


def _open_for(session: Session, promotion_id: str, actor_id: str) -> Promotion:
    promotion = get_promotion(session=session, promotion_id=promotion_id)
    session.refresh(promotion)
    if promotion.state is not PromotionState.REQUESTED:
        raise ConflictError(_decided(promotion))
    if promotion.requested_by == actor_id:
        raise ConflictError("You asked for this promotion yourself. Another administrator has to decide on it.")
    return promotion


def _decide(session: Session, promotion: Promotion, state: PromotionState, reason: str, actor_id: str) -> Promotion:
    values = {
        "state": state,
        "decided_by": actor_id,
        "decided_at": _next_moment(session),
        "decision_reason": _checked_reason(reason),
    }
    # One statement: of two people who decide at the same time one wins.
    statement = update(Promotion).where(
        col(Promotion.id) == promotion.id, col(Promotion.state) == PromotionState.REQUESTED
    )
    with conflict_as(session, "The decision was refused: it needs the account of a second person."):
        decided = session.exec(statement.values(values).execution_options(synchronize_session=False)).rowcount
    session.refresh(promotion)
    if not decided:
        raise ConflictError(_decided(promotion))
    return promotion


def _decided(promotion: Promotion) -> str:
    return f"This request was {promotion.state.value} already."


def _locked_production(session: Session) -> ModelVersion | None:
    """The version in production, so that nobody else switches it in this transaction (SQLite locks by itself)."""
    statement = select(ModelVersion).where(ModelVersion.stage == Stage.PRODUCTION).with_for_update()
    return session.exec(statement.execution_options(populate_existing=True)).first()


def _next_moment(session: Session) -> datetime:
    """Now, but after every earlier decision, even where the clock was set back: the order is the history."""
    last = session.exec(select(func.max(Promotion.decided_at))).one()
    now = utc_now()
    return now if last is None or now > last else last + timedelta(microseconds=1)


def _loadable(version: ModelVersion) -> bool:
    return version.stage is Stage.RETIRED and version.package_key is not None


def _checked_reason(reason: str) -> str:
    text = reason.strip()
    if not 1 <= len(text) <= _REASON_MAX:
        raise ValidationError(f"Give a reason, with 1 to {_REASON_MAX} characters.")
    return text
