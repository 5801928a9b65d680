"""One retraining (?retraining=ID): its protocol, how it runs, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import streamlit as st

from app import session
from app.services.permissions import Actor, Permission
from app.services.retraining import RetrainingView
from app.services.screening import ENDED
from app.views.parts import browser, curves, gate_report, links, look, page, protocol_form, training_states
from app.views.parts.words import language, later, tr
from clinic_data.tables import JobState, Stage
from fgait_core.config.retraining import RetrainingProtocol
from reports.wording import task_title

_WAITS = later("No trainer has taken this work yet. It is kept, and begins as soon as a trainer is free.")


def body(actor: Actor) -> None:
    """Draws the page."""
    retraining_id = links.asked_for("retraining")
    if not retraining_id:
        page.missing(tr("retraining"), links.RETRAINING, tr("Go to the retrainings"))
        return
    view = session.services().retrainings.get(actor, retraining_id)
    _head(view)
    report = training_states.report_of(view.candidate)
    if report is not None and view.candidate is not None:
        gate_report.verdict(report, view.candidate.stage)
        links.link(links.MODEL, _next_step(view.candidate.stage), version=view.candidate.id)
        st.subheader(tr("What was asked and what came of it"))
        look.beside(_protocol(view), gate_report.criteria(report))
        gate_report.details(report, "run")
        _ran(view)
        return
    if view.job is None or view.job.state not in ENDED:
        _watch(retraining_id)
    else:
        _ended(actor, view)
    st.subheader(tr("Protocol"))
    st.html(_protocol(view))


def _next_step(stage: Stage) -> str:
    return tr("Open this version to request its promotion") if stage is Stage.CANDIDATE else tr("Open this version")


def _head(view: RetrainingView) -> None:
    retraining = view.retraining
    title = tr("Retraining {number}", number=retraining.number)
    st.html(f"<h1>{escape(title)} &nbsp; {training_states.run_pills(view)}</h1>")
    look.facts(
        [
            (tr("Task"), task_title(view.cohort.task, language())),
            (tr("Cohort"), str(view.cohort.number)),
            (tr("Begins with"), f"{view.base.name} {view.base.version}"),
            (tr("Asked for by"), view.requested_by or "–"),
            (tr("Asked for"), session.shown_time(retraining.created_at)),
            *(
                [(tr("Attempts"), tr("{number} of {count}", number=view.job.attempts, count=view.job.max_attempts))]
                if view.job
                else []
            ),
        ]
    )


def _protocol(view: RetrainingView) -> str:
    protocol = RetrainingProtocol.model_validate(view.retraining.protocol)
    return protocol_form.shown(protocol, view.retraining.protocol_sha256)


@st.fragment(run_every=2.0)
def _watch(retraining_id: str) -> None:
    actor = session.signed_in_actor(touch=False)
    if actor is None:
        browser.leave("/sign-in?why=expired", tr("Your session has ended. Please sign in again."))
        return
    retrainings = session.services().retrainings
    view = retrainings.get(actor, retraining_id)
    job, live = view.job, view.retraining.live or {}
    if job is not None and job.state in ENDED:
        st.rerun()
    if job is None or job.state is JobState.QUEUED:
        st.progress(0.0, text=tr("Waiting for a trainer"))
        st.caption(tr(_WAITS))
    else:
        words = tr("Stopping") if job.cancel_requested else live.get("stage") or job.message or tr("Running")
        words = tr(words[:1].upper() + words[1:])
        st.progress(min(max(live.get("fraction") or job.progress, 0.0), 1.0), text=f"{words}{_time_left(live)}")
    if job is not None and job.attempts > 1:
        st.caption(
            tr(
                "Attempt {attempts} of {max_attempts}: it was interrupted and goes on where it stopped.",
                attempts=job.attempts,
                max_attempts=job.max_attempts,
            )
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        _cancel(actor, view)
        st.caption(tr("You may leave this page; the work goes on."))
    _live(live)


def _cancel(actor: Actor, view: RetrainingView) -> None:
    with st.popover(tr("Cancel …"), disabled=view.job is None or view.job.cancel_requested):
        st.markdown(
            tr("The trainer stops within seconds. What it computed so far is kept: a retry goes on from there.")
        )
        if st.button(tr("Cancel the retraining"), key="cancel", type="primary"):
            with page.errors_shown():
                session.services().retrainings.cancel(actor, view.retraining.id)
                st.toast(tr("The trainer is asked to stop."))


def _time_left(live: Mapping[str, Any]) -> str:
    seconds = live.get("seconds_left")
    if seconds is None:
        return ""
    if seconds < 60:
        return tr(" – less than a minute left in this step")
    minutes = round(seconds / 60)
    return tr(" – about {minutes} min left in this step", minutes=minutes)


def _live(live: Mapping[str, Any]) -> None:
    groups = curves.by_measure(live.get("curves") or {})
    if groups:
        st.markdown(tr("**Learning**"))
    columns = st.columns(2) if len(groups) > 1 else [st.container()]
    for index, (measure, lines) in enumerate(groups.items()):
        with columns[index % len(columns)]:
            words = tr("{measure} over the iterations", measure=measure)
            st.plotly_chart(curves.learning(lines, measure), key=f"curve-{measure}", config=curves.CONFIG, alt=words)
    if log := live.get("log"):
        st.markdown(tr("**Log**"))
        st.html(f'<div class="fg-log"><pre>{escape(chr(10).join(log))}</pre></div>')


def _ended(actor: Actor, view: RetrainingView) -> None:
    job = view.job
    if job is None:
        return
    if job.state is JobState.CANCELLED:
        st.info(tr("This retraining was cancelled. What it computed so far is kept."))
    elif job.state is JobState.DONE:
        st.info(tr("This retraining has ended without a comparison on the locked people."))
    else:
        st.error(tr("This retraining failed. {reason}", reason=job.reason))
    if job.state in {JobState.FAILED, JobState.CANCELLED}:
        if st.button(tr("Go on where it stopped"), key="retry", type="primary"):
            with page.errors_shown():
                session.services().retrainings.retry(actor, view.retraining.id)
                st.rerun()
        st.caption(tr("The protocol stays the same. To change it, start another retraining."))
    _live(view.retraining.live or {})


def _ran(view: RetrainingView) -> None:
    with st.expander(tr("How it ran")):
        if view.job is not None:
            look.facts(
                [
                    (tr("Began"), session.shown_time(view.job.started_at)),
                    (tr("Ended"), session.shown_time(view.job.finished_at)),
                    (tr("Trainer"), view.job.worker or "–"),
                ]
            )
        _live(view.retraining.live or {})
        rows = [
            (tr("Manifest of the cohort"), view.cohort.manifest_sha256),
            (tr("Weights, before the gate was opened"), view.retraining.fitted_sha256 or "–"),
        ]
        look.table((tr("What"), tr("SHA-256")), [(escape(name), look.sha256(value)) for name, value in rows])


if __name__ == "__main__":
    page.run(Permission.RETRAIN, body)
