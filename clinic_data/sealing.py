"""Sealing: AES-256-GCM over short values that are bound to their place.

A sealed value is 12 random bytes, the ciphertext and its tag of 16 bytes. The context names the place where the value
belongs, for example ``patient.family_name.ID``: a value that was changed, or moved to another place, does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from clinic_data.errors import SealError

KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16


def new_key() -> bytes:
    """A random key of 256 bits, from the operating system."""
    return os.urandom(KEY_BYTES)


def seal(key: bytes, plain: bytes, context: str) -> bytes:
    """Encrypt ``plain`` so that it opens with ``key`` and in this place only.

    Args:
        key: 32 bytes.
        plain: anything, also nothing.
        context: the place where it belongs; not secret, not stored.
    """
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, context.encode())


def unseal(key: bytes, sealed: bytes, context: str) -> bytes:
    """What was sealed with ``key`` for this place.

    Raises:
        SealError: another key or another place, or the value was changed.
    """
    if len(sealed) < _NONCE_BYTES + _TAG_BYTES:
        raise SealError(DOES_NOT_OPEN)
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())
    except InvalidTag:
        raise SealError(DOES_NOT_OPEN) from None


DOES_NOT_OPEN = (
    "A stored value does not open: it was changed, moved from another row, or sealed with another key. Nothing of it "
    "is shown. Run `fgait-clinic check` and restore the row from a backup."
)


def keyed_hash(key: bytes, text: str) -> bytes:
    """HMAC-SHA256 of ``text``, 32 bytes: equal texts are found again, and nobody without the key can try texts."""
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def to_text(sealed: bytes) -> str:
    """Bytes as a column of text keeps them."""
    return base64.b64encode(sealed).decode("ascii")


def from_text(text: str) -> bytes:
    """The bytes that ``to_text`` wrote.

    Raises:
        SealError: this is no such text.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SealError(DOES_NOT_OPEN) from None
