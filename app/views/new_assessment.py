"""A new assessment (?patient=ID, then &recording=ID for each video): videos, the person in each, what to screen for.

Where somebody is in these steps is in the address and in the database, so that a reload loses nothing.
"""

from __future__ import annotations

import streamlit as st

from app import session
from app.gateway.cookies import CSRF_HEADER
from app.gateway.files import FILE_NAME_HEADER, PATIENT_HEADER, UPLOAD_PATH
from app.services.permissions import Actor, Permission
from app.services.screening import MAX_CLIPS, ChosenClip
from app.views.parts import browser, clip_card, links, look, page
from app.views.parts.words import language, tr, tr_error
from clinic_data.assessments import MAX_HEIGHT_CM, MIN_HEIGHT_CM
from clinic_data.errors import ClinicDataError
from clinic_data.tables import Patient, Recording
from reports.wording import task_title


def body(actor: Actor) -> None:
    """Draws the page."""
    services = session.services()
    chosen = [services.recordings.get(actor, recording_id) for recording_id in st.query_params.get_all("recording")]
    patient_id = next((recording.patient_id for recording in chosen), None) or links.asked_for("patient")
    if not patient_id:
        page.missing("patient")
        return
    patient = services.patients.get(actor, patient_id)
    st.title(tr("New assessment"))
    look.who_is_assessed(patient)
    of_patient = [recording for recording in chosen if recording.patient_id == patient.id]
    if len(of_patient) < len(chosen):
        st.error(tr("A recording in this address belongs to another patient and was left out."))
    clips = _recordings(actor, patient, of_patient)
    if of_patient:
        _screening(actor, patient, clips)


def _recordings(actor: Actor, patient: Patient, chosen: list[Recording]) -> list[ChosenClip | None]:
    """Draws the chosen recordings and how to add more; answers the clips, None where one is not ready."""
    st.subheader(tr("1 · Recordings"))
    st.markdown(
        tr(
            "The patient walks straight at their usual pace, in full view from head to feet, for at least 4 steps, "
            "better 8. Film from the front or from behind for scoliosis and from the side for depression; several "
            "recordings of one visit are assessed together."
        )
    )
    links.link(links.FILMING_GUIDE, tr("How to film, with pictures"))
    # A place of its own, so that the uploader below stays the same piece of the page while recordings come in.
    cards = st.container()
    with cards:
        clips = [
            clip_card.show(actor, recording, number, lambda gone=recording: _go_on(patient, chosen, without=gone.id))
            for number, recording in enumerate(chosen, start=1)
        ]
    if len(chosen) < MAX_CLIPS:
        _upload(patient, chosen)
        _stored_or_sample(actor, patient, chosen)
    else:
        st.caption(tr("An assessment takes at most {count} recordings.", count=MAX_CLIPS))
    return clips


def _upload(patient: Patient, chosen: list[Recording]) -> None:
    stored = browser.uploader(
        url=UPLOAD_PATH,
        headers={CSRF_HEADER: session.csrf_token(), PATIENT_HEADER: patient.id},
        file_name_header=FILE_NAME_HEADER,
        max_bytes=session.services().settings.max_upload_bytes,
        key=f"uploader-{patient.id}",
    )
    # The uploader names all that it stored since the page was opened; what was taken away again shall stay away.
    taken = session.keep(f"uploaded:{patient.id}", set[str])
    new = [recording_id for recording_id in stored if recording_id not in taken]
    if new:
        taken.update(new)
        _go_on(patient, chosen, *new)


def _stored_or_sample(actor: Actor, patient: Patient, chosen: list[Recording]) -> None:
    services = session.services()
    used = {recording.id for recording in chosen}
    stored = services.recordings.list_of_patient(actor, patient.id)
    others = [row for row in stored if row.id not in used and row.video_removed_at is None]
    if others:
        names = {row.id: f"{row.original_name} · {session.shown_time(row.created_at)}" for row in others}
        added = st.selectbox(
            tr("Or add a stored recording of this patient"),
            list(names),
            index=None,
            format_func=lambda recording_id: names[recording_id],
            placeholder=tr("Choose a recording"),
            key=f"stored-{len(chosen)}",
        )
        if added:
            _go_on(patient, chosen, added)
    if chosen:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(tr("No video at hand?"), width="content")
        wanted = st.button(tr("Use the sample video"), key="sample")
    if wanted:
        with st.spinner(tr("Fetching the sample video")):
            try:
                recording = services.recordings.add_sample(actor, patient.id)
            except ClinicDataError as error:
                st.error(tr_error(error))
                return
        _go_on(patient, chosen, recording.id)


def _go_on(patient: Patient, chosen: list[Recording], *more: str, without: str = "") -> None:
    """Shows the page anew with other recordings."""
    recording_ids = dict.fromkeys([*(recording.id for recording in chosen), *more])
    kept = [recording_id for recording_id in recording_ids if recording_id != without][:MAX_CLIPS]
    st.query_params.from_dict({"patient": patient.id, "recording": kept})
    st.rerun()


def _screening(actor: Actor, patient: Patient, clips: list[ChosenClip | None]) -> None:
    services = session.services()
    st.subheader(tr("2 · Screening"))
    left, right = st.columns(2)
    with left:
        height_cm = _body_height(actor, patient)
    model = services.operations.model(actor)
    known = tuple(model.metrics.get("tasks", ())) if model else ()
    with right:
        st.markdown(tr("Screen for"))
        tasks = [task for task in known if st.checkbox(task_title(task, language()), value=True, key=f"task-{task}")]
    ready = [clip for clip in clips if clip is not None]
    if len(ready) < len(clips):
        st.caption(tr("The screening can start once every recording above is ready, or was taken away."))
        return
    with page.errors_shown():
        if st.button(tr("Start the screening"), key="start", type="primary"):
            started = services.screening.start(actor, ready, tasks, height_cm)
            st.switch_page(links.PROGRESS, query_params={"job": started.id})


def _body_height(actor: Actor, patient: Patient) -> float | None:
    height_cm = st.number_input(
        tr("Body height today (cm)"),
        min_value=MIN_HEIGHT_CM,
        max_value=MAX_HEIGHT_CM,
        value=None,
        step=0.5,
        format="%.1f",
        key=f"height-{patient.id}",
        placeholder=tr("not measured"),
        help=tr("Measured without shoes. Step length and speed are given in metres only where it is known."),
        width=260,
    )
    last = session.services().screening.last_body_height(actor, patient.id)
    if last is not None:
        st.caption(
            tr(
                "Last entered: {height} cm on {date}. It is not used by itself, because children grow.",
                height=f"{last.height_cm:.1f}",
                date=session.shown_time(last.entered_at),
            )
        )
    return height_cm


if __name__ == "__main__":
    page.run(Permission.SCREEN, body)
