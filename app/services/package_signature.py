"""Signed packages, as clinics exchange them: who signs, what is signed, and whether it is still the same.

An exported package is a zip of the package's own files and two more: `lineage.json` (where the version comes from and
what was measured) and `SIGNATURE.json` (public key and Ed25519 signature). Signed are the hashes of `SHA256SUMS`, which
holds the hash of each file of the package, and of `lineage.json`.

The clinic's own key is the file `keys/signing_key.pem` in its data folder, made at first use. Back it up with the rest
of the folder: a clinic that loses it gets a new one, which the others have to trust anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from clinic_data.errors import ValidationError

LINEAGE_FILE = "lineage.json"
SIGNATURE_FILE = "SIGNATURE.json"
KEYS_FOLDER = "keys"
KEY_FILE = "signing_key.pem"

_FORMAT = 1
_FINGERPRINT_DIGITS = 32
_MAX_JSON_BYTES = 10_000_000
_HEX = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class OwnKey:
    """The clinic's own public key, for other clinics to trust.

    Attributes:
        public_key: 64 hexadecimal digits.
        fingerprint: what two people compare by telephone.
    """

    public_key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Signature:
    """What `SIGNATURE.json` says.

    Attributes:
        public_key: of who signed, 64 hexadecimal digits.
        signature: 128 hexadecimal digits.
    """

    public_key: str
    signature: str


def fingerprint(public_key: str) -> str:
    """The first 128 bits of the SHA-256 of a public key, in groups of four digits."""
    digits = hashlib.sha256(bytes.fromhex(public_key)).hexdigest()[:_FINGERPRINT_DIGITS]
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def checked_public_key(text: str) -> str:
    """A public key as it is stored; spaces, line ends and capitals in `text` do not matter.

    Raises:
        ValidationError: if it is no Ed25519 public key.
    """
    digits = "".join(text.split()).lower()
    if len(digits) != 64 or not _HEX.fullmatch(digits):
        raise ValidationError("A public key has 64 hexadecimal digits. Copy it from the other clinic's page of models.")
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(digits))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValidationError("This is no Ed25519 public key. Copy it again from the other clinic.") from error
    return digits


def own_key(data_dir: Path) -> OwnKey:
    """The clinic's public key; the key is made at the first call."""
    public = _public_digits(_private_key(data_dir))
    return OwnKey(public, fingerprint(public))


def signing_key(data_dir: Path) -> Ed25519PrivateKey:
    """The clinic's own key, made at the first call. What is signed must begin with what it is for."""
    return _private_key(data_dir)


def sign(data_dir: Path, sums: bytes, lineage: bytes) -> bytes:
    """`SIGNATURE.json` of a package.

    Args:
        data_dir: where the clinic's key is.
        sums: the bytes of `SHA256SUMS`.
        lineage: the bytes of `lineage.json`.
    """
    key = _private_key(data_dir)
    content = {
        "format": _FORMAT,
        "algorithm": "Ed25519",
        "public_key": _public_digits(key),
        "signature": key.sign(_signed_bytes(sums, lineage)).hex(),
    }
    return canonical_json(content)


def read_signature(path: Path) -> Signature:
    """Reads `SIGNATURE.json`.

    Raises:
        ValidationError: if it is not in the form that this release writes.
    """
    content = read_json(path)
    public_key, signature = content.get("public_key"), content.get("signature")
    known = content.get("format") == _FORMAT and content.get("algorithm") == "Ed25519"
    if not known or not _is_hex(public_key, 64) or not _is_hex(signature, 128):
        raise ValidationError(
            "The signature of the package is not in the form that this release reads. Ask the other clinic to export "
            "the package with the same release of FGait."
        )
    return Signature(str(public_key), str(signature))


def verify(signature: Signature, sums: bytes, lineage: bytes) -> None:
    """Compares a signature with what came with it.

    Raises:
        ValidationError: if it is not of these bytes, or not by this key.
    """
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signature.public_key))
        key.verify(bytes.fromhex(signature.signature), _signed_bytes(sums, lineage))
    except (InvalidSignature, ValueError) as error:
        raise ValidationError(
            "The signature does not fit the package: it was changed after it was signed, or the signature is forged. "
            "Do not use it; ask the other clinic to send it again."
        ) from error


def read_json(path: Path) -> Mapping[str, Any]:
    """Reads a small JSON object of a package that somebody sent.

    Raises:
        ValidationError: if it is none.
    """
    problem = f"{path.name} of the package cannot be read. Ask the other clinic to export the package again."
    if path.stat().st_size > _MAX_JSON_BYTES:
        raise ValidationError(problem)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValidationError(problem) from error
    if not isinstance(content, dict):
        raise ValidationError(problem)
    return cast("dict[str, Any]", content)


def canonical_json(content: Mapping[str, Any]) -> bytes:
    """JSON that is the same bytes for the same content."""
    return (json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _is_hex(value: object, digits: int) -> bool:
    return isinstance(value, str) and len(value) == digits and _HEX.fullmatch(value) is not None


def _signed_bytes(sums: bytes, lineage: bytes) -> bytes:
    """What is signed begins with what it is for, so that no signature of this key can be taken for another purpose."""
    hashes = (hashlib.sha256(sums).hexdigest(), hashlib.sha256(lineage).hexdigest())
    return "\n".join(("FGait model package 1", *hashes, "")).encode()


def _public_digits(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


def _private_key(data_dir: Path) -> Ed25519PrivateKey:
    path = data_dir / KEYS_FOLDER / KEY_FILE
    if not path.exists():
        _make_key(path)
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValidationError(f"The clinic's signing key is damaged. Put {path} back from a backup.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ValidationError(f"{path} is no Ed25519 key. Put the clinic's signing key back from a backup.")
    return key


def _make_key(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # of two processes at the first use one makes the key, the other takes it
            os.link(partial, path)
    finally:
        partial.unlink(missing_ok=True)
