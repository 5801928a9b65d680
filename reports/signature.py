"""Signatures on reports: PAdES (ETSI EN 319 142-1, level B-B) with the clinic's certificate."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false
# (pyHanko and asn1crypto say few types.)
from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

from asn1crypto import cms
from cryptography import x509
from pyhanko.keys import load_certs_from_pemder_data, load_private_key_from_pemder_data
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import PdfSignatureMetadata, SimpleSigner, fields, signers
from pyhanko.sign.general import SigningError
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_sig_integrity
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator.registry import SimpleCertificateStore

from reports.identity import Identity, common_name, fingerprint, is_self_signed

FIELD = "ClinicSignature"
_BYTES_FOR_SIGNATURE = 16_384
_MOST_REVISIONS = 20
_TABLE = re.compile(
    rb"xref\s++(?:\d++\s++\d++\s++(?:\d{10} \d{5} [nf]\s{1,2}+)*+)++"
    rb"trailer\s*+(<<[^(#%]{,4000}?)startxref"
)
_LAST_TABLE = re.compile(rb"startxref\s+(\d{1,10})\s+%%EOF\s*$")
_EARLIER_TABLE = re.compile(rb"/Prev\s+(\d{1,10})\b")
_NOT_OURS = (b"/XRefStm", b"/Encrypt")
_UNREADABLE = (PdfError, SigningError, SignatureValidationError, ValueError, TypeError, LookupError, RecursionError)


class _SigningWriter(IncrementalPdfFileWriter):
    """Adds the signature and nothing else: the metadata of an archival file say the same in two places, and stay so."""

    def _update_meta(self) -> None:
        """The library would name itself as the producer in one of the two."""


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """What a PDF's signature turned out to be.

    Attributes:
        intact: whether the signed bytes are as they were and the signature is by the certificate's key.
        whole: whether it covers the whole file, so that nothing was added afterwards.
        signer: the common name of the certificate.
        fingerprint: SHA-256 of the certificate, 64 hexadecimal digits.
        self_signed: whether nobody else vouches for the certificate.
        signed_at: by the clock of who signed; None where it is not said.
        contact: where the report can be verified, as it was signed.
    """

    intact: bool
    whole: bool
    signer: str
    fingerprint: str
    self_signed: bool
    signed_at: datetime | None
    contact: str

    @property
    def valid(self) -> bool:
        """Whether the file is exactly what was signed. Whom to trust is for people to decide."""
        return self.intact and self.whole


def sign_pdf(document: bytes, identity: Identity, *, clinic_name: str, reason: str, contact: str = "") -> bytes:
    """The document with a signature that covers all of it; do it last.

    Args:
        document: a PDF; its bytes stay as they are, the signature is added behind them.
        identity: who signs.
        clinic_name: printed in the signature's properties.
        reason: likewise.
        contact: likewise; where the report can be verified.
    """
    certificate, *chain = load_certs_from_pemder_data(identity.certificates_pem())
    store = SimpleCertificateStore()
    store.register_multiple(chain)
    signer = SimpleSigner(
        signing_cert=certificate,
        signing_key=load_private_key_from_pemder_data(identity.key_pem(), None),
        cert_registry=store,
    )
    metadata = PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        subfilter=fields.SigSeedSubFilter.PADES,
        reason=reason,
        name=clinic_name,
        contact_info=contact or None,
    )
    writer = _SigningWriter(BytesIO(document))
    sign = signers.PdfSigner(metadata, signer=signer).sign_pdf
    # The library runs an event loop of its own, which a thread that runs one already would refuse.
    with ThreadPoolExecutor(1) as thread:
        signed = thread.submit(sign, writer, bytes_reserved=_BYTES_FOR_SIGNATURE).result()
    return signed.getbuffer().tobytes()


def check_signature(document: bytes) -> SignatureCheck | None:
    """The last signature of a PDF, or None where it has none or is no PDF that can be read."""
    if not _is_plain(document):
        return None
    try:
        signatures: list[Any] = PdfFileReader(BytesIO(document)).embedded_signatures
        if not signatures:
            return None
        signature = signatures[-1]
        digest = signature.compute_digest()
        coverage = signature.evaluate_signature_coverage()
        same, genuine = validate_sig_integrity(signature.signer_info, signature.signer_cert, "data", digest)
        certificate = x509.load_der_x509_certificate(signature.signer_cert.dump())
        signed_at = signature.self_reported_timestamp
        contact = str(signature.sig_object.get("/ContactInfo", ""))
    except _UNREADABLE:
        return None
    return SignatureCheck(
        intact=same and genuine and _is_exact(document, signature),
        whole=coverage == SignatureCoverageLevel.ENTIRE_FILE,
        signer=common_name(certificate),
        fingerprint=fingerprint(certificate),
        self_signed=is_self_signed(certificate),
        signed_at=signed_at,
        contact=contact,
    )


def _is_exact(document: bytes, signature: Any) -> bool:
    """Whether the place of the signature, the only one that it cannot cover, holds the signature and nothing else."""
    first, length, after, _ = (int(number) for number in signature.byte_range)
    content: bytes = signature.pkcs7_content
    size = len(cms.ContentInfo.load(content).dump())
    return document[first + length : after] == f"<{content.hex().upper()}>".encode() and not any(content[size:])


def _is_plain(document: bytes) -> bool:
    """Whether a file is built like those that we sign: with plain tables of what is where, not packed ones.

    Anybody may send a file. A packed one may unpack to more than any memory holds, so it is not even opened.
    """
    last = _LAST_TABLE.search(document[-1024:])
    place = int(last[1]) if last else None
    for _ in range(_MOST_REVISIONS):
        table = _TABLE.match(document, place) if place is not None else None
        if table is None or any(name in table[1] for name in _NOT_OURS):
            return False
        earlier = _EARLIER_TABLE.search(table[1])
        if earlier is None:
            return True
        place = int(earlier[1])
    return False
