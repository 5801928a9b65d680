"""Retraining: choose and freeze recordings, write the protocol, start, and what ran so far (?section=, ?cohort=)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from html import escape

import streamlit as st

from app import session
from app.services.cohort_selection import CohortFilters
from app.services.cohorts import CohortChoices
from app.services.permissions import Actor, Permission
from app.views.parts import cohort_counts, links, look, page, protocol_form, training_states
from app.views.parts.words import language, later, tr
from clinic_data.outcomes import LABELS
from clinic_data.retraining_tables import Cohort, TrainingRole
from fgait_core.config.retraining import RetrainingProtocol
from reports.wording import condition_name, task_title

_ROWS = 20
_SECTIONS = {
    "choose": later("1 · Choose recordings"),
    "cohorts": later("2 · Frozen cohorts"),
    "protocol": later("3 · Protocol and start"),
    "runs": later("4 · Retrainings"),
}
_FREEZING = (
    later(
        "The list of recordings and outcomes is written down with checksums and never changes again. Outcomes that are "
        "corrected later need a new cohort."
    ),
    later(
        "Every person in it who has no role yet gets one, **for ever**: development (learned from) or gate "
        "(judges). This cannot be undone."
    ),
    later("Nothing is trained yet."),
)


def body(actor: Actor) -> None:
    """Draws the page."""
    st.title(tr("Retraining"))
    st.markdown(
        tr(
            "Confirmed outcomes of your own patients can make the model fit your clinic better. What may "
            "change and what must come of it is fixed beforehand; people who never were in the training "
            "judge the result."
        )
    )
    asked = links.asked_for("section")
    section = st.segmented_control(
        tr("Section"),
        list(_SECTIONS),
        default=asked if asked in _SECTIONS else "choose",
        format_func=lambda name: tr(_SECTIONS[name]),
        key=f"section-{asked}-{links.asked_for('cohort')}",
        label_visibility="collapsed",
        required=True,
    )
    sections = {"choose": _choose, "cohorts": _cohorts, "protocol": _protocol, "runs": _runs}
    sections[section or "choose"](actor)


def _choose(actor: Actor) -> None:
    cohorts = session.services().cohorts
    st.subheader(tr("Which recordings"))
    task = st.selectbox(
        tr("Task"), list(LABELS), format_func=lambda each: task_title(each, language()), key="task", width=300
    )
    choices = cohorts.choices(actor, task)
    if choices.first is None or choices.last is None:
        st.info(
            tr(
                "No outcome of {condition} is confirmed yet. A clinician records it on the page of a result, "
                "once an examination has shown what is true.",
                condition=condition_name(task, language()),
            )
        )
        return
    filters = _filters(task, choices)
    if filters is None:
        return
    share = st.slider(
        tr("Share of new people for the gate (%)"),
        min_value=20,
        max_value=50,
        value=33,
        key="gate-share",
        width=420,
        help=tr(
            "People who have a role already keep it. More gate people judge more surely, more development people "
            "teach more."
        ),
    )
    gate_share = 1 / 3 if share == 33 else share / 100
    preview = cohorts.preview(actor, filters, gate_share)
    st.subheader(tr("What this chooses"))
    if not preview.people:
        st.warning(tr("No recording has what you chose, so there is nothing to freeze."))
        cohort_counts.excluded(preview.excluded)
        return
    cohort_counts.show(preview, task)
    with st.popover(tr("Freeze this cohort …"), type="primary"):
        st.markdown(tr("**What freezing means**"))
        st.markdown("\n".join(f"- {tr(sentence)}" for sentence in _FREEZING))
        if st.button(
            tr(
                "Freeze {recordings} recordings of {people} people",
                recordings=preview.recordings,
                people=preview.people,
            ),
            key="freeze",
            type="primary",
        ):
            with page.errors_shown(), st.spinner(tr("Computing checksums and freezing")):
                cohort = cohorts.freeze(actor, filters, gate_share)
                session.put_notice(tr("Cohort {number} is frozen.", number=cohort.number))
                st.switch_page(links.RETRAINING, query_params={"section": "protocol", "cohort": cohort.id})


def _filters(task: str, choices: CohortChoices) -> CohortFilters | None:
    """Draws the filters; None while they contradict each other."""
    first, second, third, fourth = st.columns(4)
    since = first.date_input(tr("Filmed from"), value=choices.first, key=f"since-{task}")
    until = second.date_input(tr("Filmed until"), value=choices.last, key=f"until-{task}")
    sites = third.multiselect(
        tr("Sites"),
        choices.sites,
        format_func=lambda site: site or tr("not named"),
        placeholder=tr("all sites"),
        key=f"sites-{task}",
    )
    views = fourth.multiselect(tr("Views"), choices.views, placeholder=tr("all views"), key="views")
    frames, typical = st.columns([1, 3], vertical_alignment="bottom")
    min_frames = frames.number_input(
        tr("Silhouettes at least"), min_value=1, max_value=10_000, value=30, key="min-frames"
    )
    typical_only = typical.checkbox(tr("Only recordings like the training data"), key="typical-only")
    if since is not None and until is not None and since > until:
        st.error(tr("The first day lies after the last one. Choose an earlier first day."))
        return None
    return CohortFilters(
        task=task,
        since=since,
        until=until,
        sites=tuple(sites),
        views=tuple(views),
        typical_only=typical_only,
        min_frames=int(min_frames),
    )


def _cohorts(actor: Actor) -> None:
    skip = (session.value_of("cohort-page", 1) - 1) * _ROWS
    found = session.services().cohorts.list(actor, _ROWS, skip)
    if not found.rows:
        st.info(tr("No cohort is frozen yet. Begin with “1 · Choose recordings”."))
        return
    names = _names(actor)
    for cohort in found.rows:
        frozen = tr(
            "Frozen {time} by {name}",
            time=session.shown_time(cohort.created_at),
            name=names.get(cohort.created_by or "", "–"),
        )
        with st.container(border=True):
            left, right = st.columns([4, 1.4], vertical_alignment="center")
            left.html(
                f"<b>{escape(tr('Cohort {number}', number=cohort.number))}</b> &nbsp; "
                + escape(task_title(cohort.task, language()))
                + (f" &nbsp; {look.pill(tr('simulated people'), 'wait')}" if cohort.simulated else "")
                + f"<br>{escape(_cohort_words(cohort))}"
                f'<br><span class="fg-muted fg-small">{escape(frozen)} · {escape(tr("manifest"))} '
                f"{look.sha256(cohort.manifest_sha256, short=True)}</span>"
            )
            with right:
                st.download_button(
                    tr("Manifest (CSV)"),
                    data=_manifest_at_click(cohort.id),
                    file_name=f"cohort_{cohort.number}.csv",
                    mime="text/csv",
                    key=f"manifest-{cohort.id}",
                    on_click="ignore",
                    width="stretch",
                )
                links.link(links.RETRAINING, tr("Write a protocol"), section="protocol", cohort=cohort.id)
    st.caption(tr("Cohorts: {n}", n=found.total))
    page.pager(found.total, _ROWS, "cohort-page")


def _manifest_at_click(cohort_id: str) -> Callable[[], bytes]:
    """The manifest, read when it is asked for; whoever asks must still be signed in then."""
    services, token = session.services(), session.token()
    return session.bound(lambda: services.cohorts.manifest_csv(services.accounts.actor_of(token), cohort_id))


def _cohort_words(cohort: Cohort) -> str:
    entries = cohort.manifest["entries"]
    people = Counter({entry["person"]: entry["role"] for entry in entries}.values())
    return tr(
        "{recordings} recordings of {people} people: {development} development, {gate} gate",
        recordings=len(entries),
        people=people.total(),
        development=people[TrainingRole.DEVELOPMENT.value],
        gate=people[TrainingRole.GATE.value],
    )


def _names(actor: Actor) -> dict[str, str]:
    return {user.id: user.display_name for user in session.services().users.list_users(actor)}


def _protocol(actor: Actor) -> None:
    services = session.services()
    found = services.cohorts.list(actor, 100, 0)
    if not found.rows:
        st.info(tr("A protocol is written for a frozen cohort. Begin with “1 · Choose recordings”."))
        return
    by_id = {cohort.id: cohort for cohort in found.rows}
    asked = links.asked_for("cohort")
    if asked and asked not in by_id:
        by_id[asked] = services.cohorts.get(actor, asked)
    chosen = st.selectbox(
        tr("Cohort"),
        list(by_id),
        index=list(by_id).index(asked) if asked else 0,
        format_func=lambda key: tr(
            "Cohort {number} · {task} · {words}",
            number=by_id[key].number,
            task=task_title(by_id[key].task, language()),
            words=_cohort_words(by_id[key]),
        ),
        key=f"cohort-{asked}",
    )
    cohort = by_id[chosen]
    model = services.operations.model(actor)
    if model is not None:
        st.caption(
            tr(
                "The retraining begins with the version in production: {name} {version}.",
                name=model.name,
                version=model.version,
            )
        )
    protocol = protocol_form.form(cohort.task)
    _checks_and_start(actor, cohort, protocol)


def _checks_and_start(actor: Actor, cohort: Cohort, protocol: RetrainingProtocol) -> None:
    retrainings = session.services().retrainings
    st.markdown(tr("**Checked now**"))
    checks = retrainings.checks(actor, cohort.id, protocol)
    look.table(
        (tr("Check"), tr("Outcome"), tr("What it says")),
        [(escape(check.name), training_states.check_pill(check), escape(check.words)) for check in checks],
    )
    blocked = any(check.blocking and not check.passed for check in checks)
    st.caption(
        tr(
            "From the start on, this protocol is stored with its checksum and shown beside the result. It "
            "cannot change."
        )
    )
    if st.button(tr("Start the retraining"), key="start", type="primary", disabled=blocked):
        with page.errors_shown():
            started = retrainings.start(actor, cohort.id, protocol, None)
            st.switch_page(links.RETRAINING_RUN, query_params={"retraining": started.id})


def _runs(actor: Actor) -> None:
    skip = (session.value_of("run-page", 1) - 1) * _ROWS
    found = session.services().retrainings.list(actor, _ROWS, skip)
    if not found.rows:
        st.info(tr("Nothing was retrained yet."))
        return
    for view in found.rows:
        retraining = view.retraining
        protocol = RetrainingProtocol.model_validate(retraining.protocol)
        asked = tr("{time} · by {name}", time=session.shown_time(retraining.created_at), name=view.requested_by or "–")
        with st.container(border=True):
            left, right = st.columns([5, 1], vertical_alignment="center")
            left.html(
                f"<b>{escape(tr('Retraining {number}', number=retraining.number))}</b> &nbsp; "
                f"{training_states.run_pills(view)}<br>"
                f"{escape(task_title(protocol.task, language()))} · "
                f"{escape(tr(protocol_form.SCOPE_TITLES[protocol.scope]))} · "
                f"{escape(tr('Cohort {number}', number=view.cohort.number))}<br>"
                f'<span class="fg-muted fg-small">{escape(asked)} · {escape(tr("protocol"))} '
                f"{look.sha256(retraining.protocol_sha256, short=True)}</span>"
            )
            with right:
                links.link(links.RETRAINING_RUN, tr("Open"), retraining=retraining.id)
    st.caption(tr("Retrainings: {n}", n=found.total))
    page.pager(found.total, _ROWS, "run-page")


if __name__ == "__main__":
    page.run(Permission.RETRAIN, body)
