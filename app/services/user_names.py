"""The names of users as pages and reports print them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlmodel import Session

from clinic_data import users

UNKNOWN = "unknown"
"""Where nobody is known to have done it."""


def user_names(session: Session, user_ids: Iterable[str | None]) -> Mapping[str | None, str]:
    """Displayed names by id; None is nobody known."""
    wanted = {user_id for user_id in user_ids if user_id}
    names: dict[str | None, str] = {
        user_id: users.get_user(session=session, user_id=user_id).display_name for user_id in wanted
    }
    return {None: UNKNOWN} | names
