"""Who an account is at the sign-in service of the clinic's organisation: the pair of issuer and subject.

Never the e-mail address or the name: both can be given to somebody else later.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from clinic_data.account_tables import ExternalIdentity
from clinic_data.clock import utc_now
from clinic_data.database import conflict_as
from clinic_data.errors import NotFoundError, ValidationError
from clinic_data.tables import User

_MAX_ISSUER, _MAX_SUBJECT = 300, 255


def find_user(*, session: Session, issuer: str, subject: str, now: datetime | None = None) -> User | None:
    """The account of an identity, whose use is noted; None where nobody has it."""
    wanted = (ExternalIdentity.issuer == issuer, ExternalIdentity.subject == subject)
    identity = session.exec(select(ExternalIdentity).where(*wanted).with_for_update()).first()
    if identity is None:
        return None
    identity.last_used_at = now or utc_now()
    session.flush()
    return session.get(User, identity.user_id)


def connect(*, session: Session, user_id: str, issuer: str, subject: str) -> ExternalIdentity:
    """Say that an identity is this account's.

    Raises:
        ConflictError: it is another account's, or this account has it already.
        ValidationError: the service named nobody, or with a text that is too long.
    """
    if not 1 <= len(issuer) <= _MAX_ISSUER or not 1 <= len(subject) <= _MAX_SUBJECT:
        raise ValidationError("The sign-in service did not say who you are. Please tell your administrator.")
    identity = ExternalIdentity(user_id=user_id, issuer=issuer, subject=subject)
    with conflict_as(session, "This identity is connected with an account already."):
        session.add(identity)
    return identity


def list_of_user(*, session: Session, user_id: str) -> list[ExternalIdentity]:
    """The identities of an account, oldest first."""
    statement = select(ExternalIdentity).where(col(ExternalIdentity.user_id) == user_id)
    return list(session.exec(statement.order_by(col(ExternalIdentity.created_at), col(ExternalIdentity.id))).all())


def disconnect(*, session: Session, user_id: str, identity_id: str) -> None:
    """Take an identity away from an account.

    Raises:
        NotFoundError: the account has no such identity.
    """
    identity = session.get(ExternalIdentity, identity_id)
    if identity is None or identity.user_id != user_id:
        raise NotFoundError("This account is not connected with such an identity.")
    session.delete(identity)
    session.flush()
