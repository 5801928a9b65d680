"""Many recordings at once: upload them, say whom each shows, and let them be screened one after the other.

Everything is in the database from the moment that it is stored or said, so that a reload loses nothing.
"""

from __future__ import annotations

import streamlit as st

from app import session
from app.gateway.cookies import CSRF_HEADER
from app.gateway.files import FILE_NAME_HEADER, INBOX, PATIENT_HEADER, UPLOAD_PATH
from app.services.permissions import Actor, Permission
from app.views.parts import batch_queue, browser, inbox_row, links, page
from app.views.parts.words import language, tr
from reports.wording import task_title

_ROWS = 20


def body(actor: Actor) -> None:
    """Draws the page."""
    st.title(tr("Batch"))
    st.markdown(
        tr(
            "Upload many videos at once and say afterwards whom each shows. Then queue them: where exactly one walking "
            "person is found the screening follows by itself; where there are several you choose the patient."
        )
    )
    links.link(links.FILMING_GUIDE, tr("How to film, with pictures"))
    browser.uploader(
        url=UPLOAD_PATH,
        headers={CSRF_HEADER: session.csrf_token(), PATIENT_HEADER: INBOX},
        file_name_header=FILE_NAME_HEADER,
        max_bytes=session.services().settings.max_upload_bytes,
        key="uploader-inbox",
    )
    _inbox(actor)
    _queue_all(actor)
    st.subheader(tr("Queue"))
    batch_queue.show()


def _inbox(actor: Actor) -> None:
    st.subheader(tr("Whom does each video show?"))
    batch = session.services().batch
    skip = (session.value_of("inbox-page", 1) - 1) * _ROWS
    found = batch.waiting(actor, _ROWS, skip)
    if found.total and not found.rows:  # the list became shorter than the page that was open
        found = batch.waiting(actor, _ROWS, 0)
    if not found.total:
        st.info(tr("No video waits for its patient. Videos that you upload above appear here."))
        return
    st.caption(
        tr("Type a record number, a name or a birth date and press Enter; then choose the patient with Tab and Enter.")
    )
    for row in found.rows:
        inbox_row.show(actor, row)
    st.caption(tr("Not queued yet: {count}", count=found.total))
    page.pager(found.total, _ROWS, "inbox-page")


def _queue_all(actor: Actor) -> None:
    services = session.services()
    ready = services.batch.ready(actor)
    if not ready:
        return
    model = services.operations.model(actor)
    known = tuple(model.metrics.get("tasks", ())) if model else ()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(tr("Screen for"), width="content")
        tasks = [
            task
            for task in known
            if st.checkbox(task_title(task, language()), value=True, key=f"batch-task-{task}", width="content")
        ]
    with page.errors_shown():
        if st.button(tr("Queue all with a patient ({count})", count=ready), key="queue-all", type="primary"):
            queued = services.batch.queue_all(actor, tasks)
            session.put_notice(tr("Queued: {count}", count=queued))
            st.rerun()


if __name__ == "__main__":
    page.run(Permission.SCREEN, body)
