"""The administration of users. Passwords that it gives out are for one use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from app.services.accounts import one_time_password
from app.services.permissions import Actor, Permission, require
from clinic_data import audit, sign_in_sessions, totp, users
from clinic_data.database import Database
from clinic_data.errors import ConflictError
from clinic_data.tables import Role, User


@dataclass(frozen=True, slots=True)
class UserAdministration:
    """Use cases of administrators around accounts; auditors read them."""

    database: Database

    def list_users(self, actor: Actor | None) -> tuple[User, ...]:
        """All accounts, by user name."""
        require(actor, Permission.READ_USERS)
        with self.database.reading() as session:
            return tuple(users.list_users(session=session))

    def with_two_steps(self, actor: Actor | None) -> frozenset[str]:
        """The ids of those who sign in with a code of an authenticator app."""
        require(actor, Permission.READ_USERS)
        with self.database.reading() as session:
            return totp.all_users_with_codes(session=session)

    def create_user(self, actor: Actor | None, username: str, display_name: str, role: Role) -> tuple[User, str]:
        """Creates an account.

        Returns:
            The account and its one-time password, which is shown once and stored nowhere.

        Raises:
            ConflictError: if the user name is taken.
            ValidationError: if a name is not acceptable.
        """
        actor = require(actor, Permission.MANAGE_USERS)
        password = one_time_password()
        with self.database.transaction() as session:
            user = users.create_user(
                session=session,
                username=username,
                display_name=display_name,
                role=role,
                password=password,
                must_change_password=True,
            )
            self._audit(session, actor, "user.created", user.id, {"role": role.value})
        return user, password

    def reset_password(self, actor: Actor | None, user_id: str) -> str:
        """Gives an account a one-time password, lifts a lock-out and signs the user out everywhere."""
        actor = require(actor, Permission.MANAGE_USERS)
        _not_oneself(actor, user_id, "Change your own password under your name.")
        password = one_time_password()
        with self.database.transaction() as session:
            users.set_password(session=session, user_id=user_id, password=password, must_change_password=True)
            self._audit(session, actor, "user.password_reset", user_id)
        return password

    def reset_totp(self, actor: Actor | None, user_id: str) -> None:
        """Switches two-step sign-in of a user off, who lost app and recovery codes, and signs them out everywhere.

        Raises:
            ConflictError: for oneself, and where it is off.
        """
        actor = require(actor, Permission.MANAGE_USERS)
        _not_oneself(actor, user_id, "Change your own two-step sign-in under your account.")
        with self.database.transaction() as session:
            user = users.get_user(session=session, user_id=user_id)
            if not totp.remove(session=session, user_id=user.id):
                raise ConflictError("This user signs in without a code.")
            sign_in_sessions.close_all_of_user(session=session, user_id=user.id)
            self._audit(session, actor, "user.totp_reset", user.id)

    def set_active(self, actor: Actor | None, user_id: str, *, active: bool) -> None:
        """Allows or stops sign-in; stopping ends the user's sessions at once.

        Raises:
            ConflictError: for oneself and for the last active administrator.
        """
        actor = require(actor, Permission.MANAGE_USERS)
        _not_oneself(actor, user_id, "You cannot deactivate your own account.")
        with self.database.transaction() as session:
            users.set_active(session=session, user_id=user_id, active=active)
            self._audit(session, actor, "user.activated" if active else "user.deactivated", user_id)

    def set_role(self, actor: Actor | None, user_id: str, role: Role) -> None:
        """Changes what a user may do; they sign in again.

        Raises:
            ConflictError: for oneself and for the last active administrator.
        """
        actor = require(actor, Permission.MANAGE_USERS)
        _not_oneself(actor, user_id, "You cannot change your own role.")
        with self.database.transaction() as session:
            users.set_role(session=session, user_id=user_id, role=role)
            self._audit(session, actor, "user.role_changed", user_id, {"role": role.value})

    def _audit(
        self, session: Session, actor: Actor, action: str, user_id: str, details: dict[str, Any] | None = None
    ) -> None:
        audit.record(
            session=session,
            actor_id=actor.user_id,
            action=action,
            subject_type="user",
            subject_id=user_id,
            details=details,
        )


def _not_oneself(actor: Actor, user_id: str, sentence: str) -> None:
    if actor.user_id == user_id:
        raise ConflictError(sentence)
