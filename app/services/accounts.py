"""Sign-in, sign-out, one's own password, and what the server asks at its start."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlmodel import Session

from app.services.permissions import Actor
from app.services.sign_in_check import checked_password, refusals_recorded
from app.services.visitor import HERE, Visitor
from clinic_data import audit, authentication, sign_in_sessions, sign_in_steps, sign_in_throttle, totp, users
from clinic_data.clock import utc_now
from clinic_data.database import Database
from clinic_data.errors import ClinicDataError, NotFoundError, SignInError
from clinic_data.passwords import NO_PASSWORD
from clinic_data.tables import Role, User

# Without letters and digits that look alike.
_ALPHABET = "abcdefghjkmnpqrstuvwxyzACDEFGHJKLMNPQRTUVWXY34679"
FIRST_ADMINISTRATOR = "admin"
_COMMAND_LINE = {"from": "the server's command line"}


class CodeNeededError(ClinicDataError):
    """The password was right; the code of the authenticator app is still to come.

    Attributes:
        step_token: for the browser, which shows it together with the code; it opens nothing else.
    """

    def __init__(self, step_token: str) -> None:
        super().__init__("Enter the code of your authenticator app.")
        self.step_token = step_token


def one_time_password() -> str:
    """A random password of four groups of four (about 90 bits), easy to read out."""
    groups = ["".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4)]
    return "-".join(groups)


def actor_of_user(user: User, *, must_set_up_totp: bool = False) -> Actor:
    """The user as the services know them."""
    return Actor(
        user.id, user.username, user.display_name, Role(user.role), user.must_change_password, must_set_up_totp
    )


@dataclass(frozen=True, slots=True)
class Accounts:
    """Use cases of everybody, signed in or not; the administration of users is `UserAdministration`.

    Attributes:
        database: of this installation.
        totp_roles: who must sign in with a code of an authenticator app.
    """

    database: Database
    totp_roles: frozenset[Role] = frozenset()

    def sign_in(
        self, username: str, password: str, visitor: Visitor = HERE, *, earlier_token: str | None = None
    ) -> str:
        """Checks the password and opens a session.

        Args:
            username: as typed.
            password: as typed.
            visitor: from where.
            earlier_token: of the session that this browser had; it ends.

        Returns:
            The random token for the cookie; the database keeps only its SHA-256.

        Raises:
            SignInError: with a text for the user; the failure is counted and audited.
            CodeNeededError: the password was right, and `finish_sign_in` opens the session.
        """
        checked = checked_password(self.database, username, password)
        with self.database.transaction() as session, refusals_recorded(session, username):
            user = authentication.admit(session=session, checked=checked, address=visitor.address)
            if not totp.is_on(session=session, user_id=user.id):
                return complete_sign_in(session, user, visitor, earlier_token)
            step_token = sign_in_steps.begin(session=session, user_id=user.id)
        raise CodeNeededError(step_token)

    def finish_sign_in(
        self, step_token: str, code: str, visitor: Visitor = HERE, *, earlier_token: str | None = None
    ) -> str:
        """Checks the code of the authenticator app, or a recovery code, and opens a session.

        Args:
            step_token: of `CodeNeededError`.
            code: as typed.
            visitor: from where.
            earlier_token: of the session that this browser had; it ends.

        Returns:
            The random token for the cookie.

        Raises:
            StepEndedError: the password was typed too long ago.
            SignInError: with a text for the user; the failure is counted and audited.
        """
        now = utc_now()
        with self.database.transaction() as session:
            user_id = sign_in_steps.user_id_of(session=session, token=step_token, now=now)
            username = users.get_user(session=session, user_id=user_id).username
            with refusals_recorded(session, username):
                sign_in_throttle.check(session=session, username=username, address=visitor.address, now=now)
                user = authentication.locked_user(session=session, username=username)
                used = None
                if user is not None and authentication.may_try(user, now):
                    used = totp.accepts(session=session, user_id=user_id, code=code, now=now)
                if user is None or used is None:
                    authentication.count_failure(session=session, username=username, address=visitor.address, now=now)
                    raise SignInError(totp.CODE_REFUSED)
                return complete_sign_in(session, user, visitor, earlier_token, used)

    def step_is_open(self, step_token: str | None) -> bool:
        """Whether a browser may still send the code that belongs to its password."""
        try:
            with self.database.reading() as session:
                sign_in_steps.user_id_of(session=session, token=step_token or "")
        except SignInError:
            return False
        return True

    def actor_of(self, token: str | None, *, touch: bool = True) -> Actor | None:
        """Whose session it is, or None once it expired, was closed or the user was deactivated.

        Args:
            token: from the cookie.
            touch: False for a look that is not the user's doing and must not keep the session alive.
        """
        if not token:
            return None
        with self.database.reading() as session:
            found = sign_in_sessions.resolve(session=session, token=token)
            if found is None:
                return None
            actor = actor_of_user(found.user, must_set_up_totp=self._must_set_up_totp(session, found.user))
        if touch and found.touch_due:
            with self.database.transaction() as session:
                sign_in_sessions.touch(session=session, token=token)
        return actor

    def _must_set_up_totp(self, session: Session, user: User) -> bool:
        if user.role not in self.totp_roles or user.password_hash == NO_PASSWORD:
            return False  # who has no password here proves the second step at the service that lets them in
        return not totp.is_on(session=session, user_id=user.id)

    def sign_out(self, token: str | None) -> None:
        """Closes the session; closing an unknown one is no error."""
        actor = self.actor_of(token, touch=False)
        if not token or actor is None:
            return
        with self.database.transaction() as session:
            sign_in_sessions.close(session=session, token=token)
            _record(session, actor.user_id, "user.signed_out", actor.user_id)

    def change_own_password(self, actor: Actor, current: str, new: str, visitor: Visitor = HERE) -> str:
        """Replaces the actor's password, signs them out everywhere and opens a new session.

        Returns:
            The token of the new session.

        Raises:
            SignInError: if the current password is wrong; it counts as a failed sign-in.
            ValidationError: if the new password is too weak or equals the current one.
        """
        checked = checked_password(self.database, actor.username, current)
        with (
            self.database.transaction() as session,
            refusals_recorded(session, actor.username, "user.password_refused"),
        ):
            authentication.admit(session=session, checked=checked, address=visitor.address)
            users.set_password(session=session, user_id=actor.user_id, password=new)
            _record(session, actor.user_id, "user.password_changed", actor.user_id)
            return sign_in_sessions.open_session(
                session=session, user_id=actor.user_id, address=visitor.address, browser=visitor.user_agent
            )

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
            _record(session, None, "user.created", user.id)
        return password

    def reset_password_locally(self, username: str) -> str:
        """Gives an account a one-time password and lets it sign in again, for who has access to the server.

        Raises:
            NotFoundError: if there is no such account.
        """
        password = one_time_password()
        with self.database.transaction() as session:
            user_id = _id_of(session, username)
            users.set_active(session=session, user_id=user_id, active=True)
            users.set_password(session=session, user_id=user_id, password=password, must_change_password=True)
            _record(session, None, "user.password_reset", user_id, _COMMAND_LINE)
        return password

    def reset_totp_locally(self, username: str) -> bool:
        """Switches two-step sign-in of an account off, for who has access to the server; False where it was off.

        Raises:
            NotFoundError: if there is no such account.
        """
        with self.database.transaction() as session:
            user_id = _id_of(session, username)
            if not totp.remove(session=session, user_id=user_id):
                return False
            sign_in_sessions.close_all_of_user(session=session, user_id=user_id)
            _record(session, None, "user.totp_reset", user_id, _COMMAND_LINE)
        return True


def complete_sign_in(
    session: Session, user: User, visitor: Visitor, earlier_token: str | None, code: str | None = None
) -> str:
    """A complete sign-in; the browser's earlier session ends, so that no token outlives a change of who is there."""
    authentication.welcome(session=session, user=user)
    sign_in_steps.end_all_of_user(session=session, user_id=user.id)
    if earlier_token:
        sign_in_sessions.close(session=session, token=earlier_token)
    sign_in_sessions.remove_ended(session=session)
    details = {"with": code} if code else {}
    _record(session, user.id, "user.signed_in", user.id, details)
    return sign_in_sessions.open_session(
        session=session, user_id=user.id, address=visitor.address, browser=visitor.user_agent
    )


def _id_of(session: Session, username: str) -> str:
    user = users.find_user(session=session, username=username)
    if user is None:
        raise NotFoundError(f"There is no account {users.normalised_username(username)}.")
    return user.id


def _record(
    session: Session, actor_id: str | None, action: str, user_id: str, details: dict[str, str] | None = None
) -> None:
    audit.record(
        session=session, actor_id=actor_id, action=action, subject_type="user", subject_id=user_id, details=details
    )
