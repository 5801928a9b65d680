"""The course of a patient (?patient=ID): scores and gait over all visits, and two visits side by side."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from app import session
from app.services import follow_up_series as course
from app.services.follow_up import Visit
from app.services.permissions import Actor, Permission, may
from app.services.screening import ENDED, RESCORE
from app.views.parts import browser, decision_form, links, look, notes, page, report_panel, side_by_side, trends
from app.views.parts.words import language, tr, tr_error
from clinic_data.errors import ConflictError, ValidationError
from clinic_data.tables import Assessment, Job, JobState
from reports import gait_words
from reports.wording import class_name, phrases, task_title

_FIRST = ("walking_speed", "walking_speed_m_s", "cadence", "step_length", "arm_swing", "trunk_lean", "lateral_sway")


def body(actor: Actor) -> None:
    """Draws the page."""
    patient_id = links.asked_for("patient")
    if not patient_id:
        page.missing("patient")
        return
    services = session.services()
    patient = services.patients.get(actor, patient_id)
    st.title(tr("Follow-up"))
    look.who_is_assessed(patient)
    links.link(links.PATIENT, tr("Back to the patient"), patient=patient_id)
    visits = services.follow_ups.visits(actor, patient_id, language())
    if not visits:
        st.info(tr("This patient has no result yet. Trends appear here after the second visit."))
        links.link(links.NEW_ASSESSMENT, tr("New assessment"), patient=patient_id)
        return
    _banner(visits)
    if len(visits) == 1:
        st.info(tr("There is one visit so far. Trends appear here after the second."))
    _rescoring(actor, patient_id)
    _scores(visits)
    _gait(visits)
    _visits(visits)
    if len(visits) > 1:
        _compare(actor, visits)
    notes.show(actor, patient_id)
    report_panel.show_follow_up(actor, patient_id)


def _banner(visits: Sequence[Visit]) -> None:
    simulated = [scoring.model.adaptation for visit in visits for scoring in visit.scorings if scoring.model.simulated]
    if simulated:
        look.simulated_banner(*simulated)


def _rescoring(actor: Actor, patient_id: str) -> None:
    """The way to scores of one version: old recordings scored again by the version in production."""
    outdated = session.services().screening.outdated(actor, patient_id)
    if not outdated or not may(actor, Permission.SCREEN):
        return
    with st.container(border=True):
        st.markdown(
            tr("**1 earlier visit was not scored by the model version in production.**")
            if len(outdated) == 1
            else tr(
                "**{count} earlier visits were not scored by the model version in production.**", count=len(outdated)
            )
        )
        st.caption(
            tr(
                "Scores of different versions cannot be compared. Scoring the stored silhouettes again gives scores "
                "that can; the old results stay as they are, and nothing is filmed or measured anew."
            )
        )
        if any(job is not None and job.state not in ENDED for job in _rescore_jobs(actor, outdated)):
            _watch(tuple(assessment.id for assessment in outdated), patient_id)
            return
        failed = sum(job is not None and job.state is JobState.FAILED for job in _rescore_jobs(actor, outdated))
        if failed:
            st.error(tr("{count} of them could not be scored again. You may try once more.", count=failed))
        agreed = st.checkbox(tr("Yes, score these visits again"), key="rescore-agreed")
        if st.button(tr("Score again"), key="rescore", disabled=not agreed):
            _start(actor, outdated)


def _rescore_jobs(actor: Actor, outdated: Sequence[Assessment]) -> list[Job | None]:
    """The newest job that scores each of them again."""
    screening = session.services().screening
    return [
        next((job for job in screening.jobs_of_recording(actor, each.recording_id) if job.kind == RESCORE), None)
        for each in outdated
    ]


def _start(actor: Actor, outdated: Sequence[Assessment]) -> None:
    for assessment in outdated:
        try:
            session.services().screening.rescore(actor, assessment.id)
        except (ConflictError, ValidationError) as error:
            st.error(tr_error(error))
            return
    st.rerun()


@st.fragment(run_every=1.0)
def _watch(assessment_ids: tuple[str, ...], patient_id: str) -> None:
    actor = session.signed_in_actor(touch=False)
    if actor is None:
        browser.leave("/sign-in?why=expired", tr("Your session has ended. Please sign in again."))
        return
    with page.errors_shown():  # the patient may have got another team meanwhile
        _progress(actor, assessment_ids, patient_id)


def _progress(actor: Actor, assessment_ids: tuple[str, ...], patient_id: str) -> None:
    outdated = [each for each in session.services().screening.outdated(actor, patient_id) if each.id in assessment_ids]
    running = [job for job in _rescore_jobs(actor, outdated) if job is not None and job.state not in ENDED]
    if not running:
        st.rerun()
    done = len(assessment_ids) - len(running)
    share = (done + sum(job.progress for job in running)) / len(assessment_ids)
    st.progress(min(share, 1.0), text=tr("Scoring again: {done} of {count} done", done=done, count=len(assessment_ids)))
    look.waiting_hint(max(session.services().screening.waiting_s(actor, job.id) for job in running))
    st.caption(tr("You may leave this page; the work goes on."))


def _scores(visits: Sequence[Visit]) -> None:
    st.subheader(tr("Scores"), anchor="scores")
    spans = course.version_spans(visits)
    if len(visits) > 1:
        st.caption(
            tr(
                "Bars are 95 % intervals. A line joins only scores of one model version, filmed from the same side; "
                "scores of different versions are not comparable. Hollow marks: an older recording that was scored "
                "again."
            )
        )
    for task in course.tasks_of(visits):
        series = course.score_series(visits, task)
        st.markdown(f"**{task_title(task, language())}**")
        if not series:
            st.info(tr("No visit has a score that may be shown: every recording was unlike the training data."))
            continue
        if len(visits) == 1:
            st.html(trends.score_table(series))
        else:
            st.plotly_chart(trends.score_chart(series, spans), config=trends.CONFIG, key=f"scores-{task}")
            with st.expander(tr("{name} as a table", name=task_title(task, language()))):
                st.html(trends.score_table(series))
        hidden = sum(
            score is not None and not score.typical for visit in visits for score in [visit.newest.score(task)]
        )
        if hidden:
            st.caption(tr("Left out because the recording was unlike the training data: {count}.", count=hidden))


def _gait(visits: Sequence[Visit]) -> None:
    st.subheader(tr("Gait"), anchor="gait")
    names = course.parameters_of(visits)
    if not names:
        st.info(
            tr(
                "Nothing was measured of the gait in these visits: they were screened by an earlier release, or the "
                "recordings were too short."
            )
        )
        return
    st.caption(tr("These numbers are measured of the walk and are no part of the scores."))
    if len(visits) > 1:
        st.caption(
            tr(
                "The band around the first value is measurement error: a change inside it may be none. Red marks lie "
                "outside it. Dotted lines: where about 95 of 100 healthy people lie, if that is known. Values from "
                "different views are never joined."
            )
        )
        st.caption(
            tr(
                "More than measurement error does not mean that the patient is better or worse: nobody walks the same "
                "every day."
            )
        )
    if any(gait.event_detector.startswith("known") for visit in visits for gait in visit.gaits):
        st.caption(tr("Values of simulated patients are those of the simulation; nothing was measured."))
    if len(visits) == 1:
        st.html(trends.values_table([(name, course.parameter_series(visits, name)) for name in names]))
        return
    first = [name for name in _FIRST if name in names][:6]
    chosen = st.pills(
        tr("Shown"),
        names,
        selection_mode="multi",
        default=first or list(names[:4]),
        format_func=lambda name: gait_words.parameter_label(name, language()),
        key="follow-up-parameters",
    )
    for number in range(0, len(chosen), 2):
        for column, name in zip(st.columns(2), chosen[number : number + 2], strict=False):
            with column:
                _parameter(visits, name)


def _parameter(visits: Sequence[Visit], name: str) -> None:
    series = course.parameter_series(visits, name)
    label = gait_words.parameter_label(name, language())
    unit = gait_words.unit_label(series[0].points[0].facts.unit, language())
    st.markdown(f"**{label}** ({unit})", help=gait_words.parameter_meaning(name, language()))
    st.plotly_chart(trends.parameter_chart(name, series), config=trends.CONFIG, key=f"gait-{name}")
    with st.expander(tr("{name} as a table", name=label)):
        st.html(trends.parameter_table(series))


def _visits(visits: Sequence[Visit]) -> None:
    st.subheader(tr("Visits"), anchor="visits")
    for visit in reversed(visits):
        with st.container(border=True):
            left, right = st.columns([5, 1.2], vertical_alignment="center")
            when = session.shown_time(visit.at)
            if not visit.filming_time_known:
                when = tr("{time} (day of screening)", time=when)
            recordings = tr("1 recording") if visit.clips == 1 else tr("{count} recordings", count=visit.clips)
            lines = [
                f"<b>{escape(when)}</b> <span class='fg-muted fg-small'>{escape(trends.view_words(visit.view))} · "
                f"{escape(recordings)}</span>"
            ]
            lines += [line for scoring in visit.scorings for line in _scoring(scoring)]
            lines += [_outcome(visit, task) for task in visit.outcomes]
            left.html("<br>".join(lines))
            with right:
                links.link(links.RESULT, tr("Open result"), assessment=visit.newest.assessment.id)


def _scoring(scoring: course.Scoring) -> list[str]:
    again = f" ({tr('scored again')})" if scoring.rescored else ""
    lines = [f'<span class="fg-muted fg-small">{escape(tr("Model") + " " + scoring.version + again)}</span>']
    for score in scoring.scores:
        state = decision_form.state_words(scoring.decisions.get(score.task))
        lines.append(
            f'<span class="fg-together">{escape(task_title(score.task, language()))} {look.score_pill(score)}</span> '
            f"{look.pill(state, 'neutral')}"
        )
    if any(not score.typical for score in scoring.scores):
        lines.append(f'<span class="fg-small">{escape(phrases(language()).unlike_title)}.</span>')
    return lines


def _outcome(visit: Visit, task: str) -> str:
    outcome = visit.outcomes[task].outcome
    found = class_name(task, outcome.label, language()) if outcome.label else tr("not known")
    said = tr("Confirmed outcome: {found}", found=found)
    if outcome.phq9_total is not None:
        said += " · " + tr("PHQ-9 total {total}", total=outcome.phq9_total)
    return f'<span class="fg-small">{escape(said)}</span>'


def _compare(actor: Actor, visits: Sequence[Visit]) -> None:
    st.subheader(tr("Two visits side by side"), anchor="compare")
    names = {visit.assessment.id: visit for visit in visits}
    ids = list(names)

    def label(assessment_id: str) -> str:
        visit = names[assessment_id]
        return f"{session.shown_time(visit.at)}, {trends.view_words(visit.view)}"

    left, right = st.columns(2)
    earlier = left.selectbox(tr("Earlier visit"), ids, len(ids) - 2, format_func=label, key="compare-before")
    later = right.selectbox(tr("Later visit"), ids, len(ids) - 1, format_func=label, key="compare-now")
    if names[earlier].at >= names[later].at:
        st.info(tr("Choose two different visits, the earlier one first."))
        return
    before, now = course.best_pair(names[earlier], names[later])
    if st.toggle(tr("Compare them"), key="compare-shown"):
        side_by_side.show(actor, now.assessment, before.assessment)
        links.link(
            links.RESULT, tr("Open the later result"), assessment=now.assessment.id, compare=before.assessment.id
        )
        links.link(links.RESULT, tr("Open the earlier result"), assessment=before.assessment.id)


if __name__ == "__main__":
    page.run(Permission.READ_RESULTS, body)
