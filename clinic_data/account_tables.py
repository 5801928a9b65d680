"""The tables around sign-in: slow-down, the step between password and code, one-time codes. Written to like `tables`.

``SignInThrottle`` rows come from ``sign_in_throttle``, ``SignInStep`` from ``sign_in_steps``, ``TotpCredential`` from
``totp`` ``RecoveryCode`` from ``recovery_codes``,
``ExternalIdentity`` from ``external_identities``.
"""

# pyright: reportAssignmentType=false
# (SQLModel types __tablename__ as a declared_attr and documents a plain text.)
# No "from __future__ import annotations": SQLModel reads the annotations while it builds the tables.
from datetime import datetime

from sqlalchemy import BigInteger, Text, UniqueConstraint
from sqlmodel import Field

from clinic_data.clock import UtcDateTime, utc_now
from clinic_data.tables import ClinicTable, new_id


class SignInThrottle(ClinicTable, table=True):
    """Failed sign-ins of one user name or one address, which is kept as its blind index only."""

    __tablename__ = "sign_in_throttle"

    key: str = Field(primary_key=True, max_length=64, repr=False)
    failures: int = 0
    last_failure_at: datetime = Field(sa_type=UtcDateTime, index=True)
    wait_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    refusal_noted: bool = False  # the audit trail gets one row per wait, not one per attempt


class SignInStep(ClinicTable, table=True):
    """A browser whose password was right and whose code is still to come; only the SHA-256 of its token is kept."""

    __tablename__ = "sign_in_step"

    token_sha256: str = Field(primary_key=True, max_length=64, repr=False)
    user_id: str = Field(foreign_key="user_account.id", max_length=32, index=True)
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)


class TotpCredential(ClinicTable, table=True):
    """The secret that a user's authenticator app shares with the clinic; sealed. Not in use before it is confirmed.

    ``last_step`` is the 30-second step of the newest code that was accepted: no code counts twice.
    """

    __tablename__ = "totp_credential"

    user_id: str = Field(primary_key=True, foreign_key="user_account.id", max_length=32)
    secret: str = Field(sa_type=Text, repr=False)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_step: int = Field(default=0, sa_type=BigInteger)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class RecoveryCode(ClinicTable, table=True):
    """A code for who lost the authenticator app; good once, kept as its blind index only."""

    __tablename__ = "recovery_code"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    user_id: str = Field(foreign_key="user_account.id", max_length=32, index=True)
    code_key: str = Field(max_length=64, unique=True, repr=False)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class ExternalIdentity(ClinicTable, table=True):
    """Who an account is at the sign-in service of the clinic's organisation (OpenID Connect)."""

    __tablename__ = "external_identity"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    user_id: str = Field(foreign_key="user_account.id", max_length=32, index=True)
    issuer: str = Field(max_length=300)
    subject: str = Field(max_length=255)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
