"""What users do with their own account: look at their sessions, end them, switch two-step sign-in on and off."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session

from app.services.permissions import Actor, Permission, require, require_for_own_account
from app.services.sign_in_check import checked_password, refusals_recorded
from app.services.visitor import HERE, Visitor, browser_name
from clinic_data import audit, authentication, recovery_codes, sign_in_sessions, totp
from clinic_data.clock import utc_now
from clinic_data.database import Database
from clinic_data.errors import ConflictError, NotFoundError, SignInError
from clinic_data.tables import Role

ISSUER = "FGait"


@dataclass(frozen=True, slots=True)
class OwnSession:
    """A browser in which the user is signed in.

    Attributes:
        id: of the session; not its token.
        address: from where; empty where that is not known.
        browser: its name and system, as far as they are known.
        created_at: when the user signed in.
        last_seen_at: when it was used last, to the minute.
        current: whether it is the one that asks.
    """

    id: str
    address: str
    browser: str
    created_at: datetime
    last_seen_at: datetime
    current: bool


@dataclass(frozen=True, slots=True)
class TwoStepState:
    """How a user's two-step sign-in stands.

    Attributes:
        on: whether sign-in asks for a code.
        required: whether the clinic asks for it in the user's role.
        codes_left: recovery codes that were not used yet.
    """

    on: bool
    required: bool
    codes_left: int


@dataclass(frozen=True, slots=True)
class TwoStepSetup:
    """What an authenticator app needs to know.

    Attributes:
        secret: in base32, for who types it.
        uri: for the QR code.
    """

    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewCodes:
    """Recovery codes that are shown once, and the new session of who asked.

    Attributes:
        recovery_codes: stored nowhere.
        token: for the cookie.
    """

    recovery_codes: tuple[str, ...] = field(repr=False)
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OwnAccounts:
    """Use cases of whoever is signed in, in any role, around their own account.

    Attributes:
        database: of this installation.
        totp_roles: who must sign in with a code.
    """

    database: Database
    totp_roles: frozenset[Role] = frozenset()

    def sessions(self, actor: Actor | None, token: str | None) -> tuple[OwnSession, ...]:
        """The browsers in which the actor is signed in, the one used last first.

        Args:
            actor: who asks.
            token: of the browser that asks.
        """
        actor = require(actor, Permission.OWN_ACCOUNT)
        mine = sign_in_sessions.digest(token or "")
        with self.database.reading() as session:
            rows = sign_in_sessions.list_open(session=session, user_id=actor.user_id)
            return tuple(
                OwnSession(
                    row.id,
                    row.address,
                    browser_name(row.browser),
                    row.created_at,
                    row.last_seen_at,
                    row.token_sha256 == mine,
                )
                for row in rows
            )

    def end_session(self, actor: Actor | None, session_id: str) -> None:
        """Signs one browser of the actor out.

        Raises:
            NotFoundError: it is not one of the actor's, or it has ended already.
        """
        actor = require(actor, Permission.OWN_ACCOUNT)
        with self.database.transaction() as session:
            if not sign_in_sessions.close_one_of_user(session=session, user_id=actor.user_id, session_id=session_id):
                raise NotFoundError("This sign-in has ended already.")
            _record(session, actor, "user.session_ended")

    def sign_out_everywhere(self, actor: Actor | None) -> int:
        """Signs the actor out in all browsers, this one too; how many there were."""
        actor = require(actor, Permission.OWN_ACCOUNT)
        with self.database.transaction() as session:
            ended = sign_in_sessions.close_all_of_user(session=session, user_id=actor.user_id)
            _record(session, actor, "user.signed_out_everywhere", {"sessions": ended})
        return ended

    def two_step_state(self, actor: Actor | None) -> TwoStepState:
        """How the actor's two-step sign-in stands."""
        actor = require_for_own_account(actor)
        with self.database.reading() as session:
            return TwoStepState(
                on=totp.is_on(session=session, user_id=actor.user_id),
                required=actor.role in self.totp_roles,
                codes_left=recovery_codes.left(session=session, user_id=actor.user_id),
            )

    def begin_two_step(self, actor: Actor | None) -> TwoStepSetup:
        """The secret for the actor's authenticator app; it counts once `confirm_two_step` saw a code of it.

        Raises:
            ConflictError: two-step sign-in is on already.
        """
        actor = require_for_own_account(actor)
        with self.database.transaction() as session:
            secret = totp.begin(session=session, user_id=actor.user_id)
        return TwoStepSetup(secret, totp.provisioning_uri(secret, actor.username, ISSUER))

    def confirm_two_step(self, actor: Actor | None, password: str, code: str, visitor: Visitor = HERE) -> NewCodes:
        """Switches two-step sign-in on. All other browsers are signed out: they were let in without a code.

        Raises:
            SignInError: the password is wrong; it counts as a failed sign-in.
            ValidationError: the code is not the one of this moment.
            ConflictError: two-step sign-in is on already.
        """
        actor = require_for_own_account(actor)
        with self._password_confirmed(actor, password, visitor) as session:
            codes = totp.confirm(session=session, user_id=actor.user_id, code=code)
            _record(session, actor, "user.totp_on")
            return NewCodes(codes, _new_session(session, actor, visitor))

    def renew_recovery_codes(self, actor: Actor | None, password: str, code: str, visitor: Visitor = HERE) -> NewCodes:
        """Ten new recovery codes; earlier ones count no more.

        Raises:
            SignInError: the password or the code is wrong; it counts as a failed sign-in.
        """
        actor = require_for_own_account(actor)
        with self._password_confirmed(actor, password, visitor) as session:
            _check_code(session, actor, code, visitor)
            codes = recovery_codes.replace_all(session=session, user_id=actor.user_id)
            _record(session, actor, "user.recovery_codes_renewed")
            return NewCodes(codes, _new_session(session, actor, visitor))

    def switch_two_step_off(self, actor: Actor | None, password: str, code: str, visitor: Visitor = HERE) -> str:
        """Switches two-step sign-in off and signs all other browsers out.

        Returns:
            The token of the new session.

        Raises:
            ConflictError: the clinic asks for it in the actor's role.
            SignInError: the password or the code is wrong; it counts as a failed sign-in.
        """
        actor = require_for_own_account(actor)
        if actor.role in self.totp_roles:
            raise ConflictError("Your clinic asks for two-step sign-in in your role, so it stays on.")
        with self._password_confirmed(actor, password, visitor) as session:
            _check_code(session, actor, code, visitor)
            totp.remove(session=session, user_id=actor.user_id)
            _record(session, actor, "user.totp_off")
            return _new_session(session, actor, visitor)

    @contextmanager
    def _password_confirmed(self, actor: Actor, password: str, visitor: Visitor) -> Generator[Session, None, None]:
        """A transaction of somebody who typed the password again: an open browser alone must not be enough."""
        checked = checked_password(self.database, actor.username, password)
        with (
            self.database.transaction() as session,
            refusals_recorded(session, actor.username, "user.confirmation_refused"),
        ):
            authentication.admit(session=session, checked=checked, address=visitor.address)
            yield session


def _check_code(session: Session, actor: Actor, code: str, visitor: Visitor) -> None:
    if totp.accepts(session=session, user_id=actor.user_id, code=code) is None:
        authentication.count_failure(session=session, username=actor.username, address=visitor.address, now=utc_now())
        raise SignInError(totp.CODE_REFUSED)


def _new_session(session: Session, actor: Actor, visitor: Visitor) -> str:
    sign_in_sessions.close_all_of_user(session=session, user_id=actor.user_id)
    return sign_in_sessions.open_session(
        session=session, user_id=actor.user_id, address=visitor.address, browser=visitor.user_agent
    )


def _record(session: Session, actor: Actor, action: str, details: dict[str, int] | None = None) -> None:
    audit.record(
        session=session,
        actor_id=actor.user_id,
        action=action,
        subject_type="user",
        subject_id=actor.user_id,
        details=details,
    )
