"""Sign-in, sign-out, one's own password, and what the server asks at its start."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from app.services.permissions import Actor
from clinic_data import audit, sign_in_sessions, users
from clinic_data.database import Database
from clinic_data.errors import NotFoundError, SignInError
from clinic_data.tables import Role, User

# Without letters and digits that look alike.
_ALPHABET = "abcdefghjkmnpqrstuvwxyzACDEFGHJKLMNPQRTUVWXY34679"
FIRST_ADMINISTRATOR = "admin"


def one_time_password() -> str:
    """A random password of four groups of four (about 90 bits), easy to read out."""
    groups = ["".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4)]
    return "-".join(groups)


def actor_of_user(user: User) -> Actor:
    """The user as the services know them."""
    return Actor(user.id, user.username, user.display_name, Role(user.role), user.must_change_password)


@dataclass(frozen=True, slots=True)
class Accounts:
    """Use cases of everybody, signed in or not; the administration of users is `UserAdministration`."""

    database: Database

    def sign_in(self, username: str, password: str) -> str:
        """Checks the password and opens a session.

        Returns:
            The random token for the cookie; the database keeps only its SHA-256.

        Raises:
            SignInError: with a text for the user; the failure is counted and audited.
        """
        try:
            with self.database.transaction() as session:
                user = users.authenticate(session=session, username=username, password=password)
                sign_in_sessions.remove_ended(session=session)
                token = sign_in_sessions.open_session(session=session, user_id=user.id)
                audit.record(
                    session=session, actor_id=user.id, action="user.signed_in", subject_type="user", subject_id=user.id
                )
        except SignInError:
            self._audit_refused(username)
            raise
        return token

    def _audit_refused(self, username: str) -> None:
        """Keeps which account was tried, but not what was typed: it may be a password in the wrong field."""
        wanted = users.normalised_username(username)
        with self.database.transaction() as session:
            tried = next((user.id for user in users.list_users(session=session) if user.username == wanted), None)
            audit.record(
                session=session, actor_id=None, action="user.sign_in_refused", subject_type="user", subject_id=tried
            )

    def actor_of(self, token: str | None, *, touch: bool = True) -> Actor | None:
        """Whose session it is, or None once it expired, was closed or the user was deactivated.

        Args:
            token: from the cookie.
            touch: False for a look that is not the user's doing and must not keep the session alive.
        """
        if not token:
            return None
        with self.database.transaction() as session:
            user = sign_in_sessions.resolve(session=session, token=token)
            actor = None if user is None else actor_of_user(user)
            if not touch:
                session.rollback()
        return actor

    def sign_out(self, token: str | None) -> None:
        """Closes the session; closing an unknown one is no error."""
        actor = self.actor_of(token, touch=False)
        if not token or actor is None:
            return
        with self.database.transaction() as session:
            sign_in_sessions.close(session=session, token=token)
            audit.record(
                session=session,
                actor_id=actor.user_id,
                action="user.signed_out",
                subject_type="user",
                subject_id=actor.user_id,
            )

    def change_own_password(self, actor: Actor, current: str, new: str) -> str:
        """Replaces the actor's password, signs them out everywhere and opens a new session.

        Returns:
            The token of the new session.

        Raises:
            SignInError: if the current password is wrong; it counts as a failed sign-in.
            ValidationError: if the new password is too weak or equals the current one.
        """
        with self.database.transaction() as session:
            users.authenticate(session=session, username=actor.username, password=current)
            users.set_password(session=session, user_id=actor.user_id, password=new)
            audit.record(
                session=session,
                actor_id=actor.user_id,
                action="user.password_changed",
                subject_type="user",
                subject_id=actor.user_id,
            )
            return sign_in_sessions.open_session(session=session, user_id=actor.user_id)

    def create_first_administrator(self) -> str | None:
        """Creates the first account of a new installation.

        Returns:
            Its one-time password, which is stored nowhere, or None if there are accounts already.
        """
        password = one_time_password()
        with self.database.transaction() as session:
            if users.count_users(session=session):
                return None
            user = users.create_user(
                session=session,
                username=FIRST_ADMINISTRATOR,
                display_name="Administrator",
                role=Role.ADMINISTRATOR,
                password=password,
                must_change_password=True,
            )
            audit.record(session=session, actor_id=None, action="user.created", subject_type="user", subject_id=user.id)
        return password

    def reset_password_locally(self, username: str) -> str:
        """Gives an account a one-time password and lets it sign in again, for who has access to the server.

        Raises:
            NotFoundError: if there is no such account.
        """
        wanted = users.normalised_username(username)
        password = one_time_password()
        with self.database.transaction() as session:
            user = next((user for user in users.list_users(session=session) if user.username == wanted), None)
            if user is None:
                raise NotFoundError(f"There is no account {wanted}.")
            users.set_active(session=session, user_id=user.id, active=True)
            users.set_password(session=session, user_id=user.id, password=password, must_change_password=True)
            audit.record(
                session=session,
                actor_id=None,
                action="user.password_reset",
                subject_type="user",
                subject_id=user.id,
                details={"from": "the server's command line"},
            )
        return password
