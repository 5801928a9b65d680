"""The proof of an erasure: what was removed, when and by whom, signed with the clinic's Ed25519 key.

It names no patient but by the random id under which the patient was kept. Every byte of the file counts: it is either
exactly what was signed, or refused.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.services.package_signature import canonical_json, checked_public_key, fingerprint, signing_key
from clinic_data.errors import ValidationError

ERASURES_FOLDER = "erasures"
MAX_PROOF_BYTES = 1_000_000
_FORMAT = 1
_PURPOSE = b"FGait erasure proof 1\n"
_CHANGED = (
    "This is no proof of erasure, or it was changed after it was signed: do not rely on it. Download the proof again "
    "from the page Privacy."
)


@dataclass(frozen=True, slots=True)
class CheckedProof:
    """A proof whose signature holds.

    Attributes:
        facts: what was signed.
        public_key: of who signed, 64 hexadecimal digits.
        fingerprint: of this key, for people to compare.
        own: whether it is the key that the reader expects; None where none was expected.
    """

    facts: Mapping[str, Any]
    public_key: str
    fingerprint: str
    own: bool | None


def sign_proof(data_dir: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The signed proof.

    Args:
        data_dir: where the clinic's key is.
        facts: as JSON.
    """
    key = signing_key(data_dir)
    signature = key.sign(_PURPOSE + canonical_json(facts))
    return {
        "format": _FORMAT,
        "algorithm": "Ed25519",
        "facts": dict(facts),
        "public_key": key.public_key().public_bytes_raw().hex(),
        "signature": signature.hex(),
    }


def proof_bytes(proof: Mapping[str, Any]) -> bytes:
    """The file of a proof."""
    return canonical_json(proof)


def write_proof(data_dir: Path, erasure_id: str, proof: Mapping[str, Any]) -> Path:
    """Puts the file of a proof into the data folder, whole or not at all; a second time it replaces the first."""
    folder = data_dir / ERASURES_FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{erasure_id}.json"
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(proof_bytes(proof))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def verify_proof(content: bytes, expected_key: str | None = None) -> CheckedProof:
    """Checks the file of a proof.

    Args:
        content: the file.
        expected_key: the clinic's public key, 64 hexadecimal digits, as the reader got it from the clinic.

    Raises:
        ValidationError: if it is none, a byte was changed, or another key signed it than the expected one.
    """
    proof = _parsed(content)
    facts, public_key, signature = proof["facts"], proof["public_key"], proof["signature"]
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature), _PURPOSE + canonical_json(facts))
    except (InvalidSignature, ValueError, TypeError) as error:
        raise ValidationError(_CHANGED) from error
    own = None if expected_key is None else checked_public_key(expected_key) == public_key
    if own is False:
        raise ValidationError(
            f"The proof is sound, but another key signed it: {fingerprint(public_key)}. It is not this clinic's, or "
            "the clinic has a new key since; compare the fingerprint with the clinic's."
        )
    return CheckedProof(facts, public_key, fingerprint(public_key), own)


def _parsed(content: bytes) -> dict[str, Any]:
    """The proof in a file, if the file is byte for byte as it was written."""
    if len(content) > MAX_PROOF_BYTES:
        raise ValidationError(_CHANGED)
    try:
        found: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValidationError(_CHANGED) from error
    proof = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    known = {"format", "algorithm", "facts", "public_key", "signature"} == set(proof)
    if not known or proof["format"] != _FORMAT or proof["algorithm"] != "Ed25519":
        raise ValidationError(_CHANGED)
    try:
        same = proof_bytes(proof) == content
    except ValueError as error:  # NaN and the like
        raise ValidationError(_CHANGED) from error
    if not same or not isinstance(proof["facts"], dict):
        raise ValidationError(_CHANGED)
    return proof
