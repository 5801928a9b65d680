"""One video of the inbox: what it is, whom it shows, and the way to throw it away."""

from __future__ import annotations

from html import escape

import streamlit as st

from app import session
from app.services.batch import WaitingRecording
from app.services.permissions import Actor
from app.views.parts import look, page
from app.views.parts.words import tr
from clinic_data.tables import Patient, Recording

_MATCHES = 5


def show(actor: Actor, row: WaitingRecording) -> None:
    """Draws the row.

    Args:
        actor: who looks.
        row: the recording with what is known of it.
    """
    recording = row.recording
    with st.container(border=True):
        left, middle, right = st.columns([3, 4, 1.3], vertical_alignment="center")
        with left:
            _file(actor, recording)
        with middle:
            if row.patient is not None and not session.kept(_key("change", recording)):
                _assigned(row.patient, recording)
            else:
                _search(actor, row)
            if row.same_file:
                numbers = ", ".join(row.same_file)
                st.warning(tr("The very same file is stored for record number {numbers}, too.", numbers=numbers))
        with right:
            if st.button(tr("Discard"), key=_key("discard", recording), width="stretch", help=recording.original_name):
                _confirm_discard(recording.id, recording.original_name)


def _key(what: str, recording: Recording) -> str:
    return f"{what}-{recording.id}"


def _file(actor: Actor, recording: Recording) -> None:
    recordings = session.services().recordings
    check = session.keep(f"check:{recording.id}", lambda: recordings.check_file(actor, recording.id))
    facts = [session.shown_time(recording.created_at), f"{recording.size_bytes / 1e6:.1f} MB"]
    if check.info is not None:
        facts += [f"{check.info.duration_s:.1f} s", f"{check.info.width_px} × {check.info.height_px}"]
    # Each apart, so that figures and units keep their order where the page is read from right to left.
    listed = " · ".join(f"<bdi>{escape(fact)}</bdi>" for fact in facts)
    st.html(
        f'<b class="fg-any"><bdi>{escape(recording.original_name)}</bdi></b><br>'
        f'<span class="fg-muted fg-small">{listed}</span>'
    )
    if check.info is None:
        st.error(tr(check.problem))


def _assigned(patient: Patient, recording: Recording) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        assigned = look.pill(tr("assigned"), "ok")
        st.html(f"{assigned} &nbsp; <bdi>{escape(_name(patient))}</bdi>", width="content")
        st.button(tr("Change"), key=_key("other", recording), on_click=_begin_change, args=(recording.id,))


def _begin_change(recording_id: str) -> None:
    session.keep(f"change-{recording_id}", lambda: True)


def _search(actor: Actor, row: WaitingRecording) -> None:
    recording = row.recording
    text = st.text_input(
        tr("Patient in {file}", file=recording.original_name),
        key=_key("patient-of", recording),
        placeholder=tr("Record number, name or birth date"),
        max_chars=200,
        label_visibility="collapsed",
    )
    if text.strip():
        found = session.services().patients.search(actor, text, _MATCHES, 0)
        matches = found.rows
        if not matches:
            st.caption(tr("No patient matches."))
        elif found.total > len(matches):
            st.caption(tr("{count} patients match. Type more of the name or the number.", count=found.total))
    else:
        matches = row.suggested
    for patient in matches:
        if st.button(_name(patient), key=f"{_key('assign', recording)}-{patient.id}"):
            _assign(actor, row, patient)


def _assign(actor: Actor, row: WaitingRecording, patient: Patient) -> None:
    before = row.patient.id if row.patient is not None else None
    with page.errors_shown():
        session.services().batch.assign(actor, row.recording.id, patient.id, before)
        session.forget(_key("change", row.recording))
        st.rerun()


def _name(patient: Patient) -> str:
    name = ", ".join(part for part in (patient.family_name, patient.given_name) if part)
    return f"{patient.record_number} · {name} · {patient.birth_date.isoformat()}"


def _confirm_discard(recording_id: str, file_name: str) -> None:
    @st.dialog(tr("Discard this video?"))
    def dialog() -> None:
        st.markdown(tr("**{file}** is deleted for good. Nobody can bring it back.", file=file_name))
        if st.button(tr("Discard the video"), key="discard-now", type="primary"):
            actor = session.signed_in_actor()
            with page.errors_shown():
                session.services().batch.discard(actor, recording_id)
                st.rerun()

    dialog()
