"""What became of the videos that were queued from the batch; looks again by itself."""

from __future__ import annotations

from html import escape

import streamlit as st

from app import session
from app.services.batch import BatchState, QueuedRecording
from app.views.parts import browser, links, look, page
from app.views.parts.words import tr

_ROWS = 20
_LOOKS = {
    BatchState.WAITING: "neutral",
    BatchState.SEARCHING: "wait",
    BatchState.CHOOSE_PERSON: "wait",
    BatchState.SCREENING: "wait",
    BatchState.SCREENED: "ok",
    BatchState.REFUSED: "positive",
    BatchState.FAILED: "positive",
    BatchState.CANCELLED: "neutral",
}
_UNDER_WAY = {BatchState.WAITING, BatchState.SEARCHING, BatchState.SCREENING}


@st.fragment(run_every=2.0)
def show() -> None:
    """Draws the queue."""
    actor = session.signed_in_actor(touch=False)
    if actor is None:
        browser.leave("/sign-in?why=expired", tr("Your session has ended. Please sign in again."))
        return
    batch = session.services().batch
    found = batch.queued(actor, _ROWS, (session.value_of("batch-page", 1) - 1) * _ROWS)
    if not found.total:
        st.info(tr("Nothing was queued from here yet."))
        return
    for row in found.rows:
        _row(row)
    st.caption(tr("Queued from here so far: {count}", count=found.total))
    page.pager(found.total, _ROWS, "batch-page")


def _row(row: QueuedRecording) -> None:
    patient = row.patient
    name = patient.record_number if patient is not None else ""
    if patient is not None:
        name += " · " + ", ".join(part for part in (patient.family_name, patient.given_name) if part)
    words = ""
    if row.state in _UNDER_WAY and row.job.message:
        message = tr(row.job.message)
        words = f"{100 * row.job.progress:.0f} % – {message}"
    elif row.state is BatchState.FAILED:
        words = tr(row.job.reason)
    with st.container(border=True):
        left, right = st.columns([5, 1.6], vertical_alignment="center")
        left.html(
            f"<b>{escape(name)}</b> &nbsp; {look.pill(_state_words(row.state), _LOOKS[row.state])}<br>"
            f'<span class="fg-muted fg-small"><bdi>{escape(row.recording.original_name)}</bdi></span>'
            + (f'<br><span class="fg-small">{escape(words)}</span>' if words else "")
        )
        with right:
            _way_on(row)


def _state_words(state: BatchState) -> str:
    words = {
        BatchState.WAITING: tr("waiting"),
        BatchState.SEARCHING: tr("looking for people"),
        BatchState.CHOOSE_PERSON: tr("choose the person"),
        BatchState.SCREENING: tr("being screened"),
        BatchState.SCREENED: tr("screened"),
        BatchState.REFUSED: tr("refused"),
        BatchState.FAILED: tr("failed"),
        BatchState.CANCELLED: tr("cancelled"),
    }
    return words[state]


def _way_on(row: QueuedRecording) -> None:
    patient_id = row.patient.id if row.patient is not None else ""
    if row.assessment_id:
        links.link(links.RESULT, tr("Open result"), assessment=row.assessment_id)
    elif row.state is BatchState.CHOOSE_PERSON:
        links.link(links.NEW_ASSESSMENT, tr("Choose the person"), patient=patient_id, recording=row.recording.id)
    elif row.state is BatchState.REFUSED:
        links.link(links.PROGRESS, tr("Why, and what to do"), job=row.job.id)
    elif row.state in {BatchState.FAILED, BatchState.CANCELLED}:
        links.link(links.NEW_ASSESSMENT, tr("Screen it again"), patient=patient_id, recording=row.recording.id)
    else:
        links.link(links.PROGRESS, tr("Open"), job=row.job.id)
