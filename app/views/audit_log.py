"""The audit log: who did what to which row, and when."""

from __future__ import annotations

from html import escape

import streamlit as st

from app import session
from app.services.permissions import Actor, Permission
from app.views.parts import look, page

_ROWS = 50


def body(actor: Actor) -> None:
    """Draws the page."""
    st.title("Audit log")
    st.caption("Newest first. The database refuses to change or delete these rows. Patients appear by id only.")
    action = st.text_input("Action", key="audit-action", placeholder="for example user.sign_in_refused", width=360)
    skip = (session.value_of("audit-page", 1) - 1) * _ROWS
    found = session.services().operations.list_audit(actor, _ROWS, skip, action.strip())
    if not found.rows:
        st.info("No rows." if not action else "No row has this action.")
        return
    look.table(
        ("When", "Who", "What", "On", "Details"),
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
    st.caption(f"{found.total} rows")
    page.pager(found.total, _ROWS, "audit-page")


if __name__ == "__main__":
    page.run(Permission.READ_AUDIT, body)
