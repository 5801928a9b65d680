"""The certificate that signs reports: what it is, and how the clinic's own is installed."""

from __future__ import annotations

import streamlit as st

from app import session
from app.services.certificates import MAX_UPLOAD_BYTES, CertificateView
from app.services.permissions import Actor, Permission, may
from app.views.parts import look
from app.views.parts.words import tr, tr_error
from clinic_data.errors import ClinicDataError


def show(actor: Actor) -> None:
    """Draws the certificate in use and, for administrators, the ways to another."""
    if not may(actor, Permission.READ_CLINIC):
        return
    st.subheader(tr("Certificate that signs reports"), anchor="certificate")
    try:
        view = session.services().certificates.read(actor)
    except ClinicDataError as error:
        st.error(tr_error(error))
        view = None
    if view is not None:
        _describe(view)
    if may(actor, Permission.MANAGE_CLINIC):
        _install(actor)
        _renew(actor)


def _describe(view: CertificateView) -> None:
    if view.expired:
        st.error(tr("This certificate is not valid any more. No report can be signed until another is installed."))
    if view.self_signed:
        st.info(
            tr(
                "Self-signed: this installation made the certificate itself. It shows that a report was not changed "
                "and came from here, but nobody else vouches for the clinic's name. Readers of PDF files will say that "
                "the signer is unknown. Install a certificate from a trust service to change that."
            )
        )
    look.facts(
        [
            (tr("Names"), view.name),
            (tr("Vouched for by"), tr("nobody else (self-signed)") if view.self_signed else view.issuer),
            (tr("Valid until"), f"{view.ends_at:%Y-%m-%d}"),
            (tr("SHA-256"), view.fingerprint),
        ]
    )


def _install(actor: Actor) -> None:
    with st.expander(tr("Install the clinic's own certificate")):
        with st.form("certificate", border=False, clear_on_submit=True, enter_to_submit=False):
            st.caption(
                tr(
                    "A PKCS#12 file (.p12, .pfx), or a PEM file with the key and its certificates. The password is "
                    "used once to open the file and is not kept."
                )
            )
            uploaded = st.file_uploader(
                tr("Certificate with its key"), type=["p12", "pfx", "pem"], key="certificate-file", max_upload_size=1
            )
            password = st.text_input(tr("Password of the file"), type="password", key="certificate-password")
            pressed = st.form_submit_button(tr("Install"), type="primary")
        if not pressed:
            return
        if uploaded is None:
            st.error(tr("Choose the file first."))
            return
        try:
            content = uploaded.read(MAX_UPLOAD_BYTES + 1)
            view = session.services().certificates.install(actor, content, password)
        except ClinicDataError as error:
            st.error(tr_error(error))
            return
    session.put_notice(tr("Reports are now signed by {name}.", name=view.name))
    st.rerun()


def _renew(actor: Actor) -> None:
    with st.expander(tr("Make a new self-signed certificate")):
        st.caption(
            tr(
                "It takes the place of the present one, for example after the clinic's name changed or when the key "
                "may have been copied. Reports that are signed already stay as they are."
            )
        )
        sure = st.checkbox(tr("Replace the present certificate"), key="certificate-sure")
        if not st.button(tr("Make it"), key="certificate-renew", disabled=not sure):
            return
        try:
            view = session.services().certificates.renew_self_signed(actor)
        except ClinicDataError as error:
            st.error(tr_error(error))
            return
    session.put_notice(tr("Reports are now signed by {name}.", name=view.name))
    st.rerun()
