"""Notes on a patient: read, written, corrected. What a note said before stays readable."""

from __future__ import annotations

from html import escape

import streamlit as st

from app import session
from app.services.notes import NoteView
from app.services.permissions import Actor, Permission, may
from app.views.parts import links
from app.views.parts.words import tr, tr_error
from clinic_data.errors import ConflictError, ValidationError
from clinic_data.notes import TEXT_MAX
from clinic_data.visit_tables import PatientNote

_SHOWN = 5


def show(actor: Actor, patient_id: str) -> None:
    """Draws the notes on a patient, the newest first.

    Args:
        actor: who looks; who may, writes.
        patient_id: whom they are on.
    """
    st.subheader(tr("Notes"), anchor="notes")
    found = session.services().notes.of_patient(actor, patient_id)
    if not found:
        st.caption(tr("No note yet."))
    for view in found[:_SHOWN]:
        _note(actor, view)
    if len(found) > _SHOWN:
        with st.expander(tr("Older notes ({count})", count=len(found) - _SHOWN)):
            for view in found[_SHOWN:]:
                _note(actor, view)
    if may(actor, Permission.WRITE_NOTES):
        _new(actor, patient_id)


def _note(actor: Actor, view: NoteView) -> None:
    note = view.note
    # Named after what the note said first: that stays the same when somebody else corrects it meanwhile.
    name = f"edit-note:{(view.earlier[-1].note if view.earlier else note).id}"
    opened: PatientNote | None = session.kept(name)
    with st.container(border=True):
        if opened is not None:
            _edit(actor, opened, name)
            return
        said = _said(view.written_by, note)
        st.html(
            f'<div class="fg-text" dir="auto">{escape(note.text)}</div>'
            f'<span class="fg-muted fg-small">{escape(said)}</span>'
        )
        with st.container(horizontal=True):
            if note.assessment_id:
                links.link(links.RESULT, tr("Open the result"), assessment=note.assessment_id)
            if may(actor, Permission.WRITE_NOTES):
                st.button(tr("Correct"), key=f"correct-{note.id}", on_click=session.keep, args=(name, lambda: note))
        if view.earlier:
            with st.expander(tr("What it said before ({count})", count=len(view.earlier))):
                for version in view.earlier:
                    st.html(
                        f'<div class="fg-text" dir="auto">{escape(version.note.text)}</div><span class="fg-muted '
                        f'fg-small">{escape(_said(version.written_by, version.note))}</span>'
                    )


def _said(written_by: str, note: PatientNote) -> str:
    """Who wrote it and when."""
    name, time = f"\u2068{written_by}\u2069", session.shown_time(note.created_at)  # kept apart in both directions
    return (
        tr("{name}, {time}, corrected", name=name, time=time)
        if note.replaces_id
        else tr("{name}, {time}", name=name, time=time)
    )


def _edit(actor: Actor, opened: PatientNote, name: str) -> None:
    """The form for a note as it was when the form was opened."""
    with st.form(name, border=False, enter_to_submit=False):
        text = st.text_area(tr("Note"), opened.text, max_chars=TEXT_MAX)
        with st.container(horizontal=True):
            saved = st.form_submit_button(tr("Save the correction"), type="primary")
            left = st.form_submit_button(tr("Leave it as it is"))
    if left:
        session.forget(name)
        st.rerun()
    if saved:
        try:
            session.services().notes.correct(actor, opened.id, text)
        except ValidationError as error:
            st.error(tr_error(error))
            return
        except ConflictError as error:
            st.error(tr_error(error))
            st.button(tr("Show the stored note"), key=f"reload-{name}", on_click=session.forget, args=(name,))
            return
        session.forget(name)
        session.put_notice(tr("The note was corrected."))
        st.rerun()


def _new(actor: Actor, patient_id: str) -> None:
    counter = f"notes-written:{patient_id}"
    number = session.keep(counter, lambda: 0)  # a new field after each note that was stored, the old one if it was not
    with st.form(f"new-note:{patient_id}", border=True, enter_to_submit=False):
        text = st.text_area(tr("New note"), max_chars=TEXT_MAX, key=f"note-{patient_id}-{number}", height=90)
        saved = st.form_submit_button(tr("Save the note"))
    if saved:
        try:
            session.services().notes.add(actor, patient_id, text)
        except ValidationError as error:
            st.error(tr_error(error))
            return
        session.forget(counter)
        session.keep(counter, lambda: number + 1)
        session.put_notice(tr("The note was saved."))
        st.rerun()
