"""A screening that was queued (?job=ID): its progress, or how it ended."""

from __future__ import annotations

import streamlit as st

from app import session
from app.services.permissions import Actor, Permission
from app.services.screening import ENDED
from app.views.parts import browser, links, look, page, refusal
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
    st.title("Screening")
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
        browser.leave("/sign-in?why=expired", "Your session has ended. Please sign in again.")
        return
    screening = session.services().screening
    job = screening.job(actor, job_id)
    if job.state in ENDED:
        st.rerun()
    words = "Stopping" if job.cancel_requested else job.message
    st.progress(job.progress, text=words or "Waiting for the worker")
    if job.attempts > 1:
        st.caption(f"Attempt {job.attempts} of {job.max_attempts}: the worker was interrupted and does the work again.")
    look.waiting_hint(screening.waiting_s(actor, job))
    st.caption("You may leave this page; the work goes on, and the patient's page leads back here.")
    if st.button("Cancel the screening", key="cancel", disabled=job.cancel_requested):
        screening.cancel(actor, job_id)


def _ended(job: Job) -> None:
    if job.state is JobState.REFUSED:
        refusal.show(job.result or {}, job.patient_id or "")
        return
    if job.state is JobState.CANCELLED:
        st.info("This screening was cancelled. The recording is kept.")
    else:
        st.error(f"This screening failed. The recording is kept. {job.reason}")
    if job.recording_id and job.patient_id:
        links.link(
            links.NEW_ASSESSMENT, "Screen this recording again", patient=job.patient_id, recording=job.recording_id
        )
        links.link(links.PATIENT, "Back to the patient", patient=job.patient_id)


if __name__ == "__main__":
    page.run(Permission.SCREEN, body)
