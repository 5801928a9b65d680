"""On the page of a patient: the copy of all data, and the request for an erasure."""

from __future__ import annotations

from html import escape

import streamlit as st

from app import session
from app.gateway.downloads import copy_url
from app.services.permissions import Actor, Permission, may
from app.views.parts import page
from app.views.parts.erasure_list import GROUNDS
from app.views.parts.words import tr
from clinic_data.erasures import NOTE_MAX
from clinic_data.privacy_tables import ErasureGround
from clinic_data.tables import Patient

_CHOICES = [ground for ground in ErasureGround if ground is not ErasureGround.RETENTION_OVER]


def show(actor: Actor, patient: Patient) -> None:
    """Draws the part of the page."""
    waiting = session.services().erasures.open_request(actor, patient.id)
    if waiting is not None:
        asked = session.shown_time(waiting.requested_at)
        st.warning(
            tr("The erasure of this patient was asked for on {time}. An administrator decides on it.", time=asked)
        )
        if st.button(tr("Withdraw the request"), key="erasure-withdraw"):
            with page.errors_shown():
                session.services().erasures.withdraw(actor, waiting.id)
                session.put_notice(tr("The request was withdrawn."))
                st.rerun()
    with st.expander(tr("Privacy: copy of all data, erasure")):
        if may(actor, Permission.EXPORT):
            st.html(
                f'<a class="fg-link" href="{escape(copy_url(patient.id))}" download>'
                f"{escape(tr('Download a copy of all data of this patient (ZIP)'))}</a>"
            )
            st.caption(
                tr("For the patient, on request. It holds videos and health data in the clear: hand it over safely.")
            )
        if waiting is None and st.button(tr("Ask for erasure"), key="erasure-ask"):
            _ask(patient)


def _ask(patient: Patient) -> None:
    @st.dialog(tr("Ask for the erasure of this patient?"))
    def dialog() -> None:
        st.text(
            tr(
                "An administrator decides on it. All recordings, results, reports and notes of the patient are then "
                "removed for good."
            )
        )
        ground = st.selectbox(
            tr("Why"), _CHOICES, index=None, format_func=lambda each: tr(GROUNDS[each]), key="erasure-ground"
        )
        note = st.text_input(tr("Note for the administrator"), max_chars=NOTE_MAX, key="erasure-note")
        number = st.text_input(
            tr("Type the record number of the patient"), max_chars=64, key="erasure-number", autocomplete="off"
        )
        if st.button(tr("Ask for erasure"), key="erasure-ask-now", type="primary"):
            with page.errors_shown():
                session.services().erasures.request(
                    session.signed_in_actor(), patient.id, number, ground.value if ground else "", note
                )
                session.put_notice(tr("The request was sent. An administrator decides on it."))
                st.rerun()

    dialog()
