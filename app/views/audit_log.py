"""The audit log: who did what to which row, and when."""

from __future__ import annotations

from html import escape

import streamlit as st

from app import session
from app.services.permissions import Actor, Permission
from app.views.parts import look, page
from app.views.parts.words import tr

_ROWS = 50


def body(actor: Actor) -> None:
    """Draws the page."""
    st.title(tr("Audit log"))
    st.caption(tr("Newest first. The database refuses to change or delete these rows. Patients appear by id only."))
    example = tr("for example {action}", action="user.sign_in_refused")
    action = st.text_input(tr("Action"), key="audit-action", placeholder=example, width=360)
    skip = (session.value_of("audit-page", 1) - 1) * _ROWS
    found = session.services().operations.list_audit(actor, _ROWS, skip, action.strip())
    if not found.rows:
        st.info(tr("No rows.") if not action else tr("No row has this action."))
        return
    look.table(
        (tr("When"), tr("Who"), tr("What"), tr("On"), tr("Details")),
        [
            (
                f'<span style="white-space:nowrap">{escape(session.shown_time(row.at))}</span>',
                escape(row.actor),
                escape(row.action),
                f'{escape(row.subject_type)} <span class="fg-hash fg-muted">{escape(row.subject_id[:8])}</span>',
                f'<span class="fg-small fg-any">{escape(row.details)}</span>',
            )
            for row in found.rows
        ],
    )
    st.caption(tr("Rows: {n}", n=found.total))
    page.pager(found.total, _ROWS, "audit-page")


if __name__ == "__main__":
    page.run(Permission.READ_AUDIT, body)
