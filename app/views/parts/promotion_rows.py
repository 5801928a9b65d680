"""Promotions and roll-backs as a table: what went where, who asked, who decided, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from app import session
from app.views.parts import look
from app.views.parts.words import later, tr
from clinic_data.retraining_tables import Promotion, PromotionKind, PromotionState
from clinic_data.tables import ModelVersion, User

_STATES = {
    PromotionState.REQUESTED: (later("open"), "wait"),
    PromotionState.APPROVED: (later("approved"), "ok"),
    PromotionState.REFUSED: (later("refused"), "positive"),
    PromotionState.WITHDRAWN: (later("withdrawn"), "neutral"),
}


def label(version: ModelVersion | None) -> str:
    """Name and version."""
    return f"{version.name} {version.version}" if version is not None else "–"


def show(promotions: Sequence[Promotion], versions: Mapping[str, ModelVersion], users: Mapping[str, User]) -> None:
    """Draws the table.

    Args:
        promotions: newest first.
        versions: by id.
        users: by id.
    """

    def who(user_id: str | None) -> str:
        user = users.get(user_id or "")
        return user.display_name if user is not None else "–"

    def row(each: Promotion) -> tuple[str, ...]:
        back = each.kind is PromotionKind.ROLL_BACK
        words, kind = (later("rolled back"), "neutral") if back else _STATES[each.state]
        pill = look.pill(tr(words), kind)
        asked = f"{who(each.requested_by)}, {session.shown_time(each.requested_at)}"
        decided = (
            "" if back or each.decided_at is None else f"{who(each.decided_by)}, {session.shown_time(each.decided_at)}"
        )
        return (
            f"{pill}<br>{escape(label(versions.get(each.to_version_id)))}",
            escape(label(versions.get(each.from_version_id or ""))),
            _with_reason(asked, each.reason),
            _with_reason(decided, "" if back else each.decision_reason),
        )

    look.table((tr("To"), tr("From"), tr("Asked for by"), tr("Decided by")), [row(each) for each in promotions])


def _with_reason(who_and_when: str, reason: str) -> str:
    quoted = f'<br><span class="fg-small">“{escape(reason)}”</span>' if reason else ""
    return f"{escape(who_and_when)}{quoted}"
