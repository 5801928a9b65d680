"""The list of patients: search, and the way to a new one."""

from __future__ import annotations

import streamlit as st

from app import session
from app.services.permissions import Actor, Permission
from app.views.parts import emergency_panel, links, look, page, report_panel
from app.views.parts.words import tr
from clinic_data.patient_search import MAX_COUNTED, MAX_COUNTED_OF_ALL, MAX_SORTED

_ROWS = 20
_WIDTHS = (4, 2, 2, 1.4)


def body(actor: Actor) -> None:
    """Draws the page."""
    left, right = st.columns([4, 1.3], vertical_alignment="bottom")
    left.title(tr("Patients"))
    if right.button(tr("New patient"), key="new-patient", type="primary", width="stretch"):
        st.switch_page(links.PATIENT_FORM)
    session.forget("doubts:")  # of a form for a new patient that was left
    emergency_panel.show_open(actor)
    text = st.text_input(
        tr("Search"),
        key="patient-search",
        placeholder=tr("Name, record number or birth date (2011-04-23)"),
        max_chars=200,
    )
    skip = (session.value_of("patient-page", 1) - 1) * _ROWS
    found = session.services().patients.search(actor, text, _ROWS, skip)
    if found.total and not found.rows:  # the search became narrower than the page that was open
        found = session.services().patients.search(actor, text, _ROWS, 0)
    if not found.total:
        _nobody(actor, text)
        emergency_panel.show_search(actor)
        return
    header = st.columns(_WIDTHS)
    for cell, name in zip(header, (tr("Name"), tr("Record number"), tr("Born"), tr("Sex")), strict=True):
        cell.caption(name)
    for patient in found.rows:
        cells = st.columns(_WIDTHS, vertical_alignment="center")
        with cells[0]:
            name = ", ".join(part for part in (patient.family_name, patient.given_name) if part)
            links.link(links.PATIENT, look.plain(name), patient=patient.id)
        cells[1].text(patient.record_number)
        cells[2].text(patient.birth_date.isoformat())
        cells[3].text(look.sex_words(patient.sex))
    st.caption(_count(found.total, searched=bool(text.strip())))
    page.pager(found.total, _ROWS, "patient-page")
    emergency_panel.show_search(actor)
    report_panel.show_clinic_export(actor)


def _count(total: int, *, searched: bool) -> str:
    if total == 1:
        return tr("1 patient")
    if searched and total <= MAX_SORTED:
        return tr("{count} patients", count=total)
    if total >= (MAX_COUNTED if searched else MAX_COUNTED_OF_ALL):
        return tr("At least {count} patients, the last changed first. A longer search finds fewer.", count=total)
    return tr("{count} patients, the last changed first", count=total)


def _nobody(actor: Actor, text: str) -> None:
    if text:
        st.info(
            tr(
                "No patient matches. Search for the beginning of a name or record number, or for a birth date like "
                "2011-04-23. Patients of other teams are not in this list."
            )
        )
    elif session.services().teams.choice(actor).teams:
        st.info(tr("There are no patients whom your teams see. Add the first one with “New patient”."))
    else:
        st.info(tr("There are no patients yet. Add the first one with “New patient”."))


if __name__ == "__main__":
    page.run(Permission.READ_PATIENTS, body)
