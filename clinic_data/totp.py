"""Codes of an authenticator app (RFC 6238: six digits, SHA-1, new every 30 seconds) as the second step of sign-in."""

from __future__ import annotations

import base64
import hmac
import os
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlmodel import Session, col, select

from clinic_data import data_keys, recovery_codes, sealing
from clinic_data.account_tables import TotpCredential
from clinic_data.clock import utc_now
from clinic_data.errors import ConflictError, SealError, ValidationError

DIGITS = 6
STEP_S = 30
DRIFT_STEPS = 1  # the clock of a phone may be off by half a minute
CODE_REFUSED = (
    "This code is wrong, or it was used before. Wait for the next code of your app and check that the clock of your "
    "phone is right, or use a recovery code. After 5 failed attempts an account stays locked for 15 minutes."
)
SETUP_LIFE = timedelta(hours=1)
"""Who saw the secret of a set-up that was left, on a screen that was left, must not know that of a later one."""
_SECRET_BYTES = 20
_SEALED = "s1"
_IN_USE = col(TotpCredential.confirmed_at).is_not(None)


def begin(*, session: Session, user_id: str, now: datetime | None = None) -> str:
    """The secret for the user's app, in base32: a new one, or for an hour the one of a set-up that was not finished.

    Raises:
        ConflictError: codes are in use already.
    """
    moment = now or utc_now()
    row = _row(session, user_id)
    if row is not None and row.confirmed_at is not None:
        raise ConflictError("Two-step sign-in is on already. Switch it off first.")
    if row is not None and moment - row.created_at < SETUP_LIFE:
        secret = _open(session, row)
    else:
        secret = os.urandom(_SECRET_BYTES)
        sealed = _seal(session, user_id, secret)
        if row is None:
            session.add(TotpCredential(user_id=user_id, secret=sealed, created_at=moment))
        else:
            row.secret, row.created_at, row.last_step = sealed, moment, 0
        session.flush()
    return base64.b32encode(secret).decode("ascii")


def confirm(*, session: Session, user_id: str, code: str, now: datetime | None = None) -> tuple[str, ...]:
    """Put the codes into use, once the app shows a right one, and return the recovery codes.

    Raises:
        ConflictError: there is nothing to confirm.
        ValidationError: the code is not the one of this moment.
    """
    moment = now or utc_now()
    row = _row(session, user_id)
    if row is None or row.confirmed_at is not None:
        raise ConflictError("There is no set-up to finish. Open the page anew.")
    if not _uses(session, row, code, moment):
        raise ValidationError(
            "This is not the code of this moment. Check that the clock of your phone is right, and type the code that "
            "the app shows now."
        )
    row.confirmed_at = moment
    session.flush()
    return recovery_codes.replace_all(session=session, user_id=user_id)


def is_on(*, session: Session, user_id: str) -> bool:
    """Whether the user signs in with a code."""
    statement = select(TotpCredential.user_id).where(TotpCredential.user_id == user_id, _IN_USE)
    return session.exec(statement).first() is not None


def all_users_with_codes(*, session: Session) -> frozenset[str]:
    """The ids of all users who sign in with a code."""
    return frozenset(session.exec(select(TotpCredential.user_id).where(_IN_USE)))


def accepts(*, session: Session, user_id: str, code: str, now: datetime | None = None) -> str | None:
    """What a right code is: "code" or "recovery code"; None for a wrong one. None is good twice."""
    moment = now or utc_now()
    row = _row(session, user_id)
    if row is None or row.confirmed_at is None:
        return None
    if _uses(session, row, code, moment):
        return "code"
    return "recovery code" if recovery_codes.use(session=session, user_id=user_id, code=code, now=moment) else None


def remove(*, session: Session, user_id: str) -> bool:
    """Switch the codes off, or forget an unfinished set-up; False where there was nothing."""
    row = _row(session, user_id)
    recovery_codes.remove_all(session=session, user_id=user_id)
    if row is None:
        return False
    session.delete(row)
    session.flush()
    return True


def provisioning_uri(secret: str, username: str, issuer: str) -> str:
    """What the QR code of the set-up tells the app.

    Args:
        secret: of `begin`.
        username: of the account, as the app shows it.
        issuer: the clinic or product, as the app shows it.
    """
    return _totp(base64.b32decode(secret)).get_provisioning_uri(username, issuer.replace(":", " "))


def code_at(secret: str, moment: datetime) -> str:
    """The code that the app with ``secret`` shows at a moment."""
    return _totp(base64.b32decode(secret)).generate(int(moment.timestamp())).decode("ascii")


def _uses(session: Session, row: TotpCredential, code: str, moment: datetime) -> bool:
    """Whether it is a code of about now and newer than the last one that was used."""
    typed = "".join(code.split())
    if len(typed) != DIGITS or not typed.isascii() or not typed.isdigit():
        return False
    totp = _totp(_open(session, row))
    present = int(moment.timestamp()) // STEP_S
    for step in range(present - DRIFT_STEPS, present + DRIFT_STEPS + 1):
        if step > row.last_step and hmac.compare_digest(totp.generate(step * STEP_S), typed.encode()):
            row.last_step = step
            session.flush()
            return True
    return False


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, DIGITS, SHA1(), STEP_S)  # noqa: S303 - the one that all apps know; HMAC does not need more


def _row(session: Session, user_id: str) -> TotpCredential | None:
    """The user's row, locked: a code must not be used twice at the same moment."""
    statement = select(TotpCredential).where(TotpCredential.user_id == user_id).with_for_update()
    return session.exec(statement.execution_options(populate_existing=True)).first()


def _context(user_id: str) -> str:
    return f"totp_credential.secret.{user_id}"


def _seal(session: Session, user_id: str, secret: bytes) -> str:
    key = data_keys.for_purpose(session=session, purpose=data_keys.CLINIC)
    return f"{_SEALED}.{key.id}.{sealing.to_text(sealing.seal(key.key, secret, _context(user_id)))}"


def _open(session: Session, row: TotpCredential) -> bytes:
    form, _, rest = row.secret.partition(".")
    key_id, _, sealed = rest.partition(".")
    if form != _SEALED:
        raise SealError(sealing.DOES_NOT_OPEN)
    key = data_keys.by_id(session=session, key_id=key_id)
    return sealing.unseal(key.key, sealing.from_text(sealed), _context(row.user_id))
