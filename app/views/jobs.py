"""The queue: what runs, what failed and why; cancel and queue again. No patient data."""

from __future__ import annotations

from html import escape

import streamlit as st

from app import session
from app.services.operations import JobRow
from app.services.permissions import Actor, Permission
from app.services.training_jobs import EVALUATE, RETRAIN
from app.views.parts import browser, look, page
from clinic_data.tables import JobState

_ROWS = 20
_KINDS = {
    "find_people": "Find people",
    "screen": "Screening",
    RETRAIN: "Retraining",
    EVALUATE: "Evaluation of a package",
}
_LOOKS = {
    JobState.DONE: "ok",
    JobState.FAILED: "positive",
    JobState.REFUSED: "wait",
    JobState.RUNNING: "wait",
    JobState.QUEUED: "neutral",
    JobState.CANCELLED: "neutral",
}


def body(actor: Actor) -> None:
    """Draws the page."""
    st.title("Jobs")
    _list()


@st.fragment(run_every=3.0)
def _list() -> None:
    actor = session.signed_in_actor(touch=False)
    if actor is None:
        browser.leave("/sign-in?why=expired", "Your session has ended. Please sign in again.")
        return
    chosen = st.selectbox("State", ["all", *(state.value for state in JobState)], key="job-state", width=220)
    state = None if chosen == "all" else JobState(chosen)
    skip = (session.value_of("job-page", 1) - 1) * _ROWS
    found = session.services().operations.list_jobs(actor, state, _ROWS, skip)
    if not found.rows:
        st.info("No jobs." if state is None else f"No {state.value} jobs.")
    for job in found.rows:
        _job(actor, job)
    st.caption(f"{found.total} job{'s' if found.total != 1 else ''}")
    page.pager(found.total, _ROWS, "job-page")


def _job(actor: Actor, job: JobRow) -> None:
    operations = session.services().operations
    with st.container(border=True):
        left, right = st.columns([4, 1.2], vertical_alignment="center")
        words = job.reason if job.state is not JobState.RUNNING else f"{100 * job.progress:.0f} % – {job.message}"
        about = (
            f"{session.shown_time(job.created_at)} · by {job.created_by or '–'} · "
            f"attempt {job.attempts} of {job.max_attempts} · job {job.id}"
        )
        left.html(
            f"<b>{escape(_KINDS.get(job.kind, job.kind))}</b> &nbsp; {look.pill(job.state.value, _LOOKS[job.state])}"
            f'<br><span class="fg-muted fg-small">{escape(about)}</span>'
            + (f'<br><span class="fg-small">{escape(words)}</span>' if words else "")
        )
        with right, page.errors_shown():
            running = job.state in {JobState.QUEUED, JobState.RUNNING}
            if running and st.button("Cancel", key=f"cancel-{job.id}", width="stretch"):
                operations.cancel_job(actor, job.id)
            failed = job.state in {JobState.FAILED, JobState.CANCELLED}
            if failed and st.button("Queue again", key=f"retry-{job.id}", width="stretch"):
                operations.retry_job(actor, job.id)
                st.toast("The work is queued again.")


if __name__ == "__main__":
    page.run(Permission.MANAGE_JOBS, body)
