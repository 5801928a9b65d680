"""Sign-in at the organisation's own service (OpenID Connect): who comes, in which role, with which account.

The service proves who somebody is; the clinic decides what they may do, by a table from claims to roles, each time.
The session is the clinic's own: it ends when idle, can be revoked, and its token is stored as a hash only.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlmodel import Session

from app.services.accounts import complete_sign_in
from app.services.permissions import Actor, Permission, require
from app.services.visitor import Visitor
from app.settings import Settings
from clinic_data import audit, external_identities, users
from clinic_data.account_tables import ExternalIdentity
from clinic_data.database import Database
from clinic_data.errors import ConflictError, SignInError, ValidationError
from clinic_data.passwords import NO_PASSWORD
from clinic_data.tables import Role, User

NO_ROLE = (
    "Your organisation has confirmed who you are, but it gives you no role in this clinic. "
    "Please ask your administrator for one."
)
NO_ACCOUNT = (
    "Your organisation has confirmed who you are, but you have no account here. Please ask your administrator for one."
)
NAME_TAKEN = (
    "An account with your user name exists here already. Sign in with its password and connect it under My account, "
    "or ask your administrator."
)
NOT_ADMITTED = "This account cannot sign in at the moment. Please ask your administrator."


@dataclass(frozen=True, slots=True)
class ConfirmedPerson:
    """Who the service says has come.

    Attributes:
        issuer: the service.
        subject: the person's id there, which never changes hands.
        username: as an account of ours may be named.
        display_name: as it is printed on reports.
        role: what the clinic's table makes of the claims; None if nothing.
    """

    issuer: str
    subject: str
    username: str
    display_name: str
    role: Role | None


def confirmed_person(claims: Mapping[str, Any], settings: Settings) -> ConfirmedPerson:
    """Reads claims whose signature, audience, nonce and life the caller has checked.

    Raises:
        ValidationError: they name nobody, or another service than the one of the settings.
    """
    issuer, subject = str(claims.get("iss", "")), str(claims.get("sub", ""))
    if not subject or issuer.rstrip("/") != settings.oidc_issuer.rstrip("/"):
        raise ValidationError("The sign-in service did not say who you are. Please tell your administrator.")
    named = str(claims.get("preferred_username") or claims.get("email") or "")
    display_name = " ".join(str(claims.get("name") or named or "Unnamed").split())[:120]
    return ConfirmedPerson(issuer, subject, _username(named, issuer, subject), display_name, _role(claims, settings))


def _username(named: str, issuer: str, subject: str) -> str:
    """A user name that accounts may have; made of the id where the service's own is not one."""
    plain = re.sub(r"[^a-z0-9._@-]", "", users.normalised_username(named))[:64].lstrip("._@-")
    return plain if len(plain) >= 2 else "user-" + hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()[:12]


def _role(claims: Mapping[str, Any], settings: Settings) -> Role | None:
    """The role of the first line of the clinic's table whose value the claim holds."""
    found: Any = claims
    for part in settings.oidc_role_claim.split("."):
        found = cast("Mapping[str, Any]", found).get(part) if isinstance(found, Mapping) else None
    listed = cast("list[Any]", found) if isinstance(found, list) else [found]
    held = {str(value) for value in listed if value is not None}
    return next((Role(role) for value, role in settings.oidc_roles.items() if value in held), None)


