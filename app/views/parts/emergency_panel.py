"""Access in an emergency on the pages of clinicians: asked for with a reason, open accesses listed, ended."""

from __future__ import annotations

from html import escape

import streamlit as st

from app import session
from app.services.emergency import Found
from app.services.permissions import Actor, Permission, may
from app.views.parts import links, look, page
from app.views.parts.words import tr
from clinic_data.emergency_access import LASTS, REASON_MAX, REASON_MIN
from clinic_data.tables import Patient

_HOURS = LASTS.total_seconds() / 3600


def show_open(actor: Actor) -> None:
    """Lists the actor's open accesses: these patients are in no list of the actor's teams."""
    for access in session.services().emergencies.own(actor):
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.html(
                look.pill(tr("emergency access"), "wait")
                + f" &nbsp; <bdi>{escape(_name(access.patient))}</bdi> · "
                + escape(tr("until {time}", time=session.shown_time(access.expires_at))),
                width="content",
            )
            links.link(links.PATIENT, tr("Open the record"), patient=access.patient.id)


def show_search(actor: Actor) -> None:
    """The way to another team's patient, by the exact record number."""
    if not may(actor, Permission.BREAK_GLASS) or not session.services().teams.choice(actor).teams:
        return
    with st.expander(tr("Patient of another team, in an emergency")):
        with st.form("emergency-search", border=False):
            number = st.text_input(tr("Exact record number"), max_chars=64, key="emergency-number")
            asked = st.form_submit_button(tr("Find"))
        if asked:
            session.forget("emergency-found")
            found = session.services().emergencies.find(actor, number) if number.strip() else None
            if found is None:
                st.info(tr("No patient has this record number."))
            else:
                session.keep("emergency-found", lambda: found)
        shown: Found | None = session.kept("emergency-found")
        if shown is not None:
            _found(actor, shown)


def ask(actor: Actor, patient_id: str) -> None:
    """The page of another team's patient: whose it is, and the form that opens the record."""
    st.title(tr("Patient of another team"))
    _found(actor, session.services().emergencies.of_patient(actor, patient_id))
    links.link(links.PATIENTS, tr("Go to the patients"))


def banner(actor: Actor, patient: Patient) -> None:
    """Says that the record is open in an emergency only, and ends that."""
    for access in session.services().emergencies.own(actor):
        if access.patient.id == patient.id:
            look.notice(
                tr("You see this patient in an emergency"),
                tr(
                    "Until {time}. An administrator reviews this access and its reason.",
                    time=session.shown_time(access.expires_at),
                ),
                kind="stop",
            )
            if st.button(tr("End the emergency access"), key="end-emergency"):
                with page.errors_shown():
                    session.services().emergencies.end(actor, access.access_id)
                    session.put_notice(tr("The access is over."))
                    st.switch_page(links.PATIENTS)


def _found(actor: Actor, found: Found) -> None:
    if found.seen:
        session.forget("emergency-found")
        st.info(tr("You see this patient without an emergency."))
        links.link(links.PATIENT, tr("Open the record"), patient=found.patient_id)
        return
    look.notice(
        tr("This patient is looked after by {team}", team=found.team),
        tr(
            "Ask a member of that team, if there is time. In an emergency you can open the record for {hours} hours. "
            "It is written down who opened it and why, and an administrator reviews it.",
            hours=f"{_HOURS:.0f}",
        ),
    )
    with st.form("emergency-open", border=True, enter_to_submit=False):
        reason = st.text_area(
            tr("Why do you need this record now?"),
            max_chars=REASON_MAX,
            height=90,
            key="emergency-reason",
            placeholder=tr("At least {count} letters; do not name the patient", count=REASON_MIN),
        )
        opened = st.form_submit_button(tr("Open the record in an emergency"), type="primary")
    if opened:
        with page.errors_shown():
            session.services().emergencies.open(actor, found.patient_id, reason)
            session.forget("emergency-found")
            st.switch_page(links.PATIENT, query_params={"patient": found.patient_id})


def _name(patient: Patient) -> str:
    name = ", ".join(part for part in (patient.family_name, patient.given_name) if part)
    return f"{name} · {patient.record_number}"
