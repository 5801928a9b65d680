"""Emergency access: who opened the record of another team's patient, why, and who reviewed it. No patient is named."""

from __future__ import annotations

from html import escape

import streamlit as st

from app import session
from app.services.emergency import AccessView
from app.services.permissions import Actor, Permission, may
from app.views.parts import look, page
from app.views.parts.words import tr

_ROWS = 20
_TO_REVIEW, _REVIEWED, _ALL = "to review", "reviewed", "all"


def body(actor: Actor) -> None:
    """Draws the page."""
    st.title(tr("Emergency access"))
    st.caption(
        tr(
            "Each time a clinician opened the record of another team's patient, newest first. Patients appear by id "
            "only. An administrator reviews each access; what was read in it is in the audit log."
        )
    )
    emergencies = session.services().emergencies
    names = {
        _TO_REVIEW: tr("To review ({count})", count=emergencies.count_to_review(actor)),
        _REVIEWED: tr("Reviewed"),
        _ALL: tr("All"),
    }
    chosen = st.segmented_control(
        tr("Show"), list(names), default=_TO_REVIEW, format_func=lambda name: names[name], key="emergencies-shown"
    )
    reviewed = {_TO_REVIEW: False, _REVIEWED: True}.get(chosen or _ALL)
    skip = (session.value_of("emergency-page", 1) - 1) * _ROWS
    found = emergencies.list(actor, reviewed, _ROWS, skip)
    if found.total and not found.rows:  # the list became shorter than the page that was open
        found = emergencies.list(actor, reviewed, _ROWS, 0)
    if not found.total:
        st.info(tr("No emergency access waits for a review.") if reviewed is False else tr("There is none."))
        return
    for access in found.rows:
        _access(actor, access)
    page.pager(found.total, _ROWS, "emergency-page")


def _access(actor: Actor, access: AccessView) -> None:
    state = look.pill(tr("to review"), "wait") if access.reviewed_at is None else look.pill(tr("reviewed"), "ok")
    if not access.over:
        state += " " + look.pill(tr("still open"), "positive")
    with st.container(border=True):
        st.html(f'<b><bdi>{escape(access.user)}</bdi></b> &nbsp; <span class="fg-together">{state}</span>')
        look.facts(
            [
                (tr("From"), session.shown_time(access.granted_at)),
                (tr("Until"), session.shown_time(access.expires_at)),
                (tr("Team of the patient"), access.team or tr("All clinicians")),
                (tr("Patient, by id"), access.patient_id),
                *([(tr("Reviewed by"), access.reviewed_by)] if access.reviewed_at else []),
            ]
        )
        st.html(f'<div class="fg-text" dir="auto">“{escape(access.reason)}”</div>')
        if may(actor, Permission.MANAGE_TEAMS):
            _controls(actor, access)


def _controls(actor: Actor, access: AccessView) -> None:
    emergencies = session.services().emergencies
    with st.container(horizontal=True), page.errors_shown():
        if access.reviewed_at is None and st.button(tr("Mark as reviewed"), key=f"review-{access.id}", type="primary"):
            emergencies.review(actor, access.id)
            session.put_notice(tr("Reviewed."))
            st.rerun()
        if not access.over and st.button(tr("End the access now"), key=f"end-{access.id}"):
            emergencies.end(actor, access.id)
            session.put_notice(tr("The access is over."))
            st.rerun()


if __name__ == "__main__":
    page.run(Permission.READ_AUDIT, body)
