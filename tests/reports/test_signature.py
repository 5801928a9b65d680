"""Signatures: whose they are, that they hold, and that one changed byte breaks them."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from pikepdf import ObjectStreamMode, Pdf
from reportlab.pdfgen.canvas import Canvas

from reports.identity import (
    CertificateError,
    Identity,
    checked_identity,
    common_name,
    make_self_signed,
    read_pem,
    read_pkcs12,
    stored_identity,
)
from reports.pdfa import Metadata, archival
from reports.signature import check_signature, sign_pdf

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def document() -> bytes:
    out = BytesIO()
    canvas = Canvas(out, invariant=1)
    canvas.drawString(50, 700, "a report")
    canvas.showPage()
    canvas.save()
    return archival(out.getvalue(), Metadata("A report", "Clinic", "Screening", "FGait", NOW, "en"))


@pytest.fixture(scope="module")
def own() -> Identity:
    return make_self_signed("Klinik Müller", NOW)


def _issued(name: str, issuer: Identity | None = None, *, days: int = 30, key=None, may_sign: bool = True) -> Identity:
    """An identity that an authority vouches for, or an authority."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(may_sign, False, not may_sign, False, False, issuer is None, issuer is None, False, False)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=60))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(usage, critical=True)
        .sign(issuer.key if issuer else key, hashes.SHA256())
    )
    return Identity(key, certificate, (issuer.certificate,) if issuer else ())


@pytest.fixture(scope="module")
def vouched() -> Identity:
    return _issued("Clinic of the Town", _issued("Trust Service"))


def test_a_signed_report_holds_and_is_called_self_signed(document, own):
    signed = sign_pdf(document, own, clinic_name="Klinik", reason="Report 1", contact="http://127.0.0.1/verify/ABC")
    assert signed.startswith(document)
    checked = check_signature(signed)
    assert checked is not None
    assert checked.valid
    assert checked.self_signed
    assert checked.signer == "Klinik Müller (self-signed)"
    assert checked.contact == "http://127.0.0.1/verify/ABC"
    assert abs(datetime.now(UTC) - checked.signed_at) < timedelta(minutes=5)


def test_a_certificate_that_somebody_vouches_for_is_not_called_self_signed(document, vouched):
    checked = check_signature(sign_pdf(document, vouched, clinic_name="Clinic", reason="Report 1"))
    assert checked is not None
    assert checked.valid
    assert not checked.self_signed
    assert checked.signer == "Clinic of the Town"


def test_each_changed_byte_breaks_it(document, own):
    signed = sign_pdf(document, own, clinic_name="Klinik", reason="Report 1")
    for at in range(0, len(signed), 397):
        changed = bytearray(signed)
        changed[at] ^= 1
        checked = check_signature(bytes(changed))
        assert checked is None or not checked.valid, at


def test_what_is_added_behind_breaks_it(document, own):
    signed = sign_pdf(document, own, clinic_name="Klinik", reason="Report 1")
    for more in (b"\n", b"% a remark", document):
        checked = check_signature(signed + more)
        assert checked is None or not checked.valid


@pytest.mark.parametrize("content", [b"", b"walk", b"%PDF-1.7\n", b"%PDF-1.7\nstartxref\n0\n%%EOF"])
def test_what_has_no_signature(content, document):
    assert check_signature(content) is None
    assert check_signature(document) is None


def test_a_packed_file_is_not_even_opened(document, own, monkeypatch):
    signed = sign_pdf(document, own, clinic_name="Klinik", reason="Report 1")
    packed = BytesIO()
    with Pdf.open(BytesIO(signed)) as pdf:
        pdf.save(packed, object_stream_mode=ObjectStreamMode.generate)
    opened = []
    monkeypatch.setattr("reports.signature.PdfFileReader", opened.append)
    endless = b"xref\n0 9\n" + b"0000000000 00000 n \n" * 100_000 + b"startxref\n0\n%%EOF"
    circle = b"xref\n0 0\ntrailer\n<</Prev 0>>\nstartxref\n0\n%%EOF"
    hidden = circle.replace(b"/Prev 0", b"/XRef#53tm 5")
    for content in (packed.getvalue(), endless, circle, hidden, circle.replace(b"/Prev 0", b"/XRefStm 5")):
        assert check_signature(content) is None
    assert not opened


def test_the_signature_changes_nothing_that_the_file_says_of_itself(document, own):
    signed = sign_pdf(document, own, clinic_name="Klinik", reason="Report 1")
    with Pdf.open(BytesIO(document)) as before, Pdf.open(BytesIO(signed)) as after:
        assert dict(before.docinfo) == dict(after.docinfo)


@pytest.mark.skipif(not shutil.which("pdfsig"), reason="the outside checker pdfsig is not installed")
def test_an_outside_checker_agrees(document, own, tmp_path):
    signed = sign_pdf(document, own, clinic_name="Klinik", reason="Report 1")
    path = tmp_path / "signed.pdf"
    path.write_bytes(signed)
    said = subprocess.run(["pdfsig", path], capture_output=True, text=True).stdout
    assert "Signature is Valid" in said
    assert "ETSI.CAdES.detached" in said
    assert "Total document signed" in said


def test_identities_survive_being_stored(own, vouched):
    for identity in (own, vouched):
        again = stored_identity(identity.key_pem() + identity.certificates_pem())
        assert again.certificate == identity.certificate
        assert again.chain == identity.chain
        assert again.self_signed == identity.self_signed
    with pytest.raises(CertificateError):
        stored_identity(b"nothing")


def test_pkcs12_and_pem_are_read_with_their_password(vouched):
    encryption = serialization.BestAvailableEncryption(b"secret")
    content = pkcs12.serialize_key_and_certificates(
        b"clinic", vouched.key, vouched.certificate, list(vouched.chain), encryption
    )
    assert common_name(read_pkcs12(content, "secret", NOW).certificate) == "Clinic of the Town"
    pem = vouched.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    assert read_pem(pem, vouched.certificates_pem(), "secret", NOW).chain == vouched.chain
    for read in (
        lambda: read_pkcs12(content, "wrong", NOW),
        lambda: read_pkcs12(b"no file", "secret", NOW),
        lambda: read_pem(pem, vouched.certificates_pem(), "wrong", NOW),
        lambda: read_pem(pem, b"nothing", "secret", NOW),
    ):
        with pytest.raises(CertificateError, match="password"):
            read()


def test_what_cannot_sign_is_refused(own, vouched):
    with pytest.raises(CertificateError, match="does not belong"):
        checked_identity(own.key, vouched.certificate, (), NOW)
    with pytest.raises(CertificateError, match="not valid at this time"):
        checked_identity(vouched.key, vouched.certificate, (), NOW + timedelta(days=31))
    other = _issued("Mail server", may_sign=False)
    with pytest.raises(CertificateError, match="not meant for signatures"):
        checked_identity(other.key, other.certificate, (), NOW)
    key = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(CertificateError, match="RSA"):
        checked_identity(key, own.certificate, (), NOW)


def test_long_and_odd_clinic_names_make_a_certificate():
    for name in ("x" * 300, "  ", "家庭医学\nクリニック"):
        assert common_name(make_self_signed(name, NOW).certificate).endswith("(self-signed)")


def test_a_report_is_signed_where_an_event_loop_runs(document, own):
    async def within_a_loop() -> bytes:
        return sign_pdf(document, own, clinic_name="Clinic", reason="Report")

    with ThreadPoolExecutor(1) as thread:  # a browser test in the same process may have left a loop in this one
        signed = thread.submit(asyncio.run, within_a_loop()).result()
    assert check_signature(signed).valid
