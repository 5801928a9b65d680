"""People who sign in: their accounts, roles and passwords. What happens at sign-in is in ``authentication``."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta

from sqlmodel import Session, and_, col, func, or_, select

from clinic_data import passwords, sign_in_sessions, sign_in_throttle
from clinic_data.clock import utc_now
from clinic_data.database import conflict_as
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.tables import Role, User
from clinic_data.text_rules import has_invisible

LAST_ADMINISTRATOR = "This is the last active administrator. Make another user an administrator first."
ONE_TIME_PASSWORD_LIFE = timedelta(hours=72)
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")


def create_user(
    *,
    session: Session,
    username: str,
    display_name: str,
    role: Role | str,
    password: str | None,
    must_change_password: bool = False,
    now: datetime | None = None,
) -> User:
    """Create an account; a password that must be changed is good for 72 hours.

    Without a password (None) nobody signs in with one: the account is for another service, until it is given one.

    Raises:
        ValidationError: the user name, display name, role or password is not acceptable.
        ConflictError: the user name is taken.
    """
    name = normalised_username(username)
    if not _USERNAME.fullmatch(name):
        raise ValidationError(
            "A user name has 2 to 64 characters: the letters a to z, digits, dot, hyphen, underscore and @; "
            "it starts with a letter or digit."
        )
    shown = " ".join(unicodedata.normalize("NFC", display_name).split())
    if not 1 <= len(shown) <= 120 or has_invisible(shown):
        raise ValidationError("The displayed name has 1 to 120 printable characters.")
    if password is not None:
        passwords.check_policy(password, name)
    user = User(
        username=name,
        display_name=shown,
        role=_role(role),
        password_hash=passwords.NO_PASSWORD if password is None else passwords.hash_password(password),
        must_change_password=must_change_password,
        password_expires_at=_expiry(must_change_password, now),
    )
    with conflict_as(session, f"The user name {name} is taken. Choose another."):
        session.add(user)
    return user


def get_user(*, session: Session, user_id: str) -> User:
    """Read one account.

    Raises:
        NotFoundError: there is no such user.
    """
    user = session.get(User, user_id)
    if user is None:
        raise NotFoundError("This user does not exist.")
    return user


def find_user(*, session: Session, username: str) -> User | None:
    """The account of a user name, however it is typed, or None."""
    return session.exec(select(User).where(User.username == normalised_username(username))).first()


def list_users(*, session: Session) -> list[User]:
    """All accounts, by user name."""
    return list(session.exec(select(User).order_by(col(User.username))).all())


def count_users(*, session: Session) -> int:
    """How many accounts exist, active or not; 0 means that the clinic still needs its first administrator."""
    return session.exec(select(func.count()).select_from(User)).one()


def set_password(
    *,
    session: Session,
    user_id: str,
    password: str,
    must_change_password: bool = False,
    keep_token: str | None = None,
    now: datetime | None = None,
) -> User:
    """Give the account a new password, lift a lock-out and sign the user out everywhere.

    Args:
        session: a session of ``Database.transaction()``.
        user_id: whose password.
        password: the new one.
        must_change_password: ask for another one at the next sign-in, which must come within 72 hours.
        keep_token: the sign-in session that may go on, where users change their own password.
        now: the present moment.

    Raises:
        ValidationError: the password is not acceptable.
        NotFoundError: there is no such user.
    """
    # Before the account is locked: sign-in locks them in this order, too.
    sign_in_throttle.forgive(session=session, username=get_user(session=session, user_id=user_id).username)
    user = _locked(session, user_id)
    passwords.check_policy(password, user.username)
    if passwords.verify_password(user.password_hash, password):
        raise ValidationError("The new password must differ from the present one.")
    user.password_hash = passwords.hash_password(password)
    user.must_change_password = must_change_password
    user.password_expires_at = _expiry(must_change_password, now)
    lift_lock_out(user)
    session.flush()
    sign_in_sessions.close_all_of_user(session=session, user_id=user_id, keep_token=keep_token)
    return user


def set_active(*, session: Session, user_id: str, active: bool) -> User:
    """Allow or stop sign-in. Stopping ends the user's sessions at once; allowing lifts a lock-out.

    Raises:
        ConflictError: this is the last active administrator.
        NotFoundError: there is no such user.
    """
    user, other_administrators = _locked_with_administrators(session, user_id)
    if not active:
        _keep_an_administrator(user, other_administrators)
        sign_in_sessions.close_all_of_user(session=session, user_id=user_id)
    elif not user.active:
        lift_lock_out(user)
    user.active = active
    session.flush()
    return user


def set_role(*, session: Session, user_id: str, role: Role | str) -> User:
    """Change what the user may do; the user signs in again.

    Raises:
        ConflictError: this is the last active administrator.
        ValidationError: there is no such role.
        NotFoundError: there is no such user.
    """
    new_role = _role(role)
    user, other_administrators = _locked_with_administrators(session, user_id)
    if new_role is user.role:
        return user
    _keep_an_administrator(user, other_administrators)
    user.role = new_role
    session.flush()
    sign_in_sessions.close_all_of_user(session=session, user_id=user_id)
    return user


def normalised_username(username: str) -> str:
    """The form in which user names are stored and compared."""
    # PostgreSQL stores no NUL: who types one gets the answer of an unknown name, not a fault.
    return unicodedata.normalize("NFKC", username.replace("\x00", "\ufffd")).strip().casefold()


def lift_lock_out(user: User) -> None:
    """Let an account that was locked sign in again."""
    user.failed_sign_ins = 0
    user.locked_until = None


def _expiry(must_change_password: bool, now: datetime | None) -> datetime | None:
    return (now or utc_now()) + ONE_TIME_PASSWORD_LIFE if must_change_password else None


def _role(role: Role | str) -> Role:
    try:
        return Role(role)
    except ValueError:
        raise ValidationError(f"A role is one of: {', '.join(Role)}.") from None


def _locked(session: Session, user_id: str) -> User:
    """The user, read anew and locked against a concurrent change (on SQLite the transaction is the lock)."""
    statement = select(User).where(User.id == user_id).with_for_update().execution_options(populate_existing=True)
    user = session.exec(statement).first()
    if user is None:
        raise NotFoundError("This user does not exist.")
    return user


def _locked_with_administrators(session: Session, user_id: str) -> tuple[User, list[User]]:
    """The user and all other active administrators, locked.

    In one statement and one order: two administrators who remove each other wait, neither succeeds by mistake and
    neither deadlocks.
    """
    administrator = and_(col(User.role) == Role.ADMINISTRATOR, col(User.active))
    statement = select(User).where(or_(col(User.id) == user_id, administrator)).order_by(col(User.id))
    found = session.exec(statement.with_for_update().execution_options(populate_existing=True)).all()
    user = next((candidate for candidate in found if candidate.id == user_id), None)
    if user is None:
        raise NotFoundError("This user does not exist.")
    return user, [candidate for candidate in found if candidate.id != user_id]


def _keep_an_administrator(user: User, other_administrators: list[User]) -> None:
    if user.role is Role.ADMINISTRATOR and user.active and not other_administrators:
        raise ConflictError(LAST_ADMINISTRATOR)
