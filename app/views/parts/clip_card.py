"""One recording of a new assessment: what the file is, who was found in it, and who of them is the patient."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app import session
from app.services.permissions import Actor
from app.services.screening import ENDED, ChosenClip, FoundPerson
from app.views.parts import browser, links, look, page, refusal
from app.views.parts.words import tr
from clinic_data.tables import Job, JobState, Recording


def show(actor: Actor, recording: Recording, number: int, take_away: Callable[[], None]) -> ChosenClip | None:
    """Draws the card.

    Args:
        actor: who looks.
        recording: the recording.
        number: its place in the assessment, from 1.
        take_away: called when it is taken out of the assessment.

    Returns:
        The recording with the chosen person, or None while it cannot be screened.
    """
    with st.container(border=True):
        left, right = st.columns([5, 1.4], vertical_alignment="center")
        left.markdown(tr("**Recording {number}**", number=number))
        if right.button(tr("Take away"), key=f"take-away-{recording.id}", width="stretch"):
            take_away()
        if not _file(actor, recording):
            return None
        person = _person(actor, recording, number)
        return None if person is None else ChosenClip(recording.id, person)


def _file(actor: Actor, recording: Recording) -> bool:
    """Shows what the file is; answers whether it can be used."""
    check = session.services().recordings.check_file(actor, recording.id)
    if check.info is None:
        st.error(tr("**{file}** cannot be used.", file=recording.original_name) + " " + tr(check.problem))
        return False
    info = check.info
    rate = f"{info.frame_rate_hz:.1f} Hz"
    look.facts(
        [
            (tr("File"), recording.original_name),
            (tr("Length"), f"{info.duration_s:.1f} s"),
            (tr("Picture"), f"{info.width_px} × {info.height_px}"),
            (tr("Frame rate"), tr("{rate} (varies)", rate=rate) if info.variable_frame_rate else rate),
            (tr("Format"), f"{info.container}, {info.codec}"),
            (tr("Size"), f"{recording.size_bytes / 1e6:.1f} MB"),
        ]
    )
    return True


def _person(actor: Actor, recording: Recording, number: int) -> int | None:
    screening = session.services().screening
    job = screening.last_search(actor, recording.id) or screening.find_people(actor, recording.id)
    if job.state not in ENDED:
        _watch_search(job.id)
        return None
    if job.state is JobState.REFUSED:
        st.error(tr("**This recording cannot be scored.**"))
        refusal.reasons((job.result or {}).get("reasons", ()))
        links.link(links.FILMING_GUIDE, tr("How to film, with pictures"))
        return None
    if job.state is not JobState.DONE:
        _search_again(actor, recording, job)
        return None
    return _choose_person(screening.people(actor, job.id), recording, number)


@st.fragment(run_every=1.0)
def _watch_search(job_id: str) -> None:
    actor = session.signed_in_actor(touch=False)
    if actor is None:
        browser.leave("/sign-in?why=expired", tr("Your session has ended. Please sign in again."))
        return
    with page.errors_shown():  # the patient may have got another team meanwhile
        _progress(actor, job_id)


def _progress(actor: Actor, job_id: str) -> None:
    screening = session.services().screening
    job = screening.job(actor, job_id)
    if job.state in ENDED:
        st.rerun()
    st.progress(job.progress, text=tr(job.message) if job.message else tr("Waiting for the worker to look for people"))
    look.waiting_hint(screening.waiting_s(actor, job_id))
    if st.button(tr("Stop"), key=f"stop-search-{job_id}"):
        screening.cancel(actor, job_id)


def _search_again(actor: Actor, recording: Recording, job: Job) -> None:
    if job.state is JobState.FAILED:
        st.error(tr("The search for people failed.") + " " + tr(job.reason))
    else:
        st.info(tr("The search for people was stopped."))
    if st.button(tr("Search again"), key=f"search-again-{recording.id}", type="primary"):
        session.services().screening.find_people(actor, recording.id)
        st.rerun()


def _choose_person(people: tuple[FoundPerson, ...], recording: Recording, number: int) -> int:
    """Draws who was found and returns the number of the chosen one."""
    if len(people) == 1:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.image(people[0].thumbnail_jpeg, width=90, alt=tr("The person who was found"))
            st.markdown(tr("One walking person was found."))
        return people[0].number
    st.markdown(
        tr("Several people were found. **Choose the patient**; the first is the one who walks furthest in full view.")
    )
    with st.container(horizontal=True):
        for person in people:
            with st.container(width=150):
                caption = tr("Person {number}", number=person.number)
                st.image(person.thumbnail_jpeg, width=130, caption=caption, alt=caption)
    descriptions = {person.number: _description(person) for person in people}
    return st.radio(
        tr("The patient in recording {number} is", number=number),
        list(descriptions),
        format_func=lambda person: descriptions[person],
        key=f"person-{recording.id}",
    )


def _description(person: FoundPerson) -> str:
    words = {"number": person.number, "seconds": f"{person.visible_s:.0f}"}
    if person.in_full_view:
        return tr("Person {number} – seen for {seconds} s, whole body in view", **words)
    return tr("Person {number} – seen for {seconds} s, not always in full view", **words)
