"""The retention rules on the page Privacy: what is kept for how long, what is due, and a run."""

from __future__ import annotations

from html import escape

import streamlit as st

from app import session
from app.services.permissions import Actor, Permission, may
from app.services.privacy import RuleView, RunView
from app.views.parts import look, page
from app.views.parts.words import later, tr
from clinic_data.privacy_tables import DataKind
from clinic_data.retention import MAX_DAYS
from clinic_data.tables import JobState

_TITLES = {
    DataKind.VIDEOS: later("Videos of patients"),
    DataKind.INBOX: later("Recordings of nobody (batch inbox)"),
    DataKind.SILHOUETTES: later("Silhouettes"),
    DataKind.RECORDS: later("Whole records of patients"),
    DataKind.JOBS: later("Finished jobs without a result"),
    DataKind.SESSIONS: later("Ended sign-in sessions"),
}
_CLOCKS = {
    DataKind.VIDEOS: later(
        "Counted from the upload. The video, its clip with the outline and the small pictures of people go; "
        "silhouettes, results and reports stay."
    ),
    DataKind.INBOX: later("Counted from the upload. The recording and everything that was made of it go."),
    DataKind.SILHOUETTES: later(
        "Counted from the first assessment. The result stays, but can no longer be scored by a newer model."
    ),
    DataKind.RECORDS: later(
        "Counted from the last thing that happened to a patient. Everything goes, as by an erasure, with a proof."
    ),
    DataKind.JOBS: later("Counted from their end."),
    DataKind.SESSIONS: later("Counted from their end, or their last use."),
}
_STATES = {
    JobState.QUEUED: (later("waiting"), "wait"),
    JobState.RUNNING: (later("running"), "wait"),
    JobState.DONE: (later("done"), "ok"),
    JobState.FAILED: (later("failed"), "positive"),
    JobState.CANCELLED: (later("cancelled"), "neutral"),
    JobState.REFUSED: (later("refused"), "positive"),
}


def show(actor: Actor) -> None:
    """Draws rules and runs."""
    st.subheader(tr("How long data are kept"))
    privacy = session.services().privacy
    found = privacy.rules(actor)
    look.table(
        (tr("Data"), tr("Kept for"), tr("Due now"), tr("Size")),
        [_row(rule) for rule in found],
    )
    waiting = privacy.waiting_files(actor)
    if waiting:
        st.warning(
            tr(
                "Files that must go and are perhaps still there: {count}. A run or an erasure was interrupted; the "
                "next run removes them.",
                count=waiting,
            )
        )
    if may(actor, Permission.MANAGE_RETENTION):
        with st.container(horizontal=True):
            if st.button(tr("Remove what is due now"), key="retention-run"):
                _confirm_run(found)
            if st.button(tr("Change a rule"), key="retention-change"):
                _change(found)
    _runs(actor)


def _row(rule: RuleView) -> tuple[str, ...]:
    title = f"<b>{escape(tr(_TITLES[rule.kind]))}</b>"
    clock = f'<span class="fg-muted fg-small">{escape(tr(_CLOCKS[rule.kind]))}</span>'
    kept = escape(_kept(rule.days))
    if rule.updated_by:
        who = tr("changed by {name}, {time}", name=rule.updated_by, time=session.shown_time(rule.updated_at))
        kept += f'<br><span class="fg-muted fg-small">{escape(who)}</span>'
    elif rule.days is None and rule.default_days and not rule.updated_by:
        advice = tr("as an earlier release kept them; advised: {count} days", count=rule.default_days)
        kept += f'<br><span class="fg-muted fg-small">{escape(advice)}</span>'
    due = str(rule.due.count)
    if rule.due.held:
        due += f'<br><span class="fg-muted fg-small">{escape(tr("on legal hold: {count}", count=rule.due.held))}</span>'
    return f"{title}<br>{clock}", kept, due, escape(_size(rule.due.size_bytes) if rule.due.files else "–")


def _kept(days: int | None) -> str:
    if days is None:
        return tr("for ever")
    return tr("1 day") if days == 1 else tr("{count} days", count=days)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.1f} MB"


def _confirm_run(found: tuple[RuleView, ...]) -> None:
    @st.dialog(tr("Remove what is due now?"))
    def dialog() -> None:
        due = [rule for rule in found if rule.due.count]
        if due:
            look.bullets([f"{tr(_TITLES[rule.kind])}: {rule.due.count}" for rule in due])
            st.text(tr("What is removed cannot be brought back. Data on legal hold stay."))
        else:
            st.text(tr("Nothing is due. A run would only finish what was interrupted."))
        if st.button(tr("Remove now"), key="retention-run-now", type="primary"):
            with page.errors_shown():
                session.services().privacy.start_run(session.signed_in_actor())
                session.put_notice(tr("The run was queued. The worker does it in a moment."))
                st.rerun()

    dialog()


def _change(found: tuple[RuleView, ...]) -> None:
    rules = {rule.kind: rule for rule in found}

    @st.dialog(tr("Change a rule"))
    def dialog() -> None:
        kind = st.selectbox(tr("Data"), list(rules), format_func=lambda each: tr(_TITLES[each]), key="retention-kind")
        rule = rules[kind]
        st.caption(tr(_CLOCKS[kind]))
        for_ever = st.checkbox(tr("Keep for ever"), value=rule.days is None, key=f"retention-ever-{kind.value}")
        days = st.number_input(
            tr("Days"),
            min_value=rule.least_days,
            max_value=MAX_DAYS,
            value=rule.days or rule.default_days or max(rule.least_days, 3650),
            step=1,
            disabled=for_ever,
            key=f"retention-days-{kind.value}",
        )
        st.caption(tr("The daily run removes what is due by the new rule. Look at “Due now” after the change."))
        if st.button(tr("Save"), key="retention-save", type="primary"):
            with page.errors_shown():
                session.services().privacy.set_rule(
                    session.signed_in_actor(), kind, None if for_ever else int(days), rule.version
                )
                session.put_notice(tr("Saved."))
                st.rerun()

    dialog()


def _runs(actor: Actor) -> None:
    found = session.services().privacy.runs(actor)
    if not found:
        st.caption(tr("There was no run yet. The worker makes one each day."))
        return
    if any(run.state in {JobState.QUEUED, JobState.RUNNING} for run in found):
        _watched_runs()
        return
    _runs_table(found)


@st.fragment(run_every=2)
def _watched_runs() -> None:
    """Draws runs anew while one is going on; the whole page once it is over, because the counts changed."""
    actor = session.signed_in_actor(touch=False)
    if actor is None:
        return
    with page.errors_shown():
        found = session.services().privacy.runs(actor)
        _runs_table(found)
        if not any(run.state in {JobState.QUEUED, JobState.RUNNING} for run in found):
            st.rerun()


def _runs_table(found: tuple[RunView, ...]) -> None:
    look.table(
        (tr("Run"), tr("Asked for by"), tr("State"), tr("Removed")),
        [
            (
                escape(session.shown_time(run.created_at)),
                escape(run.started_by or tr("daily clock")),
                look.pill(tr(_STATES[run.state][0]), _STATES[run.state][1]),
                escape(_removed(run)),
            )
            for run in found
        ],
    )


def _removed(run: RunView) -> str:
    if run.state is JobState.FAILED:
        return run.reason
    if not run.counts:
        return "–"
    parts = [f"{tr(_TITLES[kind])}: {run.counts[kind.value]}" for kind in DataKind if run.counts.get(kind.value)]
    if run.counts.get("left"):
        parts.append(tr("due, but could not go: {count}", count=run.counts["left"]))
    return ", ".join(parts) or tr("nothing was due")
