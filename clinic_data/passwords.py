"""Passwords: what makes one acceptable, and argon2id hashes of them."""

from __future__ import annotations

import secrets
import threading
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from clinic_data.errors import ValidationError
from clinic_data.text_rules import search_key

MIN_LENGTH = 12
NO_PASSWORD = "!"  # noqa: S105 - in place of a hash, for accounts that sign in at another service
MAX_LENGTH = 256  # hashing a megabyte would keep the server busy for a stranger
MIN_DIFFERENT_CHARACTERS = 5
# Only what passes the length rule needs listing.
_COMMON = """
    password1234 password12345 password123456 password123! passwordpassword mypassword123 newpassword123
    changemechangeme changeme1234 changeme12345 letmeinletmein letmein12345 welcomewelcome welcome12345 welcome123456
    123456789012 1234567890123 1234567890ab 12345678901234 123456789abc 123123123123 012345678910 987654321012
    qwertyuiop12 qwertyuiop123 qwerty123456 qwertyqwerty qwertyuiopasdf 1q2w3e4r5t6y 1qaz2wsx3edc asdfghjkl123
    zaq12wsxcde3 abcdefghijkl abcdef123456 abcd12345678 iloveyou1234 iloveyouiloveyou sunshine1234 princess1234
    football1234 baseball1234 superman1234 trustno1trustno1 administrator administrator1 adminadminadmin admin1234567
    admin12345678 rootrootroot clinicclinic clinic123456 hospital1234 hospital12345 clinician123 clinician1234
    doctordoctor doctor123456 patientpatient screening123 screening1234 correcthorsebatterystaple
    p@ssw0rd1234 p@ssword1234 passw0rd1234 secretsecret secret123456 summer202412 winter202412
"""
COMMON_PASSWORDS = frozenset(_COMMON.split())
# Each computation takes 64 MiB: a stranger who sends many sign-ins at once must not fill the memory.
_AT_ONCE = threading.BoundedSemaphore(4)
_HASHER = PasswordHasher()  # argon2id, RFC 9106 low-memory profile: 64 MiB, 3 passes, 4 lanes


def check_policy(password: str, username: str = "") -> None:
    """Refuse a password that is short, common, repetitive or contains the user name.

    Raises:
        ValidationError: the sentence says which rule it breaks.
    """
    plain = _normalised(password)
    if len(plain) < MIN_LENGTH:
        raise ValidationError(f"The password needs at least {MIN_LENGTH} characters. A few unrelated words work well.")
    if len(plain) > MAX_LENGTH:
        raise ValidationError(f"The password may have at most {MAX_LENGTH} characters.")
    key = search_key(plain)
    if username and search_key(username) in key:
        raise ValidationError("The password must not contain the user name.")
    if key in COMMON_PASSWORDS or key.replace(" ", "") in COMMON_PASSWORDS:
        raise ValidationError("This password is one of the most common ones. Choose another.")
    if len(set(plain)) < MIN_DIFFERENT_CHARACTERS:
        raise ValidationError(f"The password needs at least {MIN_DIFFERENT_CHARACTERS} different characters.")


def hash_password(password: str) -> str:
    """The argon2id hash of ``password``, with its parameters and a random salt."""
    with _AT_ONCE:
        return _HASHER.hash(_normalised(password))


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether ``password`` belongs to ``password_hash``.

    Without a hash (unknown user, or one without a password) it takes as long and says no, so that the time tells nobody
    which names exist.
    """
    if len(password) > MAX_LENGTH:
        password = ""
    known = password_hash is not None and password_hash != NO_PASSWORD
    stored = password_hash if password_hash and known else _hash_of_nobody()
    try:
        with _AT_ONCE:
            _HASHER.verify(stored, _normalised(password))
    except (VerificationError, InvalidHashError):
        return False
    return known


def needs_rehash(password_hash: str) -> bool:
    """Whether ``password_hash`` was made with other parameters than those in use now."""
    return _HASHER.check_needs_rehash(password_hash)


def _normalised(password: str) -> str:
    # The same password typed on another keyboard may arrive as other code points.
    return unicodedata.normalize("NFKC", password)


@cache
def _hash_of_nobody() -> str:
    return _HASHER.hash(secrets.token_urlsafe(32))
