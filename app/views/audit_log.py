"""The audit log: who did what to which row, when, from where and why; exported and verified here."""

from __future__ import annotations

from datetime import date, timedelta
from html import escape

import streamlit as st

from app import session
from app.services.audit_export import NOBODY, ExportFormat
from app.services.audit_trail import MAX_EXPORTED_ROWS, AuditChoices, AuditEntry
from app.services.permissions import Actor, Permission, may
from app.views.parts import look, page
from app.views.parts.words import tr
from clinic_data.audit import AuditFilter
from clinic_data.audit_verification import Verification

_ROWS = 50
_FILTERS = ("actor", "action", "patient", "subject", "subject-kind", "address", "from", "to")


def body(actor: Actor) -> None:
    """Draws the page."""
    st.title(tr("Audit log"))
    st.caption(
        tr(
            "Newest first. The database refuses to change or delete these rows, and each is bound to the one before by "
            "a keyed hash. Patients appear by id only."
        )
    )
    if may(actor, Permission.EXPORT_AUDIT):
        _verification(actor)
    trail = session.services().audit_trail
    wanted = _filter(trail.choices(actor))
    key = f"audit-page-{hash(wanted)}"  # another filter begins at its first page
    skip = (session.value_of(key, 1) - 1) * _ROWS
    found = trail.list_rows(actor, _ROWS, skip, wanted)
    if not found.rows:
        st.info(tr("No rows.") if wanted == AuditFilter() else tr("No row matches these filters."))
        return
    look.table(
        (tr("When"), tr("Who"), tr("What"), tr("On"), tr("Why and details")), [_cells(row) for row in found.rows]
    )
    if found.total < MAX_EXPORTED_ROWS:
        st.caption(tr("Rows: {n}", n=found.total))
    else:
        st.caption(tr("More than {n} rows; the first of them can be paged through.", n=found.total - 1))
    page.pager(found.total, _ROWS, key)
    if may(actor, Permission.EXPORT_AUDIT):
        _export(wanted, found.total)


def _filter(choices: AuditChoices) -> AuditFilter:
    with st.expander(tr("Filters"), expanded=any(session.value_of(f"audit-{name}") for name in _FILTERS)):
        first, second, third, fourth = st.columns(4)
        user = first.selectbox(
            tr("Who"),
            list(choices.users),
            index=None,
            format_func=lambda user_id: choices.users[user_id],
            placeholder=tr("everybody"),
            key="audit-actor",
        )
        action = second.selectbox(
            tr("What"), choices.actions, index=None, placeholder=tr("everything"), key="audit-action"
        )
        since: date | None = third.date_input(tr("From"), value=None, key="audit-from")
        until: date | None = fourth.date_input(tr("To, this day included"), value=None, key="audit-to")
        patient = first.text_input(tr("Patient (id)"), key="audit-patient", max_chars=32)
        kind = second.text_input(tr("Kind of row"), key="audit-subject-kind", max_chars=40, placeholder="assessment")
        subject = third.text_input(tr("Row (id)"), key="audit-subject", max_chars=64)
        address = fourth.text_input(tr("Address"), key="audit-address", max_chars=64, placeholder="192.0.2.7")
    return AuditFilter(
        actor_id=user,
        action=action,
        subject_type=kind.strip() or None,
        subject_id=subject.strip() or None,
        patient_id=patient.strip() or None,
        address=address.strip() or None,
        since=None if since is None else session.begin_of(since),
        until=None if until is None else session.begin_of(until + timedelta(days=1)),
    )


def _cells(row: AuditEntry) -> tuple[str, ...]:
    when = f'<span style="white-space:nowrap">{escape(session.shown_time(row.at))}</span><br>{_small(f"{row.row_id}")}'
    who = tr("nobody signed in") if row.actor == NOBODY else row.actor
    origin = f"{row.address} {row.session_id}".strip()
    on = escape(row.subject_type)
    if row.subject_id:
        on += f"<br>{_small(row.subject_id)}"
    if row.patient_id and row.patient_id != row.subject_id:
        on += f"<br>{_small(tr('patient {id}', id=row.patient_id))}"
    why = f"<b>{escape(row.why)}</b><br>" if row.why else ""
    return (
        when,
        f"<bdi>{escape(who)}</bdi><br>{_small(origin)}",
        escape(row.action),
        on,
        f'<span class="fg-any">{why}<span class="fg-small">{escape(row.details)}</span></span>',
    )


def _small(text: str) -> str:
    return f'<span class="fg-small fg-muted fg-any"><bdi>{escape(text)}</bdi></span>'


def _export(wanted: AuditFilter, total: int) -> None:
    st.subheader(tr("Export"))
    if total >= MAX_EXPORTED_ROWS:
        st.info(
            tr(
                "These are too many rows for a browser. Choose a shorter time, or ask who runs the server for "
                "`fgait-clinic audit export`, which writes them all."
            )
        )
        return
    services, token = session.services(), session.token()
    left, right, _ = st.columns([2, 2, 3])
    for column, kind, label in (
        (left, ExportFormat.CSV, tr("Rows as CSV")),
        (right, ExportFormat.JSON_LINES, tr("Rows as JSON lines")),
    ):

        def make(kind: ExportFormat = kind) -> bytes:
            return services.audit_trail.export(services.accounts.actor_of(token), wanted, kind)

        column.download_button(
            label,
            session.bound(make),
            file_name=f"audit_log.{kind.value}",
            mime="text/csv" if kind is ExportFormat.CSV else "application/x-ndjson",
            key=f"audit-export-{kind.value}",
            width="stretch",
        )


def _verification(actor: Actor) -> None:
    if st.button(tr("Verify now"), key="audit-verify", help=tr("Reads every row; a million rows take some minutes.")):
        said = st.empty()
        said.info(tr("Verifying …"))
        found = session.services().audit_trail.verify(
            actor, lambda rows: said.info(tr("Verifying … {n} rows read", n=rows))
        )
        said.empty()
        _say(found)


def _say(found: Verification) -> None:
    facts = tr("{rows} rows read, {n} heads noted outside the database compared.", rows=found.rows, n=found.anchors)
    if found.is_intact:
        look.notice(tr("The audit log is intact"), facts, kind="good")
        return
    advice = tr("Tell who runs the server, keep a copy of the database and do not restore anything over it.")
    look.notice(tr("The audit log was tampered with"), f"{facts} {advice}", kind="stop")
    look.bullets([problem.sentence for problem in found.problems])
    if found.problem_count > len(found.problems):
        st.caption(tr("Problems in all: {n}", n=found.problem_count))


if __name__ == "__main__":
    page.run(Permission.READ_AUDIT, body)
