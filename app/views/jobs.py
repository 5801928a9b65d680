"""The queue: what runs, what failed and why; cancel and queue again. No patient data."""

from __future__ import annotations

from html import escape

import streamlit as st

from app import session
from app.services.operations import JobRow
from app.services.permissions import Actor, Permission
from app.services.training_jobs import EVALUATE, RETRAIN
from app.views.parts import browser, look, page
from app.views.parts.words import tr
from clinic_data.jobs import MAX_COUNTED
from clinic_data.tables import JobState

_ROWS = 20
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
    st.title(tr("Jobs"))
    _list()


@st.fragment(run_every=3.0)
def _list() -> None:
    actor = session.signed_in_actor(touch=False)
    if actor is None:
        browser.leave("/sign-in?why=expired", tr("Your session has ended. Please sign in again."))
        return
    choices = ["all", *(state.value for state in JobState)]
    chosen = st.selectbox(tr("State"), choices, format_func=tr, key="job-state", width=220)
    state = None if chosen == "all" else JobState(chosen)
    skip = (session.value_of("job-page", 1) - 1) * _ROWS
    found = session.services().operations.list_jobs(actor, state, _ROWS, skip)
    if not found.rows:
        st.info(tr("No jobs.") if state is None else tr("No job is in this state."))
    for job in found.rows:
        _job(actor, job)
    if found.total < MAX_COUNTED:
        st.caption(tr("Jobs: {n}", n=found.total))
    else:
        st.caption(tr("More than {n} jobs; the first of them can be paged through.", n=found.total - 1))
    page.pager(found.total, _ROWS, "job-page")


def _kind(kind: str) -> str:
    kinds = {
        "find_people": tr("Find people"),
        "find_and_screen": tr("Find people, then screen"),
        "screen": tr("Screening"),
        "rescore": tr("Scoring again"),
        RETRAIN: tr("Retraining"),
        EVALUATE: tr("Evaluation of a package"),
        "retention": tr("Removing what is due"),
    }
    return kinds.get(kind, kind)


def _job(actor: Actor, job: JobRow) -> None:
    operations = session.services().operations
    with st.container(border=True):
        left, right = st.columns([4, 1.2], vertical_alignment="center")
        words = tr(job.reason)
        if job.state is JobState.RUNNING:
            words = f"{100 * job.progress:.0f} % – {tr(job.message)}"
        about = tr(
            "{time} · by {name} · attempt {number} of {most} · job {id}",
            time=session.shown_time(job.created_at),
            name=job.created_by or "–",
            number=job.attempts,
            most=job.max_attempts,
            id=job.id,
        )
        left.html(
            f"<b>{escape(_kind(job.kind))}</b> &nbsp; {look.pill(tr(job.state.value), _LOOKS[job.state])}"
            f'<br><span class="fg-muted fg-small">{escape(about)}</span>'
            + (f'<br><span class="fg-small">{escape(words)}</span>' if words else "")
        )
        with right, page.errors_shown():
            running = job.state in {JobState.QUEUED, JobState.RUNNING}
            if running and st.button(tr("Cancel"), key=f"cancel-{job.id}", width="stretch"):
                operations.cancel_job(actor, job.id)
            failed = job.state in {JobState.FAILED, JobState.CANCELLED}
            if failed and st.button(tr("Queue again"), key=f"retry-{job.id}", width="stretch"):
                operations.retry_job(actor, job.id)
                st.toast(tr("The work is queued again."))


if __name__ == "__main__":
    page.run(Permission.MANAGE_JOBS, body)
