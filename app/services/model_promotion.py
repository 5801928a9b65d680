"""Promotion: two people put a version into production, by the comparison that it passed; one person rolls back."""

from __future__ import annotations

from typing import Any

from app.services.disjointness import assert_gate_unseen
from app.services.model_use_cases import ModelUseCases, audit_model, checked_reason
from app.services.permissions import Actor, Permission, require
from clinic_data import model_registry, promotions
from clinic_data.retraining_tables import Promotion

_NO_ROLL_BACK_REASON = "Rolled back without a stated reason."


class ModelPromotion(ModelUseCases):
    """What puts versions into production. The switch is a row: workers look at it before each screening."""

    __slots__ = ()

    def request_promotion(self, actor: Actor | None, model_version_id: str, reason: str) -> Promotion:
        """Asks that a version goes into production; another administrator has to approve it.

        Raises:
            ConflictError: if it did not pass against the version in production now, the locked people cannot be proved
                unseen, its package cannot be loaded, or another request is open.
            ValidationError: if the reason is too short.
        """
        actor = require(actor, Permission.MANAGE_MODELS)
        reason = checked_reason(reason)
        self._assert_loads(model_version_id)
        with self.database.transaction() as session:
            version = model_registry.get_version(session=session, model_version_id=model_version_id)
            promotion = promotions.request(
                session=session, to_version_id=model_version_id, reason=reason, actor_id=actor.user_id
            )
            assert_gate_unseen(session=session, version=version)
            audit_model(session, actor, "model.promotion_requested", model_version_id, {"promotion_id": promotion.id})
        return promotion

    def approve(self, actor: Actor | None, promotion_id: str, reason: str) -> Promotion:
        """Puts the version of somebody else's request into production; the next screening uses it.

        Raises:
            ConflictError: if the actor made the request, somebody was quicker, or it may not be promoted any more.
            ValidationError: if the reason is too short.
        """
        actor = require(actor, Permission.MANAGE_MODELS)
        reason = checked_reason(reason)
        with self.database.reading() as session:
            to_version_id = promotions.get_promotion(session=session, promotion_id=promotion_id).to_version_id
        self._assert_loads(to_version_id)
        with self.database.transaction() as session:
            version = model_registry.get_version(session=session, model_version_id=to_version_id)
            assert_gate_unseen(session=session, version=version)
            promotion = promotions.approve(
                session=session, promotion_id=promotion_id, reason=reason, actor_id=actor.user_id
            )
            audit_model(session, actor, "model.promoted", to_version_id, _switch(promotion))
        return promotion

    def refuse(self, actor: Actor | None, promotion_id: str, reason: str) -> Promotion:
        """Refuses somebody else's request; the version stays a candidate.

        Raises:
            ConflictError: if the actor made the request, or it is not open any more.
            ValidationError: if the reason is too short.
        """
        actor = require(actor, Permission.MANAGE_MODELS)
        with self.database.transaction() as session:
            promotion = promotions.refuse(
                session=session, promotion_id=promotion_id, reason=checked_reason(reason), actor_id=actor.user_id
            )
            details = {"promotion_id": promotion.id}
            audit_model(session, actor, "model.promotion_refused", promotion.to_version_id, details)
        return promotion

    def withdraw(self, actor: Actor | None, promotion_id: str) -> Promotion:
        """Takes one's own request back.

        Raises:
            PermissionDeniedError: if somebody else made it.
            ConflictError: if it is not open any more.
        """
        actor = require(actor, Permission.MANAGE_MODELS)
        with self.database.transaction() as session:
            promotion = promotions.withdraw(session=session, promotion_id=promotion_id, actor_id=actor.user_id)
            details = {"promotion_id": promotion.id}
            audit_model(session, actor, "model.promotion_withdrawn", promotion.to_version_id, details)
        return promotion

    def roll_back(self, actor: Actor | None, reason: str = "", expected_production_id: str | None = None) -> Promotion:
        """Puts back what was in production before; no second person is needed.

        Args:
            actor: who does it.
            reason: why, where there is time to say it.
            expected_production_id: what the actor saw in production, so that a second click does not go back twice.

        Raises:
            ConflictError: if nothing was there before, it cannot be loaded, or something else is in production now.
        """
        actor = require(actor, Permission.MANAGE_MODELS)
        with self.database.reading() as session:
            target = promotions.roll_back_target(session=session)
        if target is not None:
            self._assert_loads(target.id)
        with self.database.transaction() as session:
            promotion = promotions.roll_back(
                session=session,
                reason=reason.strip() or _NO_ROLL_BACK_REASON,
                actor_id=actor.user_id,
                expected_production_id=expected_production_id,
            )
            audit_model(session, actor, "model.rolled_back", promotion.to_version_id, _switch(promotion))
        return promotion


def _switch(promotion: Promotion) -> dict[str, Any]:
    return {"promotion_id": promotion.id, "from_version_id": promotion.from_version_id}
