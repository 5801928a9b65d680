"""A new assessment (?patient=ID, then &recording=ID): the video, the person, what to screen for.

Where somebody is in these steps is in the address and in the database, so that a reload loses nothing.
"""

from __future__ import annotations

import streamlit as st

from app import session
from app.gateway.cookies import CSRF_HEADER
from app.gateway.files import FILE_NAME_HEADER, PATIENT_HEADER, UPLOAD_PATH
from app.services.permissions import Actor, Permission
from app.services.screening import ENDED, FoundPerson
from app.views.parts import browser, links, look, page, refusal
from clinic_data.errors import ClinicDataError
from clinic_data.tables import Job, JobState, Patient, Recording
from reports.wording import task_title


def body(actor: Actor) -> None:
    """Draws the page."""
    recording_id = links.asked_for("recording")
    services = session.services()
    recording = services.recordings.get(actor, recording_id) if recording_id else None
    patient_id = (recording.patient_id if recording else None) or links.asked_for("patient")
    if not patient_id:
        page.missing("patient")
        return
    patient = services.patients.get(actor, patient_id)
    st.title("New assessment")
    look.who_is_assessed(patient)
    if recording is None:
        _choose_recording(actor, patient)
    elif _check_recording(actor, patient, recording):
        _choose_person_and_tasks(actor, recording)


def _choose_recording(actor: Actor, patient: Patient) -> None:
    st.subheader("1 · Recording")
    st.markdown(
        "The patient walks straight at their usual pace, in full view from head to feet, for at least 4 steps, better "
        "8. Film from the front or from behind for scoliosis, from the side for depression, at an angle for both. Keep "
        "the camera still, in good light, at 20 frames a second or more."
    )
    services = session.services()
    uploaded = browser.uploader(
        url=UPLOAD_PATH,
        headers={CSRF_HEADER: session.csrf_token(), PATIENT_HEADER: patient.id},
        file_name_header=FILE_NAME_HEADER,
        max_bytes=services.settings.max_upload_bytes,
        key=f"uploader-{patient.id}",
    )
    if uploaded:
        _go_on(patient, uploaded)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("No video at hand?", width="content")
        wanted = st.button("Use the sample video", key="sample")
    if wanted:
        with st.spinner("Fetching the sample video"):
            try:
                recording = services.recordings.add_sample(actor, patient.id)
            except ClinicDataError as error:
                st.error(str(error))
                return
        _go_on(patient, recording.id)


def _go_on(patient: Patient, recording_id: str) -> None:
    st.query_params.from_dict({"patient": patient.id, "recording": recording_id})
    st.rerun()


def _check_recording(actor: Actor, patient: Patient, recording: Recording) -> bool:
    """Shows what the file is; answers whether it can be used."""
    st.subheader("1 · Recording")
    check = session.services().recordings.check_file(actor, recording.id)
    if check.info is None:
        st.error(f"**{recording.original_name}** cannot be used. {check.problem}")
        if st.button("Choose another video", key="another", type="primary"):
            st.query_params.from_dict({"patient": patient.id})
            st.rerun()
        return False
    info = check.info
    look.facts(
        [
            ("File", recording.original_name),
            ("Length", f"{info.duration_s:.1f} s"),
            ("Picture", f"{info.width_px} × {info.height_px}"),
            ("Frame rate", f"{info.frame_rate_hz:.1f} Hz{' (varies)' if info.variable_frame_rate else ''}"),
            ("Format", f"{info.container}, {info.codec}"),
            ("Size", f"{recording.size_bytes / 1e6:.1f} MB"),
        ]
    )
    st.success("The file is complete and can be read.")
    return True


def _choose_person_and_tasks(actor: Actor, recording: Recording) -> None:
    st.subheader("2 · Person")
    screening = session.services().screening
    job = screening.last_search(actor, recording.id) or screening.find_people(actor, recording.id)
    if job.state not in ENDED:
        _watch_search(job.id)
        return
    if job.state is JobState.REFUSED:
        refusal.show(job.result or {}, recording.patient_id or "")
        return
    if job.state is not JobState.DONE:
        _search_again(actor, recording, job)
        return
    person = _choose_person(screening.people(actor, job))
    st.subheader("3 · Screening")
    model = session.services().operations.model(actor)
    known = tuple(model.metrics.get("tasks", ())) if model else ()
    tasks = [task for task in known if st.checkbox(task_title(task), value=True, key=f"task-{task}")]
    if st.button("Start the screening", key="start", type="primary"):
        started = screening.start(actor, recording.id, person, tasks)
        st.switch_page(links.PROGRESS, query_params={"job": started.id})


@st.fragment(run_every=1.0)
def _watch_search(job_id: str) -> None:
    actor = session.signed_in_actor(touch=False)
    if actor is None:
        browser.leave("/sign-in?why=expired", "Your session has ended. Please sign in again.")
        return
    screening = session.services().screening
    job = screening.job(actor, job_id)
    if job.state in ENDED:
        st.rerun()
    st.progress(job.progress, text=job.message or "Waiting for the worker to look for people")
    look.waiting_hint(screening.waiting_s(actor, job))
    if st.button("Stop", key="stop-search"):
        screening.cancel(actor, job_id)


def _search_again(actor: Actor, recording: Recording, job: Job) -> None:
    if job.state is JobState.FAILED:
        st.error(f"The search for people failed. {job.reason}")
    else:
        st.info("The search for people was stopped.")
    if st.button("Search again", key="search-again", type="primary"):
        session.services().screening.find_people(actor, recording.id)
        st.rerun()


def _choose_person(people: tuple[FoundPerson, ...]) -> int:
    """Draws who was found and returns the number of the chosen one."""
    if len(people) == 1:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.image(people[0].thumbnail_jpeg, width=90)
            st.markdown("One walking person was found.")
        return people[0].number
    st.markdown(
        "Several people were found. **Choose the patient**; the first is the one who walks furthest in full view."
    )
    with st.container(horizontal=True):
        for person in people:
            with st.container(width=150):
                st.image(person.thumbnail_jpeg, width=130, caption=f"Person {person.number}")
    descriptions = {person.number: _description(person) for person in people}
    return st.radio("The patient is", list(descriptions), format_func=lambda number: descriptions[number], key="person")


def _description(person: FoundPerson) -> str:
    view = "whole body in view" if person.in_full_view else "not always in full view"
    return f"Person {person.number} – seen for {person.visible_s:.0f} s, {view}"


if __name__ == "__main__":
    page.run(Permission.SCREEN, body)
