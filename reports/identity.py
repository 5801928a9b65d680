"""Who signs reports: a key and its certificate, uploaded by the clinic or made here.

A certificate says who signed only as far as somebody vouches for it. A self-signed one says no more than that two
reports come from the same installation; it is called self-signed wherever a signature is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SELF_SIGNED_YEARS = 10
_MAX_NAME = 64  # X.520's upper bound of a common name
_RSA_BITS = 2048
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class CertificateError(ValueError):
    """A certificate or key that cannot sign; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose signature it is: a key, its certificate, and the certificates that vouch for that.

    Attributes:
        key: RSA of at least 2048 bits, or elliptic curve.
        certificate: of the key.
        chain: from the issuer on; may be empty.
    """

    key: PrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def self_signed(self) -> bool:
        """Whether nobody but the clinic itself says whose certificate it is."""
        return is_self_signed(self.certificate)

    def key_pem(self) -> bytes:
        """The key, not encrypted."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def certificates_pem(self) -> bytes:
        """The certificate and its chain."""
        return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in (self.certificate, *self.chain))


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Whether a certificate is signed by its own key."""
    if certificate.issuer != certificate.subject:
        return False
    try:
        certificate.verify_directly_issued_by(certificate)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def common_name(certificate: x509.Certificate) -> str:
    """Whose certificate it is, as a person reads it."""
    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for attribute in certificate.subject.get_attributes_for_oid(kind):
            return str(attribute.value)
    return certificate.subject.rfc4514_string()


def fingerprint(certificate: x509.Certificate) -> str:
    """The SHA-256 of a certificate, 64 hexadecimal digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def make_self_signed(clinic_name: str, now: datetime) -> Identity:
    """A new key with a certificate that it signed itself, good for ten years."""
    key = ec.generate_private_key(ec.SECP256R1())
    shown = (" ".join(clinic_name.split()) or "FGait")[: _MAX_NAME - len(" (self-signed)")].rstrip()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{shown} (self-signed)")])
    key_usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=366 * SELF_SIGNED_YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Identity(key, certificate)


def read_pkcs12(content: bytes, password: str, now: datetime) -> Identity:
    """The identity in a PKCS#12 file (.p12, .pfx).

    Raises:
        CertificateError: if the file or its password is wrong, or the certificate cannot sign now.
    """
    try:
        key, certificate, chain = pkcs12.load_key_and_certificates(content, password.encode() or None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateError(
            "This is no PKCS#12 file, or the password is wrong. Check both and try again."
        ) from error
    if key is None or certificate is None:
        raise CertificateError("The file holds no key with its certificate. Export it again with the private key.")
    return checked_identity(key, certificate, tuple(chain), now)


def read_pem(key_pem: bytes, certificates_pem: bytes, password: str, now: datetime) -> Identity:
    """The identity in a PEM key and a PEM file of certificates, the key's own first.

    Raises:
        CertificateError: if one of them cannot be read, or the certificate cannot sign now.
    """
    try:
        key = serialization.load_pem_private_key(key_pem, password.encode() or None)
        certificate, *chain = x509.load_pem_x509_certificates(certificates_pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateError("The key or the certificate is no PEM file, or the password is wrong.") from error
    return checked_identity(key, certificate, tuple(chain), now)


def stored_identity(pem: bytes) -> Identity:
    """What `Identity.key_pem` and `Identity.certificates_pem` wrote, whether or not it may sign now.

    Raises:
        CertificateError: if it is damaged.
    """
    try:
        key = serialization.load_pem_private_key(pem, None)
        certificate, *chain = x509.load_pem_x509_certificates(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateError("The stored key or certificate is damaged.") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise CertificateError("The stored key is of a kind that signs no reports.")
    return Identity(key, certificate, tuple(chain))


def checked_identity(
    key: object, certificate: x509.Certificate, chain: tuple[x509.Certificate, ...], now: datetime
) -> Identity:
    """An identity that can sign now.

    Raises:
        CertificateError: if it cannot; the text says why.
    """
    strong = isinstance(key, ec.EllipticCurvePrivateKey)
    strong = strong or (isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _RSA_BITS)
    if not strong or not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise CertificateError("Reports are signed with an RSA key of at least 2048 bits or an elliptic-curve key.")
    if key.public_key() != certificate.public_key():
        raise CertificateError("The key does not belong to the certificate. Choose the pair again.")
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise CertificateError("The certificate is not valid at this time. Ask who issued it for a new one.")
    if not _may_sign(certificate):
        raise CertificateError("The certificate is not meant for signatures. Ask for one that may sign documents.")
    return Identity(key, certificate, chain)


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.digital_signature or usage.content_commitment
