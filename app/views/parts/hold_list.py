"""Legal holds on the page Privacy."""

from __future__ import annotations

from html import escape

import streamlit as st

from app import session
from app.services.permissions import Actor, Permission, may
from app.services.privacy import HoldView
from app.views.parts import look, page
from app.views.parts.words import tr
from clinic_data.holds import REASON_MAX


def show(actor: Actor) -> None:
    """Draws the list, and the form for who may place a hold."""
    st.subheader(tr("Legal holds"))
    st.caption(tr("While a hold is in force nothing of the patient is removed, neither by a rule nor by an erasure."))
    manages = may(actor, Permission.MANAGE_RETENTION)
    if manages:
        _form(actor)
    found = session.services().privacy.holds(actor)
    if not found:
        st.info(tr("There are no legal holds."))
    over = [hold for hold in found if hold.released_at]
    for hold in found:
        if not hold.released_at:
            _hold(hold, manages=manages)
    if over:
        with st.expander(tr("Released holds ({count})", count=len(over))):
            for hold in over:
                _hold(hold, manages=False)


def _form(actor: Actor) -> None:
    with st.expander(tr("New legal hold")), st.form("new-hold", border=False, clear_on_submit=False):
        number = st.text_input(tr("Record number of the patient"), max_chars=64, autocomplete="off")
        reason = st.text_input(
            tr("Why the data must be kept"), max_chars=REASON_MAX, placeholder=tr("Such as: order of the court of …")
        )
        if st.form_submit_button(tr("Place the hold"), type="primary"):
            with page.errors_shown():
                session.services().privacy.place_hold(actor, number, reason)
                session.put_notice(tr("The legal hold is in force."))
                st.rerun()


def _hold(hold: HoldView, *, manages: bool) -> None:
    state = look.pill(tr("over"), "neutral") if hold.released_at else look.pill(tr("in force"), "wait")
    said = tr("placed by {name}, {time}", name=hold.placed_by, time=session.shown_time(hold.placed_at))
    if hold.released_at:
        time = session.shown_time(hold.released_at)
        said += " · " + tr("released by {name}, {time}", name=hold.released_by, time=time)
    with st.container(border=True):
        left, right = st.columns([4, 1.2], vertical_alignment="center")
        left.html(
            f'<b>{escape(tr("Patient"))} <span class="fg-hash">{escape(hold.patient_id)}</span></b> &nbsp; {state}'
            f'<br><span class="fg-any"><bdi>{escape(hold.reason)}</bdi></span><br>'
            f'<span class="fg-muted fg-small">{escape(said)}</span>'
        )
        if manages and right.button(tr("Release"), key=f"release-{hold.id}", width="stretch"):
            _confirm(hold)


def _confirm(hold: HoldView) -> None:
    @st.dialog(tr("Release the legal hold?"))
    def dialog() -> None:
        st.text(tr("From then on rules and erasures remove data of this patient again, perhaps today."))
        if st.button(tr("Release now"), key="release-now", type="primary"):
            with page.errors_shown():
                session.services().privacy.release_hold(session.signed_in_actor(), hold.id)
                session.put_notice(tr("The legal hold is over."))
                st.rerun()

    dialog()
