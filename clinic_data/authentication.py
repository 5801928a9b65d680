"""The check of who signs in: password, lock-out, slow-down.

The hash is computed between two transactions, because it takes a tenth of a second on purpose, and computed once
whatever is wrong: unknown, wrong, locked, inactive and too early take the same time.

Example:
    >>> with database.reading() as session:  # doctest: +SKIP
    ...     claim = authentication.claim(session=session, username=username)
    >>> checked = claim.checked(password)  # doctest: +SKIP
    >>> with database.transaction() as session:  # doctest: +SKIP
    ...     user = authentication.admit(session=session, checked=checked, address=address)
    ...     authentication.welcome(session=session, user=user)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from clinic_data import passwords, sign_in_throttle
from clinic_data.clock import utc_now
from clinic_data.errors import SignInError
from clinic_data.tables import User
from clinic_data.users import lift_lock_out, normalised_username

MAX_FAILED_SIGN_INS = 5
LOCK_OUT = timedelta(minutes=15)
# One sentence for every cause: a different one would tell a stranger which accounts exist.
SIGN_IN_REFUSED = (
    "Sign-in failed: the user name or the password is wrong, or the account is locked. "
    f"After {MAX_FAILED_SIGN_INS} failed attempts an account stays locked for {LOCK_OUT.seconds // 60} minutes. "
    "Try again then, or ask an administrator for a new password."
)
# Only who typed the right password reads this one.
ONE_TIME_PASSWORD_EXPIRED = "This one-time password has expired. Ask an administrator for a new one."  # noqa: S105


@dataclass(frozen=True, slots=True)
class CheckedPassword:
    """A password that was compared; what follows from it is decided by `admit`.

    Attributes:
        username: as accounts have it; of an account or of nobody.
        password_hash: with which the password was compared; None where there is no such account.
        correct: whether they belong together.
        newer_hash: where the hash was made with older parameters, one with those in use now.
    """

    username: str
    password_hash: str | None = field(repr=False)
    correct: bool
    newer_hash: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """Who somebody says they are, before the password is compared.

    Attributes:
        username: as accounts have it.
        password_hash: of the account, or None where there is none.
    """

    username: str
    password_hash: str | None = field(repr=False)

    def checked(self, password: str) -> CheckedPassword:
        """Compare a password: one computation of a hash, also for nobody's. Call it outside a transaction."""
        correct = passwords.verify_password(self.password_hash, password)
        older = correct and self.password_hash is not None and passwords.needs_rehash(self.password_hash)
        newer = passwords.hash_password(password) if older else None
        return CheckedPassword(self.username, self.password_hash, correct, newer)


def claim(*, session: Session, username: str) -> Claim:
    """Look up what a password is to be compared with."""
    name = normalised_username(username)
    return Claim(name, session.exec(select(User.password_hash).where(User.username == name)).first())


def admit(*, session: Session, checked: CheckedPassword, address: str = "", now: datetime | None = None) -> User:
    """The user whose password was right. Failures are counted; `welcome` forgets them once the sign-in is complete.

    Call it in ``Database.transaction()``: that one commits the counters although the error leaves the block.

    Raises:
        SlowDownError: too early after earlier failures; the password was not looked at.
        SignInError: unknown, wrong, locked or inactive, in the same words; or a one-time password that has expired.
    """
    moment = now or utc_now()
    sign_in_throttle.check(session=session, username=checked.username, address=address, now=moment)
    user = locked_user(session=session, username=checked.username)
    right = checked.correct and user is not None and user.password_hash == checked.password_hash
    if user is None or not may_try(user, moment) or not right:
        count_failure(session=session, username=checked.username, address=address, now=moment)
        raise SignInError(SIGN_IN_REFUSED)
    if user.must_change_password and user.password_expires_at is not None and user.password_expires_at <= moment:
        raise SignInError(ONE_TIME_PASSWORD_EXPIRED)
    if checked.newer_hash is not None:
        user.password_hash = checked.newer_hash
        session.flush()
    return user


def may_try(user: User, moment: datetime) -> bool:
    """Whether the account is neither deactivated nor locked; a lock-out that is over is lifted: five new attempts."""
    if not user.active or (user.locked_until is not None and user.locked_until > moment):
        return False
    if user.locked_until is not None:
        lift_lock_out(user)
    return True


def count_failure(*, session: Session, username: str, address: str = "", now: datetime | None = None) -> None:
    """Count a wrong password or code; the fifth locks the account, unless it is locked already."""
    moment = now or utc_now()
    sign_in_throttle.count_failure(session=session, username=username, address=address, now=moment)
    user = locked_user(session=session, username=username)
    if user is not None and may_try(user, moment):
        user.failed_sign_ins += 1
        if user.failed_sign_ins >= MAX_FAILED_SIGN_INS:
            user.locked_until = moment + LOCK_OUT
        session.flush()


def welcome(*, session: Session, user: User, now: datetime | None = None) -> None:
    """Note a complete sign-in: the failures before it are forgotten."""
    sign_in_throttle.forgive(session=session, username=user.username)
    lift_lock_out(user)
    user.last_sign_in_at = now or utc_now()
    session.flush()


def locked_user(*, session: Session, username: str) -> User | None:
    """The account, read anew and locked until the transaction ends, or None."""
    statement = select(User).where(col(User.username) == username).with_for_update()
    return session.exec(statement.execution_options(populate_existing=True)).first()
