"""Erasures on the page Privacy: requests to decide on, and the proofs of what was done."""

from __future__ import annotations

from html import escape

import streamlit as st

from app import session
from app.gateway.downloads import proof_url
from app.services.erasure import ErasureView
from app.services.permissions import Actor, Permission, may
from app.views.parts import look, page
from app.views.parts.words import later, tr
from clinic_data.privacy_tables import ErasureGround, ErasureState

_ROWS = 10
GROUNDS = {
    ErasureGround.PATIENT_WISH: later("the patient wishes it"),
    ErasureGround.CONSENT_WITHDRAWN: later("consent was withdrawn"),
    ErasureGround.ENTERED_BY_MISTAKE: later("entered by mistake"),
    ErasureGround.OTHER: later("another reason"),
    ErasureGround.RETENTION_OVER: later("the time of the record was over"),
}
_STATES = {
    ErasureState.REQUESTED: (later("waits for a decision"), "wait"),
    ErasureState.WITHDRAWN: (later("withdrawn"), "neutral"),
    ErasureState.REFUSED: (later("refused"), "neutral"),
    ErasureState.RUNNING: (later("rows and key are gone, files are going"), "wait"),
    ErasureState.DONE: (later("erased"), "ok"),
}


def show(actor: Actor) -> None:
    """Draws the list."""
    st.subheader(tr("Erasures"))
    skip = (session.value_of("erasure-page", 1) - 1) * _ROWS
    found = session.services().erasures.list(actor, _ROWS, skip)
    if not found.total:
        st.info(tr("Nobody asked for an erasure. Clinicians do that on the page of the patient."))
        return
    for view in found.rows:
        _erasure(actor, view)
    page.pager(found.total, _ROWS, "erasure-page")


def _erasure(actor: Actor, view: ErasureView) -> None:
    state, kind = _STATES[view.state]
    asked = tr(
        "asked for by {name}, {time}",
        name=view.requested_by or tr("the retention rule"),
        time=session.shown_time(view.requested_at),
    )
    lines = [
        f'<b>{escape(tr("Patient"))} <span class="fg-hash">{escape(view.patient_id)}</span></b> &nbsp; '
        f"{look.pill(tr(state), kind)}",
        f'<span class="fg-small">{escape(tr(GROUNDS[view.ground]))} · {escape(asked)}</span>',
    ]
    if view.note:
        lines.append(f'<span class="fg-any fg-small"><bdi>{escape(view.note)}</bdi></span>')
    if view.decided_by:
        decided = tr("decided by {name}, {time}", name=view.decided_by, time=session.shown_time(view.decided_at))
        lines.append(f'<span class="fg-muted fg-small">{escape(decided)}</span>')
    if view.rows:
        removed = tr("Rows removed: {rows} · files removed: {files}", rows=view.rows, files=view.files)
        lines.append(f'<span class="fg-muted fg-small">{escape(removed)}</span>')
    with st.container(border=True):
        st.html("<br>".join(lines))
        if view.has_proof:
            st.html(
                f'<a class="fg-link" href="{escape(proof_url(view.id))}" download>'
                f"{escape(tr('Download the signed proof'))}</a>"
            )
        if view.state is ErasureState.REQUESTED and may(actor, Permission.ERASE):
            _controls(actor, view)


def _controls(actor: Actor, view: ErasureView) -> None:
    if view.requested_by_id == actor.user_id:
        st.caption(tr("You asked for this erasure. Another person must decide on it."))
        return
    with st.container(horizontal=True):
        if st.button(tr("Erase the patient"), key=f"erase-{view.id}", type="primary"):
            _confirm(view)
        if st.button(tr("Refuse"), key=f"refuse-{view.id}"):
            with page.errors_shown():
                session.services().erasures.refuse(actor, view.id)
                session.put_notice(tr("The request was refused."))
                st.rerun()


def _confirm(view: ErasureView) -> None:
    @st.dialog(tr("Erase the patient for good?"))
    def dialog() -> None:
        st.text(
            tr(
                "All rows and files of the patient are removed and the patient's key is destroyed. Nobody can bring "
                "anything of it back. Copies outside this installation, such as older backups, printed reports and "
                "exports, are not reached."
            )
        )
        number = st.text_input(
            tr("Record number of the patient, from the written request"),
            key=f"erase-number-{view.id}",
            max_chars=64,
            autocomplete="off",
        )
        if st.button(tr("Erase now"), key="erase-now", type="primary", disabled=not number.strip()):
            with page.errors_shown():
                session.services().erasures.carry_out(session.signed_in_actor(), view.id, number)
                session.put_notice(tr("The patient was erased. The signed proof can be downloaded."))
                st.rerun()

    dialog()
