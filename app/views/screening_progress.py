"""A screening that was queued (?job=ID): its progress, or how it ended."""

from __future__ import annotations

import streamlit as st

from app import session
from app.services.permissions import Actor, Permission
from app.services.screening import ENDED, SCREEN, chosen_clips
from app.views.parts import browser, links, look, page, refusal
from app.views.parts.words import tr
from clinic_data.tables import Job, JobState


def body(actor: Actor) -> None:
    """Draws the page."""
    job_id = links.asked_for("job")
    if not job_id:
        page.missing("screening")
        return
    job = session.services().screening.job(actor, job_id)
    if job.state is JobState.DONE and job.result and "assessment_id" in job.result:
        st.switch_page(links.RESULT, query_params={"assessment": job.result["assessment_id"]})
    if job.state is JobState.DONE and job.result and "screen_job_id" in job.result:
        st.query_params["job"] = job.result["screen_job_id"]
        st.rerun()
    st.title(tr("Screening"))
    if job.patient_id:
        look.who_is_assessed(session.services().patients.get(actor, job.patient_id))
    if job.state not in ENDED:
        _watch(job_id)
        return
    _ended(job)


@st.fragment(run_every=1.0)
def _watch(job_id: str) -> None:
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
    words = tr("Stopping") if job.cancel_requested else tr(job.message) if job.message else tr("Waiting for the worker")
    st.progress(job.progress, text=words)
    if job.attempts > 1:
        st.caption(
            tr(
                "Attempt {number} of {most}: the worker was interrupted and does the work again.",
                number=job.attempts,
                most=job.max_attempts,
            )
        )
    look.waiting_hint(screening.waiting_s(actor, job_id))
    st.caption(tr("You may leave this page; the work goes on, and the patient's page leads back here."))
    if st.button(tr("Cancel the screening"), key="cancel", disabled=job.cancel_requested):
        screening.cancel(actor, job_id)


def _ended(job: Job) -> None:
    if job.state is JobState.REFUSED:
        refusal.show(job.result or {}, job.patient_id or "")
        return
    if job.state is JobState.DONE:
        st.info(tr("Several people were found. Say who of them is the patient."))
        links.link(
            links.NEW_ASSESSMENT,
            tr("Choose the person"),
            patient=job.patient_id or "",
            recording=job.recording_id or "",
        )
        return
    if job.state is JobState.CANCELLED:
        st.info(tr("This screening was cancelled. The recordings are kept."))
    else:
        st.error(tr("This screening failed. The recordings are kept.") + " " + tr(job.reason))
    if job.recording_id and job.patient_id:
        if job.kind == SCREEN:
            recording_ids = [clip.recording_id for clip in chosen_clips(job.payload)]
            query = {"patient": job.patient_id, "recording": recording_ids}
            st.page_link(links.NEW_ASSESSMENT, label=tr("Screen these recordings again"), query_params=query)
        links.link(links.PATIENT, tr("Back to the patient"), patient=job.patient_id)


if __name__ == "__main__":
    page.run(Permission.SCREEN, body)
