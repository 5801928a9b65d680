"""Recovery codes for who lost the authenticator app: ten, each good once, kept as their blind index only."""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlmodel import Session, col, delete, func, select, update

from clinic_data import data_keys
from clinic_data.account_tables import RecoveryCode
from clinic_data.clock import utc_now

COUNT = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without characters that look alike
_GROUPS, _GROUP_LENGTH = 3, 4  # about 59 random bits, tried against lock-out and slow-down only


def replace_all(*, session: Session, user_id: str) -> tuple[str, ...]:
    """Make the user's codes anew and return them; they are stored nowhere. Earlier ones count no more."""
    remove_all(session=session, user_id=user_id)
    codes = tuple(_new_code() for _ in range(COUNT))
    session.add_all(RecoveryCode(user_id=user_id, code_key=_key(session, user_id, code)) for code in codes)
    session.flush()
    return codes


def use(*, session: Session, user_id: str, code: str, now: datetime | None = None) -> bool:
    """Whether this is an unused code of the user; from now on it is used."""
    unused = (
        col(RecoveryCode.user_id) == user_id,
        col(RecoveryCode.code_key) == _key(session, user_id, code),
        col(RecoveryCode.used_at).is_(None),
    )
    return session.exec(update(RecoveryCode).where(*unused).values(used_at=now or utc_now())).rowcount == 1


def left(*, session: Session, user_id: str) -> int:
    """How many of the user's codes were not used yet."""
    statement = select(func.count()).select_from(RecoveryCode)
    return session.exec(statement.where(RecoveryCode.user_id == user_id, col(RecoveryCode.used_at).is_(None))).one()


def remove_all(*, session: Session, user_id: str) -> None:
    """Delete the user's codes."""
    session.exec(delete(RecoveryCode).where(col(RecoveryCode.user_id) == user_id))


def _new_code() -> str:
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))
    return "-".join(groups)


def _key(session: Session, user_id: str, code: str) -> str:
    plain = "".join(character for character in code.casefold() if character.isalnum())
    return data_keys.index_token(session=session, kind="recovery code", text=f"{user_id} {plain}")