@dataclass(frozen=True, slots=True)
class ExternalSignIn:
    """Use cases around sign-in elsewhere."""

    settings: Settings
    database: Database

    @property
    def offered(self) -> bool:
        """Whether this installation has such a service."""
        return bool(self.settings.oidc_issuer)

    def sign_in(self, claims: Mapping[str, Any], visitor: Visitor, *, earlier_token: str | None = None) -> str:
        """Opens a session for whom the claims name; a first visit makes an account where the settings allow it.

        Args:
            claims: of the ID token, checked.
            visitor: from where.
            earlier_token: of the session that this browser had; it ends.

        Returns:
            The token for the cookie.

        Raises:
            SignInError: no role, no account or a deactivated one; the text says what to do, and the trail why.
        """
        person = confirmed_person(claims, self.settings)
        try:
            with self.database.transaction() as session:
                user = self._admitted(session, person)
                return complete_sign_in(session, user, visitor, earlier_token, "openid connect")
        except (ConflictError, SignInError) as refusal:
            self._audit_refused(person)
            raise SignInError(str(refusal)) from refusal

    def _admitted(self, session: Session, person: ConfirmedPerson) -> User:
        if person.role is None:
            raise SignInError(NO_ROLE)
        user = external_identities.find_user(session=session, issuer=person.issuer, subject=person.subject)
        if user is None:
            return self._new_account(session, person, person.role)
        if not user.active:
            raise SignInError(NOT_ADMITTED)
        if user.role is not person.role:
            users.set_role(session=session, user_id=user.id, role=person.role)
            _audit(session, None, "user.role_changed", user.id, {"role": person.role.value, "by": "openid connect"})
        return user

    def _new_account(self, session: Session, person: ConfirmedPerson, role: Role) -> User:
        if not self.settings.oidc_create_users:
            raise SignInError(NO_ACCOUNT)
        if users.find_user(session=session, username=person.username) is not None:
            raise SignInError(NAME_TAKEN)
        user = users.create_user(
            session=session,
            username=person.username,
            display_name=person.display_name,
            role=role,
            password=None,  # this account signs in elsewhere
        )
        external_identities.connect(session=session, user_id=user.id, issuer=person.issuer, subject=person.subject)
        _audit(session, None, "user.created", user.id, {"role": role.value, "by": "openid connect"})
        return user

    def _audit_refused(self, person: ConfirmedPerson) -> None:
        with self.database.transaction() as session:
            known = external_identities.find_user(session=session, issuer=person.issuer, subject=person.subject)
            subject_id = known.id if known is not None else None
            _audit(session, None, "user.sign_in_refused", subject_id, {"with": "openid connect"})

    def connect(self, actor: Actor | None, claims: Mapping[str, Any]) -> None:
        """Says that the person whom the claims name is the signed-in user.

        Raises:
            ConflictError: the identity is another account's.
        """
        actor = require(actor, Permission.OWN_ACCOUNT)
        person = confirmed_person(claims, self.settings)
        with self.database.transaction() as session:
            external_identities.connect(
                session=session, user_id=actor.user_id, issuer=person.issuer, subject=person.subject
            )
            _audit(session, actor.user_id, "user.identity_connected", actor.user_id, {})

    def identities(self, actor: Actor | None) -> tuple[ExternalIdentity, ...]:
        """The actor's own identities."""
        actor = require(actor, Permission.OWN_ACCOUNT)
        with self.database.reading() as session:
            return tuple(external_identities.list_of_user(session=session, user_id=actor.user_id))

    def disconnect(self, actor: Actor | None, identity_id: str) -> None:
        """Takes one of the actor's identities away; the password stays.

        Raises:
            NotFoundError: it is not the actor's.
            ConflictError: the actor has no password, so nothing else would let them in.
        """
        actor = require(actor, Permission.OWN_ACCOUNT)
        with self.database.transaction() as session:
            if users.get_user(session=session, user_id=actor.user_id).password_hash == NO_PASSWORD:
                raise ConflictError("You have no password here. Ask an administrator for one, then disconnect.")
            external_identities.disconnect(session=session, user_id=actor.user_id, identity_id=identity_id)
            _audit(session, actor.user_id, "user.identity_disconnected", actor.user_id, {})


def _audit(
    session: Session, actor_id: str | None, action: str, subject_id: str | None, details: dict[str, Any]
) -> None:
    audit.record(
        session=session, actor_id=actor_id, action=action, subject_type="user", subject_id=subject_id, details=details
    )
