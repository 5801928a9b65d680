"""The public keys of clinics whose signed packages this clinic takes into quarantine."""

from __future__ import annotations

import re

from sqlmodel import Session, col, select

from clinic_data.clock import utc_now
from clinic_data.database import conflict_as
from clinic_data.errors import NotFoundError, ValidationError
from clinic_data.retraining_tables import TrustedKey
from clinic_data.text_rules import one_line

_PUBLIC_KEY = re.compile(r"[0-9a-f]{64}")


def add(*, session: Session, name: str, public_key: str, actor_id: str | None) -> TrustedKey:
    """Trust a clinic's key.

    Args:
        session: a session of ``Database.transaction()``.
        name: of the clinic, 1 to 120 characters.
        public_key: Ed25519, 64 hexadecimal digits.
        actor_id: who trusts it.

    Raises:
        ConflictError: the key is known already, or was revoked: a revoked key is never trusted again.
        ValidationError: the name or key is none.
    """
    clean_name, clean_key = one_line(name, 121), public_key.strip().lower()
    if not 1 <= len(clean_name) <= 120:
        raise ValidationError("Name the clinic whose key it is, with 1 to 120 characters.")
    if not _PUBLIC_KEY.fullmatch(clean_key):
        raise ValidationError("A public key has 64 hexadecimal digits. Copy it from the other clinic's page of models.")
    key = TrustedKey(name=clean_name, public_key=clean_key, added_by=actor_id)
    with conflict_as(
        session, "This key is known already. If it was revoked it stays so: ask the other clinic for a new one."
    ):
        session.add(key)
    return key


def revoke(*, session: Session, key_id: str) -> TrustedKey:
    """Trust a key no longer; repeating it changes nothing.

    Raises:
        NotFoundError: there is no such key.
    """
    key = session.get(TrustedKey, key_id)
    if key is None:
        raise NotFoundError("This key does not exist.")
    key.revoked_at = key.revoked_at or utc_now()
    session.flush()
    return key


def list_keys(*, session: Session) -> list[TrustedKey]:
    """All keys, revoked ones too, by name."""
    return list(session.exec(select(TrustedKey).order_by(col(TrustedKey.name), col(TrustedKey.id))).all())


def find_valid(*, session: Session, public_key: str) -> TrustedKey | None:
    """The trusted key with these digits, or None where it is unknown or revoked."""
    statement = select(TrustedKey).where(
        TrustedKey.public_key == public_key.strip().lower(), col(TrustedKey.revoked_at).is_(None)
    )
    return session.exec(statement).first()
